"""Everything that setup sets, changed by hand: the plan names exactly that, old and new, and setup mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import Choices
from s3copy_cli.provision.desired import desired_state
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.settings import Settings

from ...drift_by_hand import (  # noqa: TID252 (shared with the pictures)
    ALWAYS,
    BOUNDARY,
    CHANGES,
    CHOICES,
    queue_url,
    set_variable,
)

Run = Callable[..., Any]
REGION = "eu-west-1"
CHOSEN = (
    *("--tag", "team=blue", "--permissions-boundary", BOUNDARY, "--memory", "512", "--destination-versioning"),
    *("--source-versioning", "--propagate-deletes"),
)
# Read back by the embedded AWS only (tests/e2e/test_drift.py): moto does not echo LoggingConfig, nor the second
# PutFunctionEventInvokeConfig. Or not a thing that a hand can change.
ELSEWHERE = {
    ("function", names.LOG_GROUP),
    ("function", names.LOG_FORMAT),
    ("function", names.STATE),
    ("function", names.RECURSIVE_LOOPS),
    ("async invocation", names.MAX_RETRIES),
    ("async invocation", names.MAX_EVENT_AGE),
    ("async invocation", names.ON_FAILURE),
    ("function", names.ARCHITECTURE),
    # Below as one: all are variables.
    ("function", names.ACCEPT_PERMANENT_DELETES),
    ("function", names.RESERVED_CONCURRENCY),
}


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """GetAccountSettings, which moto does not have; the list's one entry is the answer's limit."""
    limit = [{"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}]
    original = boto3.Session.client

    def with_answer(self: Any, *arguments: Any, **keywords: Any) -> Any:
        made = original(self, *arguments, **keywords)
        if hasattr(made, "get_account_settings"):
            made.get_account_settings = lambda: {"AccountLimit": limit[0]}
        return made

    monkeypatch.setattr(boto3.Session, "client", with_answer)
    return limit


# Another function as the trigger's is not drift but somebody else's entry.
FOREIGN = {("trigger", names.FUNCTION_ARN)}


def changes(outcome: Any) -> dict[tuple[str, str], tuple[Any, Any]]:
    """What the plan changes, with old and new; a resource that is made counts with its reason."""
    found = {}
    for step in outcome.data["steps"]:
        for change in step["changes"]:
            found[step["resource"], change["attribute"]] = (change["old"], change["new"])
        if step["action"] == "create":
            found[step["resource"], ""] = (step["reason"], step["action"])
    return found


def test_the_table_has_everything_that_setup_sets(pipeline: Pipeline) -> None:
    settings = Settings(permissions_boundary=BOUNDARY, source_versioning=True, destination_versioning=True)
    state = desired_state(pipeline, Package(b"zip", "c2hh"), Choices(settings=settings))
    set_by_us = {
        (kind.value, attribute) for kind, resource in state.resources.items() for attribute in resource.attributes
    }
    assert set_by_us - ELSEWHERE - FOREIGN == set(CHANGES) - ELSEWHERE


def test_everything_changed_by_hand_is_named_with_old_and_new_and_mended(s3copy: Run, pipeline: Pipeline) -> None:
    client("iam").create_policy(PolicyName="bound", PolicyDocument=ALWAYS)
    s3copy("setup", *CHOSEN, expect=0)
    assert s3copy("plan", "--json", expect=0).data["pending"] == 0
    together = {key: change for key, change in CHANGES.items() if key[1] not in CHOICES}
    for change, _, _ in together.values():
        change(client, pipeline)
    planned = s3copy("plan", "--json", expect=3)
    found = changes(planned)
    expected = {key if old != "missing" else (key[0], ""): (old, new) for key, (_, old, new) in together.items()}
    assert set(found) == set(expected)
    for key, (old, new) in expected.items():
        assert old in (..., found[key][0]), key
        assert new in (..., found[key][1]), key
    assert planned.data["pending"] == planned.data["counts"]["update"] + planned.data["counts"]["create"]

    text = s3copy("plan", expect=3).stdout
    assert "memory MB: 128 -> 512" in text
    assert "- Statement.Effect: Deny" in text
    assert "+ Statement.ListBuckets.Action: s3:ListBucket" in text

    mended = s3copy("setup", "--json", expect=0)
    assert changes(mended) == found
    again = s3copy("plan", "--json", expect=0)
    assert changes(again) == {}
    assert again.data["pending"] == 0
    assert "nothing to change" in s3copy("plan", expect=0).stdout


def test_what_setup_does_not_set_and_what_loses_events_is_taken_away(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    elsewhere = client("sqs").create_queue(QueueName="elsewhere")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=elsewhere, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    moved = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    attributes = {"DelaySeconds": "900", "MaximumMessageSize": "1024", "RedrivePolicy": moved}
    client("sqs").set_queue_attributes(QueueUrl=queue_url(client, pipeline), Attributes=attributes)
    rule = client("s3").get_bucket_lifecycle_configuration(Bucket=pipeline.source_bucket)["Rules"][0]
    client("s3").put_bucket_lifecycle_configuration(
        Bucket=pipeline.source_bucket, LifecycleConfiguration={"Rules": [{**rule, "Expiration": {"Days": 1}}]}
    )
    expected = {
        ("source bucket", "abort incomplete uploads after days"): ("7, with Expiration", 7),
        ("dead-letter queue", "delay seconds"): (900, None),
        ("dead-letter queue", "maximum message bytes"): (1024, None),
        ("dead-letter queue", "moves messages on to"): (arn, None),
    }
    assert changes(s3copy("plan", "--json", expect=3)) == expected
    assert changes(s3copy("setup", "--json", expect=0)) == expected
    assert changes(s3copy("plan", "--json", expect=0)) == {}


def test_a_rule_that_also_starts_the_function_by_the_clock_is_put_right(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", "--trigger", "eventbridge", expect=0)
    rule = client("events").describe_rule(Name=pipeline.rule_name)
    kept = {key: rule[key] for key in ("Name", "EventPattern", "State", "Description")}
    client("events").put_rule(**kept, ScheduleExpression="rate(1 minute)")
    # Next to the bucket's switch, which moto does not give back.
    assert changes(s3copy("setup", "--json", expect=0))["rule", "schedule"] == ("rate(1 minute)", None)
    assert "ScheduleExpression" not in client("events").describe_rule(Name=pipeline.rule_name)


def test_a_record_that_somebody_broke_stops_setup_and_a_reset_mends_it(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", "--memory", "512", expect=0)
    set_variable("S3COPY_SETTINGS", "x")(client, pipeline)
    for command in ("setup", "plan", "deploy"):
        (error,) = s3copy(command, "--json", expect=1).envelope["errors"]
        assert error["code"] == "UnreadableSettings"
    planned = s3copy("plan", "--reset-settings", "--json", expect=3)
    assert changes(planned) == {("function", "recorded settings"): ("x", {}), ("function", "memory MB"): (512, 256)}
    s3copy("setup", "--reset-settings", expect=0)
    s3copy("plan", expect=0)
