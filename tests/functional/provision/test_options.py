"""The options of `s3copy setup` against the APIs in moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from s3copy_cli.config import Pipeline

Run = Callable[..., Any]
REGION = "eu-west-1"
DEFAULTS = {
    "propagate_deletes": False,
    "accept_permanent_deletes": False,
    "sync_tags": False,
    "storage_class": "STANDARD",
    "kms_key_id": None,
    "prefix": "",
    "suffix": "",
    "destination_prefix": "",
}
ALL = ("--propagate-deletes", "--destination-versioning", "--sync-tags", "--storage-class", "keep")


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def pending(outcome: Any) -> dict[str, list[str]]:
    """The resources that are not kept, each with the attributes that change."""
    steps = outcome.data["steps"]
    return {
        step["resource"]: [change["attribute"] for change in step["changes"]]
        for step in steps
        if step["action"] != "keep"
    }


def variables() -> dict[str, str]:
    configuration = client("lambda").get_function_configuration(FunctionName="s3copy")
    found: dict[str, str] = configuration["Environment"]["Variables"]
    return found


def events(pipeline: Pipeline) -> list[str]:
    answer = client("s3").get_bucket_notification_configuration(Bucket=pipeline.source_bucket)
    (entry,) = answer["LambdaFunctionConfigurations"]
    return sorted(entry["Events"])


def allowed(pipeline: Pipeline) -> set[str]:
    policy = client("iam").get_role_policy(RoleName=pipeline.role_name, PolicyName=pipeline.policy_name)
    return {action for statement in policy["PolicyDocument"]["Statement"] for action in statement["Action"]}


def versioning(pipeline: Pipeline) -> str | None:
    status: str | None = client("s3").get_bucket_versioning(Bucket=pipeline.destination_bucket).get("Status")
    return status


def test_all_at_once_kept_by_a_second_setup_and_by_deploy_and_turned_off(
    s3copy: Run, pipeline: Pipeline, write_calls: list[str]
) -> None:
    built = s3copy("setup", *ALL, "--json", expect=0)
    assert built.data["options"] == {
        "propagate_deletes": True,
        "accept_permanent_deletes": False,
        "sync_tags": True,
        "storage_class": "keep",
        "kms_key_id": None,
        "prefix": "",
        "suffix": "",
        "destination_prefix": "",
    }
    assert versioning(pipeline) == "Enabled"
    assert "s3:DeleteObject" in allowed(pipeline)
    assert events(pipeline) == [
        "s3:LifecycleExpiration:*",
        "s3:ObjectCreated:*",
        "s3:ObjectRemoved:*",
        "s3:ObjectTagging:*",
    ]
    on = {"S3COPY_PROPAGATE_DELETES": "1", "S3COPY_SYNC_TAGS": "1", "S3COPY_STORAGE_CLASS": "keep"}
    assert on.items() <= variables().items()

    write_calls.clear()
    for arguments in (["setup"], ["setup", *ALL], ["deploy"]):
        again = s3copy(*arguments, "--json", expect=0)
        assert again.data["changed"] is False, arguments
        assert again.data["options"] == built.data["options"]
    assert write_calls == []

    off = ("--no-propagate-deletes", "--no-sync-tags", "--storage-class", "STANDARD")
    turned_off = s3copy("setup", *off, "--json", expect=0)
    assert turned_off.data["options"] == DEFAULTS
    assert pending(turned_off) == {
        "role policy": ["policy document"],
        "function": ["propagate deletes", "sync tags", "storage class"],
        "trigger": ["events"],
    }
    assert "s3:DeleteObject" not in allowed(pipeline)
    assert events(pipeline) == ["s3:ObjectCreated:*"]
    assert not set(on) & set(variables())
    assert versioning(pipeline) == "Enabled", "what was versioned stays so"
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_the_plan_shows_old_and_new_words(s3copy: Run, write_calls: list[str]) -> None:
    s3copy("setup", expect=0)
    write_calls.clear()
    planned = s3copy("setup", *ALL, "--dry-run", expect=0).stdout
    assert "propagate deletes: off -> on" in planned
    assert "sync tags: off -> on" in planned
    assert "storage class: STANDARD -> keep" in planned
    assert "versioning: off -> Enabled" in planned
    assert "s3:ObjectTagging:*" in planned
    assert write_calls == []
    said = s3copy("setup", *ALL, expect=0).stdout
    assert "propagated" in said
    assert "that of the source object" in said


def test_one_option_leaves_the_others(s3copy: Run) -> None:
    s3copy("setup", "--sync-tags", expect=0)
    outcome = s3copy("setup", "--storage-class", "STANDARD_IA", "--json", expect=0)
    assert outcome.data["options"] == {**DEFAULTS, "sync_tags": True, "storage_class": "STANDARD_IA"}
    assert pending(outcome) == {"function": ["storage class"]}


DRIFT: dict[str, tuple[Callable[[Pipeline], Any], dict[str, list[str]]]] = {
    "events": (
        lambda p: client("s3").put_bucket_notification_configuration(
            Bucket=p.source_bucket,
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [
                    {
                        "Id": p.notification_id,
                        "LambdaFunctionArn": p.function_arn,
                        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                    }
                ]
            },
        ),
        {"trigger": ["events"]},
    ),
    "policy": (
        lambda p: client("iam").put_role_policy(
            RoleName=p.role_name,
            PolicyName=p.policy_name,
            PolicyDocument='{"Version": "2012-10-17", "Statement": '
            '{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}}',
        ),
        {"role policy": ["policy document"]},
    ),
    "a value that cannot be meant": (
        lambda p: client("lambda").update_function_configuration(
            FunctionName=p.function_name,
            Environment={"Variables": {**variables(), "S3COPY_STORAGE_CLASS": "not one"}},
        ),
        {"function": ["storage class"]},
    ),
    "a variable of somebody else's": (
        lambda p: client("lambda").update_function_configuration(
            FunctionName=p.function_name, Environment={"Variables": {**variables(), "DEBUG": "1"}}
        ),
        {"function": ["environment"]},
    ),
    "a time-out too short for large copies": (
        lambda p: client("lambda").update_function_configuration(FunctionName=p.function_name, Timeout=300),
        {"function": ["timeout seconds"]},
    ),
}


@pytest.mark.parametrize("what", DRIFT)
def test_drift_of_what_the_options_made_is_put_right(s3copy: Run, pipeline: Pipeline, what: str) -> None:
    s3copy("setup", "--propagate-deletes", "--destination-versioning", "--sync-tags", expect=0)
    before = (events(pipeline), allowed(pipeline), variables())
    change, expected = DRIFT[what]
    change(pipeline)
    assert pending(s3copy("setup", "--json", expect=0)) == expected
    assert (events(pipeline), allowed(pipeline), variables()) == before
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_propagation_to_a_bucket_without_versions_is_refused_before_anything_is_changed(
    s3copy: Run, pipeline: Pipeline, write_calls: list[str]
) -> None:
    for dry_run in ([], ["--dry-run"]):
        refused = s3copy("setup", "--propagate-deletes", *dry_run, "--json", expect=1)
        (error,) = refused.envelope["errors"]
        assert error["code"] == "PermanentDeletes"
    assert write_calls == []

    s3copy("setup", expect=0)
    write_calls.clear()
    refused = s3copy("setup", "--propagate-deletes", expect=1)
    assert "is not versioned" in refused.stderr
    assert write_calls == []

    accepted = s3copy("setup", "--propagate-deletes", "--accept-permanent-deletes", "--json", expect=0)
    assert accepted.data["options"]["accept_permanent_deletes"] is True
    assert versioning(pipeline) is None
    assert s3copy("setup", "--propagate-deletes", "--json", expect=0).data["changed"] is False


def test_a_bucket_that_is_versioned_already_needs_no_word(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    client("s3").put_bucket_versioning(
        Bucket=pipeline.destination_bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    assert s3copy("setup", "--json", expect=0).data["changed"] is False
    s3copy("setup", "--propagate-deletes", expect=0)

    # Who suspends it while deletes are propagated hears of it at the next setup.
    client("s3").put_bucket_versioning(
        Bucket=pipeline.destination_bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    assert "Suspended" in s3copy("setup", expect=1).stderr
    assert pending(s3copy("setup", "--destination-versioning", "--json", expect=0)) == {
        "destination bucket": ["versioning"],
        "function": ["recorded settings"],
    }
    s3copy("teardown", "--yes", expect=0)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--accept-permanent-deletes"], "--propagate-deletes"), (["--storage-class", "CHEAP"], "STANDARD_IA")],
)
def test_wrong_usage(s3copy: Run, write_calls: list[str], arguments: list[str], word: str) -> None:
    assert word in s3copy("setup", *arguments, expect=2).stderr
    assert write_calls == []
