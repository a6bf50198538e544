"""Multipart sources as real clients make them, on moto over HTTP: the copy has the same ETag."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from moto.server import ThreadedMotoServer

from lambda_handler.clients import Clients, make_clients
from lambda_handler.drive import drive
from lambda_handler.errors import Failure, RequestError
from lambda_handler.function import Function, Surroundings
from lambda_handler.options import DEFAULT_OPTIONS, Options
from lambda_handler.perform import Performer
from lambda_handler.reconcile import Outcome, Report, reconcile
from lambda_handler.requests import Asked, CompleteUpload, Continue, CopyPart

SOURCE, DESTINATION = "p-source", "p-destination"
MIB = 1024**2
DATA = random.Random(1).randbytes(51 * MIB)  # noqa: S311


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def s3(server, monkeypatch, aws_environment) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    client = boto3.client("s3")
    for bucket in (SOURCE, DESTINATION):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield client
    for bucket in (SOURCE, DESTINATION):
        for found in client.list_objects_v2(Bucket=bucket).get("Contents", ()):
            client.delete_object(Bucket=bucket, Key=found["Key"])
        for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        client.delete_bucket(Bucket=bucket)


class Noting(Performer):
    """Notes what it is asked for."""

    asked: Counter[str]
    parts: list[CopyPart]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked = Counter()
        self.parts = []

    def perform(self, asked: Asked) -> Any:
        if not isinstance(asked, tuple):
            self.asked[type(asked).__name__] += 1
        if isinstance(asked, CopyPart):
            self.parts.append(asked)
        return super().perform(asked)


@pytest.fixture
def performer(s3, clients, settings) -> Noting:
    return Noting(clients, settings, lambda _: None)


def run(performer: Performer, key: str, options: Options = DEFAULT_OPTIONS) -> Report:
    return drive(reconcile(key, options, seconds_left=lambda: 300.0), performer.perform)


def put_parts(s3: Any, key: str, sizes: tuple[int, ...], **more: Any) -> str:
    """Upload in parts of these sizes; the ETag."""
    upload = s3.create_multipart_upload(Bucket=SOURCE, Key=key, **more)["UploadId"]
    parts = []
    first = 0
    for number, size in enumerate(sizes, 1):
        part = s3.upload_part(
            Bucket=SOURCE, Key=key, UploadId=upload, PartNumber=number, Body=DATA[first : first + size]
        )
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
        first += size
    done = s3.complete_multipart_upload(Bucket=SOURCE, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    etag: str = done["ETag"]
    return etag


@pytest.mark.parametrize(
    ("part_mib", "total"),
    [(5, 12 * MIB + 1), (8, 16 * MIB), (15, 31 * MIB), (50, 51 * MIB)],
)
def test_uploads_of_the_sdk(s3, performer, part_mib: int, total: int) -> None:
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=part_mib * MIB)
    s3.upload_fileobj(io.BytesIO(DATA[:total]), SOURCE, "k", Config=config)
    source = s3.head_object(Bucket=SOURCE, Key="k")
    assert source["ETag"].endswith(f'-{-(-total // (part_mib * MIB))}"')
    report = run(performer, "k")
    assert (report.outcome, report.rounds, report.strategy) == (Outcome.COPIED, 1, "multipart_copy")
    copied = s3.head_object(Bucket=DESTINATION, Key="k")
    assert (copied["ETag"], copied["ContentLength"]) == (source["ETag"], total)
    assert report.parts == performer.asked["CopyPart"]
    assert run(performer, "k").outcome is Outcome.ALREADY_EQUAL


@pytest.mark.parametrize(
    ("sizes", "uploads"),
    [
        ((6 * MIB, 5 * MIB, 5 * MIB, 1 * MIB), 1),  # cannot be uniform: every part is looked at
        ((5 * MIB, 6 * MIB, 5 * MIB, 1), 2),  # looks uniform: the ETag shows that it is not
        ((7 * MIB,), 1),
        ((5 * MIB,), 1),
        ((1,), 1),
        ((0,), 1),
        ((5 * MIB, 0), 1),
        ((5 * MIB, 5 * MIB, 0), 1),
    ],
    ids=str,
)
def test_odd_parts(s3, performer, sizes: tuple[int, ...], uploads: int) -> None:
    etag = put_parts(s3, "k", sizes)
    report = run(performer, "k")
    assert (report.outcome, report.parts, report.rounds) == (Outcome.COPIED, len(sizes), uploads)
    assert report.notes == ()
    copied = s3.get_object(Bucket=DESTINATION, Key="k")
    assert copied["ETag"] == etag
    assert copied["Body"].read() == DATA[: sum(sizes)]
    assert performer.asked["CompleteUpload"] == uploads
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=DESTINATION)


def test_everything_that_describes_an_object_is_kept(s3, performer) -> None:
    headers: dict[str, Any] = {
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="s.csv"',
        "ContentEncoding": "identity",
        "ContentLanguage": "en-GB",
        "ContentType": "text/csv; charset=utf-8",
        "Expires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        "Metadata": {"colour": "blue", "origin": "test"},
        "StorageClass": "STANDARD_IA",
    }
    put_parts(s3, "a b/ü+", (5 * MIB, 1), Tagging="team=data&cost=a%20b", **headers)
    assert run(performer, "a b/ü+", Options(storage_class="keep")).outcome is Outcome.COPIED
    copied = s3.head_object(Bucket=DESTINATION, Key="a b/ü+")
    assert {name: copied[name] for name in headers} == headers
    tags = s3.get_object_tagging(Bucket=DESTINATION, Key="a b/ü+")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "data", "cost": "a b"}
    assert run(performer, "a b/ü+").outcome is Outcome.ALREADY_EQUAL


@pytest.mark.parametrize(
    ("value", "read"),
    [
        # S3 sends what is not ASCII so, and reads it so.
        ("=?UTF-8?Q?caf=C3=A9_=E4=B8=AD?=", "=?UTF-8?Q?caf=C3=A9_=E4=B8=AD?="),
        # Other implementations, moto among them, send UTF-8, which the SDK reads as Latin-1.
        ("café 中", "café 中".encode().decode("latin-1")),
    ],
    ids=["encoded words", "UTF-8"],
)
@pytest.mark.parametrize("is_in_parts", [True, False], ids=["in parts", "whole"])
def test_what_is_not_ascii_is_kept(s3, performer, value: str, read: str, is_in_parts: bool) -> None:
    def add_headers(params: Any, **_: Any) -> None:
        # The SDK itself would refuse the first.
        params["headers"] |= {"x-amz-meta-name": value, "Content-Disposition": f'attachment; filename="{value}"'}

    for operation in ("CreateMultipartUpload", "PutObject"):
        s3.meta.events.register(f"before-call.s3.{operation}", add_headers)
    if is_in_parts:
        put_parts(s3, "k", (5 * MIB, 1), Metadata={"colour": "blue"})
    else:
        s3.put_object(Bucket=SOURCE, Key="k", Body=b"abc", Metadata={"colour": "blue"})
    report = run(performer, "k")
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 1)
    assert report.strategy == ("multipart_copy" if is_in_parts else "copy_object")
    for bucket in (SOURCE, DESTINATION):
        found = s3.head_object(Bucket=bucket, Key="k")
        assert found["Metadata"] == {"colour": "blue", "name": read}
        assert found["ContentDisposition"] == f'attachment; filename="{read}"'
    assert run(performer, "k").outcome is Outcome.ALREADY_EQUAL


@pytest.mark.parametrize(("algorithm", "kind"), [("CRC32", "FULL_OBJECT"), ("SHA256", "COMPOSITE")])
def test_the_checksum_is_of_the_same_kind(s3, performer, algorithm: str, kind: str) -> None:
    put_parts(s3, "k", (5 * MIB, 1), ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert run(performer, "k").outcome is Outcome.COPIED
    looked = [s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED") for bucket in (SOURCE, DESTINATION)]
    checksums = [{name: head[name] for name in head if name.startswith("Checksum")} for head in looked]
    assert set(checksums[0]) == {f"Checksum{algorithm}", "ChecksumType"}
    assert checksums[0] == checksums[1]


def test_an_old_sdk_copies_in_parts_too(s3, old_clients, settings) -> None:
    etag = put_parts(s3, "k", (5 * MIB, 6 * MIB, 1))
    performer = Performer(old_clients(), settings, lambda _: None)
    assert run(performer, "k").outcome is Outcome.COPIED
    assert s3.head_object(Bucket=DESTINATION, Key="k")["ETag"] == etag


def test_the_first_failing_part_stops_the_others_and_the_next_round_goes_on(s3, clients, settings) -> None:
    class Failing(Noting):
        failures = 0

        def perform(self, asked: Asked) -> Any:
            if isinstance(asked, CopyPart) and asked.number == 3 and not self.failures:
                self.failures += 1
                raise RequestError(Failure("InternalError", "said S3", "UploadPartCopy"))
            return super().perform(asked)

    etag = put_parts(s3, "k", (5 * MIB,) * 5)
    one_at_a_time = replace(settings, options=Options(part_concurrency=1))
    performer = Failing(clients, one_at_a_time, lambda _: None)
    report = run(performer, "k", one_at_a_time.options)
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert [part.number for part in performer.parts] == [1, 2, 3, 4, 5]
    assert s3.head_object(Bucket=DESTINATION, Key="k")["ETag"] == etag


class Lambda:
    """This function, invoked as Lambda would: its own asynchronous invocations wait in a queue."""

    def __init__(self, clients: Clients, settings: Any, seconds: float) -> None:
        self.lines: list[dict[str, Any]] = []
        self.queue: list[Any] = []
        self.copied: list[int] = []
        self._seconds = seconds
        self._left = 0.0
        self._invocations = 0

        class Timed(Noting):
            def perform(performer, asked: Asked) -> Any:  # noqa: N805
                if isinstance(asked, CopyPart):
                    self.copied.append(asked.number)
                    self._left -= 1
                if isinstance(asked, CompleteUpload):
                    assert self._left > 0
                if isinstance(asked, Continue):
                    return self.queue.append(json.loads(performer._payload_of(asked)))
                return super().perform(asked)

        surroundings = Surroundings(
            write=lambda line: self.lines.append(json.loads(line)),
            now=lambda: datetime.now(timezone.utc),
            monotonic=lambda: 0.0,
        )
        self._function = Function(
            settings, lambda payload_of, _: Timed(clients, settings, lambda _: None, payload_of), surroundings
        )

    def invoke(self, event: Any) -> Any:
        self._left = self._seconds
        self._invocations += 1
        context = SimpleNamespace(
            aws_request_id=f"r-{self._invocations}", get_remaining_time_in_millis=lambda: self._left * 1000
        )
        return self._function(event, context)

    @property
    def outcomes(self) -> list[str]:
        return [line["outcome"] for line in self.lines if "outcome" in line]


def created(key: str) -> dict[str, Any]:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-01-02T03:04:05.000Z",
        "eventName": "ObjectCreated:CompleteMultipartUpload",
        "s3": {"bucket": {"name": SOURCE}, "object": {"key": key}},
    }
    return {"Records": [record]}


SIZES = (5 * MIB,) * 9 + (1,)


@pytest.fixture
def function(s3, settings) -> Callable[..., Lambda]:
    def make(seconds: float) -> Lambda:
        few = replace(settings, options=Options(part_concurrency=2), function_name="p-copy")
        return Lambda(make_clients(2), few, seconds)

    return make


def test_a_copy_stopped_by_the_clock_several_times(s3, function) -> None:
    etag = put_parts(s3, "k", SIZES, Metadata={"colour": "blue"})
    deployed = function(8.0)
    deployed.invoke(created("k"))
    while deployed.queue:
        deployed.invoke(deployed.queue.pop(0))
    assert deployed.outcomes.count("continued") >= 2
    assert set(deployed.outcomes[:-1]) == {"continued"}
    assert deployed.outcomes[-1] == "copied"
    assert sorted(deployed.copied) == list(range(1, 11))
    copied = s3.head_object(Bucket=DESTINATION, Key="k")
    assert (copied["ETag"], copied["Metadata"]) == (etag, {"colour": "blue"})
    assert {line["first_request_id"] for line in deployed.lines if "first_request_id" in line} == {"r-1"}
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=DESTINATION)


def test_every_continuation_delivered_twice(s3, function) -> None:
    etag = put_parts(s3, "k", SIZES)
    deployed = function(8.0)
    deployed.invoke(created("k"))
    for _ in range(30):
        if not deployed.queue:
            break
        event = deployed.queue.pop(0)
        deployed.invoke(event)
        deployed.invoke(event)
    assert deployed.queue == []
    assert deployed.outcomes.count("copied") == 1
    assert set(deployed.outcomes) == {"continued", "copied", "already_equal"}
    assert s3.head_object(Bucket=DESTINATION, Key="k")["ETag"] == etag
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=DESTINATION)


def test_a_source_that_changes_between_hops(s3, function) -> None:
    put_parts(s3, "k", SIZES)
    deployed = function(8.0)
    deployed.invoke(created("k"))
    s3.put_object(Bucket=SOURCE, Key="k", Body=b"new")
    deployed.invoke(deployed.queue.pop(0))
    assert deployed.outcomes == ["continued", "copied"]
    assert s3.get_object(Bucket=DESTINATION, Key="k")["Body"].read() == b"new"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=DESTINATION)


def test_an_upload_that_was_swept_between_hops(s3, function) -> None:
    etag = put_parts(s3, "k", (5 * MIB,) * 5)
    deployed = function(6.0)
    deployed.invoke(created("k"))
    (upload,) = s3.list_multipart_uploads(Bucket=DESTINATION)["Uploads"]
    s3.abort_multipart_upload(Bucket=DESTINATION, Key="k", UploadId=upload["UploadId"])
    deployed.invoke(deployed.queue.pop(0))
    while deployed.queue:
        deployed.invoke(deployed.queue.pop(0))
    assert deployed.outcomes[-1] == "copied"
    assert s3.head_object(Bucket=DESTINATION, Key="k")["ETag"] == etag


def test_an_archived_source_fails_for_good_and_leaves_nothing_open(s3, performer) -> None:
    put_parts(s3, "k", (5 * MIB, 1), StorageClass="GLACIER")
    report = run(performer, "k")
    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    assert report.failure.permanent
    assert "restore it" in report.failure.message
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=DESTINATION)
