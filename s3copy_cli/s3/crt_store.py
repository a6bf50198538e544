"""The data plane: `ObjectStore` on the AWS Common Runtime."""

from __future__ import annotations

import base64
import re
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from s3copy_cli.errors import AwsError
from s3copy_cli.s3.answers import Answer, malformed
from s3copy_cli.s3.connection import Credentials, ca_bundle, exempt_from_proxy, find_tls_error, locate
from s3copy_cli.s3.flight import Outcome, Upload
from s3copy_cli.s3.heads import parse_head
from s3copy_cli.s3.parallel import iter_listing
from s3copy_cli.s3.store import KEYS_PER_REQUEST, HeadUnderWay
from s3copy_cli.s3.transport import OUTAGE_SECONDS, STALL_SECONDS, STORM_SECONDS, Transport
from s3copy_cli.s3.types import (
    Bucket,
    DeleteFailure,
    ListedObject,
    MultipartUpload,
    ObjectHead,
    ObjectVersion,
    PutOptions,
)
from s3copy_cli.s3.wire import Call
from s3copy_cli.s3.xml import (
    MalformedAnswerError,
    delete_body,
    parse_deleted,
    parse_is_versioned,
    parse_tags,
    parse_uploads,
    parse_versions,
)

if TYPE_CHECKING:
    from s3copy_cli.aws import Aws

MIB = 1024 * 1024
PART_SIZE = 8 * MIB
# AWS: at most 10,000 parts in an upload, each of 5 MiB (but the last) to 5 GiB.
MAX_PARTS = 10_000
MIN_PART_SIZE = 5 * MIB
MAX_PART_SIZE = 5 * 1024 * MIB

_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
# Characters that XML 1.0 cannot carry, so that a bulk delete cannot name the key.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def open_store(
    aws: Aws,
    trace: Callable[[str], None] | None = None,
    *,
    part_size: int = PART_SIZE,
    stall_seconds: float = STALL_SECONDS,
    storm_seconds: float = STORM_SECONDS,
    outage_seconds: float = OUTAGE_SECONDS,
) -> CrtObjectStore:
    """The data plane for an account; no request is sent yet.

    Args:
        aws: whose endpoint, Region, certificates and credentials are taken.
        trace: takes one line for each call, for --verbose.
        part_size: see CrtObjectStore.
        stall_seconds: see Transport.
        storm_seconds: likewise.
        outage_seconds: likewise.
    """
    client = aws.s3
    if aws.is_embedded:
        # A proxy of the environment has no business on loopback.
        exempt_from_proxy(locate(client, "any").endpoint.host)
    bundle = ca_bundle(aws.session)
    return CrtObjectStore(
        Transport(
            region=client.meta.region_name,
            ca_bundle=bundle,
            credentials=Credentials(aws.session),
            locate=lambda bucket: locate(aws.s3_in(bucket.region), bucket.name),
            trace=trace,
            stall_seconds=stall_seconds,
            storm_seconds=storm_seconds,
            outage_seconds=outage_seconds,
            doubt=lambda location: find_tls_error(location, bundle),
        ),
        part_size,
    )


class CrtObjectStore:
    """`ObjectStore` by requests of the runtime; safe to share between threads.

    Args:
        transport: sends the requests.
        part_size: bytes in each part of an upload, 5 MiB to 5 GiB.
    """

    def __init__(self, transport: Transport, part_size: int = PART_SIZE) -> None:
        if not MIN_PART_SIZE <= part_size <= MAX_PART_SIZE:
            raise ValueError(f"a part has {MIN_PART_SIZE:,} to {MAX_PART_SIZE:,} bytes, not {part_size:,}")
        self._transport = transport
        self._part_size = part_size

    @property
    def part_size(self) -> int:
        """See ObjectStore."""
        return self._part_size

    def part_size_for(self, size: int) -> int:
        """See ObjectStore."""
        part_size = self._part_size
        while size > part_size * MAX_PARTS:
            part_size *= 2
        return min(part_size, MAX_PART_SIZE)

    def iter_objects(self, bucket: Bucket, prefix: str = "") -> Iterator[ListedObject]:
        """See ObjectStore."""
        return iter_listing(self._transport.submit, bucket, prefix)

    def iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
        """See ObjectStore."""
        try:
            yield from self._iter_versions(bucket)
        except AwsError as error:
            # Emulators cannot name a key with control characters in this listing: they answer 500, or broken XML.
            # A bucket that never had versioning holds one version of each object, and ListObjectsV2 has them all.
            if error.code not in {"500", "InternalError", "MalformedAnswer"} or self._has_versions(bucket):
                raise
            for entry in self.iter_objects(bucket):
                yield ObjectVersion(key=entry.key, version_id="null")

    def _has_versions(self, bucket: Bucket) -> bool:
        doing = f"asking whether bucket {bucket.name} is versioned"
        call = Call("GetBucketVersioning", "GET", bucket, doing, query={"versioning": ""})
        return self._transport.fetch(call, parse_is_versioned)

    def _iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
        markers: dict[str, str] = {}
        doing = f"listing the versions in bucket {bucket.name}"
        while True:
            query = {"versions": "", "encoding-type": "url", "max-keys": str(KEYS_PER_REQUEST), **markers}
            page = self._transport.fetch(Call("ListObjectVersions", "GET", bucket, doing, query=query), parse_versions)
            yield from page.versions
            following = {"key-marker": page.key_marker, "version-id-marker": page.version_marker}
            if not page.is_truncated:
                return
            if following == markers or not page.key_marker:
                raise _endless(doing, "ListObjectVersions")
            markers = {name: value for name, value in following.items() if value}

    def iter_multipart_uploads(self, bucket: Bucket) -> Iterator[MultipartUpload]:
        """See ObjectStore."""
        markers: dict[str, str] = {}
        doing = f"listing the open uploads in bucket {bucket.name}"
        while True:
            query = {"uploads": "", "encoding-type": "url", **markers}
            page = self._transport.fetch(Call("ListMultipartUploads", "GET", bucket, doing, query=query), parse_uploads)
            yield from page.uploads
            following = {"key-marker": page.key_marker, "upload-id-marker": page.upload_marker}
            # The second test ends a listing whose server does not know markers.
            if not page.is_truncated or following == markers:
                return
            markers = {name: value for name, value in following.items() if value}

    def head(self, bucket: Bucket, key: str) -> ObjectHead | None:
        """See ObjectStore."""
        return self.submit_head(bucket, key).result()

    def submit_head(self, bucket: Bucket, key: str) -> HeadUnderWay:
        """See ObjectStore."""
        call = Call(
            "HeadObject",
            "HEAD",
            bucket,
            f"looking at {key!r} in bucket {bucket.name}",
            key,
            headers={"x-amz-checksum-mode": "ENABLED"},
        )
        head = _HeadUnderWay(call)
        self._transport.submit(call, head.settle)
        return head

    def tags(self, bucket: Bucket, key: str) -> Mapping[str, str]:
        """See ObjectStore."""
        doing = f"reading the tags of {key!r} in bucket {bucket.name}"
        return self._transport.fetch(
            Call("GetObjectTagging", "GET", bucket, doing, key, query={"tagging": ""}), parse_tags
        )

    def read_range(
        self, bucket: Bucket, key: str, first_byte: int, size: int, *, etag: str, version_id: str = ""
    ) -> bytes:
        """See ObjectStore."""
        if size < 1 or first_byte < 0:
            raise ValueError(f"{size} bytes from {first_byte} are no range")
        call = Call(
            "GetObject",
            "GET",
            bucket,
            f"reading {key!r} in bucket {bucket.name}",
            key,
            query={"versionId": version_id} if version_id else {},
            headers={"Range": f"bytes={first_byte}-{first_byte + size - 1}", "If-Match": f'"{etag}"'},
        )
        answer = self._transport.send(call)
        if answer.status != 206:
            # HTTP allows a server to ignore the range.
            return answer.body[first_byte : first_byte + size]
        if len(answer.body) > size or not answer.header("Content-Range").startswith(f"bytes {first_byte}-"):
            raise malformed(call, MalformedAnswerError("it has not the bytes that were asked for"))
        return answer.body

    def put_file(
        self, bucket: Bucket, key: str, path: Path, options: PutOptions, on_progress: Callable[[int], None]
    ) -> None:
        """See ObjectStore."""
        with path.open("rb") as file:
            size = file.seek(0, 2)
        headers = {"x-amz-sdk-checksum-algorithm": "CRC32"}
        part_size = self.part_size_for(size)
        if size > part_size:
            # Without a type S3 keeps a checksum of checksums for an upload in parts, which no copy in one request has.
            headers["x-amz-checksum-type"] = "FULL_OBJECT"
        if options.content_type:
            headers["Content-Type"] = options.content_type
        if options.content_encoding:
            headers["Content-Encoding"] = options.content_encoding
        headers.update({f"x-amz-meta-{name}": value for name, value in options.metadata.items()})
        if options.tags:
            headers["x-amz-tagging"] = urlencode(options.tags, quote_via=quote)
        call = Call("PutObject", "PUT", bucket, f"uploading {path} as {key!r}", key, headers=headers)
        self._transport.send_file(call, Upload(str(path), size, part_size, on_progress))

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
        body = delete_body(versions)
        checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        call = Call(
            "DeleteObjects",
            "POST",
            bucket,
            f"deleting objects in bucket {bucket.name}",
            query={"delete": ""},
            headers={
                "Content-Type": "application/xml",
                "x-amz-sdk-checksum-algorithm": "CRC32",
                "x-amz-checksum-crc32": checksum,
            },
            body=body,
        )
        return self._transport.fetch(call, parse_deleted)

    def _delete_one(self, bucket: Bucket, version: ObjectVersion) -> Iterator[DeleteFailure]:
        doing = f"deleting {version.key!r} in bucket {bucket.name}"
        query = {"versionId": version.version_id}
        try:
            self._transport.send(Call("DeleteObject", "DELETE", bucket, doing, version.key, query=query))
        except AwsError as error:
            if not error.operation or error.code == "NoSuchBucket":
                raise
            yield DeleteFailure(version.key, version.version_id, error.code, error.happened)

    def abort_multipart_upload(self, bucket: Bucket, upload: MultipartUpload) -> None:
        """See ObjectStore."""
        doing = f"aborting the upload of {upload.key!r} to bucket {bucket.name}"
        query = {"uploadId": upload.upload_id}
        try:
            self._transport.send(Call("AbortMultipartUpload", "DELETE", bucket, doing, upload.key, query=query))
        except AwsError as error:
            if error.code != "NoSuchUpload":
                raise


class _HeadUnderWay:
    """See HeadUnderWay. A bare lock, because a Future takes ten times as long; and read by whoever waits, because the
    runtime's one thread is what bounds the rate.
    """

    __slots__ = ("_call", "_outcome", "_under_way")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._outcome: Outcome
        self._under_way = threading.Lock()
        self._under_way.acquire()

    def settle(self, outcome: Outcome) -> None:
        """Called once, in the runtime's thread."""
        self._outcome = outcome
        self._under_way.release()

    def done(self) -> bool:
        return not self._under_way.locked()

    def result(self) -> ObjectHead | None:
        with self._under_way:
            outcome = self._outcome
        if isinstance(outcome, Answer):
            try:
                return parse_head(self._call.key, outcome.headers)
            except MalformedAnswerError as problem:
                raise malformed(self._call, problem) from problem
        if isinstance(outcome, AwsError) and outcome.code in _NOT_THERE:
            return None
        raise outcome


def _endless(doing: str, operation: str) -> AwsError:
    return AwsError(
        doing,
        f"{operation} leads from one page to the same page again",
        "The endpoint does not list as S3 does.",
        code="MalformedAnswer",
    )
