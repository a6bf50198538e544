"""What changes between `s3copy setup`'s look and its acts, against the APIs in moto."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from s3copy_cli.config import Pipeline
from s3copy_cli.provision import remote
from s3copy_cli.provision.bucket_reader import LIFECYCLE_RULE_ID

Run = Callable[..., Any]
TRUST = '{"Version": "2012-10-17", "Statement": []}'


def client(service: str, region: str = "eu-west-1") -> Any:
    return boto3.client(service, region_name=region)


def create_bucket(name: str) -> None:
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def create_function(pipeline: Pipeline) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context): pass\n")
    role = client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    client("lambda").create_function(
        FunctionName=pipeline.function_name,
        Runtime="python3.13",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": buffer.getvalue()},
    )


def bucket_settings(name: str) -> dict[str, Any]:
    s3, found = client("s3"), {}
    for setting in ("tagging", "encryption", "lifecycle_configuration", "policy", "ownership_controls"):
        try:
            answer = getattr(s3, f"get_bucket_{setting}")(Bucket=name)
            found[setting] = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        except ClientError as error:
            found[setting] = error.response["Error"]["Code"]
    return found


def queue_settings(pipeline: Pipeline) -> Any:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=pipeline.queue_name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes["LastModifiedTimestamp"], sqs.list_queue_tags(QueueUrl=url).get("Tags")


def role_settings(pipeline: Pipeline) -> Any:
    iam = client("iam")
    role = iam.get_role(RoleName=pipeline.role_name)["Role"]
    policies = iam.list_role_policies(RoleName=pipeline.role_name)["PolicyNames"]
    return role["AssumeRolePolicyDocument"], role.get("Tags"), policies


def function_settings(pipeline: Pipeline) -> Any:
    answer = client("lambda").get_function(FunctionName=pipeline.function_name)
    return answer["Configuration"]["LastModified"], answer["Configuration"]["Handler"], answer.get("Tags")


# What somebody else creates, and how it is seen that nobody has written to it.
APPEARS: dict[str, tuple[Callable[[Pipeline], Any], Callable[[Pipeline], Any]]] = {
    "source bucket": (lambda p: create_bucket(p.source_bucket), lambda p: bucket_settings(p.source_bucket)),
    "destination bucket": (
        lambda p: create_bucket(p.destination_bucket),
        lambda p: bucket_settings(p.destination_bucket),
    ),
    "log group": (
        lambda p: client("logs").create_log_group(logGroupName=p.log_group),
        lambda p: client("logs").describe_log_groups(logGroupNamePrefix=p.log_group)["logGroups"],
    ),
    "dead-letter queue": (lambda p: client("sqs").create_queue(QueueName=p.queue_name), queue_settings),
    "role": (
        lambda p: client("iam").create_role(RoleName=p.role_name, AssumeRolePolicyDocument=TRUST),
        role_settings,
    ),
    "function": (create_function, function_settings),
}


@pytest.mark.parametrize("kind", APPEARS)
def test_what_appears_after_the_plan_and_is_not_ours_is_not_written_to(
    s3copy: Run, pipeline: Pipeline, write_calls: list[str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    appear, look = APPEARS[kind]
    read = remote.read_remote_state
    before: list[Any] = []

    def read_then_appear(*arguments: Any) -> Any:
        state = read(*arguments)
        appear(pipeline)
        before.append(look(pipeline))
        write_calls.clear()
        return state

    monkeypatch.setattr(remote, "read_remote_state", read_then_appear)
    outcome = s3copy("setup", "--json", expect=1)
    (problem,) = outcome.envelope["errors"]
    assert problem["code"] == "NotOurs"
    assert f"the {kind}" in problem["message"]
    assert "has no tag" in problem["message"]
    assert [look(pipeline)] == before
    assert "PutBucketNotificationConfiguration" not in write_calls, "nothing is copied yet"


def test_in_us_east_1_a_bucket_of_one_s_own_is_not_taken_for_a_new_one(
    s3copy: Run, moto_account: str, write_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Pipeline(name="s3copy", account_id=moto_account, region="us-east-1")
    s3, read = client("s3", "us-east-1"), remote.read_remote_state

    def read_then_appear(*arguments: Any) -> Any:
        state = read(*arguments)
        s3.create_bucket(Bucket=there.source_bucket)
        write_calls.clear()
        return state

    monkeypatch.setattr(remote, "read_remote_state", read_then_appear)
    outcome = s3copy("setup", "--region", "us-east-1", expect=1)
    assert "has no tag" in outcome.stderr
    assert "NoSuchTagSet" in bucket_settings(there.source_bucket)["tagging"]
    assert "PutBucketNotificationConfiguration" not in write_calls


def test_two_setups_of_ours_at_once_come_to_the_same(
    s3copy: Run, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = remote.read_remote_state
    seen: list[Any] = []

    def read_and_keep(*arguments: Any) -> Any:
        seen.append(read(*arguments))
        return seen[0]

    monkeypatch.setattr(remote, "read_remote_state", read_and_keep)
    s3copy("setup", expect=0)
    late = s3copy("setup", expect=0)
    for what in ("source bucket", "destination bucket", "log group", "dead-letter queue", "role", "function"):
        assert re.search(rf"the {what} \S+ appeared meanwhile", late.stderr), late.stderr
    monkeypatch.setattr(remote, "read_remote_state", read)
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_an_overlapping_trigger_stops_setup_before_anything_is_written(
    s3copy: Run, pipeline: Pipeline, write_calls: list[str]
) -> None:
    s3copy("setup", expect=0)
    s3, sqs = client("s3"), client("sqs")
    url = sqs.create_queue(QueueName="theirs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    entry = {"Id": "for-the-archive", "QueueArn": arn, "Events": ["s3:ObjectCreated:Put"]}
    s3.put_bucket_notification_configuration(
        Bucket=pipeline.source_bucket, NotificationConfiguration={"QueueConfigurations": [entry]}
    )
    client("lambda").update_function_configuration(FunctionName="s3copy", MemorySize=128)
    write_calls.clear()
    outcome = s3copy("setup", "--json", expect=1)
    (problem,) = outcome.envelope["errors"]
    assert problem["code"] == "TriggerOverlap"
    assert "for-the-archive" in problem["message"]
    assert write_calls == []


def test_a_lifecycle_rule_of_ours_that_was_narrowed_is_drift(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    rule = {
        "ID": LIFECYCLE_RULE_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": "only/"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    client("s3").put_bucket_lifecycle_configuration(
        Bucket=pipeline.source_bucket, LifecycleConfiguration={"Rules": [rule]}
    )
    repaired = s3copy("setup", "--json", expect=0)
    assert [step["resource"] for step in repaired.data["steps"] if step["action"] == "update"] == ["source bucket"]
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_a_role_that_was_deleted_comes_back_with_the_function(
    s3copy: Run, pipeline: Pipeline, write_calls: list[str]
) -> None:
    s3copy("setup", expect=0)
    iam = client("iam")
    iam.delete_role_policy(RoleName=pipeline.role_name, PolicyName=pipeline.policy_name)
    iam.delete_role(RoleName=pipeline.role_name)
    write_calls.clear()
    repaired = s3copy("setup", "--json", expect=0)
    steps = {step["resource"]: step for step in repaired.data["steps"] if step["action"] != "keep"}
    assert {name: step["action"] for name, step in steps.items()} == {
        "role": "create",
        "role policy": "create",
        "function": "update",
    }
    assert "made anew" in steps["function"]["reason"]
    assert write_calls == ["CreateRole", "PutRolePolicy", "UpdateFunctionConfiguration"]
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_a_bucket_that_loses_its_tag_while_the_prompt_waits_is_left_and_named(
    s3copy: Run, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3copy("setup", expect=0)
    client("s3").delete_bucket_policy(Bucket=pipeline.destination_bucket)
    client("s3").put_object(Bucket=pipeline.destination_bucket, Key="kept", Body=b"1")
    read = remote.read_remote_state

    def read_then_lose(*arguments: Any) -> Any:
        state = read(*arguments)
        client("s3").delete_bucket_tagging(Bucket=pipeline.destination_bucket)
        return state

    monkeypatch.setattr(remote, "read_remote_state", read_then_lose)
    outcome = s3copy("teardown", "--yes", "--json", expect=1)
    assert [entry["name"] for entry in outcome.data["remaining"]] == [pipeline.destination_bucket]
    assert outcome.envelope["errors"][0]["code"] == "NotOurs"
    assert client("s3").get_object(Bucket=pipeline.destination_bucket, Key="kept")["Body"].read() == b"1"
