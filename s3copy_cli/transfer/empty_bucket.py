"""Emptying a bucket: every version, every delete marker, every open multipart upload."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from s3copy_cli.errors import AwsError
from s3copy_cli.s3.store import KEYS_PER_REQUEST, ObjectStore
from s3copy_cli.s3.types import Bucket, DeleteFailure, MultipartUpload, ObjectVersion
from s3copy_cli.transfer.bounded import bounded_map

# Delete requests in flight: four of 1,000 keys each are near S3's rate for one prefix already.
THREADS = 4
# A bucket that still fills after so many passes is being written to; emptying it is a race.
MAX_ROUNDS = 8
# Failures kept in the report; the rest is only counted, so that memory stays constant.
MAX_FAILURES_KEPT = 1000
_TRANSIENT_CODES = frozenset({"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"})

Item = TypeVar("Item")


@dataclass(frozen=True)
class EmptyReport:
    """What emptying a bucket came to.

    Attributes:
        deleted_versions: versions and delete markers deleted.
        aborted_uploads: open multipart uploads aborted.
        failures: what could not be removed in the last pass, at most 1,000 entries; for an open upload,
            `version_id` is its upload id.
        failure_count: how many there were in the last pass.
        is_empty: whether the last pass's listing found nothing at all.
    """

    deleted_versions: int
    aborted_uploads: int
    failures: tuple[DeleteFailure, ...] = ()
    failure_count: int = 0
    is_empty: bool = True


@dataclass
class _Round:
    """One pass over the listings."""

    deleted: int = 0
    aborted: int = 0
    failure_count: int = 0
    failures: list[DeleteFailure] = field(default_factory=list)
    has_transient_failures: bool = False

    @property
    def found_nothing(self) -> bool:
        return not (self.deleted or self.aborted or self.failure_count)

    @property
    def is_stuck(self) -> bool:
        """Nothing was removed, and trying once more cannot change that."""
        return not (self.deleted or self.aborted or self.has_transient_failures)

    def add_failures(self, failures: Iterable[DeleteFailure]) -> None:
        for failure in failures:
            self.failure_count += 1
            self.has_transient_failures |= failure.code in _TRANSIENT_CODES
            if len(self.failures) < MAX_FAILURES_KEPT:
                self.failures.append(failure)


def empty_bucket(
    store: ObjectStore,
    bucket: Bucket,
    on_progress: Callable[[int], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> EmptyReport:
    """Remove everything from a bucket, until a listing finds nothing.

    It may be stopped at any point and run again. A failure to remove one object does not stop the others.

    Args:
        store: the data plane.
        bucket: the bucket to empty; it must exist.
        on_progress: called with the number of versions and uploads removed since the last call, from this thread.
        sleep: seconds; used before another pass where S3 asked to slow down.

    Returns:
        What was removed, and what was not.

    Raises:
        AwsError: the bucket cannot be listed, or S3 cannot be reached.
        CredentialsError: AWS refuses the credentials.
    """
    deleted = aborted = 0
    last = _Round()
    with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="s3copy-empty") as pool:
        for number in range(MAX_ROUNDS):
            if last.has_transient_failures:
                sleep(float(2**number))
            last = _one_round(store, bucket, on_progress, pool)
            deleted += last.deleted
            aborted += last.aborted
            if last.is_stuck:
                break
    return EmptyReport(
        deleted_versions=deleted,
        aborted_uploads=aborted,
        failures=tuple(last.failures),
        failure_count=last.failure_count,
        is_empty=last.found_nothing,
    )


def _one_round(
    store: ObjectStore, bucket: Bucket, on_progress: Callable[[int], None], pool: ThreadPoolExecutor
) -> _Round:
    this = _Round()

    def delete(batch: list[ObjectVersion]) -> tuple[int, list[DeleteFailure]]:
        return _delete(store, bucket, batch)

    def abort(batch: list[MultipartUpload]) -> tuple[int, list[DeleteFailure]]:
        return _abort(store, bucket, batch)

    for done, failures in bounded_map(
        pool, delete, _batches(store.iter_versions(bucket), KEYS_PER_REQUEST), in_flight=2 * THREADS
    ):
        this.deleted += done
        this.add_failures(failures)
        on_progress(done)
    for done, failures in bounded_map(
        pool, abort, _batches(store.iter_multipart_uploads(bucket), 1), in_flight=2 * THREADS
    ):
        this.aborted += done
        this.add_failures(failures)
        on_progress(done)
    return this


def _delete(store: ObjectStore, bucket: Bucket, batch: list[ObjectVersion]) -> tuple[int, list[DeleteFailure]]:
    try:
        failures = store.delete_versions(bucket, batch)
    except AwsError as error:
        if _is_about_everything(error):
            raise
        failures = [DeleteFailure(v.key, v.version_id, error.code, error.happened) for v in batch]
    return len(batch) - len(failures), failures


def _abort(store: ObjectStore, bucket: Bucket, batch: list[MultipartUpload]) -> tuple[int, list[DeleteFailure]]:
    failures = []
    for upload in batch:
        try:
            store.abort_multipart_upload(bucket, upload)
        except AwsError as error:
            if _is_about_everything(error):
                raise
            failures.append(DeleteFailure(upload.key, upload.upload_id, error.code, error.happened))
    return len(batch) - len(failures), failures


def _is_about_everything(error: AwsError) -> bool:
    """Whether going on makes no sense: the bucket is gone, or AWS gave no answer at all."""
    return error.code == "NoSuchBucket" or not error.operation


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
