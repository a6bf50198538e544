"""A bucket on moto, and the data plane in front of it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.provision.choices import Choices
from s3copy_cli.provision.desired import function_environment
from s3copy_cli.s3 import Bucket, CrtObjectStore, open_store

ACCOUNT = "123456789012"
MIB = 1024 * 1024


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
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
def store(s3: Any, data_plane_on_moto: str) -> CrtObjectStore:
    return open_store(Aws(boto3.Session(), "us-east-1"), part_size=5 * MIB)


@pytest.fixture
def standing(moto_account: str, pipeline: Pipeline) -> Any:
    """A pipeline that stands, as far as `upload` looks: buckets and a function with our tag. Its S3 client."""
    session = boto3.Session(region_name=pipeline.region)
    s3 = session.client("s3")
    for name in (pipeline.source_bucket, pipeline.destination_bucket):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": pipeline.region})
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = session.client("iam").create_role(RoleName=pipeline.role_name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "")
    session.client("lambda").create_function(
        FunctionName=pipeline.function_name,
        Runtime="python3.13",
        Role=role,
        Handler="handler.lambda_handler",
        Code={"ZipFile": package.getvalue()},
        Tags=dict(pipeline.tags),
        Environment={"Variables": function_environment(pipeline, Choices())},
    )
    return s3
