"""docs/json.md describes verify's result, and nothing else: the same keys, and values of the types it names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
DOCUMENT = Path(__file__).parents[3] / "docs" / "json.md"
# Objects whose keys are names, all of one form.
BY_NAME = {"data.objects[].fields", "data.metrics", "data.latency"}
# Keys that an object may lack, as the document says.
OPTIONAL = {
    "data.objects[]": {"fields", "cause"},
    "data.metrics.NAME": {"value", "avg", "max"},
}


def documented() -> dict[str, dict[str, str]]:
    """Where -> key -> type."""
    section = DOCUMENT.read_text(encoding="utf-8").split("\n## verify\n")[1].split("\n## ")[0]
    tables = {}
    for part in section.split("\n### ")[1:]:
        where = re.match(r"`([^`]+)`", part)
        assert where, part
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", part, flags=re.MULTILINE)
        tables[where[1]] = {key: kind.strip() for key, kind in rows}
    return tables


def iter_objects(value: Any, where: str = "data") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the result, and where it is."""
    if isinstance(value, list):
        for item in value:
            yield from iter_objects(item, f"{where}[]")
    elif isinstance(value, dict):
        if where not in BY_NAME or where in {"data.metrics", "data.latency"}:
            yield where, value
        for name, inner in value.items():
            yield from iter_objects(inner, f"{where}.NAME" if where in BY_NAME else f"{where}.{name}")


def is_of(value: Any, kind: str) -> bool:
    checks: dict[str, Callable[[Any], bool]] = {
        "string": lambda v: isinstance(v, str),
        "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
        "boolean": lambda v: isinstance(v, bool),
        "object": lambda v: isinstance(v, dict),
        "array of strings": lambda v: isinstance(v, list) and all(isinstance(item, str) for item in v),
        "array of objects": lambda v: isinstance(v, list) and all(isinstance(item, dict) for item in v),
        "null": lambda v: v is None,
    }
    return any(checks[name](value) for name in kind.split(" or "))


@pytest.fixture
def results(world: Any, s3copy: Run, tmp_path: Path) -> list[dict[str, Any]]:
    """A result with everything in it, and one with nothing."""
    empty = s3copy("verify", "--json", expect=0).data
    world.put_both("equal")
    world.put("missing")
    world.put("other")
    world.put_copy("other", b"other bytes", ContentType="text/plain")
    world.put_copy("extra")
    world.log_failure("missing")
    world.log_execution(world.line("copied", "equal", latency_ms=1200))
    world.park("missing")
    report = str(tmp_path / "report")
    arguments = ("verify", "--wait", "0", "--max-latency", "15m", "--combined", report, "--json")
    return [empty, s3copy(*arguments, expect=3).data]


def test_keys_and_types_are_those_documented(results: list[dict[str, Any]]) -> None:
    tables = documented()
    seen: dict[str, set[str]] = defaultdict(set)
    for where, found in (pair for result in results for pair in iter_objects(result)):
        table = tables[where]
        assert set(found) <= set(table), where
        assert set(table) - set(found) <= OPTIONAL.get(where, set()), where
        for key, value in found.items():
            assert is_of(value, table[key]), (where, key, value)
        seen[where] |= set(found)
    # Nothing is documented that no result has.
    assert {where: set(table) for where, table in tables.items()} == seen
