"""From an event to the keys it hints at. Pure: no S3, no clock, no log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote_plus

from .errors import Failure

_MAX_KEY_BYTES = 1024
_EVENT_VERSION_MAJOR = "2"


@dataclass(frozen=True)
class Hint:
    """A key of the source bucket that may have changed.

    Attributes:
        key: decoded.
        version_id: the version the event was about; what is copied is the source as it is now.
        event_time: when S3 says it happened, UTC; None if it did not say so in a form we know.
        event_name: e.g. "ObjectCreated:Put".
    """

    key: str
    version_id: str | None
    event_time: datetime | None
    event_name: str


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


def iter_items(event: object, source_bucket: str) -> Iterator[Item]:
    """Every message in an event, in order. Never raises: what is not understood is a `Refused`."""
    if not isinstance(event, dict):
        yield _unknown(f"the event is a {type(event).__name__}, not an object")
    elif event.get("Event") == "s3:TestEvent":
        yield Ignored("S3 tests the connection with this event", "s3:TestEvent")
    elif not isinstance(event.get("Records"), list):
        yield _unknown("the event has no list of Records")
    else:
        for record in event["Records"]:
            yield _read_record(record, source_bucket)


def decode_notification_key(encoded: str) -> str:
    """The key in an S3 notification: percent-encoded UTF-8, with + for space. Decode exactly once.

    Raises:
        ValueError: not UTF-8 (UnicodeError), empty, or longer than a key can be.
    """
    key = unquote_plus(encoded, errors="strict")
    if not 1 <= len(key.encode()) <= _MAX_KEY_BYTES:
        raise ValueError(f"a key has 1 to {_MAX_KEY_BYTES} bytes, this one has {len(key.encode())}")
    return key


def _read_record(record: object, source_bucket: str) -> Item:
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
    if bucket != source_bucket:
        message = f"the event is about bucket {bucket[:100]!a}; this function copies from {source_bucket!a}"
        return Refused(Failure("WrongBucket", message, permanent=True), fails_invocation=False, key=key)
    if not event_name.startswith("ObjectCreated:"):
        return Ignored("this kind of event is not copied", event_name, key)
    version_id = described.get("versionId")
    return Hint(
        key=key,
        version_id=version_id if isinstance(version_id, str) else None,
        event_time=_read_time(record.get("eventTime")),
        event_name=event_name,
    )


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
