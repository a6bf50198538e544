"""A state machine over moto's notifications: whatever happens in whatever order, in the end the buckets are equal.

moto ignores the conditions on a copy, and heeds that on a delete, which an old SDK does not know: what is shown here
holds without conditions; tests/model has them. moto keeps the tags of an object that is replaced by an untagged one, so
every object here has tags.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote_plus

import boto3
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from moto import mock_aws

from lambda_handler.clients import Clients, make_clients
from lambda_handler.function import Function, Surroundings
from lambda_handler.options import Options
from lambda_handler.perform import Performer
from lambda_handler.requests import Asked
from lambda_handler.settings import Settings

SOURCE, DESTINATION = "p-source", "p-destination"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:p-copy"
KEYS = [
    "plain.csv",
    "a b",
    "a+b",
    "100%",
    "%2F",
    "%252F",
    "a//b",
    "/lead",
    "dir/",
    "a/../b",
    "..",
    "\U0001f600/é",
    "line\nbreak\r\t",
    "\"quoted\" 'twice'",
    "<a>&amp;",
    "?version=1&x#y",
    "é" * 512,
]
EVERYTHING = Options(propagate_deletes=True, sync_tags=True)
CONTENTS = [b"", b"one", b"two"]
keys = st.sampled_from(KEYS[:1] * len(KEYS) + KEYS)  # one key sees most of what happens
contents = st.sampled_from(CONTENTS)
colours = st.sampled_from(["red", "blue"])
picks = st.integers(0, 99)
steps = st.integers(1, 9)


class Crash(BaseException):
    """The invocation dies without a word."""


class Disturbed(Performer):
    """Something happens just before a request of this number."""

    action: Callable[[], object] | None = None
    before: int = 0

    def perform(self, asked: Asked) -> Any:
        if not isinstance(asked, tuple):
            self.before -= 1
        action = self.action
        if action and self.before == 0:
            self.action = None
            action()
        return super().perform(asked)


class Buckets(RuleBasedStateMachine):
    """Writers of the source, and deliveries of the events that moto sends of them."""

    clients: Clients
    s3: Any
    options: Options
    patch: pytest.MonkeyPatch

    def __init__(self) -> None:
        super().__init__()
        self.moto = mock_aws()
        self.moto.start()
        self.waiting: list[Any] = []
        self.disturbances: list[tuple[int, Callable[[], object]]] = []
        self.failed: list[Any] = []
        self.crashes = 0
        self.patch.setattr("moto.s3.notifications._invoke_awslambda", lambda _, event, *__: self.waiting.append(event))
        for bucket in (SOURCE, DESTINATION):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
        self.s3.put_bucket_notification_configuration(
            Bucket=SOURCE,
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION_ARN, "Events": events}]
            },
        )
        self.waiting.clear()
        described = Settings("p", SOURCE, DESTINATION, "123456789012", self.options)
        surroundings = Surroundings(write=self._note, now=lambda: datetime.now(timezone.utc), monotonic=lambda: 0.0)
        self.function = Function(described, lambda payload_of, _: self._performer(described, payload_of), surroundings)

    def _performer(self, described: Settings, payload_of: Any) -> Performer:
        performer = Disturbed(self.clients, described, lambda _: None, payload_of)
        if self.disturbances:
            performer.before, performer.action = self.disturbances.pop()
        return performer

    def _note(self, line: str) -> None:
        if json.loads(line).get("outcome") in {"failed", "refused"}:
            self.failed.append(line)

    def _invoke(self, event: Any) -> None:
        context = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 300_000)
        try:
            self.function(event, context)
        except Crash:
            self.crashes += 1
            self.waiting.append(event)

    def _pick(self, number: int) -> Any:
        return self.waiting[number % len(self.waiting)] if self.waiting else None

    def _take(self, number: int) -> Any:
        return self.waiting.pop(number % len(self.waiting)) if self.waiting else None

    @contextmanager
    def _one_event(self) -> Iterator[None]:
        """As S3 would send it; moto sends more for one write, which would make good what was lost."""
        before = len(self.waiting)
        yield
        del self.waiting[before + 1 :]

    @rule(key=keys, content=contents, colour=colours)
    def put(self, key: str, content: bytes, colour: str) -> None:
        with self._one_event():
            self.s3.put_object(
                Bucket=SOURCE, Key=key, Body=content, Metadata={"colour": colour}, Tagging=f"colour={colour}"
            )

    @rule(key=keys, content=contents, colour=colours)
    def put_in_parts(self, key: str, content: bytes, colour: str) -> None:
        upload = self.s3.create_multipart_upload(
            Bucket=SOURCE, Key=key, ContentType=f"text/{colour}", Tagging=f"colour={colour}"
        )["UploadId"]
        part = self.s3.upload_part(Bucket=SOURCE, Key=key, UploadId=upload, PartNumber=1, Body=content)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        with self._one_event():
            self.s3.complete_multipart_upload(Bucket=SOURCE, Key=key, UploadId=upload, MultipartUpload=parts)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=SOURCE, Key=key)

    @rule(key=keys, colour=colours)
    def retag(self, key: str, colour: str) -> None:
        if key in self._listed(SOURCE):
            tags = {"TagSet": [{"Key": "colour", "Value": colour}, {"Key": "again", "Value": "yes"}]}
            self.s3.put_object_tagging(Bucket=SOURCE, Key=key, Tagging=tags)

    @rule(number=picks)
    def deliver(self, number: int) -> None:
        event = self._take(number)
        if event:
            self._invoke(event)

    @rule(number=picks)
    def deliver_and_lose_the_response(self, number: int) -> None:
        event = self._pick(number)
        if event:
            self._invoke(event)

    @rule(number=picks, before=steps)
    def deliver_and_crash(self, number: int, before: int) -> None:
        def crash() -> None:
            raise Crash

        event = self._take(number)
        if event:
            self.disturbances.append((before, crash))
            self._invoke(event)

    @rule(number=picks, before=steps, key=keys, content=contents, colour=colours)
    def deliver_while_it_is_written(self, number: int, before: int, key: str, content: bytes, colour: str) -> None:
        event = self._take(number)
        if event:
            self.disturbances.append((before, lambda: self.put(key, content, colour)))
            self._invoke(event)

    @rule(number=picks, before=steps, key=keys)
    def deliver_while_it_is_deleted(self, number: int, before: int, key: str) -> None:
        event = self._take(number)
        if event:
            self.disturbances.append((before, lambda: self.delete(key)))
            self._invoke(event)

    @rule(number=picks, before=st.integers(3, 6), content=contents, colour=colours)
    def deliver_while_it_is_written_and_that_is_delivered(
        self, number: int, before: int, content: bytes, colour: str
    ) -> None:
        """The order that "look once, then copy" does not survive."""
        event = self._take(number)
        if event:
            key = unquote_plus(event["Records"][0]["s3"]["object"]["key"])

            def write_and_deliver() -> None:
                self.put(key, content, colour)
                self._invoke(self.waiting.pop())

            self.disturbances.append((before, write_and_deliver))
            self._invoke(event)

    @rule(number=picks, other=picks, before=steps)
    def deliver_two_at_once(self, number: int, other: int, before: int) -> None:
        event = self._take(number)
        if event:
            self.disturbances.append((before, lambda: self.deliver(other)))
            self._invoke(event)

    @rule()
    def deliver_all(self) -> None:
        while self.waiting:
            self._invoke(self.waiting.pop())

    @invariant()
    def what_has_settled_is_equal(self) -> None:
        assert self.failed == []
        if not self.waiting:
            self._compare()

    def teardown(self) -> None:
        try:
            self.deliver_all()
            self.what_has_settled_is_equal()
        finally:
            self.moto.stop()

    def _compare(self) -> None:
        source, destination = self._listed(SOURCE), self._listed(DESTINATION)
        if self.options.propagate_deletes:
            assert source == destination
        assert source <= destination
        for key in source:
            assert self._described(SOURCE, key) == self._described(DESTINATION, key), key
        # An invocation that dies leaves its upload to the bucket's lifecycle rule.
        assert len(self.s3.list_multipart_uploads(Bucket=DESTINATION).get("Uploads", ())) <= self.crashes

    def _listed(self, bucket: str) -> set[str]:
        return {found["Key"] for found in self.s3.list_objects_v2(Bucket=bucket).get("Contents", ())}

    def _described(self, bucket: str, key: str) -> dict[str, Any]:
        found = self.s3.get_object(Bucket=bucket, Key=key)
        described = {name: found.get(name) for name in ("ETag", "ContentType", "Metadata")}
        tags = self.s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] if self.options.sync_tags else []
        return {**described, "body": found["Body"].read(), "tags": {tag["Key"]: tag["Value"] for tag in tags}}


@pytest.mark.parametrize(
    ("options", "is_old"),
    [(EVERYTHING, False), (EVERYTHING, True), (Options(), False)],
    ids=["deletes and tags too", "old SDK", "by default"],
)
def test_in_the_end_the_buckets_are_equal(
    aws_environment, monkeypatch, old_clients, options: Options, is_old: bool
) -> None:
    class Machine(Buckets):
        clients = old_clients() if is_old else make_clients(2)
        s3 = boto3.client("s3")
        patch = monkeypatch

    Machine.options = options
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key)[:20])
def test_strange_keys_come_and_go(aws_environment, monkeypatch, key: str) -> None:
    class Machine(Buckets):
        clients = make_clients(2)
        s3 = boto3.client("s3")
        patch = monkeypatch
        options = EVERYTHING

    for last in ("put", "put_in_parts", "retag", "delete"):
        machine = Machine()
        machine.put(key, b"one", "red")
        machine.deliver(0)
        assert machine._described(DESTINATION, key)["body"] == b"one"
        if last == "put":
            machine.put(key, b"two", "blue")
        elif last == "put_in_parts":
            machine.put_in_parts(key, b"two", "blue")
        elif last == "retag":
            machine.retag(key, "blue")
        else:
            machine.delete(key)
        assert machine.waiting
        machine.teardown()


@pytest.mark.parametrize("before", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("first", ["delete", "put_in_parts", "put"])
def test_who_is_overtaken_looks_again(aws_environment, monkeypatch, old_clients, first: str, before: int) -> None:
    """Without conditions, the last look at the source is all there is."""

    class Machine(Buckets):
        clients = old_clients()
        s3 = boto3.client("s3")
        patch = monkeypatch
        options = EVERYTHING

    machine = Machine()
    machine.put("k", b"one", "red")
    machine.deliver_all()
    if first == "delete":
        machine.delete("k")
    else:
        getattr(machine, first)("k", b"two", "red")
    machine.deliver_while_it_is_written_and_that_is_delivered(0, before, b"one", "blue")
    assert machine.waiting == []
    machine.teardown()
