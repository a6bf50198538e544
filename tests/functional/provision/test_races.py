"""What changes between `s3copy setup`'s look and its acts, against the APIs in moto."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.provision import remote

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


# What somebody else creates, and the last write that setup may send until it notices.
APPEARS: dict[str, tuple[Callable[[Pipeline], Any], str]] = {
    "source bucket": (lambda p: create_bucket(p.source_bucket), ""),
    "destination bucket": (lambda p: create_bucket(p.destination_bucket), "PutBucketPolicy"),
    "log group": (lambda p: client("logs").create_log_group(logGroupName=p.log_group), "CreateLogGroup"),
    "dead-letter queue": (lambda p: client("sqs").create_queue(QueueName=p.queue_name), "PutRetentionPolicy"),
    "role": (lambda p: client("iam").create_role(RoleName=p.role_name, AssumeRolePolicyDocument=TRUST), "CreateRole"),
    "function": (create_function, "CreateFunction"),
}


@pytest.mark.parametrize("kind", APPEARS)
def test_what_appears_after_the_plan_and_is_not_ours_is_not_written_to(
    s3copy: Run, pipeline: Pipeline, write_calls: list[str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    appear, last_write = APPEARS[kind]
    read = remote.read_remote_state

    def read_then_appear(*arguments: Any) -> Any:
        state = read(*arguments)
        appear(pipeline)
        write_calls.clear()
        return state

    monkeypatch.setattr(remote, "read_remote_state", read_then_appear)
    outcome = s3copy("setup", "--json", expect=1)
    (problem,) = outcome.envelope["errors"]
    assert problem["code"] == "NotOurs"
    assert f"the {kind}" in problem["message"]
    assert "has no tag" in problem["message"]
    assert ["", *write_calls][-1] == last_write


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
    assert write_calls == []


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
        "ID": remote.LIFECYCLE_RULE_ID,
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
