"""Notes are lines that verify understands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.operate.notes import MAX_LINE, Note, Notebook, NoteError, note_line
from s3copy_cli.verify.log_fold import LogFold
from s3copy_cli.verify.log_lines import Note as ReadNote
from s3copy_cli.verify.log_lines import classify
from s3copy_cli.verify.recovery import Recovery, named_keys

REQUEST = "00000001-0000-4000-8000-000000000001"


@given(st.lists(st.text(min_size=1, max_size=1024), min_size=1, max_size=3))
def test_what_is_noted_is_read_as_it_was(keys: list[str]) -> None:
    from datetime import datetime, timezone

    line = note_line(Note(REQUEST, tuple(keys), "why"), "p", datetime(2026, 3, 1, tzinfo=timezone.utc))
    assert line.isascii()
    assert "\n" not in line
    assert len(line) <= MAX_LINE
    assert classify(line) == ReadNote(REQUEST, tuple(keys))


def test_a_time_out_has_recovered_when_the_objects_of_its_request_have(fake_time: Any) -> None:
    fold = LogFold()
    fold.feed("s", 1, f"START RequestId: {REQUEST} Version: $LATEST\n")
    fold.feed("s", 2, f"2026-03-01T12:00:00.000Z {REQUEST} Task timed out after 900.00 seconds\n")
    fold.feed("s", 3, f"REPORT RequestId: {REQUEST}\tDuration: 900000.00 ms\tStatus: timeout\n")
    fold.feed("notes", 4, note_line(Note(REQUEST, ("a", "b"), "why"), "p", fake_time.now()))
    fold.finish()
    causes = list(fold.causes.values())
    assert [(cause.name, cause.count) for cause in causes] == [("time-out", 1)]
    assert fold.executions.count == 1, "a note is no execution"
    assert named_keys(causes, (), fold.noted_requests) == ["a", "b"]
    healed = [frozenset("ab"), frozenset("a"), frozenset[str]()]
    recovered = [Recovery(keys, frozenset(), fold.noted_requests).of_cause(causes[0]) for keys in healed]
    assert recovered == [1, 0, 0]


@pytest.mark.parametrize("keys", ["null", "7", '"a"', "[]", "[7,null]", '{"a":1}'])
def test_a_note_without_keys_says_nothing(keys: str) -> None:
    fold = LogFold()
    fold.feed("s", 1, f'{{"s3copy_log_version":"1","noted_request_id":"{REQUEST}","keys":{keys}}}')
    fold.finish()
    assert not fold.noted_requests
    assert not fold.causes


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("logs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def test_one_stream_and_no_request_above_the_limit(stubbed: tuple[Any, Stubber], fake_time: Any) -> None:
    client, stubber = stubbed
    stubber.add_response("create_log_stream", {}, {"logGroupName": "/g", "logStreamName": ANY})
    for _ in range(2):
        stubber.add_response("put_log_events", {}, {"logGroupName": "/g", "logStreamName": ANY, "logEvents": ANY})
    notebook = Notebook(client, "/g", "p", fake_time.clock())
    notebook.write([Note(f"r{number}", ("k" * 1024,) * 100, "why") for number in range(10)])
    assert len(notebook.written) == 10


@pytest.mark.parametrize(
    ("code", "says"), [("AccessDeniedException", "logs:PutLogEvents"), ("ResourceNotFoundException", "no log group /g")]
)
def test_what_cannot_be_written_is_said(stubbed: tuple[Any, Stubber], fake_time: Any, code: str, says: str) -> None:
    client, stubber = stubbed
    stubber.add_client_error("create_log_stream", code, "no", 400)
    notebook = Notebook(client, "/g", "p", fake_time.clock())
    with pytest.raises(NoteError, match=says):
        notebook.write([Note("r", ("k",), "why")])
    assert not notebook.written
