"""A queue as SQS keeps its promises, and no more: at least once, in any order, hidden for a while."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from s3copy_cli.operate import queue_cleaning
from s3copy_cli.operate.notes import Note, NoteError
from s3copy_cli.operate.queue_cleaning import Cleaned, QueueCleaner, may_leave
from s3copy_cli.verify.clock import Clock
from s3copy_cli.verify.parked import ParkedEvent

BUCKET = "p-source"
URL = "https://queue"
KEYS = ["a", "b c", "d/é+%"]


def envelope(*keys: str, bucket: str = BUCKET, request_id: str = "r", name: str = "ObjectCreated:Put") -> str:
    records = [
        {"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}} for key in keys
    ]
    return json.dumps(
        {
            "requestContext": {"requestId": request_id, "condition": "RetriesExhausted"},
            "requestPayload": {"Records": records},
        }
    )


@dataclass
class Message:
    body: str
    keys: tuple[str, ...] | None
    visible_at: float = 0.0
    receipt: str = ""


@dataclass
class FakeQueue:
    """SQS, with a clock that moves with each empty long poll and with each sleep."""

    messages: dict[str, Message] = field(default_factory=dict)
    deleted: dict[str, Message] = field(default_factory=dict)
    in_order: set[str] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)
    seconds: float = 0.0
    numbers: Any = field(default_factory=count)
    # What happens before each of the next requests.
    surprises: list[Any] = field(default_factory=list)
    undeletable: set[str] = field(default_factory=set)
    denied: str = ""
    requests: int = 0

    def send(self, body: str, keys: tuple[str, ...] | None) -> str:
        message_id = f"m{next(self.numbers)}"
        self.messages[message_id] = Message(body, keys)
        return message_id

    def _request(self, operation: str) -> None:
        self.requests += 1
        assert self.requests < 5_000, "it goes on for ever"
        if operation == self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
        if self.surprises:
            self.surprises.pop()(self)

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        self._request("GetQueueAttributes")
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.messages))}}

    def receive_message(self, **request: Any) -> dict[str, Any]:
        self._request("ReceiveMessage")
        visible = [(i, m) for i, m in self.messages.items() if m.visible_at <= self.seconds]
        if not visible:
            self.seconds += request["WaitTimeSeconds"]
        found = []
        # Any order will do; the newest first is the least convenient one.
        for message_id, message in visible[::-1][: request["MaxNumberOfMessages"]]:
            message.visible_at = self.seconds + request["VisibilityTimeout"]
            message.receipt = f"h{next(self.numbers)}"
            found.append({"MessageId": message_id, "ReceiptHandle": message.receipt, "Body": message.body})
        return {"Messages": found} if found else {}

    def delete_message_batch(self, **request: Any) -> dict[str, Any]:
        self._request("DeleteMessage")
        failed = []
        for entry in request["Entries"]:
            message_id = next(i for i, m in self.messages.items() if m.receipt == entry["ReceiptHandle"])
            if message_id in self.undeletable:
                failed.append({"Id": entry["Id"], "Code": "ReceiptHandleIsInvalid", "SenderFault": True})
            else:
                self.deleted[message_id] = self.messages.pop(message_id)
        return {"Failed": failed} if failed else {}

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        receipts = {entry["ReceiptHandle"] for entry in request["Entries"]}
        assert len(request["Entries"]) <= 10
        for message in self.messages.values():
            if message.receipt in receipts:
                message.visible_at = self.seconds
        return {}

    def look(self, keys: Iterable[str]) -> dict[str, bool]:
        return {key: key in self.in_order for key in keys}

    def note(self, notes: Sequence[Note]) -> None:
        self.notes.extend(notes)

    def clock(self) -> Clock:
        def sleep(seconds: float) -> None:
            self.seconds += seconds

        return Clock(monotonic=lambda: self.seconds, sleep=sleep)

    def clean(self, **changes: Any) -> Cleaned:
        client: Any = self
        options = {
            "are_in_order": self.look,
            "write_notes": self.note,
            "are_tags_compared": False,
            "clock": self.clock(),
        } | changes
        return QueueCleaner(client, "p-dead-letter", BUCKET, **options).clean(URL)


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue(in_order={"good"})


def test_what_is_in_order_leaves_and_the_rest_stays(queue: FakeQueue) -> None:
    for number in range(123):
        queue.send(envelope("good", request_id=f"r{number}"), ("good",))
        queue.send(envelope("bad"), ("bad",))
    assert queue.clean() == Cleaned("p-dead-letter", removed=123, kept=123)
    assert {message.keys for message in queue.messages.values()} == {("bad",)}
    assert all(message.visible_at <= queue.seconds for message in queue.messages.values())
    assert {note.request_id for note in queue.notes} == {f"r{number}" for number in range(123)}
    assert {note.keys for note in queue.notes} == {("good",)}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "{}",
        envelope(),
        envelope("good", bucket="somebody-else-s"),
        envelope("good", "bad"),
        # Whether an object's tags are equal, only the function has looked.
        envelope("good", name="ObjectTagging:Put"),
        json.dumps({"requestPayload": {"s3copy_continuation": {"bucket": "another", "key": "good"}}}),
    ],
)
def test_what_is_foreign_or_half_in_order_is_never_deleted(queue: FakeQueue, body: str) -> None:
    queue.send(body, None)
    assert queue.clean() == Cleaned("p-dead-letter", kept=1)
    assert not queue.notes


def test_events_in_the_function_s_other_forms_leave_too(queue: FakeQueue) -> None:
    detail = {"bucket": {"name": BUCKET}, "object": {"key": "good"}}
    bridged = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    continuation = {"s3copy_continuation": {"bucket": BUCKET, "key": "good", "origin": {}}}
    for payload in (bridged, continuation):
        queue.send(json.dumps({"requestContext": {"requestId": "r"}, "requestPayload": payload}), ("good",))
    assert queue.clean() == Cleaned("p-dead-letter", removed=2)


def test_nothing_is_deleted_that_could_not_be_noted(queue: FakeQueue) -> None:
    def refuse(_: Sequence[Note]) -> None:
        raise NoteError("logs:PutLogEvents is needed")

    queue.send(envelope("good"), ("good",))
    assert queue.clean(write_notes=refuse) == Cleaned("p-dead-letter", kept=1, problem="logs:PutLogEvents is needed")
    assert all(message.visible_at <= queue.seconds for message in queue.messages.values())


@pytest.mark.parametrize("operation", ["GetQueueAttributes", "ReceiveMessage", "DeleteMessage"])
def test_a_missing_permission_is_a_result(queue: FakeQueue, operation: str) -> None:
    queue.denied = operation
    queue.send(envelope("good"), ("good",))
    cleaned = queue.clean()
    assert "sqs:DeleteMessage" in cleaned.problem
    if operation != "GetQueueAttributes":
        assert len(queue.messages) == 1
    assert all(message.visible_at <= queue.seconds for message in queue.messages.values())


def test_a_message_that_cannot_be_deleted_stays_and_is_told(queue: FakeQueue) -> None:
    queue.undeletable.add(queue.send(envelope("good"), ("good",)))
    cleaned = queue.clean()
    assert (cleaned.removed, cleaned.kept) == (0, 1)
    assert "ReceiptHandleIsInvalid" in cleaned.problem


def test_a_missing_queue_is_a_result(queue: FakeQueue) -> None:
    client: Any = queue
    cleaner = QueueCleaner(
        client,
        "p-dead-letter",
        BUCKET,
        are_in_order=queue.look,
        write_notes=queue.note,
        are_tags_compared=False,
        clock=queue.clock(),
    )
    assert cleaner.clean(None).problem == "the dead-letter queue p-dead-letter is missing"


def test_messages_that_somebody_else_reads_are_waited_for(queue: FakeQueue) -> None:
    message_id = queue.send(envelope("good"), ("good",))
    queue.messages[message_id].visible_at = 20.0
    assert queue.clean() == Cleaned("p-dead-letter", removed=1)


def test_but_not_for_ever(queue: FakeQueue) -> None:
    message_id = queue.send(envelope("good"), ("good",))
    queue.messages[message_id].visible_at = 1_000.0
    assert "somebody else" in queue.clean().problem
    assert queue.seconds < 40


def test_a_queue_with_too_many_that_stay_is_left_as_it_is(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_cleaning, "MAX_KEPT", 100)
    for _ in range(500):
        queue.send(envelope("bad"), ("bad",))
    assert "have to stay" in queue.clean().problem
    assert len(queue.messages) == 500


def test_an_interruption_hides_nothing(queue: FakeQueue) -> None:
    def interrupt(_: Iterable[str]) -> dict[str, bool]:
        raise KeyboardInterrupt

    for _ in range(25):
        queue.send(envelope("good"), ("good",))
    with pytest.raises(KeyboardInterrupt):
        queue.clean(are_in_order=interrupt)
    assert all(message.visible_at <= queue.seconds for message in queue.messages.values())


def test_no_records_are_no_reason_to_leave() -> None:
    assert not may_leave([], {"a": True}, are_tags_compared=True)
    assert not may_leave([ParkedEvent(None, "c", "e")], {"a": True}, are_tags_compared=True)
    both = [ParkedEvent("a", "c", "e"), ParkedEvent("b", "c", "e")]
    assert may_leave(both, {"a": True, "b": True}, are_tags_compared=False)
    assert not may_leave(both, {"a": True}, are_tags_compared=False)


@pytest.mark.parametrize("name", ["ObjectTagging:Delete", "Object Tags Added"])
def test_a_change_of_tags_leaves_only_where_tags_were_compared(name: str) -> None:
    events = [ParkedEvent("a", "c", "e", event_name=name)]
    assert may_leave(events, {"a": True}, are_tags_compared=True)
    assert not may_leave(events, {"a": True}, are_tags_compared=False)


class Cleaning(RuleBasedStateMachine):
    """Messages come, objects heal and break, readers hold and return messages, also while the queue is cleaned."""

    message_ids = Bundle("message_ids")
    keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2).map(tuple)

    @initialize()
    def begin(self) -> None:
        self.queue = FakeQueue()
        self.judged: dict[str, set[str]] = {}

    @rule(target=message_ids, keys=keys)
    def park(self, keys: tuple[str, ...]) -> str:
        return self.queue.send(envelope(*keys), keys)

    @rule(target=message_ids, keys=keys, body=st.sampled_from(["nonsense", envelope(*KEYS, bucket="foreign")]))
    def park_foreign(self, keys: tuple[str, ...], body: str) -> str:  # noqa: ARG002
        return self.queue.send(body, None)

    @rule(key=st.sampled_from(KEYS))
    def heal(self, key: str) -> None:
        self.queue.in_order.add(key)

    @rule(key=st.sampled_from(KEYS))
    def break_again(self, key: str) -> None:
        self.queue.in_order.discard(key)

    @rule(message_id=message_ids, seconds=st.integers(1, 29))
    def somebody_reads(self, message_id: str, seconds: int) -> None:
        if message_id in self.queue.messages:
            self.queue.messages[message_id].visible_at = self.queue.seconds + seconds

    @rule(message_id=message_ids)
    def come_again(self, message_id: str) -> None:
        """At least once: what was deleted is delivered once more."""
        if message_id in self.queue.deleted:
            self.queue.messages[message_id] = self.queue.deleted.pop(message_id)
            self.queue.messages[message_id].visible_at = self.queue.seconds

    @rule(surprises=st.lists(st.tuples(st.sampled_from(["park", "heal", "expire"]), st.sampled_from(KEYS)), max_size=6))
    def clean(self, surprises: list[tuple[str, str]]) -> None:
        def happen(what: str, key: str) -> Any:
            def park(queue: FakeQueue) -> None:
                queue.send(envelope(key), (key,))

            def heal(queue: FakeQueue) -> None:
                queue.in_order.add(key)

            def expire(queue: FakeQueue) -> None:
                for message in queue.messages.values():
                    message.visible_at = min(message.visible_at, queue.seconds)

            return {"park": park, "heal": heal, "expire": expire}[what]

        before = dict(self.queue.messages)
        gone_before = set(self.queue.deleted)
        seen_in_order: set[str] = set()

        def look(keys: Iterable[str]) -> dict[str, bool]:
            found = self.queue.look(keys)
            seen_in_order.update(key for key, is_in_order in found.items() if is_in_order)
            return found

        self.queue.surprises = [happen(what, key) for what, key in surprises]
        self.queue.requests = 0
        notes_before = len(self.queue.notes)
        cleaned = self.queue.clean(are_in_order=look)
        self.queue.surprises = []
        deleted = [m for i, m in self.queue.deleted.items() if i not in gone_before]
        assert cleaned.removed == len(deleted)
        assert not cleaned.problem
        for message in deleted:
            assert message.keys is not None, "a foreign message was deleted"
            assert set(message.keys) <= seen_in_order, "an object was not in order"
        noted = {note.keys for note in self.queue.notes[notes_before:]}
        assert {message.keys for message in deleted} <= noted
        # What could leave from the beginning has left.
        for message_id, message in before.items():
            if message.keys and set(message.keys) <= self.queue.in_order and not surprises:
                assert message_id in self.queue.deleted
        assert all(message.visible_at <= self.queue.seconds for message in self.queue.messages.values())

    @invariant()
    def nothing_is_lost(self) -> None:
        assert not set(self.queue.messages) & set(self.queue.deleted)


TestCleaning = Cleaning.TestCase
