"""The interface of the data plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from s3copy_cli.s3.types import (
    Bucket,
    DeleteFailure,
    ListedObject,
    MultipartUpload,
    ObjectHead,
    ObjectVersion,
    PutOptions,
)

# What S3 says, after all repeats, of a request that may fare better in a minute: it is out of order or too busy. HEAD
# has the status only.
PASSING_CODES = frozenset(
    {
        "408",
        "429",
        "500",
        "502",
        "503",
        "504",
        "InternalError",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)
# S3 deletes, and lists, at most so many keys in one request.
KEYS_PER_REQUEST = 1000


class HeadUnderWay(Protocol):
    """A `head` that was begun."""

    def done(self) -> bool:
        """Whether `result` needs no waiting."""

    def result(self) -> ObjectHead | None:
        """What `head` would have come to, or its error."""


class ObjectStore(Protocol):
    """Objects in buckets. Every method may raise AwsError or CredentialsError; iterators fetch pages as they go."""

    @property
    def part_size(self) -> int:
        """Bytes in each part of a multipart upload made by `put_file` (the last one may be shorter).

        Files up to this size are sent in one request, so their ETag is the MD5 of the bytes. Files that would need
        more than 10,000 parts get larger ones: see `part_size_for`.
        """

    def part_size_for(self, size: int) -> int:
        """Bytes in each part for a file of `size` bytes; `size` itself or more means one request."""

    def iter_objects(self, bucket: Bucket, prefix: str = "") -> Iterator[ListedObject]:
        """Current objects in S3's order (UTF-8 bytes of the key)."""

    def iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
        """Every version and every delete marker; in an unversioned bucket each object once."""

    def iter_multipart_uploads(self, bucket: Bucket) -> Iterator[MultipartUpload]:
        """Every open multipart upload."""

    def head(self, bucket: Bucket, key: str) -> ObjectHead | None:
        """The current version with its checksums, or None if there is no such object.

        HEAD does not tell a missing bucket from a missing object: that is None too.
        """

    def submit_head(self, bucket: Bucket, key: str) -> HeadUnderWay:
        """Begin a `head`. Ask for many, then wait: no thread is needed.

        The caller bounds how many are under way; each takes a few KiB.

        Raises:
            CredentialsError: there is nothing to sign with.
        """

    def read_range(
        self, bucket: Bucket, key: str, first_byte: int, size: int, *, etag: str, version_id: str = ""
    ) -> bytes:
        """Some bytes of an object, if it is still the one that had this ETag.

        Args:
            bucket: where the object is.
            key: the object's key.
            first_byte: counted from 0; must lie inside the object.
            size: how many; fewer come back at the object's end.
            etag: without quotes.
            version_id: "" for the current version.

        Raises:
            AwsError: code "PreconditionFailed" if the object has changed; S3's own code if it may not be read
                ("AccessDenied", "InvalidObjectState" for an archived one, …).
        """

    def tags(self, bucket: Bucket, key: str) -> Mapping[str, str]:
        """The current version's tags."""

    def put_file(
        self, bucket: Bucket, key: str, path: Path, options: PutOptions, on_progress: Callable[[int], None]
    ) -> None:
        """Upload a file, in parallel parts where it is large, with a CRC32 checksum.

        Args:
            bucket: where to.
            key: the object's key.
            path: the file.
            options: how to store it.
            on_progress: called with the number of bytes sent since the last call, from any thread; negative where
                bytes are sent again. If it raises, the upload is stopped, its parts are removed, and `put_file`
                raises the same.

        Raises:
            OSError: the file cannot be read.
        """

    def delete_versions(self, bucket: Bucket, versions: Sequence[ObjectVersion]) -> list[DeleteFailure]:
        """Delete at most 1,000 versions or markers for good; what could not be deleted comes back."""

    def abort_multipart_upload(self, bucket: Bucket, upload: MultipartUpload) -> None:
        """Abort an open upload; one that is gone already is fine."""
