"""What somebody set beside what setup sets: taken away where it does harm, told where its owner should know.

The rest of the table in docs/provisioning.md is in tests/e2e/test_drift.py, on an AWS that knows more of it than moto.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.triggers import reading

Run = Callable[..., Any]
REGION = "eu-west-1"
OTHERS = "arn:aws:iam::999999999999:root"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/k"


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def changes(outcome: Any) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {
        (step["resource"], change["attribute"]): (change["old"], change["new"])
        for step in outcome.data["steps"]
        for change in step["changes"]
    }


def change_rule(p: Pipeline) -> None:
    rule = client("events").describe_rule(Name=p.rule_name)
    client("events").put_rule(Name=p.rule_name, EventPattern=rule["EventPattern"], Description="hands")


# Taken away: how a hand sets it, and what the plan says of it.
DRIFT: list[tuple[Callable[[Pipeline], Any], dict[tuple[str, str], tuple[Any, Any]]]] = [
    (
        change_rule,
        {
            ("rule", names.DESCRIPTION): ("hands", "s3copy pipeline s3copy: new objects of the source bucket"),
        },
    ),
]


def admit(statement_id: str) -> dict[str, Any]:
    return {"Sid": statement_id, "Effect": "Allow", "Principal": {"AWS": OTHERS}, "Resource": "*"}


def change_dead_letter_queue(p: Pipeline) -> None:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=p.queue_name)["QueueUrl"]
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    policy["Statement"] += [
        {**admit("Theirs"), "Action": "sqs:ReceiveMessage"},
        {**admit("__owner_statement"), "Action": "sqs:*", "Principal": {"AWS": OTHERS.replace("9" * 12, p.account_id)}},
    ]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy), "KmsMasterKeyId": KEY})


def deny(p: Pipeline) -> None:
    policy = json.loads(client("s3").get_bucket_policy(Bucket=p.destination_bucket)["Policy"])
    policy["Statement"].append({**admit("NoPut"), "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"})
    client("s3").put_bucket_policy(Bucket=p.destination_bucket, Policy=json.dumps(policy))


def admit_sns(p: Pipeline) -> None:
    client("lambda").add_permission(
        FunctionName=p.function_name,
        StatementId="theirs",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
    )


def add_target(p: Pipeline) -> None:
    target = {"Id": "theirs", "Arn": "arn:aws:sqs:eu-west-1:123456789012:theirs"}
    client("events").put_targets(Rule=p.rule_name, Targets=[target])


# Left and told: how a hand sets it, and what is said of what.
NOTED: list[tuple[Callable[[Pipeline], Any], str, list[str]]] = [
    (
        admit_sns,
        "function s3copy",
        ["its policy also admits sns.amazonaws.com: lambda:InvokeFunction (statement theirs)"],
    ),
    (
        change_dead_letter_queue,
        "dead-letter queue s3copy-dead-letter",
        [
            f"it is encrypted with the KMS key {KEY}",
            f"its policy also admits {OTHERS}: sqs:ReceiveMessage (statement Theirs)",
        ],
    ),
    (add_target, "rule's target s3copy-copy", ["the rule also has targets that setup has not made"]),
    (
        deny,
        "the policy of the destination bucket s3copy-destination-123456789012-eu-west-1-an",
        ["statement NoPut denies the function s3:PutObject"],
    ),
]


def is_told(warnings: list[str]) -> bool:
    """Whether these are said, and nothing else."""
    starts = [f"{what}: {note}" for _, what, notes in NOTED for note in notes]
    return len(warnings) == len(starts) and all(any(one.startswith(start) for one in warnings) for start in starts)


def test_what_does_harm_is_drift_and_what_does_not_is_told(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", "--trigger", "eventbridge", expect=0)
    # moto forgets the EventBridge switch, so that one step is always left.
    clean = s3copy("plan", "--json", expect=3)
    assert (changes(clean), clean.data["warnings"]) == ({}, [])
    for change in (*(change for change, _ in DRIFT), *(change for change, _, _ in NOTED)):
        change(pipeline)
    expected = {key: values for _, said in DRIFT for key, values in said.items()}

    planned = s3copy("plan", "--json", expect=3)
    assert changes(planned) == expected
    assert is_told(planned.data["warnings"]), planned.data["warnings"]
    assert changes(s3copy("setup", "--json", expect=0)) == expected
    again = s3copy("plan", "--json", expect=3)
    assert changes(again) == {}
    assert is_told(again.data["warnings"]), "setup leaves it as it is"
    assert all(note in again.stderr for note in again.data["warnings"])


def test_who_else_may_invoke_the_function_is_told_with_every_trigger(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", "--trigger", "sqs", expect=0)
    admit_sns(pipeline)
    assert s3copy("plan", "--json", expect=0).data["warnings"] == [
        "function s3copy: its policy also admits sns.amazonaws.com: lambda:InvokeFunction (statement theirs)"
    ]


def test_another_function_that_takes_our_events_is_told_with_the_command_that_ends_it(
    s3copy: Run, pipeline: Pipeline
) -> None:
    s3copy("setup", "--trigger", "sqs", expect=0)
    lambda_ = client("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("h.py", "")
    lambda_.create_function(
        FunctionName="other",
        Runtime="python3.13",
        Role=pipeline.role_arn,
        Handler="h.h",
        Code={"ZipFile": code.getvalue()},
    )
    (mapping,) = lambda_.list_event_source_mappings()["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], FunctionName="other")

    planned = s3copy("plan", "--json", expect=3)
    (step,) = [one for one in planned.data["steps"] if one["resource"] == "event source mapping"]
    assert step["action"] == "create"
    (warning,) = planned.data["warnings"]
    assert "event source mapping s3copy-events: another function takes events from the queue" in warning
    assert f"{pipeline.function_arn.removesuffix('s3copy')}other;" in warning
    assert warning.endswith(f"aws lambda delete-event-source-mapping --uuid {mapping['UUID']} --region {REGION}")

    s3copy("setup", expect=0)
    assert s3copy("plan", "--json", expect=0).data["warnings"] == [warning]
    lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
    assert s3copy("plan", "--json", expect=0).data["warnings"] == []


# What moto does not answer.


@pytest.fixture
def aws() -> Aws:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=REGION)
    return Aws(session=session, region=REGION)


@pytest.fixture
def named() -> Pipeline:
    return Pipeline("s3copy", "123456789012", REGION)


def test_a_log_group_that_cannot_be_searched_is_told(aws: Aws, named: Pipeline) -> None:
    with Stubber(aws.logs) as logs:
        group = {"logGroupName": named.log_group, "logGroupClass": "INFREQUENT_ACCESS"}
        logs.add_response("describe_log_groups", {"logGroups": [group]})
        logs.add_response("list_tags_for_resource", {"tags": named.tags})
        (note,) = remote.read_log_group(aws, named).notes
        assert "its class is INFREQUENT_ACCESS" in note


def test_what_lambda_would_have_beside_a_maximum_concurrency_is_drift(aws: Aws, named: Pipeline) -> None:
    pollers = {"MinimumPollers": 2, "MaximumPollers": 9}
    mapping = {
        "FunctionArn": named.function_arn,
        "UUID": "1" * 36,
        "State": "Enabled",
        "ProvisionedPollerConfig": pollers,
    }
    with Stubber(aws.lambda_) as lambda_:
        lambda_.add_response("list_event_source_mappings", {"EventSourceMappings": [mapping]})
        assert reading.read_mapping(aws, named).attributes[names.POLLERS] == pollers


def test_a_condition_that_keeps_s3_out_is_seen(named: Pipeline) -> None:
    statement = {
        "Sid": named.permission_id,
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Condition": {"StringEquals": {"lambda:EventSourceToken": "t"}},
    }
    found = reading.permission_from(Kind.PERMISSION, named.permission_id, {"Statement": [statement]})
    assert found.attributes[names.STATEMENT]["lambda:eventsourcetoken"] == "t"
