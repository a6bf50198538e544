"""A bucket on moto, and the data plane in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from s3copy_cli.s3 import BotoObjectStore, Bucket

ACCOUNT = "123456789012"
MIB = 1024 * 1024


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def bucket(s3: Any) -> Bucket:
    s3.create_bucket(Bucket="source")
    return Bucket("source", ACCOUNT)


@pytest.fixture
def destination(s3: Any) -> Bucket:
    s3.create_bucket(Bucket="destination")
    return Bucket("destination", ACCOUNT)


@pytest.fixture
def store(s3: Any) -> BotoObjectStore:
    return BotoObjectStore(s3, part_size=5 * MIB)
