"""The events by which the function is asked to look at keys again, in the form in which S3 sends them: pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote_plus

from s3copy_cli.verify.compare import Outcome

# The function handles the records of an event one after the other.
MAX_RECORDS = 10
# What one invocation is to copy at most, unless a single object is larger: well within its time-out.
MAX_BYTES = 1024**3

Batch = tuple["Difference", ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that is to be brought back.

    Attributes:
        key: the object's key.
        outcome: what was found.
        size: bytes to copy; 0 for an object that is to be deleted at the destination.
        etag: of the source, of the destination if only that has the object; empty if it is not known.
    """

    key: str
    outcome: Outcome
    size: int
    etag: str


def iter_batches(differences: Iterable[Difference], max_records: int = MAX_RECORDS) -> Iterator[Batch]:
    """What goes into one event each, in the given order."""
    batch: list[Difference] = []
    size = 0
    for difference in differences:
        if batch and (len(batch) >= max_records or size + difference.size > MAX_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(difference)
        size += difference.size
    if batch:
        yield tuple(batch)


def event_payload(batch: Sequence[Difference], bucket: str, region: str, moment: datetime) -> bytes:
    """An S3 notification about these keys of a source bucket.

    Args:
        batch: the keys.
        bucket: the source bucket's name.
        region: its Region.
        moment: the time of the event, with its zone.
    """
    time = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    records = [_record(difference, bucket, region, time) for difference in batch]
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def _record(difference: Difference, bucket: str, region: str, time: str) -> dict[str, Any]:
    is_deletion = difference.outcome is Outcome.EXTRA
    described: dict[str, Any] = {"key": quote_plus(difference.key, safe="/")}
    if not is_deletion:
        described |= {"size": difference.size, "eTag": difference.etag}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": time,
        "eventName": "ObjectRemoved:Delete" if is_deletion else "ObjectCreated:Put",
        "userIdentity": {"principalId": "s3copy repair"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "s3copy-repair",
            "bucket": {"name": bucket},
            "object": described,
        },
    }
