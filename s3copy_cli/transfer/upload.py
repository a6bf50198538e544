"""Sending the planned files, many at a time, and checking each against the bytes that were sent."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from s3copy_cli.errors import AwsError, CredentialsError, S3CopyError
from s3copy_cli.s3.store import ObjectStore
from s3copy_cli.s3.types import Bucket, ObjectHead, PutOptions
from s3copy_cli.transfer.bounded import bounded_map
from s3copy_cli.transfer.digest import FileDigest, digest_file
from s3copy_cli.transfer.plan import PlannedUpload, UploadPlan

# Files in hand at the same time; the parts of large ones are parallel inside the data plane.
THREADS = 16
# With one of these the ETag is not a digest of the bytes (S3 API, Object.ETag).
ENCRYPTIONS_WITHOUT_DIGEST = frozenset({"aws:kms", "aws:kms:dsse", "SSE-C"})
_HOPELESS_CODES = frozenset({"EndpointConnectionError", "NoSuchBucket"})

CheckedBy = Literal["etag", "crc32"]


@dataclass(frozen=True)
class FileResult:
    """What became of one file.

    Attributes:
        planned: the file.
        head: the object as it is now, if the file was uploaded and checked.
        checked_by: the proof that the object has the file's bytes; "" if there is none.
        finished_at: the clock when it was checked, in seconds.
        error: why it is not there, or not proved.
    """

    planned: PlannedUpload
    head: ObjectHead | None = None
    checked_by: CheckedBy | Literal[""] = ""
    finished_at: float = 0.0
    error: S3CopyError | None = None

    @property
    def is_uploaded(self) -> bool:
        """Whether the object is there and has the file's bytes."""
        return self.error is None


@dataclass(frozen=True)
class UploadReport:
    """What became of all files.

    Attributes:
        results: of every file that was begun and ended, in the plan's order.
        stopped_by: what made going on pointless, if anything.
        is_interrupted: whether the person stopped it.
    """

    results: list[FileResult] = field(default_factory=list)
    stopped_by: S3CopyError | None = None
    is_interrupted: bool = False


class _StoppedError(Exception):
    """Raised in progress callbacks to end transfers under way."""


def upload_files(
    store: ObjectStore,
    bucket: Bucket,
    plan: UploadPlan,
    *,
    on_progress: Callable[[int], None],
    on_result: Callable[[FileResult], None],
    clock: Callable[[], float] = time.monotonic,
    threads: int = THREADS,
) -> UploadReport:
    """Upload and check every file of a plan. One failure does not stop the others.

    Credentials that AWS refuses, a missing bucket, a network that is not there and Ctrl-C do stop it: transfers under
    way are ended, and the open parts of large files are removed.

    Args:
        store: the data plane.
        bucket: where to.
        plan: what.
        on_progress: bytes sent since the last call, from any thread.
        on_result: called in this thread with each file as it is done.
        clock: seconds.
        threads: files in hand at the same time.
    """
    stop = threading.Event()
    results: dict[int, FileResult] = {}
    stopped_by: S3CopyError | None = None
    is_interrupted = False

    def progress(amount: int) -> None:
        if stop.is_set():
            raise _StoppedError
        on_progress(amount)

    def work(item: tuple[int, PlannedUpload]) -> tuple[int, FileResult | None]:
        number, planned = item
        try:
            if stop.is_set():
                return number, None
            return number, _upload_one(store, bucket, planned, _options(plan, planned), progress, clock)
        except _StoppedError:
            return number, None

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="s3copy-upload") as pool:
        finished = bounded_map(pool, work, enumerate(plan.files), in_flight=2 * threads)
        try:
            for number, result in finished:
                if result is None:
                    continue
                results[number] = result
                on_result(result)
                if result.error is not None and _is_about_everything(result.error):
                    stopped_by = stopped_by or result.error
                    stop.set()
        except KeyboardInterrupt:
            is_interrupted = True
        finally:
            # The pool is waited for below: everything in hand has to end soon.
            stop.set()
            finished.close()
    return UploadReport([results[number] for number in sorted(results)], stopped_by, is_interrupted)


def _options(plan: UploadPlan, planned: PlannedUpload) -> PutOptions:
    return PutOptions(content_type=planned.content_type, metadata=plan.metadata, tags=plan.tags)


def _is_about_everything(error: S3CopyError) -> bool:
    """Whether no other file can fare better."""
    return isinstance(error, CredentialsError) or error.code in _HOPELESS_CODES


def _upload_one(
    store: ObjectStore,
    bucket: Bucket,
    planned: PlannedUpload,
    options: PutOptions,
    on_progress: Callable[[int], None],
    clock: Callable[[], float],
) -> FileResult:
    path = Path(planned.path)
    doing = f"uploading {planned.path} as {planned.key!r}"
    try:
        before = _identity(path)
        digest = _send(store, bucket, planned.key, path, before.size, options, on_progress)
        if digest.size != before.size:
            raise _changed(doing)
        head = store.head(bucket, planned.key)
        if _identity(path) != before:
            raise _changed(doing)
        checked_by = check(doing, digest, head)
    except S3CopyError as error:
        return FileResult(planned, error=error)
    except OSError as error:
        what = error.strerror or str(error)
        failure = S3CopyError(doing, f"the file cannot be read: {what}", "Check it and upload it again.", code="File")
        return FileResult(planned, error=failure)
    return FileResult(planned, head=head, checked_by=checked_by, finished_at=clock())


def _send(
    store: ObjectStore,
    bucket: Bucket,
    key: str,
    path: Path,
    size: int,
    options: PutOptions,
    on_progress: Callable[[int], None],
) -> FileDigest:
    """Send a file; the digest of its bytes."""

    def go_on() -> None:
        on_progress(0)

    part_size = store.part_size_for(size)
    if size <= part_size:
        digest = digest_file(path, part_size, go_on)
        if digest.size == size:
            store.put_file(bucket, key, path, options, on_progress)
        return digest
    # The digest of a large file takes about as long as sending it.
    has_failed = threading.Event()

    def read_on() -> None:
        if has_failed.is_set():
            raise _StoppedError
        go_on()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="s3copy-digest") as reader:
        reading = reader.submit(digest_file, path, part_size, read_on)
        try:
            store.put_file(bucket, key, path, options, on_progress)
        except BaseException:
            has_failed.set()
            raise
        return reading.result()


@dataclass(frozen=True, slots=True)
class _Identity:
    size: int
    modified_ns: int
    inode: int
    device: int


def _identity(path: Path) -> _Identity:
    status = path.stat()
    # Opening a pipe that took the file's place would block for ever.
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is not a file any more", os.fspath(path))
    return _Identity(status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)


def _changed(doing: str) -> S3CopyError:
    return S3CopyError(
        doing,
        "the file changed while it was being uploaded, so what is in the bucket may be a mixture",
        "Upload it again when nothing writes to it any more.",
        code="FileChanged",
    )


def check(doing: str, digest: FileDigest, head: ObjectHead | None) -> CheckedBy:
    """Which proof shows that an object has the bytes that were sent. Pure.

    Args:
        doing: for the error's message.
        digest: of the file.
        head: the object, or None if it is not there.

    Raises:
        S3CopyError: it has not, or nothing can prove that it has.
    """
    if head is None:
        raise AwsError(
            doing,
            "S3 accepted the file, but the object is not there",
            "Somebody may have deleted it at once. Upload it again.",
            code="ObjectMissing",
        )
    if head.size != digest.size:
        raise _differs(doing, f"it has {head.size:,} bytes and the file {digest.size:,}")
    if head.encryption not in ENCRYPTIONS_WITHOUT_DIGEST and head.etag == digest.etag:
        return "etag"
    expected = {"FULL_OBJECT": digest.crc32, "COMPOSITE": digest.crc32_composite}.get(head.checksum_type, "")
    found = head.checksums.get("CRC32", "")
    if expected and found:
        if found == expected:
            return "crc32"
        raise _differs(doing, f"its CRC32 is {found} and the file's {expected}")
    if head.encryption not in ENCRYPTIONS_WITHOUT_DIGEST:
        raise _differs(doing, f"its ETag is {head.etag} and the file's would be {digest.etag}")
    raise AwsError(
        doing,
        f"the object cannot be checked: it is encrypted with {head.encryption}, where an ETag is no digest, and S3 "
        "shows no CRC32",
        "Make sure that you may use the bucket's KMS key (kms:Decrypt) to read checksums.",
        code="NotCheckable",
    )


def _differs(doing: str, how: str) -> S3CopyError:
    return AwsError(
        doing,
        f"the object in the bucket is not the file that was sent: {how}",
        "Somebody else may have written the same key at the same time. Upload the file again.",
        code="ObjectDiffers",
    )
