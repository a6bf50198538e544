# ruff: noqa: ARG002  (a fake has no use for every parameter of the interface)
from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from s3copy_cli.errors import AwsError, CredentialsError, S3CopyError
from s3copy_cli.s3 import Bucket, ObjectHead, PutOptions
from s3copy_cli.transfer.digest import FileDigest, digest_file
from s3copy_cli.transfer.listing import list_files
from s3copy_cli.transfer.plan import UploadPlan, plan_uploads
from s3copy_cli.transfer.upload import FileResult, UploadReport, check, upload_files

BUCKET = Bucket("source", "123456789012")
DIGEST = FileDigest(size=3, etag="md5", crc32="full")
PARTS = FileDigest(size=3, etag="md5-2", crc32="full", crc32_composite="composite-2")


def head(**changes: Any) -> ObjectHead:
    plain = ObjectHead(key="k", size=3, etag="md5", last_modified=datetime(2026, 1, 1, tzinfo=timezone.utc))
    return replace(plain, **changes)


def crc(value: str, kind: str) -> dict[str, Any]:
    return {"checksums": {"CRC32": value}, "checksum_type": kind}


@pytest.mark.parametrize(
    ("digest", "changes", "proof"),
    [
        (DIGEST, {}, "etag"),
        (DIGEST, {"encryption": "AES256"}, "etag"),
        (PARTS, {"etag": "md5-2"}, "etag"),
        (DIGEST, {"encryption": "aws:kms", "etag": "?", **crc("full", "FULL_OBJECT")}, "crc32"),
        (DIGEST, {"encryption": "aws:kms", **crc("full", "FULL_OBJECT")}, "crc32"),
        (PARTS, {"encryption": "aws:kms:dsse", "etag": "?", **crc("composite-2", "COMPOSITE")}, "crc32"),
        (PARTS, {"encryption": "SSE-C", "etag": "?", **crc("full", "FULL_OBJECT")}, "crc32"),
        # An implementation of S3 whose ETags are not MD5s.
        (DIGEST, {"etag": "random", **crc("full", "FULL_OBJECT")}, "crc32"),
    ],
)
def test_the_proof_of_an_upload(digest: FileDigest, changes: dict[str, Any], proof: str) -> None:
    assert check("uploading", digest, head(**changes)) == proof


@pytest.mark.parametrize(
    ("digest", "found", "code"),
    [
        (DIGEST, None, "ObjectMissing"),
        (DIGEST, head(size=4), "ObjectDiffers"),
        (DIGEST, head(etag="other"), "ObjectDiffers"),
        (PARTS, head(etag="md5-3"), "ObjectDiffers"),
        (DIGEST, head(etag="other", **crc("other", "FULL_OBJECT")), "ObjectDiffers"),
        (PARTS, head(encryption="aws:kms", etag="?", **crc("other-2", "COMPOSITE")), "ObjectDiffers"),
        # The same characters as checksum of another type prove nothing.
        (DIGEST, head(encryption="aws:kms", etag="md5", **crc("full", "COMPOSITE")), "NotCheckable"),
        (DIGEST, head(encryption="aws:kms", etag="md5"), "NotCheckable"),
        (DIGEST, head(encryption="SSE-C", checksums={"SHA256": "x"}, checksum_type="FULL_OBJECT"), "NotCheckable"),
    ],
)
def test_what_is_not_proved_is_an_error_with_a_hint(digest: FileDigest, found: ObjectHead | None, code: str) -> None:
    with pytest.raises(S3CopyError) as caught:
        check("uploading", digest, found)
    assert caught.value.code == code
    assert caught.value.hint


class Store:
    """Keeps what it is given; `on_put` may fail instead."""

    part_size = 8

    def __init__(self, on_put: Callable[[str, Path, Callable[[int], None]], None] | None = None) -> None:
        self.on_put = on_put
        self.objects: dict[str, ObjectHead] = {}
        self.options: dict[str, PutOptions] = {}
        self.lock = threading.Lock()

    def part_size_for(self, size: int) -> int:
        return self.part_size

    def put_file(
        self, bucket: Bucket, key: str, path: Path, options: PutOptions, on_progress: Callable[[int], None]
    ) -> None:
        if self.on_put is not None:
            self.on_put(key, path, on_progress)
        digest = digest_file(path, self.part_size)
        on_progress(digest.size)
        with self.lock:
            self.objects[key] = head(key=key, size=digest.size, etag=digest.etag)
            self.options[key] = options

    def head(self, bucket: Bucket, key: str) -> ObjectHead | None:
        return self.objects.get(key)


def plan_of(folder: Path, count: int) -> UploadPlan:
    for number in range(count):
        path = folder / f"{number:04}"
        path.write_text(f"content of {number}")
        # Old, so that a later change shows however coarse the file system's clock is.
        os.utime(path, (1, 1))
    return plan_uploads(list_files([str(folder)], recursive=True).files, metadata=["a=b"], tags=["c=d"])


def send(store: Store, plan: UploadPlan, on_result: Callable[[FileResult], None] = lambda _: None) -> UploadReport:
    return upload_files(
        store,  # type: ignore[arg-type]
        BUCKET,
        plan,
        on_progress=lambda _: None,
        on_result=on_result,
        clock=lambda: 5.0,
        threads=4,
    )


def test_all_files_are_sent_with_the_plans_properties_and_reported_in_its_order(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, 100)
    store = Store()
    report = send(store, plan)
    assert [result.planned for result in report.results] == list(plan.files)
    assert {(result.checked_by, result.finished_at) for result in report.results} == {("etag", 5.0)}
    assert (report.stopped_by, report.is_interrupted) == (None, False)
    assert set(store.objects) == {file.key for file in plan.files}
    assert store.options["0000"] == PutOptions("application/octet-stream", "", {"a": "b"}, {"c": "d"})


def test_a_failure_stays_with_its_file(tmp_path: Path) -> None:
    def on_put(key: str, path: Path, on_progress: Callable[[int], None]) -> None:
        if key == "0003":
            raise AwsError("uploading", "denied", code="AccessDenied", operation="PutObject")

    report = send(Store(on_put), plan_of(tmp_path, 10))
    assert [result.planned.key for result in report.results if not result.is_uploaded] == ["0003"]
    assert len(report.results) == 10


@pytest.mark.parametrize(
    "error",
    [
        CredentialsError("uploading", "expired"),
        AwsError("uploading", "gone", code="NoSuchBucket", operation="PutObject"),
        AwsError("uploading", "no network", code="EndpointConnectionError"),
    ],
)
def test_what_concerns_all_files_stops_after_a_few(tmp_path: Path, error: S3CopyError) -> None:
    def on_put(key: str, path: Path, on_progress: Callable[[int], None]) -> None:
        raise error

    report = send(Store(on_put), plan_of(tmp_path, 200))
    assert report.stopped_by is error
    assert len(report.results) < 50


@pytest.mark.parametrize("change", ["grown", "rewritten", "replaced", "removed", "piped"])
def test_a_file_that_changes_meanwhile_is_not_claimed(tmp_path: Path, change: str) -> None:
    def on_put(key: str, path: Path, on_progress: Callable[[int], None]) -> None:
        if change == "grown":
            with path.open("a") as file:
                file.write("more")
        elif change == "rewritten":
            path.write_text("CONTENT OF 0")
        elif change == "replaced":
            other = path.with_name("other")
            other.write_bytes(path.read_bytes())
            other.replace(path)

    class Removing(Store):
        def head(self, bucket: Bucket, key: str) -> ObjectHead | None:
            path = tmp_path / key
            if change in {"removed", "piped"}:
                path.unlink()
            if change == "piped":
                os.mkfifo(path)
            return super().head(bucket, key)

    report = send(Removing(on_put), plan_of(tmp_path, 1))
    (result,) = report.results
    assert result.error is not None
    expected = {"removed": "File", "piped": "File"}.get(change, "FileChanged")
    assert result.error.code == expected
    assert result.error.hint


def test_a_file_that_is_gone_before_its_turn_fails_alone(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, 3)
    (tmp_path / "0001").unlink()
    report = send(Store(), plan)
    assert [result.is_uploaded for result in report.results] == [True, False, True]
    assert "No such file" in str(report.results[1].error)


def test_ctrl_c_ends_what_is_under_way_and_begins_nothing_more(tmp_path: Path) -> None:
    busy = threading.Event()
    ended: list[str] = []
    begun: list[str] = []

    def on_put(key: str, path: Path, on_progress: Callable[[int], None]) -> None:
        begun.append(key)
        if key == "0000":
            # Done while the others are busy for as long as nobody stops them.
            busy.wait(20)
            return
        busy.set()
        deadline = threading.Event()
        try:
            while not deadline.wait(0.01):
                on_progress(1)
        except Exception:
            ended.append(key)
            raise

    def on_result(result: FileResult) -> None:
        raise KeyboardInterrupt

    report = send(Store(on_put), plan_of(tmp_path, 100), on_result)
    assert report.is_interrupted
    assert [result.planned.key for result in report.results] == ["0000"]
    assert sorted(ended) == sorted(set(begun) - {"0000"})
    assert len(begun) <= 5
