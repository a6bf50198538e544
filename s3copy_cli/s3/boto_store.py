"""The data plane on boto3."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote_plus, urlencode

from botocore.exceptions import ClientError
from s3transfer.futures import TransferFuture
from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber

from s3copy_cli.aws import error_code, translate_errors
from s3copy_cli.errors import AwsError
from s3copy_cli.s3.store import KEYS_PER_REQUEST
from s3copy_cli.s3.types import (
    Bucket,
    DeleteFailure,
    ListedObject,
    MultipartUpload,
    ObjectHead,
    ObjectVersion,
    PutOptions,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 1024 * 1024
PART_SIZE = 8 * MIB
# AWS: at most 10,000 parts in an upload, each of 5 MiB (but the last) to 5 GiB.
MAX_PARTS = 10_000
MIN_PART_SIZE = 5 * MIB
MAX_PART_SIZE = 5 * 1024 * MIB
# Parts and small files sent at the same time; below the connection pool, so that HEADs find a connection too.
UPLOAD_REQUESTS = 16

_HEADERS = {
    "Content-Type": "ContentType",
    "Content-Encoding": "ContentEncoding",
    "Content-Disposition": "ContentDisposition",
    "Content-Language": "ContentLanguage",
    "Cache-Control": "CacheControl",
    "Expires": "ExpiresString",
}
_NOT_A_CHECKSUM = {"ChecksumType"}
# Characters that XML 1.0 cannot carry, so that a bulk delete cannot name the key.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BotoObjectStore:
    """`ObjectStore` by boto3 calls; safe to share between threads.

    Args:
        client: an S3 client; its connection pool bounds what really runs in parallel.
        part_size: bytes in each part of an upload, 5 MiB to 5 GiB.
    """

    def __init__(self, client: S3Client, part_size: int = PART_SIZE) -> None:
        if not MIN_PART_SIZE <= part_size <= MAX_PART_SIZE:
            raise ValueError(f"a part has {MIN_PART_SIZE:,} to {MAX_PART_SIZE:,} bytes, not {part_size:,}")
        self._client = client
        self._part_size = part_size
        self._manager: TransferManager | None = None
        self._manager_lock = threading.Lock()

    @property
    def part_size(self) -> int:
        """See ObjectStore."""
        return self._part_size

    def part_size_for(self, size: int) -> int:
        """See ObjectStore."""
        part_size = self._part_size
        # The same doubling as s3transfer's ChunksizeAdjuster.
        while size > part_size * MAX_PARTS:
            part_size *= 2
        return min(part_size, MAX_PART_SIZE)

    def iter_objects(self, bucket: Bucket, prefix: str = "") -> Iterator[ListedObject]:
        """See ObjectStore."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket.name, Prefix=prefix, ExpectedBucketOwner=bucket.owner
        )
        for page in self._pages(pages, f"listing bucket {bucket.name}"):
            for entry in page.get("Contents", []):
                yield ListedObject(
                    key=entry["Key"],
                    size=entry["Size"],
                    etag=entry["ETag"].strip('"'),
                    last_modified=entry["LastModified"],
                    storage_class=entry.get("StorageClass", "STANDARD"),
                )

    def iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
        """See ObjectStore."""
        try:
            yield from self._iter_versions(bucket)
        except AwsError as error:
            # The embedded AWS cannot name a key with control characters in this listing and answers 500.
            # A bucket that never had versioning holds one version of each object, and ListObjectsV2 has them all.
            if error.code not in {"500", "InternalError"} or self._has_versions(bucket):
                raise
            for entry in self.iter_objects(bucket):
                yield ObjectVersion(key=entry.key, version_id="null")

    def _has_versions(self, bucket: Bucket) -> bool:
        with translate_errors(f"asking whether bucket {bucket.name} is versioned"):
            answer = self._client.get_bucket_versioning(Bucket=bucket.name, ExpectedBucketOwner=bucket.owner)
        return "Status" in answer

    def _iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=bucket.name, ExpectedBucketOwner=bucket.owner
        )
        for page in self._pages(pages, f"listing the versions in bucket {bucket.name}"):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield ObjectVersion(key=entry["Key"], version_id=entry.get("VersionId", "null"))

    def iter_multipart_uploads(self, bucket: Bucket) -> Iterator[MultipartUpload]:
        """See ObjectStore."""
        # Not boto3's paginator: keys need the URL encoding to survive XML, and here botocore does not undo it.
        markers: dict[str, Any] = {}
        while True:
            with translate_errors(f"listing the open uploads in bucket {bucket.name}"):
                page = self._client.list_multipart_uploads(
                    Bucket=bucket.name, EncodingType="url", ExpectedBucketOwner=bucket.owner, **markers
                )
            is_encoded = page.get("EncodingType") == "url"
            for entry in page.get("Uploads", []):
                key = unquote_plus(entry["Key"]) if is_encoded else entry["Key"]
                yield MultipartUpload(key=key, upload_id=entry["UploadId"])
            key_marker = page.get("NextKeyMarker", "")
            following = {
                "KeyMarker": unquote_plus(key_marker) if is_encoded else key_marker,
                "UploadIdMarker": page.get("NextUploadIdMarker", ""),
            }
            # The second test ends a listing whose server does not know markers.
            if not page.get("IsTruncated") or following == markers:
                return
            markers = following

    def head(self, bucket: Bucket, key: str) -> ObjectHead | None:
        """See ObjectStore."""
        with translate_errors(f"looking at {key!r} in bucket {bucket.name}"):
            try:
                answer = self._client.head_object(
                    Bucket=bucket.name, Key=key, ChecksumMode="ENABLED", ExpectedBucketOwner=bucket.owner
                )
            except ClientError as error:
                if error_code(error) in {"404", "NoSuchKey", "NotFound"}:
                    return None
                raise
        return _object_head(key, cast("Mapping[str, Any]", answer))

    def tags(self, bucket: Bucket, key: str) -> Mapping[str, str]:
        """See ObjectStore."""
        with translate_errors(f"reading the tags of {key!r} in bucket {bucket.name}"):
            answer = self._client.get_object_tagging(Bucket=bucket.name, Key=key, ExpectedBucketOwner=bucket.owner)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def read_range(
        self, bucket: Bucket, key: str, first_byte: int, size: int, *, etag: str, version_id: str = ""
    ) -> bytes:
        """See ObjectStore."""
        doing = f"reading {key!r} in bucket {bucket.name}"
        version: Any = {"VersionId": version_id} if version_id else {}
        with translate_errors(doing):
            try:
                answer = self._client.get_object(
                    Bucket=bucket.name,
                    Key=key,
                    Range=f"bytes={first_byte}-{first_byte + size - 1}",
                    IfMatch=f'"{etag}"',
                    ExpectedBucketOwner=bucket.owner,
                    **version,
                )
            except ClientError as error:
                if error_code(error) != "InvalidRange":
                    raise
                raise _has_changed(doing, "it is shorter by now") from error
            body = answer["Body"].read()
        if len(body) != size:
            raise _has_changed(doing, f"{len(body):,} bytes came instead of {size:,}")
        return body

    def put_file(
        self, bucket: Bucket, key: str, path: Path, options: PutOptions, on_progress: Callable[[int], None]
    ) -> None:
        """See ObjectStore."""
        extra: dict[str, Any] = {"ExpectedBucketOwner": bucket.owner, "ChecksumAlgorithm": "CRC32"}
        # Without a type S3 keeps a checksum of checksums for an upload in parts, which no copy in one request has.
        extra["ChecksumType"] = "FULL_OBJECT"
        if options.content_type:
            extra["ContentType"] = options.content_type
        if options.content_encoding:
            extra["ContentEncoding"] = options.content_encoding
        if options.metadata:
            extra["Metadata"] = dict(options.metadata)
        if options.tags:
            extra["Tagging"] = urlencode(options.tags, quote_via=quote)
        doing = f"uploading {path} as {key!r}"
        progress = _Progress(on_progress)
        try:
            with translate_errors(doing):
                self._transfers().upload(str(path), bucket.name, key, extra, [progress]).result()
        except CancelledError:
            if progress.stopped_by is None:
                raise
        if progress.stopped_by is not None:
            raise progress.stopped_by

    def delete_versions(self, bucket: Bucket, versions: Sequence[ObjectVersion]) -> list[DeleteFailure]:
        """See ObjectStore."""
        if len(versions) > KEYS_PER_REQUEST:
            raise ValueError(f"S3 deletes at most {KEYS_PER_REQUEST} keys in a request, not {len(versions)}")
        in_bulk = [version for version in versions if not _NOT_IN_XML.search(version.key)]
        failures = self._delete_in_bulk(bucket, in_bulk) if in_bulk else []
        if len(in_bulk) < len(versions):
            one_by_one = (version for version in versions if _NOT_IN_XML.search(version.key))
            failures.extend(failure for version in one_by_one for failure in self._delete_one(bucket, version))
        return failures

    def _delete_in_bulk(self, bucket: Bucket, versions: Sequence[ObjectVersion]) -> list[DeleteFailure]:
        with translate_errors(f"deleting objects in bucket {bucket.name}"):
            answer = self._client.delete_objects(
                Bucket=bucket.name,
                Delete={
                    "Objects": [{"Key": v.key, "VersionId": v.version_id} for v in versions],
                    "Quiet": True,
                },
                ExpectedBucketOwner=bucket.owner,
            )
        return [
            DeleteFailure(
                key=failure.get("Key", ""),
                version_id=failure.get("VersionId", ""),
                code=failure.get("Code", "Unknown"),
                message=failure.get("Message", ""),
            )
            for failure in answer.get("Errors", [])
        ]

    def _delete_one(self, bucket: Bucket, version: ObjectVersion) -> Iterator[DeleteFailure]:
        try:
            with translate_errors(f"deleting {version.key!r} in bucket {bucket.name}"):
                self._client.delete_object(
                    Bucket=bucket.name,
                    Key=version.key,
                    VersionId=version.version_id,
                    ExpectedBucketOwner=bucket.owner,
                )
        except AwsError as error:
            if not error.operation or error.code == "NoSuchBucket":
                raise
            yield DeleteFailure(version.key, version.version_id, error.code, error.happened)

    def abort_multipart_upload(self, bucket: Bucket, upload: MultipartUpload) -> None:
        """See ObjectStore."""
        with translate_errors(f"aborting the upload of {upload.key!r} to bucket {bucket.name}"):
            try:
                self._client.abort_multipart_upload(
                    Bucket=bucket.name,
                    Key=upload.key,
                    UploadId=upload.upload_id,
                    ExpectedBucketOwner=bucket.owner,
                )
            except ClientError as error:
                if error_code(error) != "NoSuchUpload":
                    raise

    def _transfers(self) -> TransferManager:
        with self._manager_lock:
            if self._manager is None:
                self._manager = TransferManager(
                    self._client,
                    TransferConfig(
                        # s3transfer goes multipart at the threshold itself: one byte more keeps files of exactly
                        # one part whole.
                        multipart_threshold=self._part_size + 1,
                        multipart_chunksize=self._part_size,
                        max_request_concurrency=UPLOAD_REQUESTS,
                    ),
                )
            return self._manager

    @staticmethod
    def _pages(pages: Any, doing: str) -> Iterator[Mapping[str, Any]]:
        iterator = iter(pages)
        while True:
            with translate_errors(doing):
                try:
                    page = next(iterator)
                except StopIteration:
                    return
            yield page


class _Progress(BaseSubscriber):
    """Passes progress on; what that raises cancels the transfer.

    Raising here would leave the file open. After a cancel, s3transfer's reader raises CancelledError at the next read,
    the one exception that botocore neither wraps nor answers with a retry.
    """

    def __init__(self, on_progress: Callable[[int], None]) -> None:
        self._on_progress = on_progress
        self.stopped_by: Exception | None = None

    def on_progress(self, future: TransferFuture, bytes_transferred: int, **_: Any) -> None:
        if self.stopped_by is not None:
            return
        try:
            self._on_progress(bytes_transferred)
        except Exception as error:  # noqa: BLE001  (put_file raises it in its caller's thread)
            self.stopped_by = error
            future.cancel()


def _has_changed(doing: str, happened: str) -> AwsError:
    hint = "Run the command again."
    return AwsError(doing, happened, hint, code="PreconditionFailed", operation="GetObject")


def _object_head(key: str, answer: Mapping[str, Any]) -> ObjectHead:
    checksums = {
        name.removeprefix("Checksum"): str(value)
        for name, value in answer.items()
        if name.startswith("Checksum") and name not in _NOT_A_CHECKSUM
    }
    encryption = "SSE-C" if answer.get("SSECustomerAlgorithm") else str(answer.get("ServerSideEncryption", ""))
    return ObjectHead(
        key=key,
        size=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        last_modified=answer["LastModified"],
        headers={name: str(answer[field]) for name, field in _HEADERS.items() if answer.get(field) is not None},
        metadata=dict(answer.get("Metadata", {})),
        checksums=checksums,
        checksum_type=str(answer.get("ChecksumType", "")) if checksums else "",
        encryption=encryption,
        storage_class=answer.get("StorageClass", "STANDARD"),
        version_id=answer.get("VersionId", ""),
        missing_metadata=answer.get("MissingMeta", 0),
    )
