"""What a parked message is about: pure. Messages are other people's words, so nothing here may raise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote_plus

from s3copy_cli.verify.scope import as_key

_MAX_TEXT = 300
# Our words for why an event is parked, where AWS has none.
DELIVERED_TOO_OFTEN = "DeliveredTooOften"
NOT_DELIVERED = "NotDelivered"
# What EventBridge adds to a message (EventBridge User Guide, "Using dead-letter queues").
_BRIDGED_ATTRIBUTES = ("ERROR_CODE", "ERROR_MESSAGE", "EXHAUSTED_RETRY_CONDITION")


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """One record of a parked message.

    Attributes:
        key: the object's key, decoded; None if the message could not be understood.
        condition: why it was parked, e.g. "RetriesExhausted".
        error: what the function said last.
        event_time: when S3 says it happened; None if it is not told.
        request_id: the invocation's id; empty if it is not told.
        event_name: what happened, e.g. "ObjectCreated:Put"; empty if it is not told.
    """

    key: str | None
    condition: str
    error: str
    event_time: datetime | None = None
    request_id: str = ""
    event_name: str = ""


def parse_message(
    body: str, source_bucket: str, attributes: Mapping[str, Any] | None = None
) -> tuple[ParkedEvent, ...]:
    """The records in a message; at least one entry for every message.

    Args:
        body: the envelope of a Lambda on-failure destination; or the event itself, where SQS has moved it from the
            event queue or EventBridge could not deliver it.
        source_bucket: events about another bucket are not about an object of ours.
        attributes: the message's, by name, as SQS gives them; EventBridge says there what happened.
    """
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict):
        return (ParkedEvent(None, "unknown", "the message is not the envelope of a failed event"),)
    if "requestPayload" not in envelope and "requestContext" not in envelope:
        return _bare(envelope, source_bucket, attributes or {})
    context = _mapping(envelope.get("requestContext"))
    payload = _mapping(envelope.get("responsePayload"))
    condition = _text(context.get("condition")) or "unknown"
    error = ": ".join(text for text in (_text(payload.get("errorType")), _text(payload.get("errorMessage"))) if text)
    request_id = _text(context.get("requestId"))
    subjects = list(_iter_subjects(_mapping(envelope.get("requestPayload")), source_bucket))
    if not subjects:
        return (ParkedEvent(None, condition, error, request_id=request_id),)
    return tuple(
        ParkedEvent(subject.key, condition, error, subject.event_time, request_id, subject.event_name)
        for subject in subjects
    )


def _bare(event: Mapping[str, Any], source_bucket: str, attributes: Mapping[str, Any]) -> tuple[ParkedEvent, ...]:
    """The records of an event that has no envelope."""
    told = {name: _text(_mapping(attributes.get(name)).get("StringValue")) for name in _BRIDGED_ATTRIBUTES}
    error = ": ".join(told[name] for name in ("ERROR_CODE", "ERROR_MESSAGE") if told[name])
    # SQS says nothing; it moves what was delivered too often.
    condition = told["EXHAUSTED_RETRY_CONDITION"] or (NOT_DELIVERED if error else DELIVERED_TOO_OFTEN)
    subjects = list(_iter_subjects(event, source_bucket))
    if not subjects:
        return (ParkedEvent(None, "unknown", error or "the message is not an event that failed"),)
    return tuple(
        ParkedEvent(subject.key, condition, error, subject.event_time, "", subject.event_name) for subject in subjects
    )


@dataclass(frozen=True, slots=True)
class _Subject:
    key: str | None
    event_time: datetime | None
    event_name: str


def _iter_subjects(event: Mapping[str, Any], source_bucket: str) -> Iterator[_Subject]:
    """What an event is about, in the forms that the function accepts (docs/function.md)."""
    continuation, detail = event.get("s3copy_continuation"), event.get("detail")
    if isinstance(continuation, dict):
        origin = _mapping(continuation.get("origin"))
        is_ours = continuation.get("bucket") == source_bucket
        key = as_key(continuation.get("key")) if is_ours else None
        yield _Subject(key, _time(origin.get("event_time")), _text(origin.get("event_name")))
    elif event.get("source") == "aws.s3" and isinstance(detail, dict):
        is_ours = _mapping(detail.get("bucket")).get("name") == source_bucket
        key = as_key(_mapping(detail.get("object")).get("key")) if is_ours else None
        yield _Subject(key, _time(event.get("time")), _text(event.get("detail-type")))
    else:
        records = event.get("Records")
        for record in records if isinstance(records, list) else []:
            details = _mapping(_mapping(record).get("s3"))
            key = _mapping(details.get("object")).get("key")
            is_ours = _mapping(details.get("bucket")).get("name") == source_bucket
            told = _mapping(record)
            yield _Subject(
                _decoded(key) if is_ours else None, _time(told.get("eventTime")), _text(told.get("eventName"))
            )


def _decoded(key: object) -> str | None:
    if not isinstance(key, str):
        return None
    try:
        return as_key(unquote_plus(key, errors="strict"))
    except ValueError:
        return None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        # Python 3.10 does not read the "Z".
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return " ".join(value[:_MAX_TEXT].split()) if isinstance(value, str) else ""
