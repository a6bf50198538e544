"""`s3copy teardown` against the APIs in moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.plan import Step
from s3copy_cli.provision.removal import REMOVERS, Remover
from s3copy_cli.provision.resources import Kind

Run = Callable[..., Any]
REGION = "eu-west-1"


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def everything() -> dict[str, list[Any]]:
    return {
        "buckets": client("s3").list_buckets()["Buckets"],
        "roles": client("iam").list_roles()["Roles"],
        "functions": client("lambda").list_functions()["Functions"],
        "log groups": client("logs").describe_log_groups()["logGroups"],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
    }


EMPTY: dict[str, list[Any]] = {"buckets": [], "roles": [], "functions": [], "log groups": [], "queues": []}


def test_teardown_leaves_nothing_and_a_second_one_finds_nothing(s3copy: Run, write_calls: list[str]) -> None:
    s3copy("setup", expect=0)
    first = s3copy("teardown", "--yes", "--json", expect=0)
    assert len(first.data["removed"]) == 9
    assert first.data["remaining"] == []
    assert everything() == EMPTY

    write_calls.clear()
    second = s3copy("teardown", "--yes", "--json", expect=0)
    assert second.data["removed"] == []
    assert write_calls == []


def test_teardown_without_setup_is_done_already(s3copy: Run) -> None:
    outcome = s3copy("teardown", "--yes", expect=0)
    assert "nothing to remove" in outcome.stdout


def test_the_buckets_go_with_versions_markers_and_open_uploads(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    s3 = client("s3")
    # The pump of moto would look for Docker: the trigger is not what is tested here.
    s3.put_bucket_notification_configuration(Bucket=pipeline.source_bucket, NotificationConfiguration={})
    for bucket in (pipeline.source_bucket, pipeline.destination_bucket):
        # moto applies a Deny without looking at its condition.
        s3.delete_bucket_policy(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for key in ("a", "a", "dir/b", "x\ny"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"1")
        s3.delete_object(Bucket=bucket, Key="a")
        s3.create_multipart_upload(Bucket=bucket, Key="open")
    s3copy("teardown", "--yes", expect=0)
    assert everything() == EMPTY


def test_keep_data_keeps_both_buckets_and_setup_takes_them_again(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    client("s3").delete_bucket_policy(Bucket=pipeline.destination_bucket)
    client("s3").put_object(Bucket=pipeline.destination_bucket, Key="kept", Body=b"1")
    outcome = s3copy("teardown", "--yes", "--keep-data", "--json", expect=0)
    assert {entry["name"] for entry in outcome.data["remaining"]} == {
        pipeline.source_bucket,
        pipeline.destination_bucket,
    }
    assert client("s3").get_object(Bucket=pipeline.destination_bucket, Key="kept")["Body"].read() == b"1"
    configuration = client("s3").get_bucket_notification_configuration(Bucket=pipeline.source_bucket)
    assert "LambdaFunctionConfigurations" not in configuration

    again = s3copy("setup", "--json", expect=0)
    kept = {step["resource"] for step in again.data["steps"] if step["action"] == "keep"}
    assert {"source bucket", "destination bucket"} <= kept


def test_what_is_not_ours_is_left_and_named(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    client("s3").delete_bucket_tagging(Bucket=pipeline.destination_bucket)
    outcome = s3copy("teardown", "--yes", expect=0)
    assert pipeline.destination_bucket in outcome.stdout
    assert "has no tag" in outcome.stdout
    assert [bucket["Name"] for bucket in everything()["buckets"]] == [pipeline.destination_bucket]


def test_policies_added_to_our_role_by_hand_do_not_keep_it(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    iam = client("iam")
    document = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}'
    managed = iam.create_policy(PolicyName="theirs", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=pipeline.role_name, PolicyArn=managed)
    iam.put_role_policy(RoleName=pipeline.role_name, PolicyName="extra", PolicyDocument=document)
    s3copy("teardown", "--yes", expect=0)
    assert everything() == EMPTY
    assert iam.get_policy(PolicyArn=managed), "the policy itself is somebody else's"


def test_one_failure_does_not_stop_the_rest(s3copy: Run, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(remover: Remover, step: Step) -> None:
        raise ClientError(
            {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"RequestId": "r-1"}},
            "DeleteQueue",
        )

    remove_queue = REMOVERS[Kind.DEAD_LETTER_QUEUE]
    monkeypatch.setitem(REMOVERS, Kind.DEAD_LETTER_QUEUE, refuse)
    s3copy("setup", expect=0)
    outcome = s3copy("teardown", "--yes", "--json", expect=1)
    assert [entry["resource"] for entry in outcome.data["remaining"]] == ["dead-letter queue"]
    (problem,) = outcome.envelope["errors"]
    assert problem["code"] == "AccessDenied"
    assert "r-1" in problem["message"]
    assert "sqs:DeleteQueue" in problem["hint"]
    assert {kind for kind, found in everything().items() if found} == {"queues"}

    monkeypatch.setitem(REMOVERS, Kind.DEAD_LETTER_QUEUE, remove_queue)
    s3copy("teardown", "--yes", expect=0)
    assert everything() == EMPTY


def test_a_dry_run_shows_what_would_go(s3copy: Run, write_calls: list[str]) -> None:
    s3copy("setup", expect=0)
    write_calls.clear()
    outcome = s3copy("teardown", "--dry-run", expect=0)
    assert "9 to delete" in outcome.stdout
    assert write_calls == []


def test_with_nobody_to_ask_it_insists_on_yes(s3copy: Run, write_calls: list[str]) -> None:
    s3copy("setup", expect=0)
    write_calls.clear()
    outcome = s3copy("teardown", expect=2)
    assert "s3copy teardown --yes" in outcome.stderr
    assert write_calls == []


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Operations that the caller may not use; empty until filled."""
    operations: set[str] = set()
    original = boto3.Session.__init__

    def refuse(model: Any, **_: Any) -> None:
        if model.name in operations:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, model.name)

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call", refuse)

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)
    return operations


def test_what_may_not_be_looked_at_is_said(s3copy: Run, denied: set[str]) -> None:
    s3copy("setup", expect=0)
    denied |= {"DescribeRule", "ListEventSourceMappings"}
    outcome = s3copy("teardown", "--yes", "--json", expect=0)
    permissions = {one["resource"]: one["permission"] for one in outcome.data["not_looked_at"]}
    assert permissions == {"event source mapping": "lambda:ListEventSourceMappings", "rule": "events:DescribeRule"}
    assert "lambda:ListEventSourceMappings" in outcome.stderr
    assert everything() == EMPTY
    # Nothing says any more that it had no such trigger, but nothing speaks for it either.
    again = s3copy("teardown", "--yes", expect=0)
    assert "Nothing else of the pipeline is there" in again.stderr
    assert "nothing to remove" in again.stdout


def test_with_a_part_left_and_no_record_what_may_not_be_looked_at_is_an_error(s3copy: Run, denied: set[str]) -> None:
    s3copy("setup", expect=0)
    client("lambda").delete_function(FunctionName="s3copy")
    denied.add("DescribeRule")
    outcome = s3copy("teardown", "--yes", "--json", expect=1)
    assert [error["code"] for error in outcome.envelope["errors"]] == ["NotLookedAt"]
    assert everything() == EMPTY


def test_a_trigger_that_the_pipeline_has_and_may_not_be_looked_at_is_an_error(s3copy: Run, denied: set[str]) -> None:
    s3copy("setup", "--trigger", "sqs", expect=0)
    denied |= {"DescribeRule", "ListEventSourceMappings"}
    outcome = s3copy("teardown", "--yes", "--json", expect=1)
    (error,) = outcome.envelope["errors"]
    assert error["code"] == "NotLookedAt"
    assert "event source mapping s3copy-events" in error["message"]
    assert "DescribeRule" not in error["message"]
    assert {entry["resource"] for entry in outcome.data["removed"]} >= {"function", "event queue", "log group"}
    denied.clear()
    s3copy("teardown", "--yes", expect=0)
    assert client("lambda").list_event_source_mappings()["EventSourceMappings"] == []


def test_a_dead_letter_queue_that_denies_a_look_stops_a_plan_and_not_a_teardown(s3copy: Run, denied: set[str]) -> None:
    s3copy("setup", expect=0)
    denied.add("GetQueueUrl")
    for command in ("plan", "setup"):
        (error,) = s3copy(command, "--json", expect=1).envelope["errors"]
        assert error["code"] == "AccessDenied"
        assert "queue s3copy-dead-letter: GetQueueUrl answered AccessDeniedException: no" in error["message"]
        assert "sqs:GetQueueUrl" in error["hint"]
    outcome = s3copy("teardown", "--yes", "--json", expect=1)
    (error,) = outcome.envelope["errors"]
    assert error["code"] == "NotLookedAt"
    assert "the dead-letter queue s3copy-dead-letter (your credentials lack sqs:GetQueueUrl)" in error["message"]
    assert everything() == EMPTY | {"queues": everything()["queues"]}
    denied.clear()
    s3copy("teardown", "--yes", expect=0)
    assert everything() == EMPTY


def test_without_the_newer_permissions_a_plan_looks_at_less(s3copy: Run, denied: set[str]) -> None:
    denied |= {"GetFunctionRecursionConfig", "ListRolePolicies", "ListAttachedRolePolicies"}
    s3copy("setup", expect=0)
    assert s3copy("plan", "--json", expect=0).data["warnings"] == []


def test_setup_says_so_too_where_the_old_trigger_cannot_be_looked_at(s3copy: Run, denied: set[str]) -> None:
    s3copy("setup", "--trigger", "sqs", expect=0)
    denied.add("ListEventSourceMappings")
    (warning,) = s3copy("plan", "--trigger", "s3", "--json", expect=3).data["warnings"]
    assert "old trigger stays" in warning
    assert "lambda:ListEventSourceMappings" in warning
    assert s3copy("plan", "--memory", "512", "--json", expect=3).data["warnings"] == []
