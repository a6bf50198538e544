"""Everything that setup sets, changed by hand: the plan names exactly that, old and new, and setup mends it."""

from __future__ import annotations

import io
import json
import zipfile
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

Run = Callable[..., Any]
REGION = "eu-west-1"
BOUNDARY = "arn:aws:iam::123456789012:policy/bound"
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


def queue_url(p: Pipeline) -> str:
    return str(client("sqs").get_queue_url(QueueName=p.queue_name)["QueueUrl"])


def variables(**changed: str) -> dict[str, str]:
    configuration = client("lambda").get_function_configuration(FunctionName="s3copy")
    return {**configuration["Environment"]["Variables"], **changed}


def configure(**settings: Any) -> Callable[[Pipeline], Any]:
    return lambda p: client("lambda").update_function_configuration(FunctionName=p.function_name, **settings)


def set_variable(name: str, value: str) -> Callable[[Pipeline], Any]:
    return lambda p: configure(Environment={"Variables": variables(**{name: value})})(p)


def other_code() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lambda_handler/handler.py", "def lambda_handler(event, context): pass\n")
    return buffer.getvalue()


def retag_bucket(tags: dict[str, str]) -> Callable[[str], Any]:
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    return lambda bucket: client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})


OURS = {"s3copy:pipeline": "s3copy", "team": "blue"}
RED = {"s3copy:pipeline": "s3copy", "team": "red"}
GONE = {"s3copy:pipeline": "s3copy", "team": None}
LISTED = {"s3copy:pipeline": "s3copy", "s3copy:tags": "team"}
ALWAYS = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
SOURCE, DESTINATION = ("source bucket", "destination bucket")
Expected = Any
# (resource, attribute) -> how a hand changes it; the plan's old and new value (... where another test looks at it).
BUCKET_CHANGES: dict[str, tuple[Callable[[str], Any], Expected, Expected]] = {
    names.PUBLIC_ACCESS: (lambda b: client("s3").delete_public_access_block(Bucket=b), "not blocked", "blocked"),
    names.OBJECT_OWNERSHIP: (
        lambda b: client("s3").put_bucket_ownership_controls(
            Bucket=b, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        ),
        "ObjectWriter",
        "BucketOwnerEnforced",
    ),
    names.DEFAULT_ENCRYPTION: (lambda b: client("s3").delete_bucket_encryption(Bucket=b), None, "AES256"),
    names.ABORT_UPLOADS: (lambda b: client("s3").delete_bucket_lifecycle(Bucket=b), None, 7),
    names.VERSIONING: (
        lambda b: client("s3").put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Suspended"}),
        "Suspended",
        "Enabled",
    ),
    names.TAGS: (retag_bucket({**LISTED, "team": "red"}), RED, OURS),
}
CHANGES: dict[tuple[str, str], tuple[Callable[[Pipeline], Any], Expected, Expected]] = {
    **{
        (SOURCE, attribute): ((lambda p, change=change: change(p.source_bucket)), old, new)
        for attribute, (change, old, new) in BUCKET_CHANGES.items()
    },
    **{
        (DESTINATION, attribute): ((lambda p, change=change: change(p.destination_bucket)), old, new)
        for attribute, (change, old, new) in BUCKET_CHANGES.items()
    },
    ("source bucket policy", names.TLS_ONLY): (
        lambda p: client("s3").put_bucket_policy(
            Bucket=p.source_bucket,
            Policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Sid": "s3copyTlsOnly",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:PutObject",
                        "Resource": "*",
                    },
                }
            ),
        ),
        ...,
        ...,
    ),
    ("destination bucket policy", names.TLS_ONLY): (
        lambda p: client("s3").delete_bucket_policy(Bucket=p.destination_bucket),
        "missing",
        "create",
    ),
    ("log group", names.RETENTION_DAYS): (
        lambda p: client("logs").put_retention_policy(logGroupName=p.log_group, retentionInDays=1),
        1,
        30,
    ),
    ("log group", names.TAGS): (
        lambda p: client("logs").untag_resource(resourceArn=p.log_group_arn, tagKeys=["team"]),
        GONE,
        OURS,
    ),
    ("dead-letter queue", names.RETENTION_SECONDS): (
        lambda p: client("sqs").set_queue_attributes(
            QueueUrl=queue_url(p), Attributes={"MessageRetentionPeriod": "60"}
        ),
        60,
        1_209_600,
    ),
    ("dead-letter queue", names.QUEUE_ENCRYPTION): (
        lambda p: client("sqs").set_queue_attributes(
            QueueUrl=queue_url(p), Attributes={"SqsManagedSseEnabled": "false"}
        ),
        False,
        True,
    ),
    ("dead-letter queue", names.TAGS): (
        lambda p: client("sqs").untag_queue(QueueUrl=queue_url(p), TagKeys=["team"]),
        GONE,
        OURS,
    ),
    ("role", names.TRUST): (
        lambda p: client("iam").update_assume_role_policy(
            RoleName=p.role_name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [EC2]})
        ),
        [{**EC2, "Action": ["sts:AssumeRole"]}],
        [{"Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}],
    ),
    ("role", names.DESCRIPTION): (
        lambda p: client("iam").update_role_description(RoleName=p.role_name, Description="hands"),
        "hands",
        "s3copy pipeline s3copy: what its function may do",
    ),
    ("role", names.BOUNDARY): (
        lambda p: client("iam").delete_role_permissions_boundary(RoleName=p.role_name),
        None,
        BOUNDARY,
    ),
    ("role", names.TAGS): (
        lambda p: client("iam").tag_role(RoleName=p.role_name, Tags=[{"Key": "team", "Value": "red"}]),
        RED,
        OURS,
    ),
    ("role policy", names.DOCUMENT): (
        lambda p: client("iam").put_role_policy(RoleName=p.role_name, PolicyName=p.policy_name, PolicyDocument=ALWAYS),
        [{"Action": ["*"], "Effect": "Deny", "Resource": ["*"]}],
        ...,
    ),
    ("function", names.CODE): (
        lambda p: client("lambda").update_function_code(FunctionName=p.function_name, ZipFile=other_code()),
        ...,
        ...,
    ),
    ("function", names.RUNTIME): (configure(Runtime="python3.12"), "python3.12", "python3.13"),
    ("function", names.HANDLER): (configure(Handler="a.b"), "a.b", "lambda_handler.handler.lambda_handler"),
    ("function", names.DESCRIPTION): (configure(Description="hands"), "hands", "s3copy pipeline s3copy"),
    ("function", names.ROLE): (
        lambda p: configure(Role=p.role_arn.replace("s3copy-eu", "other-eu"))(p),
        "arn:aws:iam::123456789012:role/other-eu-west-1",
        "arn:aws:iam::123456789012:role/s3copy-eu-west-1",
    ),
    ("function", names.TIMEOUT): (configure(Timeout=3), 3, 900),
    ("function", names.MEMORY): (configure(MemorySize=128), 128, 512),
    ("function", names.ENVIRONMENT): (set_variable("DEBUG", "1"), ..., ...),
    ("function", names.STORAGE_CLASS): (set_variable("S3COPY_STORAGE_CLASS", "not one"), "not one", "STANDARD"),
    ("function", names.KMS_KEY): (set_variable("S3COPY_KMS_KEY_ID", ""), ..., ...),
    ("function", names.PROPAGATE_DELETES): (set_variable("S3COPY_PROPAGATE_DELETES", "x"), ..., ...),
    ("function", names.SYNC_TAGS): (set_variable("S3COPY_SYNC_TAGS", "x"), "x", "off"),
    ("function", names.PREFIX): (set_variable("S3COPY_PREFIX", "x/"), ..., ...),
    ("function", names.SUFFIX): (set_variable("S3COPY_SUFFIX", ".x"), ..., ...),
    ("function", names.DESTINATION_PREFIX): (set_variable("S3COPY_DESTINATION_PREFIX", "x/"), ..., ...),
    ("function", names.SETTINGS): (set_variable("S3COPY_SETTINGS", "x"), ..., ...),
    ("function", names.TAGS): (
        lambda p: client("lambda").untag_resource(Resource=p.function_arn, TagKeys=["team"]),
        GONE,
        OURS,
    ),
    ("invoke permission", names.STATEMENT): (
        lambda p: (
            client("lambda").remove_permission(FunctionName=p.function_name, StatementId=p.permission_id),
            client("lambda").add_permission(
                FunctionName=p.function_name,
                StatementId=p.permission_id,
                Action="lambda:InvokeFunction",
                Principal="s3.amazonaws.com",
                SourceArn=p.bucket_arn("any"),
            ),
        ),
        ...,
        ...,
    ),
    ("trigger", names.EVENTS): (
        lambda p: client("s3").put_bucket_notification_configuration(
            Bucket=p.source_bucket,
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [
                    {
                        "Id": p.notification_id,
                        "LambdaFunctionArn": p.function_arn,
                        "Events": ["s3:ObjectCreated:Put"],
                    }
                ]
            },
        ),
        ["s3:ObjectCreated:Put"],
        ["s3:LifecycleExpiration:*", "s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    ),
}
# Changed one by one: what they are is what the choices are read from, so they change what is wanted, too.
CHOICES = {
    *(names.SETTINGS, names.KMS_KEY, names.PROPAGATE_DELETES),
    *(names.PREFIX, names.SUFFIX, names.DESTINATION_PREFIX),
}
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
        change(pipeline)
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
    client("sqs").set_queue_attributes(QueueUrl=queue_url(pipeline), Attributes=attributes)
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
    set_variable("S3COPY_SETTINGS", "x")(pipeline)
    for command in ("setup", "plan", "deploy"):
        (error,) = s3copy(command, "--json", expect=1).envelope["errors"]
        assert error["code"] == "UnreadableSettings"
    planned = s3copy("plan", "--reset-settings", "--json", expect=3)
    assert changes(planned) == {("function", "recorded settings"): ("x", {}), ("function", "memory MB"): (512, 256)}
    s3copy("setup", "--reset-settings", expect=0)
    s3copy("plan", expect=0)
