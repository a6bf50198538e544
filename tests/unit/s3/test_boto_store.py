"""What moto does not show: answers written by hand, requests looked at byte by byte."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from s3transfer.utils import ChunksizeAdjuster

from s3copy_cli.errors import AwsError, CredentialsError
from s3copy_cli.s3 import BotoObjectStore, Bucket, DeleteFailure, MultipartUpload, ObjectVersion, PutOptions
from s3copy_cli.s3.boto_store import MAX_PARTS, MIN_PART_SIZE

BUCKET = Bucket("source", "123456789012")
OWNER = {"ExpectedBucketOwner": BUCKET.owner}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return boto3.Session(region_name="us-east-1").client("s3", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def store(client: Any) -> BotoObjectStore:
    return BotoObjectStore(client)


@given(st.integers(0, 60 * 1024**4), st.sampled_from([MIN_PART_SIZE, 8 * 1024**2, 5 * 1024**3]))
def test_the_part_size_is_the_one_that_s3transfer_takes(size: int, part_size: int) -> None:
    store = BotoObjectStore(object(), part_size)  # type: ignore[arg-type]
    found = store.part_size_for(size)
    assert found == ChunksizeAdjuster().adjust_chunksize(part_size, size)
    if size <= MAX_PARTS * 5 * 1024**3:
        assert -(-size // found) <= MAX_PARTS


@pytest.mark.parametrize("part_size", [0, MIN_PART_SIZE - 1, 5 * 1024**3 + 1])
def test_parts_that_s3_refuses_are_refused(part_size: int) -> None:
    with pytest.raises(ValueError, match="a part has"):
        BotoObjectStore(object(), part_size)  # type: ignore[arg-type]


def test_failures_of_a_bulk_delete_come_back(stub: Stubber, store: BotoObjectStore) -> None:
    objects = [{"Key": key, "VersionId": "v"} for key in ("a", "b")]
    stub.add_response(
        "delete_objects",
        {"Errors": [{"Key": "b", "VersionId": "v", "Code": "AccessDenied", "Message": "locked"}]},
        {"Bucket": "source", "Delete": {"Objects": objects, "Quiet": True}, **OWNER},
    )
    failures = store.delete_versions(BUCKET, [ObjectVersion("a", "v"), ObjectVersion("b", "v")])
    assert failures == [DeleteFailure("b", "v", "AccessDenied", "locked")]


def test_keys_that_xml_cannot_carry_are_deleted_one_by_one(stub: Stubber, store: BotoObjectStore) -> None:
    bulk = {"Objects": [{"Key": "tab\tline\n", "VersionId": "v"}], "Quiet": True}
    stub.add_response("delete_objects", {}, {"Bucket": "source", "Delete": bulk, **OWNER})
    stub.add_response("delete_object", {}, {"Bucket": "source", "Key": "a\x01", "VersionId": "v", **OWNER})
    stub.add_client_error("delete_object", "AccessDenied", "locked")
    versions = [ObjectVersion("a\x01", "v"), ObjectVersion("tab\tline\n", "v"), ObjectVersion("\ufffe", "w")]
    (failure,) = store.delete_versions(BUCKET, versions)
    assert (failure.key, failure.version_id, failure.code) == ("\ufffe", "w", "AccessDenied")


def test_nothing_to_delete_is_no_request_and_too_much_is_refused(stub: Stubber, store: BotoObjectStore) -> None:
    assert store.delete_versions(BUCKET, []) == []
    with pytest.raises(ValueError, match="at most 1000"):
        store.delete_versions(BUCKET, [ObjectVersion("a", "v")] * 1001)


def test_open_uploads_on_many_pages_are_decoded(stub: Stubber, store: BotoObjectStore) -> None:
    request = {"Bucket": "source", "EncodingType": "url", **OWNER}
    pages = [("a+b%2B%01", "1"), ("plain", "2")]
    first = {"EncodingType": "url", "Uploads": [{"Key": key, "UploadId": upload} for key, upload in pages]}
    markers = {"IsTruncated": True, "NextKeyMarker": "pl%20ain", "NextUploadIdMarker": "2"}
    stub.add_response("list_multipart_uploads", {**first, **markers}, request)
    second = {"Uploads": [{"Key": "not+encoded", "UploadId": "3"}], "IsTruncated": False}
    stub.add_response("list_multipart_uploads", second, {**request, "KeyMarker": "pl ain", "UploadIdMarker": "2"})
    assert list(store.iter_multipart_uploads(BUCKET)) == [
        MultipartUpload("a b+\x01", "1"),
        MultipartUpload("plain", "2"),
        MultipartUpload("not+encoded", "3"),
    ]


def test_a_server_that_repeats_its_page_does_not_keep_us_for_ever(stub: Stubber, store: BotoObjectStore) -> None:
    page = {"IsTruncated": True, "NextKeyMarker": "a", "NextUploadIdMarker": "1"}
    stub.add_response("list_multipart_uploads", page)
    stub.add_response("list_multipart_uploads", page)
    assert list(store.iter_multipart_uploads(BUCKET)) == []


def test_head_tells_all(stub: Stubber, store: BotoObjectStore) -> None:
    stub.add_response(
        "head_object",
        {
            "ContentLength": 3,
            "ETag": '"e-2"',
            "LastModified": datetime(2026, 1, 1, tzinfo=timezone.utc),
            "ContentType": "text/csv",
            "CacheControl": "no-store",
            "ChecksumCRC32": "abc=-2",
            "ChecksumType": "COMPOSITE",
            "SSECustomerAlgorithm": "AES256",
            "VersionId": "v",
            "MissingMeta": 1,
        },
        {"Bucket": "source", "Key": "k", "ChecksumMode": "ENABLED", **OWNER},
    )
    head = store.head(BUCKET, "k")
    assert head is not None
    assert (head.etag, head.checksums, head.checksum_type) == ("e-2", {"CRC32": "abc=-2"}, "COMPOSITE")
    assert head.headers == {"Content-Type": "text/csv", "Cache-Control": "no-store"}
    assert (head.encryption, head.version_id, head.missing_metadata) == ("SSE-C", "v", 1)


def test_a_refused_head_is_an_error_not_a_missing_object(stub: Stubber, store: BotoObjectStore) -> None:
    stub.add_client_error("head_object", "403", "Forbidden", 403)
    with pytest.raises(AwsError) as caught:
        store.head(BUCKET, "k")
    assert caught.value.code == "403"


def test_a_refused_upload_keeps_aws_code(stub: Stubber, store: BotoObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    stub.add_client_error("put_object", "AccessDenied", "no")
    with pytest.raises(AwsError) as caught:
        store.put_file(BUCKET, "k", path, PutOptions(), lambda _: None)
    assert (caught.value.code, caught.value.operation) == ("AccessDenied", "PutObject")
    stub.add_client_error("put_object", "ExpiredToken", "no")
    with pytest.raises(CredentialsError):
        store.put_file(BUCKET, "k", path, PutOptions(), lambda _: None)


@pytest.fixture
def raw_server() -> Iterator[tuple[str, list[str]]]:
    """Answers every request with 200 and keeps the request targets as they came."""
    targets: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            targets.append(self.path)
            self.send_response(200)
            self.send_header("ETag", '"e"')
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", targets
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("/lead", "/source//lead"),
        ("dir/", "/source/dir/"),
        ("a//b", "/source/a//b"),
        ("a/../b", "/source/a/../b"),
        ("./a", "/source/./a"),
        (".", "/source/."),
        ("..", "/source/.."),
        ("é\n", "/source/%C3%A9%0A"),
        ("+ %", "/source/%2B%20%25"),
        ("%2F", "/source/%252F"),
        ("a?b#c", "/source/a%3Fb%23c"),
    ],
)
def test_no_key_is_changed_on_the_way_to_the_wire(
    raw_server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, key: str, target: str
) -> None:
    url, targets = raw_server
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    config = Config(s3={"addressing_style": "path"}, proxies={})
    client = boto3.Session(region_name="us-east-1").client("s3", endpoint_url=url, config=config)
    assert BotoObjectStore(client).head(BUCKET, key) is not None
    client.close()
    assert targets == [target]
