from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from moto import mock_aws

from lambda_handler.clients import Clients, make_clients
from lambda_handler.perform import Performer
from lambda_handler.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SETTINGS = Settings("p", "p-source", "p-destination", "123456789012")  # moto's account


# What an SDK of two years ago does not know.
NEWER = {
    "CopyObjectRequest": {"IfMatch", "IfNoneMatch", "AnnotationDirective"},
    "DeleteObjectRequest": {"IfMatch"},
    "CreateMultipartUploadRequest": {"ChecksumType"},
    "CompleteMultipartUploadRequest": {"IfMatch", "IfNoneMatch", "MpuObjectSize"},
    "HeadObjectRequest": {"ChecksumMode"},
}


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch, tmp_path) -> None:
    """No test may find a person's credentials or settings."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings() -> Settings:
    return SETTINGS


@pytest.fixture
def clients() -> Clients:
    return make_clients(4)


@pytest.fixture
def performer(clients, settings) -> Performer:
    return Performer(clients, settings, lambda _: None)


@pytest.fixture
def s3() -> Iterator[S3Client]:
    """Both buckets on moto, and a client of the test's own."""
    with mock_aws():
        client: S3Client = boto3.client("s3")
        for bucket in (SETTINGS.source_bucket, SETTINGS.destination_bucket):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


@pytest.fixture
def old_clients(monkeypatch) -> Callable[[], Clients]:
    """Makes clients of an SDK from before the conditions on the destination and before annotations."""

    def make() -> Clients:
        session = botocore.session.get_session()
        loader = session.get_component("data_loader")
        load = loader.load_service_model

        def load_old(service: str, kind: str, *args: Any, **kwargs: Any) -> Any:
            model = load(service, kind, *args, **kwargs)
            if (service, kind) != ("s3", "service-2"):
                return model
            older = {}
            for shape_name, newer in NEWER.items():
                shape = model["shapes"][shape_name]
                assert newer <= set(shape["members"]), shape_name
                members = {name: member for name, member in shape["members"].items() if name not in newer}
                older[shape_name] = {**shape, "members": members}
            return {**model, "shapes": {**model["shapes"], **older}}

        monkeypatch.setattr(loader, "load_service_model", load_old)
        client = session.create_client("s3")
        return Clients(lambda *_: client, 4)

    return make
