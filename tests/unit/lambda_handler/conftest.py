from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lambda_handler.compare import ObjectState
from lambda_handler.errors import Failure, RequestError
from lambda_handler.requests import (
    AbortUpload,
    Asked,
    BeginUpload,
    CompleteUpload,
    Continue,
    Copied,
    CopiedPart,
    CopyPart,
    CopyWhole,
    DeleteDestination,
    Exists,
    GetLayout,
    GetTags,
    Head,
    HeadPart,
    ListParts,
    PartSize,
    Pause,
    Side,
)

EPOCH = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def make_state(**changes: Any) -> ObjectState:
    base = ObjectState(
        size=3,
        etag='"900150983cd24fb0d6963f7d28e17f72"',
        last_modified=EPOCH,
        version_id=None,
        encryption="AES256",
        headers={"ContentType": "text/csv"},
        metadata={"colour": "blue"},
    )
    return replace(base, **changes)


def multipart_etag(content: bytes, layout: tuple[int, ...]) -> str:
    digest = hashlib.md5(content + repr(layout).encode(), usedforsecurity=False).hexdigest()
    return f'"{digest}-{len(layout)}"'


@dataclass
class Upload:
    begun: BeginUpload
    parts: dict[int, CopiedPart]


@dataclass
class FakeBuckets:
    """Both buckets in memory, with S3's conditions.

    `steps` maps the number of a request (from 1) to what happens just before it; what it raises is its answer.
    """

    source: dict[str, ObjectState] = field(default_factory=dict)
    destination: dict[str, ObjectState] = field(default_factory=dict)
    tags: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    steps: dict[int, Callable[[], object]] = field(default_factory=dict)
    layouts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    lists_layouts: bool = True
    uploads: dict[str, Upload] = field(default_factory=dict)
    copied_parts: list[int] = field(default_factory=list)
    continued: list[Continue] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    clock: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def requests(self) -> int:
        return len(self.sent)

    def write_source(self, key: str, content: bytes, **changes: Any) -> ObjectState:
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        changes = {"etag": etag, "size": len(content), "last_modified": self._tick(), **changes}
        self.source[key] = make_state(**changes)
        return self.source[key]

    def perform(self, asked: Asked) -> Any:
        if isinstance(asked, Pause):
            return self.pauses.append(asked.seconds)
        if isinstance(asked, Head):
            self._step(f"HEAD {asked.side.value}")
            return self._side(asked.side).get(asked.key)
        if isinstance(asked, GetTags):
            self._step(f"TAGS {asked.side.value}")
            return self.tags.get((asked.side.value, asked.key), {})
        if isinstance(asked, Exists):
            self._step(f"LIST {asked.side.value}")
            return asked.key in self._side(asked.side)
        if isinstance(asked, DeleteDestination):
            return self._delete(asked)
        if isinstance(asked, CopyWhole):
            return self._copy(asked)
        if isinstance(asked, tuple):
            return tuple(self.perform(one) for one in asked)
        return self._perform_multipart(asked)

    def write_in_parts(self, key: str, layout: tuple[int, ...], content: bytes = b"m", **changes: Any) -> ObjectState:
        """A source object that was uploaded in parts of these sizes."""
        self.layouts[key] = layout
        etag = multipart_etag(content, layout)
        return self.write_source(key, content, **{"etag": etag, "size": sum(layout), **changes})

    def _perform_multipart(self, asked: Any) -> Any:
        self._step(type(asked).__name__)
        if isinstance(asked, GetLayout):
            return self.layouts[asked.key] if self.lists_layouts else None
        if isinstance(asked, HeadPart):
            self._check_source(asked.key, asked.source)
            sizes = self.layouts[asked.key]
            return PartSize(sizes[asked.number - 1], len(sizes))
        if isinstance(asked, BeginUpload):
            upload_id = f"upload-{next(self.clock)}"
            self.uploads[upload_id] = Upload(asked, {})
            return upload_id
        if isinstance(asked, Continue):
            return self.continued.append(asked)
        if isinstance(asked, AbortUpload):
            return self.uploads.pop(asked.upload_id, None)
        upload = self.uploads.get(asked.upload_id)
        if upload is None:
            raise RequestError(Failure("NoSuchUpload", "gone", type(asked).__name__))
        if isinstance(asked, ListParts):
            return tuple(upload.parts[number] for number in sorted(upload.parts))
        if isinstance(asked, CopyPart):
            self._check_source(asked.key, asked.source)
            self.copied_parts.append(asked.number)
            upload.parts[asked.number] = CopiedPart(asked.number, f"part-{asked.number}", asked.size)
            return upload.parts[asked.number]
        assert isinstance(asked, CompleteUpload), asked
        return self._complete(asked, upload)

    def _complete(self, asked: CompleteUpload, upload: Upload) -> Copied:
        if asked.parts != tuple(upload.parts[number] for number in sorted(upload.parts)):
            raise RequestError(Failure("InvalidPart", "not these", "CompleteMultipartUpload"))
        assert sum(part.size for part in asked.parts) == asked.size
        there = self.destination.get(asked.key)
        if (there and there.etag) != (asked.destination and asked.destination.etag):
            raise RequestError(Failure("PreconditionFailed", "changed", "CompleteMultipartUpload"))
        begun, source = upload.begun, upload.begun.source
        sizes = tuple(part.size for part in asked.parts)
        etag = source.etag if sizes == self.layouts.get(asked.key) else multipart_etag(b"", sizes)
        storage_class = begun.storage_class or "STANDARD"
        self.destination[asked.key] = replace(
            source, etag=etag, last_modified=self._tick(), storage_class=storage_class
        )
        self.tags["destination", asked.key] = begun.tags
        del self.uploads[asked.upload_id]
        return Copied(etag, source.encryption)

    def _check_source(self, key: str, seen: ObjectState) -> None:
        current = self.source.get(key)
        if current is None or current.etag != seen.etag:
            raise RequestError(Failure("PreconditionFailed", "changed", "UploadPartCopy"))

    def _side(self, side: Side) -> dict[str, ObjectState]:
        return self.source if side is Side.SOURCE else self.destination

    def _delete(self, asked: DeleteDestination) -> None:
        self._step("DELETE")
        there = self.destination.get(asked.key)
        if there is None or there.etag != asked.destination.etag:
            raise RequestError(Failure("PreconditionFailed", "changed", "DeleteObject"))
        del self.destination[asked.key]

    def _copy(self, asked: CopyWhole) -> Copied:
        self._step("COPY")
        key, source, destination = asked.key, asked.source, asked.destination
        current, there = self.source.get(key), self.destination.get(key)
        if current is None:
            raise RequestError(Failure("NoSuchKey", "gone", "CopyObject"))
        if current.etag != source.etag or (there and there.etag) != (destination and destination.etag):
            raise RequestError(Failure("PreconditionFailed", "changed", "CopyObject"))
        etag = self.copy_etag(current)
        storage_class = asked.storage_class or "STANDARD"
        copied = replace(current, etag=etag, last_modified=self._tick(), storage_class=storage_class)
        self.destination[key] = copied
        self.tags["destination", key] = self.tags.get(("source", key), {}) if asked.tags is None else asked.tags
        return Copied(etag, current.encryption)

    def copy_etag(self, source: ObjectState) -> str:
        """As on AWS: one CopyObject makes a multipart object a whole one."""
        return '"' + "0" * 32 + '"' if "-" in source.etag else source.etag

    def _step(self, name: str) -> None:
        self.sent.append(name)
        action = self.steps.get(len(self.sent))
        if action:
            action()

    def _tick(self) -> datetime:
        return EPOCH + timedelta(seconds=next(self.clock))


@pytest.fixture
def state() -> Callable[..., ObjectState]:
    """Makes object states that differ from a fixed one in the fields given."""
    return make_state


@pytest.fixture
def buckets() -> FakeBuckets:
    return FakeBuckets()


@pytest.fixture
def epoch() -> datetime:
    return EPOCH


@pytest.fixture
def record() -> Callable[..., dict[str, Any]]:
    """Makes S3 notification records as S3 writes them."""

    def make(encoded_key: str = "sample.csv", bucket: str = "p-source", **changes: Any) -> dict[str, Any]:
        return {
            "eventVersion": "2.6",
            "eventSource": "aws:s3",
            "awsRegion": "eu-west-1",
            "eventTime": "2026-01-02T03:04:00.250Z",
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
            "requestParameters": {"sourceIPAddress": "192.0.2.1"},
            "responseElements": {"x-amz-request-id": "REQ"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "s3copy",
                "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                "object": {"key": encoded_key, "size": 3, "eTag": "x", "versionId": "v1", "sequencer": "00AB"},
            },
            **changes,
        }

    return make


@pytest.fixture
def bridged() -> Callable[..., dict[str, Any]]:
    """Makes events as EventBridge delivers them."""

    def make(key: str = "sample.csv", detail_type: str = "Object Created", bucket: str = "p-source") -> dict[str, Any]:
        return {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": detail_type,
            "source": "aws.s3",
            "account": "123456789012",
            "time": "2026-01-02T03:04:05Z",
            "region": "eu-west-1",
            "resources": [f"arn:aws:s3:::{bucket}"],
            "detail": {
                "version": "0",
                "bucket": {"name": bucket},
                "object": {"key": key, "size": 3, "etag": "x", "version-id": "v1", "sequencer": "00AB"},
                "request-id": "REQ",
                "requester": "123456789012",
                "reason": "PutObject",
            },
        }

    return make


@pytest.fixture
def queued() -> Callable[..., dict[str, Any]]:
    """Makes the event of a queue: one message for each body; its id is its number."""

    def make(*bodies: object, deliveries: int = 1) -> dict[str, Any]:
        records = [
            {
                "messageId": str(number),
                "receiptHandle": f"handle {number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(deliveries)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:q",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
        return {"Records": records}

    return make


@pytest.fixture
def read_lines() -> Callable[[list[str]], list[dict[str, Any]]]:
    """Parses log lines, each of which must be one line of printable ASCII."""

    def parse(lines: list[str]) -> list[dict[str, Any]]:
        for line in lines:
            assert line.endswith("\n")
            assert line[:-1].isascii()
            assert line[:-1].isprintable()
        return [json.loads(line) for line in lines]

    return parse
