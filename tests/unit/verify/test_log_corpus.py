"""Every class of failure in Lambda's two formats: a file of real-looking lines each, and what they come to.

The forms are those of the Lambda Developer Guide (Telemetry API schema, log formats) and of lines found in public logs.
The second line of a file says what is expected.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3copy_cli.verify.log_fold import LogFold

FOLDER = Path(__file__).parents[2] / "data" / "logs"
FILES = sorted(FOLDER.glob("*.log"))
# What every file's expectation may name, and how it is looked up.
FACTS: dict[str, Callable[[LogFold], Any]] = {
    "causes": lambda fold: {name: cause.count for name, cause in fold.causes.items()},
    "executions": lambda fold: fold.executions.count,
    "failed": lambda fold: fold.executions.failed,
    "latencies": lambda fold: fold.copies.sketch.count,
    "dropped": lambda fold: fold.dropped_lines,
    "cut": lambda fold: fold.cut_lines,
    "kinds": lambda fold: sorted(cause.kind.value for cause in fold.causes.values()),
    "keys": lambda fold: sorted(s.key for c in fold.causes.values() for s in c.subjects if s.key is not None),
    "requests": lambda fold: sorted(request for c in fold.causes.values() for request in c.request_ids),
    "succeeded": lambda fold: sorted(fold.succeeded_requests),
}


def read(path: Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The expectation, and the lines: stream and message; the escapes of text lines are read."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()[1:]
    events = []
    for line in lines:
        stream, message = line.split("|", 1)
        if not message.startswith("{"):
            for escape, char in (("\\n", "\n"), ("\\t", "\t"), ("\\x1b", "\x1b"), ("\\x07", "\x07")):
                message = message.replace(escape, char)
        events.append((stream, message))
    return json.loads(head.removeprefix("# expect: ")), events


def fold_events(events: list[tuple[str, str]]) -> LogFold:
    fold = LogFold()
    for number, (stream, message) in enumerate(events):
        fold.feed(stream, 1_772_000_000_000 + number, message)
    fold.finish()
    return fold


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_the_lines_come_to(path: Path) -> None:
    expected, events = read(path)
    fold = fold_events(events)
    assert {name: FACTS[name](fold) for name in expected} == expected
    # A file that does not speak of lost lines has none, and none of these is a success by mistake.
    assert fold.dropped_lines == expected.get("dropped", 0)
    assert fold.cut_lines == expected.get("cut", 0)


def test_every_kind_of_failure_is_in_the_corpus() -> None:
    kinds = {kind for path in FILES for kind in read(path)[0].get("kinds", [])}
    assert kinds == {"handled", "unhandled", "timeout", "out_of_memory", "crash", "init_failure"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_first_event_cut_anywhere_raises_nothing_and_invents_no_kind_of_failure(path: Path) -> None:
    expected, events = read(path)
    kinds = {*expected.get("kinds", []), "unhandled"}
    for cut in range(0, 400, 7):
        stream, message = events[0]
        fold = fold_events([(stream, message[:cut]), *events[1:]])
        assert {cause.kind.value for cause in fold.causes.values()} <= kinds | {"crash", "out_of_memory", "timeout"}


def test_a_line_of_megabytes_around_ours_is_not_held_for_ever() -> None:
    half = '{"s3copy_log_version":"1","outcome":"copied","key":"'
    fold = fold_events([("a", half), *[("a", "x" * 500_000)] * 40, ("a", "END RequestId: nobody")])
    assert fold.cut_lines == 1
    assert not fold.causes
