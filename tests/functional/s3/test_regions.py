"""Buckets in two Regions: each request goes to the endpoint of its bucket's Region and is signed for that Region."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from s3copy_cli.aws import Aws
from s3copy_cli.s3 import Bucket, CrtObjectStore, PutOptions
from s3copy_cli.s3.connection import locate

OWNER = "123456789012"
HERE = Bucket("here", OWNER)
THERE = Bucket("there", OWNER, region="eu-central-1")
MIB = 1024 * 1024


def signed_for(asked: Any) -> tuple[str, str]:
    """The bucket in the path, and the Region in the signature."""
    scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/s3/", asked.headers["authorization"])
    assert scope is not None
    return asked.target.split("/")[1].partition("?")[0], scope[1]


def test_requests_are_signed_for_the_region_of_their_bucket(
    server: Any, scripted: CrtObjectStore, tmp_path: Path
) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * MIB)
    server.script = lambda _, asked: server.reply(404 if asked.method == "HEAD" else 200)
    for bucket in (HERE, THERE, Bucket("too", OWNER, region="us-east-1")):
        scripted.head(bucket, "k")
        scripted.put_file(bucket, "k", file, PutOptions(), lambda _: None)
    assert {signed_for(asked) for asked in server.asked} == {
        ("here", "us-east-1"),
        ("there", "eu-central-1"),
        ("too", "us-east-1"),
    }
    assert len(server.asked) == 6


def test_the_parts_of_an_upload_too(server: Any, scripted: CrtObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 9 * MIB)

    def answer(_: int, asked: Any) -> Any:
        if "uploads" in asked.target:
            return server.reply(
                body=b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            )
        if asked.method == "POST":
            return server.reply(
                body=b'<CompleteMultipartUploadResult><ETag>"e-2"</ETag></CompleteMultipartUploadResult>'
            )
        return server.reply(headers='ETag: "e"\r\n')

    server.script = answer
    scripted.put_file(THERE, "k", file, PutOptions(), lambda _: None)
    assert {signed_for(asked) for asked in server.asked} == {("there", "eu-central-1")}
    assert len(server.asked) >= 4


@pytest.mark.parametrize(
    ("bucket", "host"),
    [(HERE, "here.s3.eu-west-1.amazonaws.com"), (THERE, "there.s3.eu-central-1.amazonaws.com")],
)
def test_each_region_has_its_own_endpoint(bucket: Bucket, host: str) -> None:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b")
    aws = Aws(session, "eu-west-1")
    assert locate(aws.s3_in(bucket.region), bucket.name).endpoint.host == host
    assert aws.s3_in("eu-west-1") is aws.s3_in("") is aws.s3
    assert aws.s3_in("eu-central-1") is aws.s3_in("eu-central-1")
