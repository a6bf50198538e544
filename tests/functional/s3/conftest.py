"""The data plane in front of moto over HTTP, and a client that sees the same buckets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from s3copy_cli.aws import Aws
from s3copy_cli.s3 import Bucket, CrtObjectStore, open_store

ACCOUNT_ID = "123456789012"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """A session in an empty account."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.Session(region_name="us-east-1")


@pytest.fixture
def s3(session: boto3.Session) -> Any:
    """An S3 client of that account, inside this process."""
    return session.client("s3")


@pytest.fixture
def bucket(s3: Any) -> Bucket:
    """An empty bucket."""
    s3.create_bucket(Bucket="source")
    return Bucket("source", ACCOUNT_ID)


@pytest.fixture
def store(session: boto3.Session, data_plane_on_moto: str) -> CrtObjectStore:
    """The data plane."""
    return open_store(Aws(session, "us-east-1"), part_size=5 * 1024 * 1024)
