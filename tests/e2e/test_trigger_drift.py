"""Everything that setup sets of a trigger, changed by hand on the embedded AWS: the plan names it, setup mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.choices import Choices
from s3copy_cli.provision.desired import desired_state
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.settings import Settings
from s3copy_cli.provision.triggers.wanted import TRIGGER_KINDS

pytestmark = pytest.mark.e2e
Run = Callable[..., Any]
Clients = Callable[[str], Any]
NAME, FUNCTION = "s3copy-copy", "arn:aws:lambda:us-east-1:000000000000:function:s3copy"
SOURCE = "s3copy-source-000000000000-us-east-1-an"
DEAD_LETTERS = "arn:aws:sqs:us-east-1:000000000000:s3copy-dead-letter"
ELSEWHERE = "arn:aws:sqs:us-east-1:000000000000:elsewhere"
ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
ANYTHING = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
# (resource, attribute) -> old and new value; ... for documents.
EXPECTED: dict[str, dict[tuple[str, str], Any]] = {
    "sqs": {
        ("event queue", "retention seconds"): (60, 1_209_600),
        ("event queue", "encryption by SQS"): (False, True),
        ("event queue", "visibility timeout seconds"): (901, 900),
        ("event queue", "on failure"): (ELSEWHERE, DEAD_LETTERS),
        ("event queue", "deliveries before it is parked"): (1, 8),
        ("event queue", "policy document"): ...,
        ("event queue", "tags"): ...,
        ("event queue access", "policy document"): ...,
        ("event source mapping", "state"): ("disabled", "active"),
        ("event source mapping", "batch size"): (1, 10),
        ("event source mapping", "batch window seconds"): (5, 0),
        ("event source mapping", "maximum concurrency"): (2, 10),
        ("event source mapping", "response types"): ([], ["ReportBatchItemFailures"]),
        ("trigger", "events"): (["s3:ObjectCreated:Put"], ["s3:ObjectCreated:*"]),
    },
    "eventbridge": {
        ("dead-letter queue policy", "statement"): ...,
        ("rule", "state"): ("disabled", "active"),
        ("rule", "event pattern"): ...,
        ("rule", "tags"): ...,
        ("rule's invoke permission", "statement"): ...,
        ("rule's target", "function"): (ELSEWHERE, FUNCTION),
        ("rule's target", "retries"): (1, 185),
        ("rule's target", "maximum event age seconds"): (60, 21_600),
        ("rule's target", "on failure"): (ELSEWHERE, DEAD_LETTERS),
    },
}
# Those of every queue and rule are in test_drift.py. Another queue as the entry's is somebody else's entry.
OTHER_TESTS = {"delay seconds", "maximum message bytes", "description", "queue"}


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def change_queued(clients: Clients) -> None:
    sqs, lambda_, s3 = clients("sqs"), clients("lambda"), clients("s3")
    sqs.create_queue(QueueName="elsewhere")
    url = sqs.get_queue_url(QueueName="s3copy-events")["QueueUrl"]
    attributes = {
        "MessageRetentionPeriod": "60",
        "SqsManagedSseEnabled": "false",
        "VisibilityTimeout": "901",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": ELSEWHERE, "maxReceiveCount": 1}),
    }
    found = s3.get_bucket_notification_configuration(Bucket=SOURCE)
    (entry,) = found["QueueConfigurations"]
    entry["Events"] = ["s3:ObjectCreated:Put"]
    # Before the queue's policy: the embedded AWS, too, asks whether S3 may send there.
    s3.put_bucket_notification_configuration(Bucket=SOURCE, NotificationConfiguration={"QueueConfigurations": [entry]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={**attributes, "Policy": policy(ANYBODY)})
    sqs.tag_queue(QueueUrl=url, Tags={"team": "red"})
    clients("iam").put_role_policy(
        RoleName="s3copy-us-east-1", PolicyName="s3copy-event-queue", PolicyDocument=policy(ANYTHING)
    )
    (mapping,) = lambda_.list_event_source_mappings(FunctionName="s3copy")["EventSourceMappings"]
    lambda_.update_event_source_mapping(
        UUID=mapping["UUID"],
        Enabled=False,
        BatchSize=1,
        MaximumBatchingWindowInSeconds=5,
        ScalingConfig={"MaximumConcurrency": 2},
        FunctionResponseTypes=[],
    )


def change_bridged(clients: Clients) -> None:
    sqs, lambda_, events = clients("sqs"), clients("lambda"), clients("events")
    url = sqs.get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy({**ANYBODY, "Sid": "s3copyRule"})})
    rule = events.describe_rule(Name=NAME)
    events.put_rule(
        Name=NAME, EventPattern='{"source": ["x"]}', State="DISABLED", Description=rule.get("Description", "")
    )
    events.tag_resource(ResourceARN=rule["Arn"], Tags=[{"Key": "team", "Value": "red"}])
    target = {
        "Id": NAME,
        "Arn": ELSEWHERE,
        "RetryPolicy": {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": ELSEWHERE},
    }
    events.put_targets(Rule=NAME, Targets=[target])
    lambda_.remove_permission(FunctionName="s3copy", StatementId="s3copy-rule")
    lambda_.add_permission(
        FunctionName="s3copy",
        StatementId="s3copy-rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )


def differences(outcome: Any) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {
        (step["resource"], change["attribute"]): (change["old"], change["new"])
        for step in outcome.data["steps"]
        for change in step["changes"]
    }


@pytest.mark.parametrize(("trigger", "change"), [("sqs", change_queued), ("eventbridge", change_bridged)])
def test_everything_of_a_trigger_that_is_changed_by_hand_is_named_and_mended(
    s3copy: Run, clients: Clients, trigger: str, change: Callable[[Clients], None]
) -> None:
    s3copy("setup", "--trigger", trigger, "--tag", "team=blue", expect=0)
    change(clients)
    expected = EXPECTED[trigger]
    found = differences(s3copy("plan", "--json", expect=3))
    assert set(found) == set(expected)
    for key, values in expected.items():
        assert values in (..., found[key]), key
    assert differences(s3copy("setup", "--json", expect=0)) == found
    assert differences(s3copy("plan", "--json", expect=0)) == {}


@pytest.mark.parametrize("trigger", EXPECTED)
def test_the_tables_have_everything_that_setup_sets(trigger: str) -> None:
    pipeline = Pipeline(name="s3copy", account_id="000000000000", region="us-east-1")
    state = desired_state(pipeline, Package(b"zip", "c2hh"), Choices(settings=Settings(trigger=trigger)))
    set_by_us = {
        (kind.value, attribute)
        for kind in TRIGGER_KINDS
        if kind in state.resources
        for attribute in state.resources[kind].attributes
        if attribute not in OTHER_TESTS
    }
    assert set_by_us == set(EXPECTED[trigger])
