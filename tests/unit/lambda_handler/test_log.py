from __future__ import annotations

import json
from datetime import timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambda_handler.errors import Failure
from lambda_handler.events import Hint, Ignored, Refused
from lambda_handler.log import Log, format_time, render
from lambda_handler.multipart import Continuation
from lambda_handler.reconcile import Outcome, Report
from lambda_handler.requests import Continue

KEYS = [
    "timestamp",
    "level",
    "message",
    "s3copy_log_version",
    "request_id",
    "pipeline",
    "key",
    "version_id",
    "size",
    "etag",
    "strategy",
    "parts",
    "rounds",
    "requests",
    "duration_ms",
    "event_time",
    "latency_ms",
    "outcome",
]


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def log(lines, epoch) -> Log:
    return Log(lines.append, lambda: epoch, request_id="r-1", pipeline="p")


@pytest.fixture
def hint(epoch) -> Hint:
    return Hint("sample.csv", "v-hint", epoch - timedelta(milliseconds=1500), "ObjectCreated:Put")


def test_a_copied_object(log, lines, read_lines, hint, state) -> None:
    report = Report(Outcome.COPIED, rounds=2, strategy="copy_object", parts=1, source=state(version_id="v-seen"))
    log.settled(hint, report, requests=8, duration_ms=123)
    (line,) = read_lines(lines)
    assert list(line) == KEYS
    assert line == {
        "timestamp": "2026-01-02T03:04:05.000Z",
        "level": "INFO",
        "message": "object copied",
        "s3copy_log_version": "1",
        "request_id": "r-1",
        "pipeline": "p",
        "key": "sample.csv",
        "version_id": "v-seen",
        "size": 3,
        "etag": "900150983cd24fb0d6963f7d28e17f72",
        "strategy": "copy_object",
        "parts": 1,
        "rounds": 2,
        "requests": 8,
        "duration_ms": 123,
        "event_time": "2026-01-02T03:04:03.500Z",
        "latency_ms": 1500,
        "outcome": "copied",
    }


@pytest.mark.parametrize("outcome", [Outcome.ALREADY_EQUAL, Outcome.SOURCE_MISSING])
def test_nothing_copied_has_no_latency(log, lines, read_lines, hint, outcome: Outcome) -> None:
    log.settled(hint, Report(outcome, rounds=1), requests=2, duration_ms=5)
    (line,) = read_lines(lines)
    assert list(line) == KEYS
    assert (line["level"], line["outcome"], line["latency_ms"]) == ("INFO", outcome.value, None)
    assert (line["version_id"], line["size"], line["etag"], line["strategy"]) == ("v-hint", None, None, None)


def test_a_failure(log, lines, read_lines, hint) -> None:
    failure = Failure("AccessDenied", "source bucket b: no", "HeadObject", "s3-1", permanent=True)
    log.settled(hint, Report(Outcome.FAILED, rounds=1, failure=failure), requests=1, duration_ms=5)
    (line,) = read_lines(lines)
    assert list(line) == [*KEYS, "error"]
    assert (line["level"], line["outcome"]) == ("ERROR", "failed")
    assert line["error"] == {
        "code": "AccessDenied",
        "message": "source bucket b: no",
        "operation": "HeadObject",
        "request_id": "s3-1",
        "permanent": True,
    }


def test_notes_and_continuations_are_told_where_there_are_any(log, lines, read_lines, epoch, state) -> None:
    asked = Continue("large", state(), "u", (3,), 2)
    hint = Hint("large", None, epoch, "ObjectCreated:Put", Continuation(asked), "r-0")
    log.settled(hint, Report(Outcome.COPIED, notes=("layout not reproducible",)), requests=1, duration_ms=5)
    (line,) = read_lines(lines)
    assert list(line) == [*KEYS, "notes", "continuation", "first_request_id"]
    assert (line["notes"], line["continuation"], line["first_request_id"]) == (["layout not reproducible"], 3, "r-0")


def test_a_refused_message(log, lines, read_lines) -> None:
    log.refused(Refused(Failure("UnknownEvent", "m" * 5000, permanent=True), fails_invocation=True, key="k" * 5000))
    (line,) = read_lines(lines)
    assert list(line) == [*KEYS, "error"]
    assert (line["level"], line["outcome"], line["error"]["code"]) == ("ERROR", "refused", "UnknownEvent")
    assert len(line["key"]) == len(line["error"]["message"]) == 1000


def test_an_ignored_message(log, lines, read_lines) -> None:
    log.ignored(Ignored("why", "ObjectRemoved:Delete", "k"))
    (line,) = read_lines(lines)
    assert line["message"] == "event ignored"
    assert (line["key"], line["event_name"], line["reason"]) == ("k", "ObjectRemoved:Delete", "why")


def test_the_summary_counts_every_outcome(log, lines, read_lines) -> None:
    log.finished({Outcome.COPIED: 2, Outcome.FAILED: 1}, records=4, ignored=1, cold_start=True, duration_ms=9)
    (line,) = read_lines(lines)
    assert line == {
        "timestamp": "2026-01-02T03:04:05.000Z",
        "level": "INFO",
        "message": "invocation finished",
        "s3copy_log_version": "1",
        "request_id": "r-1",
        "pipeline": "p",
        "records": 4,
        "outcomes": {**dict.fromkeys(Outcome, 0), "copied": 2, "failed": 1},
        "ignored": 1,
        "cold_start": True,
        "duration_ms": 9,
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters()))
def test_a_line_is_one_line_of_printable_ascii(key: str) -> None:
    line = render({"key": key})
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert line[:-1].isascii()
    assert line[:-1].isprintable()
    assert json.loads(line) == {"key": key}


@pytest.mark.parametrize("key", ["a\nb", "\x1b[31m", "\x7f", "\u2028", "\ud800", "\U0001f600", '"', "\\"])
def test_odd_keys_survive(key: str, log, lines, read_lines, hint) -> None:
    log.settled(Hint(key, None, None, "e"), Report(Outcome.SOURCE_MISSING), requests=1, duration_ms=1)
    (line,) = read_lines(lines)
    assert line["key"] == key
    assert (line["event_time"], line["latency_ms"]) == (None, None)


def test_times_have_milliseconds_and_are_utc(epoch) -> None:
    two_hours_east = timezone(timedelta(hours=2))
    assert format_time(epoch.astimezone(two_hours_east)) == "2026-01-02T03:04:05.000Z"
