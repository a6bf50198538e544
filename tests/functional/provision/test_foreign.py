"""Resources that have our names and are not ours: never changed, never deleted, and the message says how to go on."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.resources import Kind

Run = Callable[..., Any]
REGION = "eu-west-1"
PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region=REGION)
INBOX = "their-inbox"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def make_bucket(name: str) -> None:
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket=name, Key="theirs", Body=b"1")


def make_role() -> None:
    client("iam").create_role(RoleName=PIPELINE.role_name, AssumeRolePolicyDocument=json.dumps(TRUST))
    client("iam").put_role_policy(
        RoleName=PIPELINE.role_name, PolicyName=PIPELINE.policy_name, PolicyDocument=json.dumps(POLICY)
    )


def make_function() -> None:
    client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(TRUST))
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("theirs.py", "")
    lambda_ = client("lambda")
    lambda_.create_function(
        FunctionName=PIPELINE.function_name,
        Runtime="python3.13",
        Handler="theirs.handler",
        Role="arn:aws:iam::123456789012:role/theirs",
        Code={"ZipFile": package.getvalue()},
        # Of which nothing may be taken for a choice of ours.
        Environment={"Variables": {"S3COPY_SOURCE_BUCKET": "x", "S3COPY_SETTINGS": "nonsense"}},
    )
    lambda_.put_function_event_invoke_config(FunctionName=PIPELINE.function_name, MaximumRetryAttempts=0)
    lambda_.add_permission(
        FunctionName=PIPELINE.function_name,
        StatementId=PIPELINE.permission_id,
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )


def make_trigger() -> None:
    make_bucket(INBOX)
    entry = {
        "Id": PIPELINE.notification_id,
        "LambdaFunctionArn": f"arn:aws:lambda:{REGION}:123456789012:function:theirs",
        "Events": ["s3:ObjectRemoved:*"],
    }
    client("s3").put_bucket_notification_configuration(
        Bucket=INBOX, NotificationConfiguration={"LambdaFunctionConfigurations": [entry]}
    )


def make_rule() -> None:
    events = client("events")
    events.put_rule(Name=PIPELINE.rule_name, EventPattern=json.dumps({"source": ["theirs"]}))
    target = f"arn:aws:lambda:{REGION}:123456789012:function:theirs"
    events.put_targets(Rule=PIPELINE.rule_name, Targets=[{"Id": PIPELINE.rule_name, "Arn": target}])


def rule_state() -> Any:
    events = client("events")
    rule = events.describe_rule(Name=PIPELINE.rule_name)
    tags = events.list_tags_for_resource(ResourceARN=PIPELINE.rule_arn)["Tags"]
    return rule["EventPattern"], rule["State"], tags, events.list_targets_by_rule(Rule=PIPELINE.rule_name)["Targets"]


def bucket_state(name: str) -> Callable[[], Any]:
    def read() -> Any:
        s3 = client("s3")
        listed = s3.list_objects_v2(Bucket=name)["Contents"]
        return listed, s3.get_bucket_notification_configuration(Bucket=name).get("LambdaFunctionConfigurations")

    return read


def role_state() -> Any:
    iam = client("iam")
    policy = iam.get_role_policy(RoleName=PIPELINE.role_name, PolicyName=PIPELINE.policy_name)
    return iam.get_role(RoleName=PIPELINE.role_name)["Role"], policy["PolicyDocument"]


def function_state() -> Any:
    lambda_ = client("lambda")
    function = lambda_.get_function(FunctionName=PIPELINE.function_name)
    invoking = lambda_.get_function_event_invoke_config(FunctionName=PIPELINE.function_name)
    policy = lambda_.get_policy(FunctionName=PIPELINE.function_name)
    return function["Configuration"], function.get("Tags"), invoking["MaximumRetryAttempts"], policy["Policy"]


def queue_state(name: str) -> Callable[[], Any]:
    def read() -> Any:
        url = client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return attributes, client("sqs").list_queue_tags(QueueUrl=url).get("Tags")

    return read


def log_group_state() -> Any:
    return client("logs").describe_log_groups(logGroupNamePrefix=PIPELINE.log_group)["logGroups"]


@dataclass(frozen=True)
class Foreign:
    """Something of somebody else's.

    Attributes:
        make: puts it there.
        state: all that is to stay.
        kinds: the resources of a pipeline that it stands for.
        hint: part of what is said about how to go on.
        options: of setup, by which it stands in the way.
    """

    make: Callable[[], None]
    state: Callable[[], Any]
    kinds: frozenset[Kind]
    hint: str
    options: tuple[str, ...] = ()


FOREIGN: Mapping[str, Foreign] = {
    "source bucket": Foreign(
        lambda: make_bucket(PIPELINE.own_source_bucket),
        bucket_state(PIPELINE.own_source_bucket),
        frozenset({Kind.SOURCE_BUCKET, Kind.SOURCE_BUCKET_POLICY}),
        "aws s3api put-bucket-tagging",
    ),
    "destination bucket": Foreign(
        lambda: make_bucket(PIPELINE.own_destination_bucket),
        bucket_state(PIPELINE.own_destination_bucket),
        frozenset({Kind.DESTINATION_BUCKET, Kind.DESTINATION_BUCKET_POLICY}),
        "aws s3api put-bucket-tagging",
    ),
    "log group": Foreign(
        lambda: client("logs").create_log_group(logGroupName=PIPELINE.log_group),
        log_group_state,
        frozenset({Kind.LOG_GROUP}),
        "aws logs tag-resource",
    ),
    "dead-letter queue": Foreign(
        lambda: client("sqs").create_queue(QueueName=PIPELINE.queue_name),
        queue_state(PIPELINE.queue_name),
        frozenset({Kind.DEAD_LETTER_QUEUE, Kind.DEAD_LETTER_QUEUE_POLICY}),
        "aws sqs tag-queue",
    ),
    "event queue": Foreign(
        lambda: client("sqs").create_queue(QueueName=PIPELINE.event_queue_name),
        queue_state(PIPELINE.event_queue_name),
        frozenset({Kind.EVENT_QUEUE}),
        "aws sqs tag-queue",
        ("--trigger", "sqs"),
    ),
    "rule": Foreign(
        make_rule,
        rule_state,
        frozenset({Kind.RULE, Kind.RULE_TARGET}),
        "aws events tag-resource",
        ("--trigger", "eventbridge"),
    ),
    "role": Foreign(
        make_role, role_state, frozenset({Kind.ROLE, Kind.ROLE_POLICY, Kind.EVENT_QUEUE_ACCESS}), "aws iam tag-role"
    ),
    "function": Foreign(
        make_function,
        function_state,
        # Of a queue of theirs, if any: our event queue's name is another row.
        frozenset(
            {
                *(Kind.FUNCTION, Kind.ASYNC_INVOCATION, Kind.PERMISSION, Kind.RULE_PERMISSION),
                Kind.EVENT_SOURCE_MAPPING,
            }
        ),
        "aws lambda tag-resource",
    ),
    "trigger": Foreign(
        make_trigger, bucket_state(INBOX), frozenset({Kind.TRIGGER}), "--name", ("--source-bucket", INBOX)
    ),
}
# What a change of buckets leaves behind is found by what is ours, so that nobody else's can stand there.
LEFT_BEHIND = frozenset({Kind.FORMER_TRIGGER, Kind.UNUSED_SOURCE_BUCKET, Kind.UNUSED_DESTINATION_BUCKET})
# A switch that others have turned on is shared with them; a hand-over is no resource.
NOBODY_S = frozenset({Kind.EVENTBRIDGE_SWITCH, Kind.HANDOVER})


def test_every_kind_is_in_the_table() -> None:
    assert {kind for foreign in FOREIGN.values() for kind in foreign.kinds} | LEFT_BEHIND | NOBODY_S == set(Kind)


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_not_ours_is_never_touched(s3copy: Run, write_calls: list[str], name: str) -> None:
    foreign = FOREIGN[name]
    foreign.make()
    before = foreign.state()
    write_calls.clear()
    is_trigger = name == "trigger"

    refused = s3copy("setup", *foreign.options, "--json", expect=1)
    (problem,) = refused.envelope["errors"]
    assert problem["code"] == "NotOurs"
    assert f"the {name}" in problem["message"]
    assert foreign.hint in problem["hint"]
    assert "--name NAME" in problem["hint"]

    removed = s3copy("teardown", "--yes", *(foreign.options if is_trigger else ()), "--json", expect=0).data
    assert removed["removed"] == []
    assert name in {entry["resource"] for entry in removed["remaining"]}
    assert write_calls == []
    assert foreign.state() == before


def test_the_own_name_is_nobody_s_business_where_another_bucket_is_joined(s3copy: Run) -> None:
    make_bucket(INBOX)
    make_bucket(PIPELINE.own_source_bucket)
    before = bucket_state(PIPELINE.own_source_bucket)()
    s3copy("setup", "--source-bucket", INBOX, expect=0)
    removed = s3copy("teardown", "--yes", "--json", expect=0).data
    assert removed["remaining"] == []
    assert bucket_state(PIPELINE.own_source_bucket)() == before
