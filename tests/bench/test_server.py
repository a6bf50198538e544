"""The fixed-answer server says what its formula says: to our program, to boto3, to awscli, and on the wire."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from s3copy_cli.cli import run as run_program

from . import empty_ours
from .clients import aws, base_environment
from .population import PAGE, Population
from .serving import measure_maximum, running_server
from .uploads import OpenUpload, body_and_crc, combine

TREE = Population("tree", 3_500)
TREE_BUCKET = "bench-source-tree-3500"
Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server() as url:
        yield url


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "bench"), ("SECRET_ACCESS_KEY", "bench"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    client = boto3.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}))
    yield client
    client.close()


@pytest.fixture
def s3copy(url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        exit_code = run_program([*arguments, "--json", "--endpoint-url", url], os.environ)
        return int(exit_code), json.loads(capsys.readouterr().out)["data"]

    return run


@pytest.mark.parametrize("population", [Population("flat", 2_500), Population("tree", 2_500, 7)])
def test_objects_are_numbered_in_key_order_and_found_again(population: Population) -> None:
    keys = [population.key(number) for number in range(population.count)]
    assert keys == sorted(set(keys))
    assert [population.find(key) for key in keys] == list(range(population.count))
    assert population.find("object-") is None
    assert population.find(population.key(population.count)) is None
    for text in ("", "a", keys[0], keys[1_000], keys[1_000] + "x", "events/000001/", "z"):
        assert population.first_after(text) == sum(key <= text for key in keys)
        assert population.first_after(text, inclusive=True) == sum(key < text for key in keys)


def test_a_population_differs_in_as_many_objects_as_its_name_says() -> None:
    same, other = Population("flat", 5_000), Population("flat", 5_000, 7)
    different = [number for number in range(5_000) if same.entry(number) != other.entry(number)]
    assert len(different) == 7
    listed = [same.lines(number, number + 1) != other.lines(number, number + 1) for number in range(5_000)]
    assert [number for number, differs in enumerate(listed) if differs] == different
    assert other.lines(0, 5_000) == b"".join(other.lines(number, number + 1) for number in range(5_000))


@pytest.mark.parametrize(("level", "count"), [("listing", 1_200), ("metadata", 40)])
def test_verify_finds_exactly_the_differences(s3copy: Run, level: str, count: int) -> None:
    exit_code, data = s3copy("verify", "--name", f"bench-tree-{count}-3", "--level", level, "--wait", "0")
    assert exit_code == 3
    assert data["counts"]["proved"] == count - 3
    same, other = Population("tree", count), Population("tree", count, 3)
    expected = {same.key(number) for number in range(count) if same.entry(number) != other.entry(number)}
    assert {entry["key"] for entry in data["objects"] if entry["outcome"] != "proved"} == expected


def test_verify_proves_equal_buckets(s3copy: Run) -> None:
    exit_code, data = s3copy("verify", "--name", "bench-flat-2500", "--level", "listing")
    assert (exit_code, data["verdict"], data["counts"]["proved"]) == (0, "proved", 2_500)
    assert data["counts"]["source_bytes"] == sum(Population("flat", 2_500).entry(n).size for n in range(2_500))


def test_a_log_of_many_pages_is_read_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with running_server(log_lines=10_000) as url:
        exit_code = run_program(["verify", "--name", "bench-flat-2000", "--json", "--endpoint-url", url], os.environ)
    data = json.loads(capsys.readouterr().out)["data"]
    assert (exit_code, data["verdict"]) == (0, "proved")
    assert (data["logs"]["events_read"], data["metrics"]["invocations"]["value"]) == (10_000, 2_000)
    assert data["latency"]["event_to_copy"]["count"] == 2_000


def test_upload_is_checked_against_what_the_server_remembers(s3copy: Run, tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_bytes(b"id\n1\n")
    (tmp_path / "large.bin").write_bytes(os.urandom(17 * 1024 * 1024))
    exit_code, data = s3copy("upload", str(tmp_path / "small.csv"), str(tmp_path / "large.bin"), "--name", "bench-1")
    assert exit_code == 0
    assert {Path(entry["path"]).name: entry["status"] for entry in data["files"]} == {
        "small.csv": "uploaded",
        "large.bin": "uploaded",
    }


def test_emptying_removes_every_object_once(url: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = "bench-ours-flat-2500-run1"
    monkeypatch.setattr("sys.argv", ["empty_ours", url, bucket])
    empty_ours.main()
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_boto3_lists_what_the_formula_says(client: Any) -> None:
    def keys(**options: Any) -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=TREE_BUCKET, **options)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    every = [TREE.key(number) for number in range(TREE.count)]
    assert keys() == every
    assert keys(StartAfter=every[1_234]) == every[1_235:]
    assert keys(Prefix="events/000002/") == every[2_000:3_000]
    assert (
        keys(Prefix="events/000002/", StartAfter=every[2_500], PaginationConfig={"PageSize": 7}) == every[2_501:3_000]
    )
    assert keys(Prefix="nothing") == []
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=TREE_BUCKET, Prefix="events/", Delimiter="/", PaginationConfig={"PageSize": 3}
    )
    folders = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
    assert folders == [f"events/{number:06d}/" for number in range(4)]


def test_boto3_sees_an_object_as_listed(client: Any) -> None:
    entry = TREE.entry(2_345)
    listed = client.list_objects_v2(Bucket=TREE_BUCKET, Prefix=entry.key)["Contents"][0]
    head = client.head_object(Bucket=TREE_BUCKET, Key=entry.key, ChecksumMode="ENABLED")
    assert (listed["Size"], listed["ETag"], listed["LastModified"]) == (
        head["ContentLength"],
        head["ETag"],
        head["LastModified"],
    )
    assert (head["ContentLength"], head["ETag"]) == (entry.size, f'"{entry.etag}"')
    assert head["Metadata"] == {"origin": "bench", "batch": "2026-01-05"}
    assert client.get_object_tagging(Bucket=TREE_BUCKET, Key=entry.key)["TagSet"] == []
    whole = client.get_object(Bucket=TREE_BUCKET, Key=entry.key)["Body"].read()
    answer = client.get_object(Bucket=TREE_BUCKET, Key=entry.key, Range="bytes=10-19")
    assert answer["Body"].read() == whole[10:20]
    assert answer["ContentRange"] == f"bytes 10-19/{entry.size}"
    with pytest.raises(client.exceptions.ClientError, match="404"):
        client.head_object(Bucket=TREE_BUCKET, Key="nothing")


def test_awscli_sees_the_same(url: str, tmp_path: Path) -> None:
    environ = base_environment(tmp_path)
    words = [
        "--endpoint-url",
        url,
        "s3api",
        "list-objects-v2",
        "--bucket",
        TREE_BUCKET,
        "--start-after",
        TREE.key(3_000),
    ]
    answer = subprocess.run([*aws(environ), *words], env=environ, capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout)["Contents"]
    entries = [TREE.entry(number) for number in range(3_001, TREE.count)]
    assert [(one["Key"], one["Size"], one["ETag"]) for one in found] == [
        (e.key, e.size, f'"{e.etag}"') for e in entries
    ]


def test_requests_may_come_together_or_in_pieces(url: str) -> None:
    head = f"HEAD /{TREE_BUCKET}/{TREE.key(7)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    put = b"PUT /bench-wire/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
        sock.sendall(head + head[:20])
        sock.sendall(head[20:] + put)
        received = b""
        while b"100 Continue\r\n\r\n" not in received:
            received += sock.recv(65536)
        sock.sendall(b"hel")
        sock.sendall(b"lo" + head)
        while received.count(b"HTTP/1.1 200 OK") < 4:
            received += sock.recv(65536)
    assert received.count(TREE.entry(7).etag.encode()) == 3
    assert b"5d41402abc4b2a76b9719d911017c592" in received  # the MD5 of "hello"


def test_a_body_in_chunks_with_a_trailer_is_taken_apart() -> None:
    data = os.urandom(5_000)
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big"))
    body = b"1000;chunk-signature=0\r\n" + data[:4096] + b"\r\n388\r\n" + data[4096:] + b"\r\n"
    body += b"0\r\nx-amz-checksum-crc32:" + crc + b"\r\n\r\n"
    assert body_and_crc(memoryview(body), {b"content-encoding": b"aws-chunked"}) == (data, zlib.crc32(data))
    assert body_and_crc(memoryview(data), {}) == (data, zlib.crc32(data))


def test_parts_have_together_the_checksum_of_the_whole() -> None:
    parts = [os.urandom(size) for size in (5_000, 5_000, 17, 0, 1)]
    upload = OpenUpload("key", {}, {number: (len(part), zlib.crc32(part)) for number, part in enumerate(parts, 1)})
    stored = upload.complete()
    assert (stored.size, stored.crc32) == (10_018, zlib.crc32(b"".join(parts)))
    assert combine(zlib.crc32(b"a"), zlib.crc32(b"b"), 1) == zlib.crc32(b"ab")


def test_the_server_states_what_it_can_do(url: str) -> None:
    most = measure_maximum(url, seconds=0.05)
    assert min(most.heads, most.keys / PAGE, most.upload_bytes) > 0
