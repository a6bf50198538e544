from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from lambda_handler.errors import CopyFailed, Failure, RequestError
from lambda_handler.function import Function, PayloadOf, SecondsLeft, Surroundings
from lambda_handler.requests import Head, Side
from lambda_handler.settings import Settings

CONTEXT = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 300_000)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def returned() -> list[Any]:
    """What came back to the queue: message ids and seconds."""
    return []


@pytest.fixture
def function(buckets, lines, epoch, returned) -> Function:
    ticks = itertools.count()
    surroundings = Surroundings(
        write=lines.append,
        now=lambda: epoch + timedelta(seconds=10),
        monotonic=lambda: next(ticks) / 4,
        return_messages=lambda messages: returned.extend(
            (one.receipt.message_id, one.delay_seconds) for one in messages
        ),
    )
    settings = Settings("p", "p-source", "p-destination", "1" * 12)

    def make_performer(payload_of: PayloadOf, _: SecondsLeft) -> Any:
        buckets.payload_of = payload_of
        return buckets

    return Function(settings, make_performer, surroundings)


@pytest.fixture
def fail_with(buckets, monkeypatch) -> Callable[..., None]:
    """Lets HEAD of one source key raise this."""

    def fail(key: str, error: Exception) -> None:
        perform = buckets.perform

        def perform_or_fail(asked: Any) -> Any:
            if asked == Head(Side.SOURCE, key):
                raise error
            return perform(asked)

        monkeypatch.setattr(buckets, "perform", perform_or_fail)

    return fail


def test_one_object(function, buckets, lines, read_lines, record) -> None:
    buckets.write_source("a b", b"abc")
    assert function({"Records": [record("a+b")]}, CONTEXT) == {"copied": 1}
    copied, summary = read_lines(lines)
    assert (copied["outcome"], copied["key"], copied["requests"], copied["rounds"]) == ("copied", "a b", 4, 1)
    assert (copied["request_id"], copied["pipeline"]) == ("r-1", "p")
    assert (copied["event_time"], copied["latency_ms"]) == ("2026-01-02T03:04:00.250Z", 14_750)
    assert copied["duration_ms"] == 250
    assert summary["message"] == "invocation finished"
    assert (summary["records"], summary["cold_start"], summary["duration_ms"]) == (1, True, 750)
    assert summary["outcomes"]["copied"] == 1


def test_only_the_first_invocation_is_a_cold_start(function, lines, read_lines, record) -> None:
    for _ in range(2):
        function({"Records": [record()]}, CONTEXT)
    assert [line["cold_start"] for line in read_lines(lines) if "cold_start" in line] == [True, False]


def test_every_record_is_tried_and_one_error_names_the_failed_keys(
    function, buckets, lines, read_lines, record, fail_with
) -> None:
    buckets.write_source("good", b"abc")
    buckets.write_source("last", b"abc")
    fail_with("denied", RequestError(Failure("AccessDenied", "no", "HeadObject", permanent=True)))
    names = ["denied", "good", "missing", "last"]
    with pytest.raises(CopyFailed) as caught:
        function({"Records": ["junk", *(record(name) for name in names)]}, CONTEXT)
    assert str(caught.value) == "2 of 5 records failed: (no key), 'denied'"
    assert caught.value.__cause__ is None
    *objects, summary = read_lines(lines)
    outcomes = [(line["key"], line["outcome"]) for line in objects]
    assert outcomes == [
        (None, "refused"),
        ("denied", "failed"),
        ("good", "copied"),
        ("missing", "source_missing"),
        ("last", "copied"),
    ]
    assert (summary["records"], summary["ignored"]) == (5, 0)
    counts = {name: count for name, count in summary["outcomes"].items() if count}
    assert counts == {"copied": 2, "source_missing": 1, "refused": 1, "failed": 1}


def test_a_defect_with_one_key_does_not_stop_the_others(
    function, buckets, lines, read_lines, record, fail_with
) -> None:
    buckets.write_source("good", b"abc")
    defect = ZeroDivisionError("a defect")
    fail_with("odd", defect)
    with pytest.raises(CopyFailed, match="1 of 2 records failed: 'odd'") as caught:
        function({"Records": [record("odd"), record("good")]}, CONTEXT)
    assert caught.value.__cause__ is defect  # Lambda's log shows its traceback
    failed, copied, _ = read_lines(lines)
    assert (failed["outcome"], failed["error"]["code"], failed["error"]["message"]) == (
        "failed",
        "ZeroDivisionError",
        "a defect",
    )
    assert not failed["error"]["permanent"]
    assert copied["outcome"] == "copied"


def test_a_too_large_object_fails_the_invocation(function, buckets, lines, read_lines, record) -> None:
    buckets.write_source("large", b"abc", size=50 * 1024**4)
    with pytest.raises(CopyFailed, match="'large'"):
        function({"Records": [record("large")]}, CONTEXT)
    line = read_lines(lines)[0]
    assert (line["outcome"], line["error"]["code"], line["error"]["permanent"]) == ("refused", "ObjectTooLarge", True)
    assert line["size"] == 50 * 1024**4


def test_an_event_for_another_bucket_is_logged_and_touches_nothing(
    function, buckets, lines, read_lines, record
) -> None:
    assert function({"Records": [record(bucket="other")]}, CONTEXT) == {"refused": 1}
    line = read_lines(lines)[0]
    assert (line["level"], line["outcome"], line["error"]["code"]) == ("WARNING", "refused", "WrongBucket")
    assert buckets.sent == []


def test_messages_that_ask_for_nothing_are_logged(function, buckets, lines, read_lines, record) -> None:
    assert function({"Records": [record(eventName="ObjectRemoved:Delete")]}, CONTEXT) == {}
    assert function({"Event": "s3:TestEvent", "Bucket": "p-source"}, CONTEXT) == {}
    read = read_lines(lines)
    assert [line["message"] for line in read] == ["event ignored", "invocation finished"] * 2
    assert [line["ignored"] for line in read[1::2]] == [1, 1]
    assert buckets.sent == []


def test_nothing_of_an_unknown_event_is_logged(function, lines) -> None:
    with pytest.raises(CopyFailed):
        function({"password": "hunter2", "Records": [{"secret": "hunter2"}]}, CONTEXT)
    assert "hunter2" not in "".join(lines)


def test_the_remaining_time_is_respected(function, buckets, lines, read_lines, record) -> None:
    buckets.write_source("sample.csv", b"abc")
    context = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 1500)
    with pytest.raises(CopyFailed):
        function({"Records": [record()]}, context)
    assert read_lines(lines)[0]["error"]["code"] == "OutOfTime"


def test_a_context_is_not_needed(function, buckets, record) -> None:
    buckets.write_source("sample.csv", b"abc")
    assert function({"Records": [record()]}, None) == {"copied": 1}


def test_messages_of_a_queue_fail_one_by_one(function, buckets, lines, read_lines, record, queued, fail_with) -> None:
    buckets.write_source("good", b"abc")
    fail_with("denied", RequestError(Failure("AccessDenied", "no", "HeadObject", permanent=True)))
    bodies = [
        {"Records": [record("good")]},
        {"Records": [record("denied"), record("good")]},
        "no json",
        {"Records": [record(bucket="other")]},
        {"Event": "s3:TestEvent"},
    ]
    answer = function(queued(*bodies), CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}
    summary = read_lines(lines)[-1]
    assert (summary["records"], summary["ignored"]) == (6, 1)


def test_a_queue_whose_messages_are_all_done_gets_an_empty_list(function, buckets, record, queued) -> None:
    buckets.write_source("sample.csv", b"abc")
    assert function(queued({"Records": [record()]}), CONTEXT) == {"batchItemFailures": []}


def test_a_queue_whose_messages_all_failed_gets_an_error(function, record, queued, fail_with) -> None:
    """Which is right also where the queue was not told to expect a list."""
    fail_with("denied", RequestError(Failure("AccessDenied", "no", "HeadObject", permanent=True)))
    with pytest.raises(CopyFailed, match="2 of 2 records failed"):
        function(queued({"Records": [record("denied")]}, "junk"), CONTEXT)


@pytest.mark.parametrize(("deliveries", "seconds"), [(1, 2), (2, 8), (3, 32), (4, 60), (1000, 60)])
def test_failed_messages_come_back_soon_and_others_do_not(
    function, buckets, returned, record, queued, fail_with, deliveries: int, seconds: int
) -> None:
    buckets.write_source("good", b"abc")
    fail_with("bad", RequestError(Failure("InternalError", "no", "HeadObject")))
    function(queued({"Records": [record("bad")]}, {"Records": [record("good")]}, deliveries=deliveries), CONTEXT)
    assert returned == [("0", seconds)]


def test_messages_that_all_failed_come_back_soon_as_well(function, returned, queued) -> None:
    with pytest.raises(CopyFailed):
        function(queued("junk", "junk"), CONTEXT)
    assert returned == [("0", 2), ("1", 2)]


def test_messages_that_cannot_be_given_back_are_still_reported(
    function, buckets, lines, read_lines, record, queued, monkeypatch
) -> None:
    buckets.write_source("sample.csv", b"abc")

    def refuse(_: object) -> None:
        raise PermissionError("not allowed")

    around = function._around
    monkeypatch.setattr(function, "_around", Surroundings(around.write, around.now, around.monotonic, refuse))
    answer = function(queued("junk", {"Records": [record()]}), CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    warning = next(line for line in read_lines(lines) if line["level"] == "WARNING")
    assert (warning["messages"], warning["reason"]) == (1, "PermissionError: not allowed")


def test_a_batch_begins_no_message_that_it_has_no_time_for(
    function, buckets, lines, read_lines, record, queued, returned
) -> None:
    """They come back at once; the first is begun in any case, so that something happens with each delivery."""
    for key in "abc":
        buckets.write_source(key, b"abc")
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000 if not buckets.sent else 29_000)
    answer = function(queued(*({"Records": [record(key)]} for key in "abc")), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}
    assert sorted(buckets.destination) == ["a"]
    assert returned == [("1", 0), ("2", 0)]
    assert read_lines(lines)[-1]["not_begun"] == 2


def test_without_a_queue_every_record_is_begun(function, buckets, lines, read_lines, record) -> None:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000 if not buckets.sent else 29_000)
    function({"Records": [record("a"), record("b")]}, context)
    summary = read_lines(lines)[-1]
    assert summary["records"] == 2
    assert "not_begun" not in summary


def test_an_event_of_eventbridge_is_followed(function, buckets, bridged) -> None:
    buckets.write_source("a+b", b"abc")
    assert function(bridged("a+b"), CONTEXT) == {"copied": 1}


def test_a_continued_copy_tells_the_whole_story(function, buckets, lines, read_lines, record) -> None:
    source = buckets.write_in_parts("large", (5,) * 200)
    seconds = itertools.chain([100.0] * 3, itertools.repeat(1.0))
    short = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: next(seconds) * 1000)
    assert function({"Records": [record("large")]}, short) == {"continued": 1}
    begun = read_lines(lines)[0]
    assert (begun["outcome"], begun["level"], begun["parts"]) == ("continued", "INFO", 200)
    assert (begun["strategy"], begun["latency_ms"]) == ("multipart_copy", None)
    assert "continuation" not in begun

    event = json.loads(buckets.payload_of(buckets.continued[0]))
    lines.clear()
    context = SimpleNamespace(aws_request_id="r-2", get_remaining_time_in_millis=lambda: 300_000)
    assert function(event, context) == {"copied": 1}
    done = read_lines(lines)[0]
    assert (done["outcome"], done["etag"]) == ("copied", source.etag.strip('"'))
    assert (done["request_id"], done["first_request_id"], done["continuation"]) == ("r-2", "r-1", 1)
    assert (done["event_time"], done["latency_ms"]) == (begun["event_time"], 14_750)
