"""A pipeline between two buckets that somebody has, the destination in another Region, with the function running."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from s3copy_cli.local import LocalAws

from ..whole_buckets import state_of  # noqa: TID252 (shared with the functional tests)

pytestmark = pytest.mark.e2e

SAMPLE = Path(__file__).resolve().parents[2] / "sample.csv"
HERE, THERE = "us-east-1", "eu-central-1"
INBOX, ARCHIVE = "my-inbox", "my-archive"


def test_two_buckets_of_the_owner_are_joined_and_left_as_they_were(
    embedded: LocalAws, s3copy: Callable[..., Any], clients: Callable[[str], Any], account: Callable[[], Any]
) -> None:
    session = boto3.Session(aws_access_key_id=embedded.access_key_id, aws_secret_access_key=embedded.secret_access_key)
    s3 = {
        region: session.client("s3", region_name=region, endpoint_url=embedded.endpoint_url) for region in (HERE, THERE)
    }
    regions = {INBOX: HERE, ARCHIVE: THERE}

    def settings_of(bucket: str) -> dict[str, Any]:
        return state_of(s3[regions[bucket]], bucket)

    def versions_in(bucket: str) -> Any:
        answer = s3[regions[bucket]].list_object_versions(Bucket=bucket)
        return answer.get("Versions"), answer.get("DeleteMarkers")

    queue_arn = f"arn:aws:sqs:{HERE}:{clients('sts').get_caller_identity()['Account']}:theirs"
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue_arn}
    queue = clients("sqs").create_queue(
        QueueName="theirs", Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})}
    )["QueueUrl"]
    for bucket, region in regions.items():
        where = {} if region == HERE else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3[region].create_bucket(Bucket=bucket, **where)
        s3[region].put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3[region].put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "blue"}]})
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:DeleteBucket",
            "Resource": f"arn:aws:s3:::{bucket}",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        s3[region].put_bucket_policy(Bucket=bucket, Policy=policy)
        for body in (b"1", b"22"):
            s3[region].put_object(Bucket=bucket, Key="was there", Body=body if bucket == INBOX else body * 2)
        s3[region].put_object(Bucket=bucket, Key="deleted", Body=b"x")
        s3[region].delete_object(Bucket=bucket, Key="deleted")
    entry = {
        "Id": "theirs",
        "QueueArn": queue_arn,
        "Events": ["s3:ObjectRemoved:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".csv"}]}},
    }
    s3[HERE].put_bucket_notification_configuration(
        Bucket=INBOX, NotificationConfiguration={"QueueConfigurations": [entry], "EventBridgeConfiguration": {}}
    )
    before = {bucket: settings_of(bucket) for bucket in regions}
    assert "EventBridgeConfiguration" in before[INBOX]["get_bucket_notification_configuration"]

    done = s3copy("setup", "--source-bucket", INBOX, "--destination-bucket", ARCHIVE, "--json", expect=0)
    assert (done.data["destination_region"], done.data["warnings"]) == (THERE, [])
    s3copy("upload", str(SAMPLE), "--wait", expect=0)
    # What was there before is different at the destination, and nobody was told.
    s3copy("repair", expect=0)
    proved = s3copy("verify", "--json", expect=0).data
    assert (proved["counts"]["proved"], proved["source_bucket"], proved["destination_bucket"]) == (2, INBOX, ARCHIVE)
    s3copy("verify", "--level", "listing", expect=0)
    assert s3copy("setup", "--json", expect=0).data["changed"] is False
    assert s3[THERE].get_object(Bucket=ARCHIVE, Key="sample.csv")["Body"].read() == SAMPLE.read_bytes()

    objects = {bucket: versions_in(bucket) for bucket in regions}
    removed = s3copy("teardown", "--yes", "--no-drain", "--json", expect=0).data
    assert removed["remaining"] == []
    assert {bucket: settings_of(bucket) for bucket in regions} == before
    assert {bucket: versions_in(bucket) for bucket in regions} == objects
    left = {kind: found for kind, found in account().items() if found and not kind.startswith(("in ", "tagged"))}
    assert left == {"buckets": sorted(regions), "queues": [queue]}


def test_the_switch_to_eventbridge_is_turned_off_only_where_we_turned_it_on(
    s3copy: Callable[..., Any], clients: Callable[[str], Any], account: Callable[[], Any]
) -> None:
    s3 = clients("s3")

    def is_on(bucket: str) -> bool:
        return "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)

    for bucket in ("old-inbox", "new-inbox"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(
        Bucket="new-inbox", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    s3copy("setup", "--trigger", "eventbridge", "--source-bucket", "old-inbox", expect=0)
    assert is_on("old-inbox")
    moved = s3copy("setup", "--source-bucket", "new-inbox", "--json", expect=0).data
    assert [step["name"] for step in moved["steps"] if step["action"] == "delete"] == ["old-inbox"]
    assert (is_on("old-inbox"), is_on("new-inbox")) == (False, True)
    assert s3copy("setup", "--json", expect=0).data["changed"] is False

    s3copy("teardown", "--yes", "--no-drain", expect=0)
    assert (is_on("old-inbox"), is_on("new-inbox")) == (False, True)
    assert {kind: found for kind, found in account().items() if found} == {"buckets": ["new-inbox", "old-inbox"]}
