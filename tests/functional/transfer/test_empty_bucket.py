# ruff: noqa: ARG002  (a fake has no use for every parameter of the interface)
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from s3copy_cli.errors import AwsError, CredentialsError
from s3copy_cli.s3 import Bucket, CrtObjectStore, DeleteFailure, MultipartUpload, ObjectVersion
from s3copy_cli.transfer import empty_bucket as module
from s3copy_cli.transfer.empty_bucket import MAX_FAILURES_KEPT, MAX_ROUNDS, empty_bucket


def nothing(amount: int) -> None:
    pass


class FakeStore:
    """A versioned bucket in memory that refuses what it is told to refuse."""

    def __init__(
        self,
        versions: Sequence[ObjectVersion] = (),
        uploads: Sequence[MultipartUpload] = (),
        refuse: Callable[[ObjectVersion], str] = lambda _: "",
    ) -> None:
        self.versions = list(versions)
        self.uploads = list(uploads)
        self.refuse = refuse
        self.delete_calls = 0
        self.delete_error: Exception | None = None
        self.abort_error: Exception | None = None

    def iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
        yield from list(self.versions)

    def iter_multipart_uploads(self, bucket: Bucket) -> Iterator[MultipartUpload]:
        yield from list(self.uploads)

    def delete_versions(self, bucket: Bucket, versions: Sequence[ObjectVersion]) -> list[DeleteFailure]:
        self.delete_calls += 1
        if self.delete_error is not None:
            raise self.delete_error
        refused = {version: code for version in versions if (code := self.refuse(version))}
        gone = set(versions) - set(refused)
        self.versions = [version for version in self.versions if version not in gone]
        return [DeleteFailure(v.key, v.version_id, code, "no") for v, code in refused.items()]

    def abort_multipart_upload(self, bucket: Bucket, upload: MultipartUpload) -> None:
        if self.abort_error is not None:
            raise self.abort_error
        self.uploads.remove(upload)


def empty(store: Any, sleeps: list[float] | None = None) -> module.EmptyReport:
    sleeps = [] if sleeps is None else sleeps
    return empty_bucket(store, Bucket("b", "123456789012"), nothing, sleep=sleeps.append)


class OneAtATime:
    """moto lists a bucket wrongly while another thread deletes from it, so here listing and deleting take turns."""

    def __init__(self, store: CrtObjectStore) -> None:
        self.store = store
        self.lock = threading.Lock()
        self.delete_calls = 0

    def iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
        iterator = self.store.iter_versions(bucket)
        while True:
            with self.lock:
                version = next(iterator, None)
            if version is None:
                return
            yield version

    def iter_multipart_uploads(self, bucket: Bucket) -> Iterator[MultipartUpload]:
        return self.store.iter_multipart_uploads(bucket)

    def delete_versions(self, bucket: Bucket, versions: Sequence[ObjectVersion]) -> list[DeleteFailure]:
        with self.lock:
            self.delete_calls += 1
            return self.store.delete_versions(bucket, versions)


def versions(count: int) -> list[ObjectVersion]:
    return [ObjectVersion(f"key-{number:06}", "v1") for number in range(count)]


def test_a_versioned_bucket_with_delete_markers_becomes_deletable(
    s3: Any, store: CrtObjectStore, bucket: Bucket
) -> None:
    s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    for round_number in range(3):
        for key in ("a", "dir/", "ü \n+%2F"):
            s3.put_object(Bucket=bucket.name, Key=key, Body=str(round_number).encode())
    s3.delete_object(Bucket=bucket.name, Key="a")
    seen: list[int] = []

    report = empty_bucket(store, bucket, seen.append)

    assert (report.deleted_versions, report.failure_count, report.is_empty) == (10, 0, True)
    assert sum(seen) == 10
    s3.delete_bucket(Bucket=bucket.name)


def test_2500_objects_of_an_unversioned_bucket_go_in_three_requests(
    s3: Any, store: CrtObjectStore, bucket: Bucket
) -> None:
    for number in range(2500):
        s3.put_object(Bucket=bucket.name, Key=f"k{number}", Body=b"")
    in_turns: Any = OneAtATime(store)

    report = empty_bucket(in_turns, bucket, nothing)

    assert report.deleted_versions == 2500
    assert in_turns.delete_calls == 3
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket.name)


def test_open_multipart_uploads_are_aborted(s3: Any, store: CrtObjectStore, bucket: Bucket) -> None:
    for key in ("open", "also open/ü +"):
        upload_id = s3.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
        s3.upload_part(Bucket=bucket.name, Key=key, UploadId=upload_id, PartNumber=1, Body=b"part")

    report = empty_bucket(store, bucket, nothing)

    assert (report.aborted_uploads, report.deleted_versions, report.is_empty) == (2, 0, True)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket.name)


def test_an_empty_bucket_is_left_alone(store: CrtObjectStore, bucket: Bucket) -> None:
    report = empty_bucket(store, bucket, nothing)
    assert report == module.EmptyReport(deleted_versions=0, aborted_uploads=0)


def test_a_locked_object_is_reported_and_the_others_go(s3: Any, store: CrtObjectStore) -> None:
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="locked", Key="free", Body=b"")
    s3.put_object(
        Bucket="locked",
        Key="held",
        Body=b"",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=datetime.now(timezone.utc) + timedelta(days=1),
    )

    report = empty_bucket(store, Bucket("locked", "123456789012"), nothing)

    assert [(failure.key, failure.code) for failure in report.failures] == [("held", "AccessDenied")]
    assert (report.deleted_versions, report.failure_count, report.is_empty) == (1, 1, False)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="locked")["Contents"]] == ["held"]


def test_a_bucket_that_does_not_exist_is_an_error(store: CrtObjectStore, bucket: Bucket) -> None:
    with pytest.raises(AwsError) as caught:
        empty_bucket(store, Bucket("nowhere", bucket.owner), nothing)
    assert caught.value.code == "NoSuchBucket"


def test_a_hopeless_bucket_is_listed_once_not_for_ever() -> None:
    fake = FakeStore(versions(10), refuse=lambda _: "AccessDenied")
    report = empty(fake)
    assert fake.delete_calls == 1
    assert (report.deleted_versions, report.failure_count, report.is_empty) == (0, 10, False)


def test_a_transient_failure_is_tried_again_after_a_pause() -> None:
    answers = iter(["SlowDown", "InternalError"])
    fake = FakeStore(versions(1), refuse=lambda _: next(answers, ""))
    sleeps: list[float] = []
    report = empty(fake, sleeps)
    assert (report.deleted_versions, report.failures, report.is_empty) == (1, (), True)
    assert sleeps == [2.0, 4.0]


def test_a_bucket_that_keeps_filling_is_given_up_on_and_said_not_to_be_empty() -> None:
    class Filling(FakeStore):
        def iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
            yield ObjectVersion("again", "v")

    fake = Filling()
    report = empty(fake)
    assert fake.delete_calls == MAX_ROUNDS
    assert report.is_empty is False


def test_the_report_is_bounded_and_the_count_is_not() -> None:
    fake = FakeStore(versions(2 * MAX_FAILURES_KEPT + 1), refuse=lambda _: "AccessDenied")
    report = empty(fake)
    assert len(report.failures) == MAX_FAILURES_KEPT
    assert report.failure_count == 2 * MAX_FAILURES_KEPT + 1


def test_a_refused_request_counts_for_each_of_its_keys() -> None:
    fake = FakeStore(versions(3), [MultipartUpload("up", "id")])
    fake.delete_error = AwsError("deleting", "denied", code="AccessDenied", operation="DeleteObjects")
    fake.abort_error = AwsError("aborting", "denied", code="AccessDenied", operation="AbortMultipartUpload")
    report = empty(fake)
    assert report.failure_count == 4
    assert report.failures[-1] == DeleteFailure("up", "id", "AccessDenied", "denied")


@pytest.mark.parametrize(
    "error",
    [
        AwsError("deleting", "gone", code="NoSuchBucket", operation="DeleteObjects"),
        AwsError("deleting", "no network", code="EndpointConnectionError"),
        CredentialsError("deleting", "expired"),
    ],
)
def test_what_concerns_everything_stops_everything(error: Exception) -> None:
    fake = FakeStore(versions(5000), [MultipartUpload("up", "id")])
    fake.delete_error = error
    with pytest.raises(type(error)):
        empty(fake)
    fake.versions = []
    fake.abort_error = error
    with pytest.raises(type(error)):
        empty(fake)


def test_the_listing_is_consumed_no_faster_than_it_is_deleted() -> None:
    listed = 0
    deleted = 0
    ahead: list[int] = []

    class Counting(FakeStore):
        is_first = True

        def iter_versions(self, bucket: Bucket) -> Iterator[ObjectVersion]:
            nonlocal listed
            if not self.is_first:
                return
            self.is_first = False
            for version in versions(50_000):
                listed += 1
                ahead.append(listed - deleted)
                yield version

    def progress(amount: int) -> None:
        nonlocal deleted
        deleted += amount

    report = empty_bucket(Counting(), Bucket("b", "123456789012"), progress)  # type: ignore[arg-type]
    assert report.deleted_versions == 50_000
    # At most 2 * 4 batches in flight, a full one in hand and those just finished.
    assert max(ahead) <= 17 * 1000
