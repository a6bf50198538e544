"""Objects, a store in memory and a clock that only moves when somebody sleeps."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from s3copy_cli.errors import AwsError, S3CopyError
from s3copy_cli.s3 import Bucket, ListedObject, ObjectHead
from s3copy_cli.verify.clock import Clock

MOMENT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
SOURCE = Bucket("a-source", "123456789012")
DESTINATION = Bucket("a-destination", "123456789012")


def make_head(key: str = "k", body: bytes = b"hello", **changes: Any) -> ObjectHead:
    return replace(
        ObjectHead(
            key=key,
            size=len(body),
            etag=hashlib.md5(body, usedforsecurity=False).hexdigest(),
            last_modified=MOMENT,
            headers={"Content-Type": "text/csv"},
            encryption="AES256",
        ),
        **changes,
    )


@dataclass
class FakeStore:
    """Two buckets in memory. `before_head` runs before each HEAD and may change them."""

    source: dict[str, ObjectHead] = field(default_factory=dict)
    destination: dict[str, ObjectHead] = field(default_factory=dict)
    failures: dict[str, S3CopyError] = field(default_factory=dict)
    before_head: Callable[[FakeStore, Bucket, str], object] = lambda *_: None
    bodies: dict[tuple[str, str], bytes] = field(default_factory=dict)
    all_tags: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    heads: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def objects(self, bucket: Bucket) -> dict[str, ObjectHead]:
        return {SOURCE.name: self.source, DESTINATION.name: self.destination}[bucket.name]

    def put(self, *heads: ObjectHead, copied: bool = True) -> None:
        for head in heads:
            self.source[head.key] = head
            if copied:
                self.destination[head.key] = head

    def iter_objects(self, bucket: Bucket, prefix: str = "") -> Iterator[ListedObject]:
        objects = dict(self.objects(bucket))
        for key in sorted((key for key in objects if key.startswith(prefix)), key=str.encode):
            head = objects[key]
            yield ListedObject(key=key, size=head.size, etag=head.etag, last_modified=head.last_modified)

    def head(self, bucket: Bucket, key: str) -> ObjectHead | None:
        with self.lock:
            self.heads += 1
            self.before_head(self, bucket, key)
            if key in self.failures:
                raise self.failures[key]
            return self.objects(bucket).get(key)

    def submit_head(self, bucket: Bucket, key: str) -> Future[ObjectHead | None]:
        found: Future[ObjectHead | None] = Future()
        try:
            found.set_result(self.head(bucket, key))
        except S3CopyError as error:
            found.set_exception(error)
        return found

    def tags(self, bucket: Bucket, key: str) -> dict[str, str]:
        if (failure := self.failures.get(f"tags of {key}")) is not None:
            raise failure
        return self.all_tags.get((bucket.name, key), {})

    def read_range(self, bucket: Bucket, key: str, first_byte: int, size: int, *, etag: str) -> bytes:
        if (failure := self.failures.get(f"bytes of {key}")) is not None:
            raise failure
        head = self.objects(bucket).get(key)
        if head is None or head.etag != etag:
            raise AwsError("reading", "it has changed", code="PreconditionFailed", operation="GetObject")
        body = self.bodies[bucket.name, key][first_byte : first_byte + size]
        assert len(body) == size
        return body


@dataclass
class FakeTime:
    """Seconds that pass only by sleeping; `on_sleep` is called with the time that it is then."""

    seconds: float = 0.0
    on_sleep: Callable[[float], object] = lambda _: None

    def clock(self) -> Clock:
        return Clock(now=self.now, monotonic=lambda: self.seconds, sleep=self.sleep)

    def now(self) -> datetime:
        return MOMENT + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.seconds += seconds
        self.on_sleep(self.seconds)


@pytest.fixture
def head() -> Callable[..., ObjectHead]:
    """Make what HEAD tells: `head("key", b"body", etag=…)`."""
    return make_head


@pytest.fixture
def store() -> FakeStore:
    """An empty store."""
    return FakeStore()


@pytest.fixture
def fake_time() -> FakeTime:
    """A clock at noon on 1 March 2026."""
    return FakeTime()


@pytest.fixture
def source() -> Bucket:
    return SOURCE


@pytest.fixture
def destination() -> Bucket:
    return DESTINATION


@pytest.fixture
def log_lines() -> Callable[[str], list[tuple[str, str]]]:
    """Read a corpus of log lines: stream and message, divided by a bar; escapes in text lines are read."""

    def read(name: str) -> list[tuple[str, str]]:
        path = Path(__file__).parent / "data" / name
        pairs = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                stream, message = line.split("|", 1)
                # JSON brings its own escapes.
                if not message.startswith("{"):
                    message = message.replace("\\n", "\n").replace("\\t", "\t").replace("\\x1b", "\x1b")
                pairs.append((stream, message))
        return pairs

    return read
