"""From log lines to causes: corpora in Lambda's formats, and lines of somebody who means no good."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.errors import AwsError
from s3copy_cli.verify import log_causes, logs
from s3copy_cli.verify.log_causes import Cause, Subject
from s3copy_cli.verify.log_fold import LogFold
from s3copy_cli.verify.log_lines import Error, ErrorKind, LinesDropped, classify
from s3copy_cli.verify.logs import LogScan, scan_logs
from s3copy_cli.verify.recovery import Recovery

Corpus = Callable[[str], list[tuple[str, str]]]
SINCE = datetime(2026, 3, 1, tzinfo=timezone.utc)
NOW = SINCE + timedelta(hours=1)
SINCE_MS = int(SINCE.timestamp() * 1000)


def rid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def fold_lines(lines: list[tuple[str, str]]) -> LogFold:
    fold = LogFold()
    for number, (stream, message) in enumerate(lines):
        fold.feed(stream, SINCE_MS + number, message)
    fold.finish()
    return fold


def counts(causes: Mapping[str, Cause]) -> dict[str, int]:
    return {name: cause.count for name, cause in causes.items()}


def test_text_format(log_lines: Corpus) -> None:
    fold = fold_lines(log_lines("text.log"))
    assert counts(fold.causes) == {
        "AccessDenied on CopyObject": 2,
        "SlowDown on HeadObject": 1,
        "unhandled KeyError": 1,
        "time-out": 3,
        "out of memory": 1,
        "process crash": 1,
        "init failure Runtime.ImportModuleError": 1,
        "LoggedError": 1,
    }
    denied = fold.causes["AccessDenied on CopyObject"]
    assert denied.subjects == {Subject("denied.csv", ""): 2}
    assert denied.request_ids == [rid(2), rid(12)]
    assert denied.permanent
    assert denied.message == "Access Denied"
    assert denied.first_ms < denied.last_ms
    assert set(fold.causes["time-out"].subjects) == {Subject(None, rid(n)) for n in (4, 5, 6)}
    assert set(fold.causes["init failure Runtime.ImportModuleError"].subjects) == {Subject(None, rid(9))}
    assert fold.causes["unhandled KeyError"].message == "'Records'"
    assert fold.causes["out of memory"].request_ids == [rid(7)]
    assert fold.causes["LoggedError"].message == "something odd happened"
    assert fold.succeeded_requests == {rid(4)}
    executions = fold.executions
    assert executions.count == 13
    assert executions.failed == 11
    assert executions.duration_max_ms == 3000
    assert executions.max_memory_mb == 256


def test_json_format(log_lines: Corpus) -> None:
    fold = fold_lines(log_lines("json.log"))
    assert counts(fold.causes) == {
        "AccessDenied on CopyObject": 1,
        "unhandled KeyError": 1,
        "time-out": 1,
        "process crash": 1,
        "init failure Runtime.ImportModuleError": 1,
        "LoggedError": 1,
    }
    assert fold.executions.count == 7
    assert fold.executions.max_memory_mb == 70
    assert fold.causes["time-out"].request_ids == [rid(4)]


def test_tracebacks_over_several_events(log_lines: Corpus) -> None:
    fold = fold_lines(log_lines("embedded.log"))
    assert counts(fold.causes) == {
        "AccessDenied on CopyObject": 1,
        "unhandled OuterError": 1,
        "unhandled ModuleNotFoundError": 1,
        "process crash": 1,
    }
    assert fold.causes["unhandled OuterError"].message == "what a person should read"
    assert fold.causes["unhandled OuterError"].request_ids == [rid(2)]
    assert fold.executions.failed == 4


def test_hostile_lines(log_lines: Corpus) -> None:
    fold = fold_lines(log_lines("hostile.log"))
    assert counts(fold.causes) == {"failed": 1}
    # Half a surrogate pair is in no key.
    assert list(fold.causes["failed"].subjects) == [Subject(None, rid(1))]


@pytest.mark.parametrize(
    "message",
    ["x" * 5_000_000, "{" * 900_000, "[" * 900_000, '{"a":' * 100_000, '{"a":' + "9" * 100_000 + "}", "\x00\x1b[2J"],
)
def test_enormous_lines_are_nothing(message: str) -> None:
    assert not isinstance(classify(message), Error)


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    fold = fold_lines([("s", text), ("s", "Traceback (most recent call last):"), ("s", text), ("s", text)])
    assert sum(cause.count for cause in fold.causes.values()) >= 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = [
    "type",
    "record",
    "level",
    "message",
    "errorType",
    "s3copy_log_version",
    "outcome",
    "key",
    "error",
    "requestId",
]


@given(
    st.dictionaries(
        st.sampled_from(NAMES), JSON_VALUES | st.sampled_from(["platform.report", "failed", "ERROR"]), max_size=6
    )
)
def test_no_json_raises(document: dict[str, Any]) -> None:
    fold_lines([("s", json.dumps(document))])


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("Traceback (most recent call last):\n  File x\nValueError: bad", ErrorKind.UNHANDLED, "ValueError"),
        ("[ERROR] Runtime.HandlerNotFound: Handler 'x' missing", ErrorKind.INIT, "Runtime.HandlerNotFound"),
        ("[CRITICAL]\t2026-03-01T00:00:00Z\tid\tworse", ErrorKind.HANDLED, "LoggedError"),
        ('{"errorType":"Sandbox.Timedout","errorMessage":"x"}', ErrorKind.TIMEOUT, "Timeout"),
        ('{"errorType":"Runtime.OutOfMemory"}', ErrorKind.OUT_OF_MEMORY, "OutOfMemory"),
        ("[ERROR] something odd happened", ErrorKind.HANDLED, "LoggedError"),
        ("ERROR: something odd happened", ErrorKind.HANDLED, "LoggedError"),
        ("CRITICAL\tworse", ErrorKind.HANDLED, "LoggedError"),
        ("FATAL worse", ErrorKind.HANDLED, "LoggedError"),
        ("RequestId: x Error: Runtime exited with error: signal: killed", ErrorKind.OUT_OF_MEMORY, "OutOfMemory"),
        ("[ERROR] Runtime.ExitError: Runtime exited: signal: killed", ErrorKind.OUT_OF_MEMORY, "OutOfMemory"),
        ("[ERROR] Runtime.ExitError: exit status 1", ErrorKind.CRASH, "Runtime.ExitError"),
        # A key may hold Lambda's own words.
        ("[ERROR] CopyFailed: 1 of 1 records failed: 'x signal: killed.csv'", ErrorKind.UNHANDLED, "CopyFailed"),
        ("[ERROR] KeyError: x Task timed out after 3.00 seconds", ErrorKind.UNHANDLED, "KeyError"),
        ("[ERROR] KeyError: 'Runtime.ExitError'", ErrorKind.UNHANDLED, "KeyError"),
        ("[ERROR]\t2026-03-01T00:00:00Z\tid\tx signal: killed.csv", ErrorKind.HANDLED, "LoggedError"),
        ("INIT_REPORT Init Duration: 9 ms\tPhase: init\tStatus: timeout", ErrorKind.INIT, "timeout"),
    ],
)
def test_single_lines(text: str, kind: ErrorKind, code: str) -> None:
    line = classify(text)
    assert isinstance(line, Error)
    assert (line.kind, line.code) == (kind, code)


@pytest.mark.parametrize("text", ["ERRORS found: 0", "no ERROR: fine", "an error: of nobody", "INFO ERROR: none"])
def test_words_that_are_no_error_line(text: str) -> None:
    assert not isinstance(classify(text), Error)


KEYS_LIKE_LAMBDAS_WORDS = ["signal: killed", "Runtime.OutOfMemory", "Runtime.ExitError", "Runtime exited with error"]


@pytest.mark.parametrize("key", KEYS_LIKE_LAMBDAS_WORDS)
def test_a_key_in_a_traceback_over_several_events_changes_no_diagnosis(key: str) -> None:
    fold = fold_lines(
        [
            ("s", f"START RequestId: {rid(1)}"),
            ("s", "Traceback (most recent call last):"),
            ("s", f'  raise ValueError("{key}")'),
            ("s", f"pkg.mod.OuterError: bad key '{key}.csv'"),
            ("s", f"REPORT RequestId: {rid(1)}\tDuration: 1 ms"),
        ]
    )
    assert counts(fold.causes) == {"unhandled OuterError": 1}
    assert fold.causes["unhandled OuterError"].message == f"bad key '{key}.csv'"


def test_a_process_that_is_killed_in_a_traceback_is_out_of_memory() -> None:
    killed = f"RequestId: {rid(1)} Error: Runtime exited with error: signal: killed"
    fold = fold_lines([("s", "Traceback (most recent call last):"), ("s", "  File x"), ("s", killed)])
    assert counts(fold.causes) == {"out of memory": 1}


def handled(key: str) -> str:
    return json.dumps(
        {"s3copy_log_version": "1", "outcome": "failed", "key": key, "error": {"code": "SlowDown", "operation": "X"}}
    )


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("[ERROR] CopyFailed: 1 of 1 records failed: 'k'", {"SlowDown on X": 1}),
        ("[ERROR] CopyFailed: 1 of 1 records failed: 'x signal: killed.csv'", {"SlowDown on X": 1}),
        ("[ERROR] lambda_handler.errors.CopyFailed: 1 of 1 records failed: 'k'", {"SlowDown on X": 1}),
        ("[ERROR] KeyError: 'k'", {"SlowDown on X": 1, "unhandled KeyError": 1}),
    ],
)
def test_only_our_own_exception_repeats_the_failures_told_before(last: str, expected: dict[str, int]) -> None:
    report = f"REPORT RequestId: {rid(1)}\tDuration: 1 ms"
    fold = fold_lines([("s", f"START RequestId: {rid(1)}"), ("s", handled("k")), ("s", last), ("s", report)])
    assert counts(fold.causes) == expected
    assert fold.executions.failed == 1


def test_our_own_exception_alone_is_a_failure() -> None:
    fold = fold_lines([("s", "[ERROR] CopyFailed: 1 of 1 records failed: 'k'")])
    assert counts(fold.causes) == {"unhandled CopyFailed": 1}


FINISHED = json.dumps({"s3copy_log_version": "1", "message": "invocation finished", "request_id": rid(1)})
PLATFORM = json.dumps({"type": "platform.report", "record": {"requestId": rid(1), "status": "success"}})
TEXT_REPORT = f"REPORT RequestId: {rid(1)}\tDuration: 1 ms"


@pytest.mark.parametrize(
    ("lines", "failed", "unknown"),
    [
        ([FINISHED, TEXT_REPORT], 0, 0),
        ([TEXT_REPORT], 0, 1),
        ([json.dumps({"s3copy_log_version": "1", "outcome": "copied", "key": "k"}), TEXT_REPORT], 0, 1),
        ([PLATFORM], 0, 0),
        ([f"{TEXT_REPORT}\tStatus: error\tError Type: Runtime.ExitError"], 1, 0),
        ([handled("k"), TEXT_REPORT], 1, 0),
        (["Worker process died", TEXT_REPORT], 1, 0),
    ],
)
def test_an_execution_of_which_nobody_says_how_it_ended(lines: list[str], failed: int, unknown: int) -> None:
    fold = fold_lines([("s", f"START RequestId: {rid(1)}"), *(("s", line) for line in lines)])
    assert (fold.executions.count, fold.executions.failed, fold.executions.unknown) == (1, failed, unknown)


@pytest.mark.parametrize("code", ["WrongBucket", "UnknownEvent"])
def test_a_refused_event_of_another_bucket_is_not_about_our_object(code: str) -> None:
    line = classify(json.dumps({"s3copy_log_version": "1", "outcome": "refused", "key": "k", "error": {"code": code}}))
    assert isinstance(line, Error)
    assert (line.code, line.key) == (code, None)


def refused_line(level: str) -> str:
    document = {"s3copy_log_version": "1", "level": level, "outcome": "refused", "key": "k", "request_id": rid(1)}
    return json.dumps({**document, "error": {"code": "WrongBucket", "message": "about bucket 'b'", "permanent": True}})


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_an_event_of_another_bucket_fails_nothing(level: str) -> None:
    """ERROR is what earlier versions of the function said."""
    lines = [f"START RequestId: {rid(1)}", refused_line(level), FINISHED, TEXT_REPORT]
    fold = fold_lines([("s", line) for line in lines])
    cause = fold.causes["WrongBucket"]
    assert (cause.count, cause.is_harmless, cause.subjects, cause.request_ids) == (1, True, {}, [rid(1)])
    assert (fold.executions.failed, fold.executions.unknown) == (0, 0)
    assert Recovery(frozenset(), frozenset(), {}).of_cause(cause) == 1


def test_an_event_of_another_bucket_hides_no_failure_of_its_invocation() -> None:
    lines = [f"START RequestId: {rid(1)}", refused_line("WARNING"), handled("k"), "[ERROR] CopyFailed: 1", TEXT_REPORT]
    fold = fold_lines([("s", line) for line in lines])
    assert counts(fold.causes) == {"WrongBucket": 1, "SlowDown on X": 1}
    assert fold.executions.failed == 1
    alone = [f"START RequestId: {rid(1)}", refused_line("WARNING"), "[ERROR] ValueError: x", TEXT_REPORT]
    assert counts(fold_lines([("s", line) for line in alone]).causes) == {"WrongBucket": 1, "unhandled ValueError": 1}


def test_a_request_that_fails_again_after_a_success_has_not_healed() -> None:
    time_out = f"{rid(1)} Task timed out after 3.00 seconds"
    done = json.dumps({"s3copy_log_version": "1", "message": "invocation finished", "request_id": rid(1)})
    start, report = f"START RequestId: {rid(1)}", f"REPORT RequestId: {rid(1)}\tDuration: 1 ms"
    healed = [("a", start), ("a", time_out), ("a", report), ("b", start), ("b", done), ("b", report)]
    assert fold_lines(healed).succeeded_requests == {rid(1)}
    again = [*healed, ("c", start), ("c", time_out), ("c", report)]
    assert fold_lines(again).succeeded_requests == set()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_causes, "MAX_SUBJECTS", 3)

    def failed(key: str, code: str) -> tuple[str, str]:
        return "s", json.dumps({"s3copy_log_version": "1", "outcome": "failed", "key": key, "error": {"code": code}})

    fold = fold_lines([failed(f"k{number}", "Same") for number in range(10)])
    assert fold.causes["Same"].count == 10
    assert fold.causes["Same"].untracked == 7
    many = fold_lines([failed("k", f"Code{number}") for number in range(500)])
    assert len(many.causes) <= 101
    assert sum(cause.count for cause in many.causes.values()) == 500


# Reading the log group


class FakeLogs:
    """FilterLogEvents that answers what it is told, and notes what it is asked."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = iter(pages)
        self.asked: list[dict[str, Any]] = []

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return next(self.pages)


def event(message: str, time_ms: int = SINCE_MS, stream: str = "s") -> dict[str, Any]:
    return {"logStreamName": stream, "timestamp": time_ms, "message": message}


def scan(client: Any) -> LogScan:
    return scan_logs(client, "/aws/lambda/p", SINCE, NOW)


def test_empty_pages_with_a_token_are_not_the_end() -> None:
    client = FakeLogs(
        {"events": [], "nextToken": "1"},
        {"events": [event("a")], "nextToken": "2"},
        {"events": [], "nextToken": "3"},
        {"nextToken": "4"},
        {"events": [event("[ERROR] KeyError: 'x'", stream="t")]},
    )
    found = scan(client)
    assert [request.get("nextToken") for request in client.asked] == [None, "1", "2", "3", "4"]
    assert all(request["startTime"] == SINCE_MS for request in client.asked)
    assert all(request["endTime"] >= NOW.timestamp() * 1000 for request in client.asked)
    assert found.streams == ("s", "t")
    assert (found.streams_read, found.events_read, found.incomplete) == (2, 2, "")
    assert [cause.name for cause in found.causes] == ["unhandled KeyError"]


def test_a_token_that_repeats_itself_is_not_followed_for_ever() -> None:
    found = scan(FakeLogs({"events": [], "nextToken": "1"}, {"events": [], "nextToken": "1"}))
    assert "repeated itself" in found.incomplete


def test_a_full_page_without_a_token_is_continued_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded AWS cuts at 10,000 events and gives no token."""
    monkeypatch.setattr(logs, "EVENTS_PER_PAGE", 3)
    all_events = [event(f"m{number}", SINCE_MS + number // 2) for number in range(8)]

    class Cutting:
        def filter_log_events(self, **request: Any) -> dict[str, Any]:
            return {"events": [e for e in all_events if e["timestamp"] >= request["startTime"]][: request["limit"]]}

    found = scan(Cutting())
    assert (found.events_read, found.incomplete) == (8, "")


def test_a_full_page_of_one_moment_is_not_taken_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "EVENTS_PER_PAGE", 3)
    page = {"events": [event(f"m{number}") for number in range(3)]}
    found = scan(FakeLogs(page, page))
    assert found.events_read == 3
    assert found.incomplete == "more than 3 events have the same time"


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("logs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        yield client, stubber


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "may not be read (AccessDeniedException): logs:FilterLogEvents is needed"),
        ("ResourceNotFoundException", "there is no log group /aws/lambda/p"),
    ],
)
def test_logs_that_cannot_be_read_are_never_fine(stubbed: tuple[Any, Stubber], code: str, words: str) -> None:
    client, stubber = stubbed
    stubber.add_client_error("filter_log_events", code)
    found = scan(client)
    assert words in found.incomplete
    assert found.events_read == 0


def test_access_that_is_lost_half_way_keeps_what_was_read(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_response("filter_log_events", {"events": [event("[ERROR] KeyError: 'x'")], "nextToken": "1"})
    stubber.add_client_error("filter_log_events", "AccessDeniedException")
    found = scan(client)
    assert found.incomplete
    assert found.causes[0].count == 1


def test_another_failure_is_an_error(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_client_error("filter_log_events", "InvalidParameterException")
    with pytest.raises(AwsError, match="reading the log group /aws/lambda/p") as caught:
        scan(client)
    assert isinstance(caught.value.__cause__, ClientError)


def test_no_log_group_is_incomplete_without_asking() -> None:
    found = scan_logs(FakeLogs(), "/aws/lambda/p", None, NOW)  # type: ignore[arg-type]
    assert found.incomplete == "there is no log group /aws/lambda/p"


def test_lines_that_lambda_dropped_make_the_scan_incomplete() -> None:
    dropped = '{"type":"platform.logsDropped","record":{"droppedRecords":4,"droppedBytes":9,"reason":"slow"}}'
    assert classify(dropped) == LinesDropped(4)
    assert scan(FakeLogs({"events": [event(dropped)]})).incomplete == "Lambda dropped 4 log lines"


def test_a_retry_that_is_not_at_its_end_has_not_succeeded() -> None:
    """Its first record is copied; what has killed the first attempt may come yet."""
    request_id = "00000001-0000-4000-8000-000000000001"
    fold = LogFold()
    fold.feed("one", 1, f"START RequestId: {request_id} Version: $LATEST")
    fold.feed("one", 2, f"REPORT RequestId: {request_id}\tDuration: 900000 ms\tStatus: timeout")
    fold.feed("two", 3, f"START RequestId: {request_id} Version: $LATEST")
    line = {"s3copy_log_version": "1", "level": "INFO", "request_id": request_id, "key": "a", "outcome": "copied"}
    fold.feed("two", 4, json.dumps({**line, "message": "copied"}))
    fold.finish()
    assert not fold.succeeded_requests
