"""What parked messages say, and reading them without taking them out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.errors import AwsError
from s3copy_cli.verify import dead_letter
from s3copy_cli.verify.dead_letter import peek
from s3copy_cli.verify.parked import parse_message

BUCKET = "a-source"
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/p-dead-letter"


def envelope(*records: tuple[str, str], **changes: Any) -> str:
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-03-01T12:03:00.000Z",
            "requestContext": {"requestId": "r-1", "condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": {
                "Records": [
                    {
                        "eventSource": "aws:s3",
                        "eventTime": "2026-03-01T12:00:00.500Z",
                        "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
                    }
                    for bucket, key in records
                ]
            },
            "responsePayload": {"errorType": "CopyFailed", "errorMessage": "1 of 1 records failed"},
            **changes,
        }
    )


def test_the_envelope_of_a_failed_event() -> None:
    (event,) = parse_message(envelope((BUCKET, "a+b%2Bc%25.csv")), BUCKET)
    assert event.key == "a b+c%.csv"
    assert event.condition == "RetriesExhausted"
    assert event.error == "CopyFailed: 1 of 1 records failed"
    assert event.event_time == datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=timezone.utc)
    assert event.request_id == "r-1"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=250))
def test_keys_are_decoded_exactly_once(key: str) -> None:
    (event,) = parse_message(envelope((BUCKET, quote_plus(key))), BUCKET)
    assert event.key == key


def test_each_record_counts() -> None:
    events = parse_message(envelope((BUCKET, "a"), ("elsewhere", "b"), (BUCKET, "%ff")), BUCKET)
    assert [event.key for event in events] == ["a", None, None]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[" * 100_000,
        "[]",
        "{}",
        '{"requestPayload":{"Records":[]}}',
        '{"requestPayload":{"Records":[null]}}',
        '{"requestPayload":{"Records":[{"s3":{"bucket":[],"object":7}}]},"requestContext":7,"responsePayload":""}',
        envelope((BUCKET, "x"), requestPayload={"Event": "s3:TestEvent"}),
        # Names that no object can have.
        envelope((BUCKET, "")),
        envelope((BUCKET, "\ud800")),
        envelope((BUCKET, "x" * 1025)),
        envelope((BUCKET, "x"), requestPayload={"s3copy_continuation": {"bucket": BUCKET, "key": "\ud800"}}),
    ],
)
def test_what_cannot_be_understood_is_parked_all_the_same(body: str) -> None:
    (event,) = parse_message(body, BUCKET)
    assert event.key is None
    assert event.condition


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def add_depth(stubber: Stubber, visible: int, hidden: int = 0) -> None:
    attributes = {"ApproximateNumberOfMessages": str(visible), "ApproximateNumberOfMessagesNotVisible": str(hidden)}
    stubber.add_response("get_queue_attributes", {"Attributes": attributes})


def add_messages(stubber: Stubber, wait: int, *numbers: int) -> None:
    messages = [
        {"MessageId": f"m{number}", "ReceiptHandle": f"h{number}", "Body": envelope((BUCKET, f"k{number}"))}
        for number in numbers
    ]
    expected = {
        "QueueUrl": URL,
        "MaxNumberOfMessages": 10,
        "VisibilityTimeout": 30,
        "WaitTimeSeconds": wait,
        "MessageAttributeNames": ["All"],
    }
    stubber.add_response("receive_message", {"Messages": messages} if messages else {}, expected)


def add_give_back(stubber: Stubber, *handles: str) -> None:
    entries = [{"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": 0} for n, handle in enumerate(handles)]
    stubber.add_response(
        "change_message_visibility_batch", {"Successful": [], "Failed": []}, {"QueueUrl": URL, "Entries": entries}
    )


def test_messages_are_read_once_and_given_back(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    add_depth(stubber, 12, 1)
    add_messages(stubber, 1, *range(10))
    add_messages(stubber, 1, 10, 9)
    add_messages(stubber, 1)
    add_give_back(stubber, *[f"h{number}" for number in range(10)])
    add_give_back(stubber, "h10")
    found = peek(client, "p-dead-letter", URL, BUCKET, clock=ticks(0, 30))
    assert {event.key for event in found.events} == {f"k{number}" for number in range(11)}
    # Somebody else is reading two: they count, and nobody knows what they are about.
    assert (found.depth, found.unread, found.unreadable) == (13, 2, "")


def ticks(*seconds: float) -> Callable[[], float]:
    """A clock that shows these, one after the other; asked more often, the test fails."""
    return iter(seconds).__next__


def test_messages_that_somebody_else_is_reading_are_waited_for(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    add_depth(stubber, 1, 1)
    add_messages(stubber, 1, 1)
    add_messages(stubber, 1)
    # Given back, for the other reader may be waiting for this one; what comes again is then held.
    add_give_back(stubber, "h1")
    add_depth(stubber, 1, 1)
    add_messages(stubber, 1, 1)
    add_messages(stubber, 1, 2)
    add_messages(stubber, 0)
    add_give_back(stubber, "h1", "h2")
    found = peek(client, "q", URL, BUCKET, clock=ticks(0, 1, 1))
    assert sorted(event.key or "" for event in found.events) == ["k1", "k2"]
    assert (found.depth, found.unread) == (2, 0)


def test_messages_that_somebody_else_has_taken_out_are_not_waited_for(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    add_depth(stubber, 0, 1)
    add_messages(stubber, 1)
    add_depth(stubber, 0)
    add_messages(stubber, 0)
    peek(client, "q", URL, BUCKET, clock=ticks(0, 1))


def test_a_message_that_the_count_does_not_know_yet(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    add_depth(stubber, 0)
    add_messages(stubber, 0, 1)
    add_messages(stubber, 0)
    add_give_back(stubber, "h1")
    assert peek(client, "q", URL, BUCKET).depth == 1


def test_an_empty_queue_costs_no_waiting(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    add_depth(stubber, 0)
    add_messages(stubber, 0)
    found = peek(client, "q", URL, BUCKET)
    assert (found.depth, found.events, found.unread) == (0, (), 0)


def test_a_deep_queue_is_read_in_part(stubbed: tuple[Any, Stubber], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letter, "MAX_MESSAGES", 2)
    client, stubber = stubbed
    add_depth(stubber, 500)
    add_messages(stubber, 1, 1, 2)
    add_give_back(stubber, "h1", "h2")
    found = peek(client, "q", URL, BUCKET)
    assert (len(found.events), found.depth, found.unread) == (2, 500, 498)


def test_messages_are_given_back_when_reading_fails(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    add_depth(stubber, 5)
    add_messages(stubber, 1, 1)
    stubber.add_client_error("receive_message", "InternalError")
    add_give_back(stubber, "h1")
    with pytest.raises(AwsError, match="looking into the dead-letter queue q"):
        peek(client, "q", URL, BUCKET)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", "the dead-letter queue q is missing"),
        ("AccessDenied", "the dead-letter queue q may not be read (AccessDenied)"),
    ],
)
def test_a_queue_that_cannot_be_read(stubbed: tuple[Any, Stubber], code: str, words: str) -> None:
    client, stubber = stubbed
    stubber.add_client_error("get_queue_attributes", code)
    assert words in peek(client, "q", URL, BUCKET).unreadable


def test_a_queue_that_does_not_exist(stubbed: tuple[Any, Stubber]) -> None:
    assert peek(stubbed[0], "q", None, BUCKET).unreadable == "the dead-letter queue q is missing"
