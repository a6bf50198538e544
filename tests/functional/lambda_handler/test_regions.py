"""A destination in another Region, on moto: every request goes to, and is signed for, the Region of its bucket."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
import pytest
from moto import mock_aws

from lambda_handler.clients import make_clients
from lambda_handler.drive import drive
from lambda_handler.options import Options
from lambda_handler.perform import Performer
from lambda_handler.reconcile import Outcome, reconcile
from lambda_handler.settings import Settings

HERE, THERE = "eu-west-1", "eu-central-1"
MIB = 1024 * 1024
OPTIONS = Options(propagate_deletes=True, sync_tags=True)
SETTINGS = Settings("p", "from-here", "to-there", "123456789012", OPTIONS, destination_region=THERE)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str, str]]:
    """(bucket, Region of the host, Region signed for) of every request that the function's clients send."""
    seen: Counter[tuple[str, str, str]] = Counter()

    def note(request: Any, **_: Any) -> None:
        bucket, _, region = urlsplit(request.url).netloc.split(".")[:3]
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/", request.headers["Authorization"].decode())
        assert scope is not None
        seen[bucket, region, scope[1]] += 1

    create_client = botocore.session.Session.create_client

    def create_watched(self: Any, *arguments: Any, **keywords: Any) -> Any:
        client = create_client(self, *arguments, **keywords)
        client.meta.events.register_first("before-send.s3", note)
        return client

    monkeypatch.setattr(botocore.session.Session, "create_client", create_watched)
    return seen


def test_each_bucket_is_talked_to_in_its_own_region(
    aws_environment: None, asked: Counter[tuple[str, str, str]]
) -> None:
    with mock_aws():
        source, destination = (boto3.client("s3", region_name=region) for region in (HERE, THERE))
        for client, region, bucket in ((source, HERE, "from-here"), (destination, THERE, "to-there")):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        source.put_object(Bucket="from-here", Key="whole", Body=b"1", Tagging="a=b")
        upload = source.create_multipart_upload(Bucket="from-here", Key="parts")["UploadId"]
        sent = [
            {"PartNumber": number, "ETag": answer["ETag"]}
            for number, size in ((1, 5 * MIB), (2, 1))
            for answer in [
                source.upload_part(
                    Bucket="from-here", Key="parts", UploadId=upload, PartNumber=number, Body=b"x" * size
                )
            ]
        ]
        source.complete_multipart_upload(
            Bucket="from-here", Key="parts", UploadId=upload, MultipartUpload={"Parts": sent}
        )
        asked.clear()

        performer = Performer(make_clients(2, THERE), SETTINGS, lambda _: None)

        def bring_over(key: str) -> Outcome:
            return drive(reconcile(key, OPTIONS, seconds_left=lambda: 300.0), performer.perform).outcome

        assert [bring_over(key) for key in ("whole", "parts", "whole")] == [
            Outcome.COPIED,
            Outcome.COPIED,
            Outcome.ALREADY_EQUAL,
        ]
        assert {key[1:] for key in asked if key[0] == "from-here"} == {(HERE, HERE)}
        assert {key[1:] for key in asked if key[0] == "to-there"} == {(THERE, THERE)}
        # Nothing was sent twice, as it is after a redirection.
        assert asked.total() == performer.requests

        for key in ("whole", "parts"):
            before, after = (
                client.head_object(Bucket=bucket, Key=key)
                for client, bucket in ((source, "from-here"), (destination, "to-there"))
            )
            assert before["ETag"] == after["ETag"]
        source.delete_object(Bucket="from-here", Key="whole")
        assert bring_over("whole") is Outcome.DELETED
        assert {key[1:] for key in asked if key[0] == "to-there"} == {(THERE, THERE)}
