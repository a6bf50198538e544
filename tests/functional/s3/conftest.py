"""The data plane in front of moto: inside this process, and over HTTP."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from moto.server import ThreadedMotoServer

from s3copy_cli.s3 import BotoObjectStore, Bucket

ACCOUNT_ID = "123456789012"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A moto server on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["in process", "over HTTP"])
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 client of an empty account."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    if request.param == "in process":
        with mock_aws():
            yield boto3.Session(region_name="us-east-1").client("s3")
        return
    url = request.getfixturevalue("server_url")
    client = boto3.Session(region_name="us-east-1").client(
        "s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}, proxies={})
    )
    yield client
    client.close()
    reset = urllib.request.Request(f"{url}/moto-api/reset", method="POST")
    with urllib.request.urlopen(reset):
        pass


@pytest.fixture
def bucket(s3: Any) -> Bucket:
    """An empty bucket."""
    s3.create_bucket(Bucket="source")
    return Bucket("source", ACCOUNT_ID)


@pytest.fixture
def store(s3: Any) -> BotoObjectStore:
    """The data plane with the smallest parts that S3 takes."""
    return BotoObjectStore(s3, part_size=5 * MIB)
