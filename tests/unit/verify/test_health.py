"""What keeps events from the function: found by reads that may be refused, and never claimed without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.s3 import Bucket
from s3copy_cli.verify.health import Health, allows, has_trigger, iter_obstacles
from s3copy_cli.verify.look_around import read_health

PIPELINE = Pipeline("p", "123456789012", "eu-west-1")
SOURCE_ARN = PIPELINE.bucket_arn(PIPELINE.source_bucket)


@pytest.mark.parametrize(
    ("health", "codes"),
    [
        (Health(), []),
        (Health(True, "Active", has_trigger=True, is_trigger_allowed=True, reserved_concurrency=5), []),
        (Health(False, has_trigger=False), ["function_missing"]),
        (Health(True, "Failed", "the role is gone"), ["function_failed"]),
        (Health(True, "Inactive", "idle"), ["function_inactive"]),
        (Health(True, "Active", reserved_concurrency=0), ["concurrency_zero"]),
        (Health(True, "Active", has_trigger=False), ["trigger_missing"]),
        (Health(True, "Active", has_trigger=True, is_trigger_allowed=False), ["permission_missing"]),
        (Health(True, "Active", reserved_concurrency=0, has_trigger=False), ["concurrency_zero", "trigger_missing"]),
    ],
)
def test_obstacles(health: Health, codes: list[str]) -> None:
    found = list(iter_obstacles(health, "the-function", "SETUP"))
    assert [finding.code for finding in found] == codes
    for finding in found:
        assert "SETUP" in finding.remedy or "the-function" in finding.remedy or "verify" in finding.remedy
    if health.state_reason:
        assert health.state_reason in found[0].message


ARN = "arn:aws:lambda:eu-west-1:123456789012:function:p"


@pytest.mark.parametrize(
    ("arn", "events", "expected"),
    [
        (ARN, ["s3:ObjectCreated:*"], True),
        (ARN, ["s3:ObjectRemoved:*", "s3:ObjectCreated:Put"], True),
        (f"{ARN}:live", ["s3:ObjectCreated:*"], True),
        (f"{ARN}-other", ["s3:ObjectCreated:*"], False),
        (ARN, ["s3:ObjectRemoved:*"], False),
    ],
)
def test_a_trigger_is_one_for_new_objects_and_this_function(arn: str, events: list[str], expected: bool) -> None:
    entry = {"LambdaFunctionArn": arn, "Events": events}
    assert has_trigger({"LambdaFunctionConfigurations": [entry]}, ARN) is expected
    assert has_trigger({"QueueConfigurations": [{"QueueArn": arn, "Events": events}]}, ARN) is False


def statement(**changes: Any) -> dict[str, Any]:
    condition = {"StringEquals": {"AWS:SourceAccount": "123456789012"}, "ArnLike": {"AWS:SourceArn": SOURCE_ARN}}
    return {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Condition": condition, **changes}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"Statement": [statement()]}, True),
        ({"Statement": [statement(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::p-*"}})]}, True),
        ({"Statement": [statement(Condition=None)]}, True),
        ({"Statement": [statement(Condition={"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::another"}})]}, False),
        ({"Statement": [statement(Principal={"Service": "events.amazonaws.com"})]}, False),
        ({"Statement": [statement(Effect="Deny")]}, False),
        ({"Statement": []}, False),
    ],
)
def test_s3_may_invoke_the_function_for_the_bucket(policy: dict[str, Any], expected: bool) -> None:
    assert allows(policy, SOURCE_ARN) is expected


@pytest.fixture
def clients() -> Iterator[tuple[Any, Stubber, Any, Stubber]]:
    options = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
    lambda_, s3 = boto3.client("lambda", **options), boto3.client("s3", **options)
    with Stubber(lambda_) as of_lambda, Stubber(s3) as of_s3:
        yield lambda_, of_lambda, s3, of_s3
        of_lambda.assert_no_pending_responses()
        of_s3.assert_no_pending_responses()


@pytest.fixture
def deployed() -> DeployedPipeline:
    buckets = [Bucket(name, PIPELINE.account_id) for name in (PIPELINE.source_bucket, PIPELINE.destination_bucket)]
    return DeployedPipeline(PIPELINE, *buckets, queue_url=None, created_at=None)


def test_everything_is_read(clients: tuple[Any, Stubber, Any, Stubber], deployed: DeployedPipeline) -> None:
    lambda_, of_lambda, s3, of_s3 = clients
    settings = {"State": "Inactive", "StateReason": "idle", "Timeout": 900, "MemorySize": 256}
    of_lambda.add_response("get_function_configuration", settings)
    of_lambda.add_response("get_function_concurrency", {"ReservedConcurrentExecutions": 0})
    of_lambda.add_response("get_function_event_invoke_config", {"MaximumEventAgeInSeconds": 60})
    of_lambda.add_response("get_policy", {"Policy": json.dumps({"Statement": [statement()]})})
    entry = {"LambdaFunctionArn": PIPELINE.function_arn, "Events": ["s3:ObjectCreated:*"]}
    of_s3.add_response(
        "get_bucket_notification_configuration",
        {"LambdaFunctionConfigurations": [entry]},
        {"Bucket": PIPELINE.source_bucket, "ExpectedBucketOwner": PIPELINE.account_id},
    )
    expected = Health(True, "Inactive", "idle", 900, 256, 0, True, True, 60)
    assert read_health(lambda_, s3, deployed) == expected


def test_what_is_not_there_is_told_from_what_may_not_be_read(
    clients: tuple[Any, Stubber, Any, Stubber], deployed: DeployedPipeline
) -> None:
    lambda_, of_lambda, s3, of_s3 = clients
    of_lambda.add_response("get_function_configuration", {"State": "Active"})
    of_lambda.add_client_error("get_function_concurrency", "AccessDeniedException")
    of_lambda.add_client_error("get_function_event_invoke_config", "ResourceNotFoundException")
    of_lambda.add_client_error("get_policy", "ResourceNotFoundException")
    of_s3.add_client_error("get_bucket_notification_configuration", "AccessDenied")
    health = read_health(lambda_, s3, deployed)
    assert health.is_trigger_allowed is False
    assert health.has_trigger is None
    assert health.unreadable == (
        "GetFunctionConcurrency: AccessDeniedException",
        "GetBucketNotificationConfiguration: AccessDenied",
    )
    assert [finding.code for finding in iter_obstacles(health, "f", "SETUP")] == ["permission_missing"]


def test_a_function_that_was_deleted_meanwhile(
    clients: tuple[Any, Stubber, Any, Stubber], deployed: DeployedPipeline
) -> None:
    lambda_, of_lambda, s3, _ = clients
    of_lambda.add_client_error("get_function_configuration", "ResourceNotFoundException")
    assert read_health(lambda_, s3, deployed) == Health(has_function=False)


def test_nothing_is_claimed_where_nothing_may_be_read(deployed: DeployedPipeline) -> None:
    class Unreachable:
        def __getattr__(self, _: str) -> Any:
            def fail(**_: Any) -> None:
                raise EndpointConnectionError(endpoint_url="https://x")

            return fail

    client: Any = Unreachable()
    health = read_health(client, client, deployed)
    assert len(health.unreadable) == 5
    assert not list(iter_obstacles(health, "f", "SETUP"))


def test_a_policy_that_cannot_be_parsed_proves_nothing(
    clients: tuple[Any, Stubber, Any, Stubber], deployed: DeployedPipeline
) -> None:
    lambda_, of_lambda, s3, of_s3 = clients
    of_lambda.add_response("get_function_configuration", {})
    of_lambda.add_response("get_function_concurrency", {})
    of_lambda.add_response("get_function_event_invoke_config", {})
    of_lambda.add_response("get_policy", {"Policy": "{"})
    of_s3.add_response("get_bucket_notification_configuration", {})
    health = read_health(lambda_, s3, deployed)
    assert (health.is_trigger_allowed, health.has_trigger) == (None, False)
