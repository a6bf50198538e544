"""docs/verify.md names every field that the code can name, no other, and tests that there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from s3copy_cli.s3 import Bucket, ObjectHead
from s3copy_cli.s3 import heads as s3_heads
from s3copy_cli.verify.compare import Rules, compare_heads, compare_tags
from s3copy_cli.verify.content import ContentComparer

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
TESTS = ROOT / "tests"
FILES = {
    "embedded AWS": (TESTS / "e2e" / "test_verify_fields.py", TESTS / "field_changes.py"),
    "moto": (TESTS / "functional" / "verify" / "test_fields.py", TESTS / "field_changes.py"),
    "fake server": (TESTS / "functional" / "verify" / "test_fields_of_a_fake_server.py",),
}
PATTERNS = {"checksum-": "checksum-ALGORITHM", "x-amz-meta-": "x-amz-meta-NAME", "tag-": "tag-NAME"}


def rows(header: str) -> Iterable[Mapping[str, str]]:
    """The table under a line that begins so."""
    table = DOCUMENT[DOCUMENT.index(header) :].split("\n\n")[0].splitlines()
    names = [cell.strip() for cell in table[0].strip("|").split("|")]
    for line in table[2:]:
        yield dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True))


def documented(header: str) -> list[str]:
    return [row["field"].strip("`") for row in rows(header)]


def read_nothing(bucket: Bucket, key: str, first_byte: int, size: int, *, etag: str) -> bytes:
    """Of an empty object."""
    return b""


def from_code() -> set[str]:
    """What the code names if everything is compared."""
    one = parse("one", 0)
    head = replace(one, headers=dict.fromkeys(s3_heads._CONTENT_HEADERS.values(), "x"))
    fields = list(compare_heads(head, head, Rules(tags=True, storage_class=True, level="content")).fields)
    fields += compare_tags({"a": "1"}, {}) + compare_tags("no", {})
    bucket = Bucket("b", "1")
    with ThreadPoolExecutor(1) as executor:
        contents = ContentComparer(read_nothing, executor)
        fields.append(contents.compare(bucket, one, bucket, one))
    prefixes = PATTERNS.items()
    return {next((name for prefix, name in prefixes if f.name.startswith(prefix)), f.name) for f in fields}


def parse(key: str, size: int) -> ObjectHead:
    written = datetime(2026, 3, 1, tzinfo=timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {
        "Content-Length": str(size),
        "ETag": '"e"',
        "Last-Modified": written,
        "x-amz-meta-a": "1",
        "x-amz-missing-meta": "1",
        "x-amz-checksum-crc32": "AAAA",
    }
    return s3_heads.parse_head(key, headers.items())


def test_the_tables_name_the_fields_of_the_code() -> None:
    for header in ("| field | how it is compared", "| field | embedded AWS"):
        names = documented(header)
        assert len(names) == len(set(names))
        assert set(names) == from_code()


def test_every_field_is_shown_somewhere_by_a_case_that_there_is() -> None:
    for row in rows("| field | embedded AWS"):
        assert any(row[place] for place in FILES), row["field"]
        for place, paths in FILES.items():
            cases = "".join(path.read_text(encoding="utf-8") for path in paths)
            for case in re.findall(r"`([^`]+)`", row[place]):
                assert f'"{case}": ' in cases, (row["field"], place, case)
