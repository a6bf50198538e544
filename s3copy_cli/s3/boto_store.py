"""The data plane on boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from boto3.exceptions import Boto3Error, S3UploadFailedError
from boto3.s3.transfer import S3Transfer, TransferConfig
from botocore.exceptions import ClientError

from s3copy_cli.aws import S3_CONCURRENCY, error_code, translate_errors
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
# AWS: at most 10,000 parts in an upload.
MAX_PARTS = 10_000

_HEADERS = {
    "Content-Type": "ContentType",
    "Content-Encoding": "ContentEncoding",
    "Content-Disposition": "ContentDisposition",
    "Content-Language": "ContentLanguage",
    "Cache-Control": "CacheControl",
    "Expires": "ExpiresString",
}
_NOT_A_CHECKSUM = {"ChecksumType"}


class BotoObjectStore:
    """`ObjectStore` by boto3 calls; safe to share between threads."""

    def __init__(self, client: S3Client, part_size: int = PART_SIZE) -> None:
        self._client = client
        self._part_size = part_size

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
        return part_size

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
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=bucket.name, ExpectedBucketOwner=bucket.owner
        )
        for page in self._pages(pages, f"listing the versions in bucket {bucket.name}"):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield ObjectVersion(key=entry["Key"], version_id=entry.get("VersionId", "null"))

    def iter_multipart_uploads(self, bucket: Bucket) -> Iterator[MultipartUpload]:
        """See ObjectStore."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket.name, ExpectedBucketOwner=bucket.owner
        )
        for page in self._pages(pages, f"listing the open uploads in bucket {bucket.name}"):
            for entry in page.get("Uploads", []):
                yield MultipartUpload(key=entry["Key"], upload_id=entry["UploadId"])

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

    def put_file(
        self, bucket: Bucket, key: str, path: Path, options: PutOptions, on_progress: Callable[[int], None]
    ) -> None:
        """See ObjectStore."""
        extra: dict[str, Any] = {"ExpectedBucketOwner": bucket.owner, "ChecksumAlgorithm": "CRC32"}
        if options.content_type:
            extra["ContentType"] = options.content_type
        if options.content_encoding:
            extra["ContentEncoding"] = options.content_encoding
        if options.metadata:
            extra["Metadata"] = dict(options.metadata)
        if options.tags:
            extra["Tagging"] = urlencode(options.tags)
        doing = f"uploading {path} as {key!r}"
        try:
            with translate_errors(doing):
                self._transfer.upload_file(str(path), bucket.name, key, callback=on_progress, extra_args=extra)
        except S3UploadFailedError as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, ClientError):
                with translate_errors(doing):
                    raise cause
            raise AwsError(doing, str(error), "Run the command again.", code="UploadFailed") from error
        except Boto3Error as error:
            raise AwsError(doing, str(error), "Run the command again.", code="UploadFailed") from error

    def delete_versions(self, bucket: Bucket, versions: Sequence[ObjectVersion]) -> list[DeleteFailure]:
        """See ObjectStore."""
        if len(versions) > KEYS_PER_REQUEST:
            raise ValueError(f"S3 deletes at most {KEYS_PER_REQUEST} keys in a request, not {len(versions)}")
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

    @cached_property
    def _transfer(self) -> S3Transfer:
        return S3Transfer(
            client=self._client,
            config=TransferConfig(
                # s3transfer goes multipart at the threshold itself: one byte more keeps files of exactly one part whole.
                multipart_threshold=self._part_size + 1,
                multipart_chunksize=self._part_size,
                max_concurrency=min(10, S3_CONCURRENCY),
                preferred_transfer_client="classic",
            ),
        )

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
