"""From an event to the keys it hints at. Pure: no S3, no clock, no log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote_plus

from .continuation import FIELD, read_continuation
from .errors import Failure
from .multipart import Continuation
from .options import DEFAULT_OPTIONS, Options
from .redelivery import Receipt, read_receipt

MAX_KEY_BYTES = 1024
_EVENT_VERSION_MAJOR = "2"

# How the names of events begin that are followed: those of notifications, then those of EventBridge.
_CREATED = ("ObjectCreated:", "Object Created")
_REMOVED = ("ObjectRemoved:", "LifecycleExpiration:", "Object Deleted")
_TAGGED = ("ObjectTagging:", "Object Tags Added", "Object Tags Deleted")


@dataclass(frozen=True)
class Hint:
    """A key of the source bucket that may have changed.

    Attributes:
        key: decoded.
        version_id: the version the event was about; what is copied is the source as it is now.
        event_time: when S3 says it happened, UTC; None if it did not say so in a form we know.
        event_name: e.g. "ObjectCreated:Put"; of EventBridge, e.g. "Object Created".
        continuation: the copy that another invocation has begun.
        first_request_id: the id of the invocation that began it.
    """

    key: str
    version_id: str | None
    event_time: datetime | None
    event_name: str
    continuation: Continuation | None = None
    first_request_id: str | None = None


@dataclass(frozen=True)
class Ignored:
    """A well-formed message that asks for nothing."""

    reason: str
    event_name: str
    key: str | None = None


@dataclass(frozen=True)
class Refused:
    """A message that must not or cannot be followed.

    Attributes:
        fails_invocation: whether the event is to be retried and parked.
    """

    failure: Failure
    fails_invocation: bool
    key: str | None = None


Item = Hint | Ignored | Refused


@dataclass(frozen=True)
class Message:
    """What is delivered, fails and is repeated as one.

    Attributes:
        receipt: of the queue's message; None where the event came without a queue.
    """

    receipt: Receipt | None
    items: Iterator[Item]


def is_from_queue(event: object) -> bool:
    """Whether these are messages of an SQS queue, which can fail one by one."""
    records = event.get("Records") if isinstance(event, dict) else None
    return isinstance(records, list) and bool(records) and all(_is_queue_record(record) for record in records)


def iter_messages(event: object, source_bucket: str, options: Options = DEFAULT_OPTIONS) -> Iterator[Message]:
    """The messages in an event, in order. Never raises."""
    if is_from_queue(event):
        assert isinstance(event, dict)  # noqa: S101  (for the type checker)
        for record in event["Records"]:
            yield Message(read_receipt(record), iter_items(_read_body(record["body"]), source_bucket, options))
    else:
        yield Message(None, iter_items(event, source_bucket, options))


def iter_items(event: object, source_bucket: str, options: Options = DEFAULT_OPTIONS) -> Iterator[Item]:
    """Every item in one message, in order. Never raises: what is not understood is a `Refused`.

    Tasks of S3 Batch Operations ("invocationSchemaVersion", "tasks") would be one more kind here.
    """
    if not isinstance(event, dict):
        yield _unknown(f"the event is a {type(event).__name__}, not an object")
    elif event.get("Event") == "s3:TestEvent":
        yield Ignored("S3 tests the connection with this event", "s3:TestEvent")
    elif FIELD in event:
        yield _read_continuation(event[FIELD], source_bucket, options)
    elif event.get("source") == "aws.s3" and "detail-type" in event:
        yield _read_bridged(event, source_bucket, options)
    elif not isinstance(event.get("Records"), list):
        yield _unknown("the event has no list of Records")
    else:
        for record in event["Records"]:
            yield _read_record(record, source_bucket, options)


def decode_notification_key(encoded: str) -> str:
    """The key in an S3 notification: percent-encoded UTF-8, with + for space. Decode exactly once.

    Raises:
        ValueError: not UTF-8 (UnicodeError), empty, or longer than a key can be.
    """
    key = unquote_plus(encoded, errors="strict")
    _check_key(key)
    return key


def _check_key(key: str) -> None:
    if not 1 <= len(key.encode()) <= MAX_KEY_BYTES:
        raise ValueError(f"a key has 1 to {MAX_KEY_BYTES} bytes, this one has {len(key.encode())}")


def _read_record(record: object, source_bucket: str, options: Options) -> Item:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        return _unknown("a record is not an S3 notification")
    version = str(record.get("eventVersion"))
    if version.split(".")[0] != _EVENT_VERSION_MAJOR:
        return _unknown(f"a record has eventVersion {version[:20]!a}, not {_EVENT_VERSION_MAJOR}.x")
    event_name = record.get("eventName")
    details = _mapping(record.get("s3"))
    bucket = _mapping(details.get("bucket")).get("name")
    described = _mapping(details.get("object"))
    encoded_key = described.get("key")
    if not (isinstance(event_name, str) and isinstance(bucket, str) and isinstance(encoded_key, str)):
        return _unknown("a record lacks its event name, bucket name or key")
    try:
        key = decode_notification_key(encoded_key)
    except ValueError as error:
        return _unknown(f"a record's key cannot be decoded: {error}", encoded_key)
    hint = Hint(key, _text_or_none(described.get("versionId")), _read_time(record.get("eventTime")), event_name)
    return _accept(hint, bucket, source_bucket, options)


def _read_bridged(event: Mapping[str, Any], source_bucket: str, options: Options) -> Item:
    """An event of EventBridge; its keys are not encoded."""
    event_name = event["detail-type"]
    detail = _mapping(event.get("detail"))
    bucket = _mapping(detail.get("bucket")).get("name")
    described = _mapping(detail.get("object"))
    key = described.get("key")
    if not (isinstance(event_name, str) and isinstance(bucket, str) and isinstance(key, str)):
        return _unknown("an EventBridge event lacks its detail-type, bucket name or key")
    try:
        _check_key(key)
    except ValueError as error:
        return _unknown(f"an EventBridge event's key cannot be one: {error}", key)
    hint = Hint(key, _text_or_none(described.get("version-id")), _read_time(event.get("time")), event_name)
    return _accept(hint, bucket, source_bucket, options)


def _read_continuation(content: object, source_bucket: str, options: Options) -> Item:
    try:
        continuation = read_continuation(_mapping(content))
    except ValueError as error:
        return _unknown(str(error))
    written = _mapping(content)
    origin = _mapping(written.get("origin"))
    hint = Hint(
        continuation.asked.key,
        _text_or_none(origin.get("version_id")),
        _read_time(origin.get("event_time")),
        str(origin.get("event_name", "")),
        continuation,
        _text_or_none(origin.get("request_id")),
    )
    return _accept(hint, str(written.get("bucket")), source_bucket, options)


def _accept(hint: Hint, bucket: str, source_bucket: str, options: Options) -> Item:
    if bucket != source_bucket:
        message = f"the event is about bucket {bucket[:100]!a}; this function copies from {source_bucket!a}"
        return Refused(Failure("WrongBucket", message, permanent=True), fails_invocation=False, key=hint.key)
    # A copy that was begun is to be ended, whatever kind of event began it.
    if hint.continuation is None and not _is_followed(hint.event_name, options):
        return Ignored("this kind of event is not copied", hint.event_name, hint.key)
    # What S3 sends may be more than was chosen: events on their way while that was changed, and those that S3's own
    # filter cannot tell apart.
    if not options.covers(hint.key):
        return Ignored("the key has not the prefix and suffix of those that are copied", hint.event_name, hint.key)
    return hint


def _is_followed(event_name: str, options: Options) -> bool:
    return event_name.startswith(
        _CREATED + (_REMOVED if options.propagate_deletes else ()) + (_TAGGED if options.sync_tags else ())
    )


def _is_queue_record(record: object) -> bool:
    return (
        isinstance(record, dict)
        and record.get("eventSource") == "aws:sqs"
        and isinstance(record.get("messageId"), str)
        and isinstance(record.get("body"), str)
    )


def _read_body(body: str) -> object:
    """None, which is no event, where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_time(text: object) -> datetime | None:
    """The time is only for the latency in the log: one that is not understood must not stop a copy."""
    if not isinstance(text, str):
        return None
    try:
        # Python 3.10 does not read the "Z".
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _unknown(message: str, key: str | None = None) -> Refused:
    return Refused(Failure("UnknownEvent", message, permanent=True), fails_invocation=True, key=key)
