"""What moto does not echo, changed by hand on the embedded AWS: the plan names it, setup mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
Run = Callable[..., Any]
FUNCTION = {"FunctionName": "s3copy"}


def changes(outcome: Any) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {
        (step["resource"], change["attribute"]): (change["old"], change["new"])
        for step in outcome.data["steps"]
        for change in step["changes"]
    }


def test_drift_is_named_with_old_and_new_and_mended(s3copy: Run, clients: Callable[[str], Any]) -> None:
    lambda_, logs = clients("lambda"), clients("logs")
    s3copy("setup", "--tag", "team=blue", "--memory", "300", expect=0)
    assert s3copy("plan", "--json", expect=0).data["pending"] == 0

    queue = "arn:aws:sqs:us-east-1:000000000000:s3copy-dead-letter"
    empty_zip = b"PK\x05\x06" + bytes(18)
    layer = lambda_.publish_layer_version(LayerName="theirs", Content={"ZipFile": empty_zip})["LayerVersionArn"]
    lambda_.update_function_configuration(
        **FUNCTION,
        MemorySize=128,
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/other"},
        Layers=[layer],
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        DeadLetterConfig={"TargetArn": f"{queue}-other"},
    )
    lambda_.put_function_recursion_config(**FUNCTION, RecursiveLoop="Allow")
    url = clients("sqs").get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"]
    shut = {"redrivePermission": "denyAll"}
    clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": json.dumps(shut)})
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    clients("iam").put_role_policy(
        RoleName="s3copy-us-east-1",
        PolicyName="theirs",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    lambda_.put_function_concurrency(**FUNCTION, ReservedConcurrentExecutions=3)
    # Or the function is still pending, which is drift too.
    lambda_.get_waiter("function_updated_v2").wait(**FUNCTION, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    lambda_.put_function_event_invoke_config(
        **FUNCTION,
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": f"{queue}-other"}, "OnSuccess": {"Destination": queue}},
    )
    logs.put_retention_policy(logGroupName="/aws/lambda/s3copy", retentionInDays=1)
    expected = {
        ("log group", "retention days"): (1, 30),
        ("function", "memory MB"): (128, 300),
        ("function", "log format"): ("JSON", "Text"),
        ("function", "log group"): ("/other", "/aws/lambda/s3copy"),
        ("function", "reserved concurrency"): (3, None),
        ("function", "layers"): ([layer], None),
        ("function", "VPC subnets"): (["subnet-1"], None),
        ("function", "dead letters also to"): (f"{queue}-other", None),
        ("function", "recursive loops"): ("Allow", "Terminate"),
        ("dead-letter queue", "redrive allow policy"): (json.dumps(shut), None),
        ("async invocation", "retries"): (0, 2),
        ("async invocation", "maximum event age seconds"): (60, 21_600),
        ("async invocation", "on failure"): (f"{queue}-other", queue),
        ("async invocation", "on success"): (queue, None),
    }
    assert changes(s3copy("plan", "--json", expect=3)) == expected
    assert changes(s3copy("setup", "--json", expect=0)) == expected
    again = s3copy("plan", "--json", expect=0)
    assert changes(again) == {}
    # What others gave the role stays, and is told.
    (note,) = again.data["warnings"]
    assert note == (
        "role s3copy-us-east-1: it has policies that setup has not made, so the function may do more than copy: theirs"
    )


def test_an_event_queue_that_delays_or_loses_events_is_put_right(s3copy: Run, clients: Callable[[str], Any]) -> None:
    s3copy("setup", "--trigger", "sqs", expect=0)
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName="s3copy-events")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "900", "MaximumMessageSize": "1024"})
    expected = {
        ("event queue", "delay seconds"): (900, None),
        ("event queue", "maximum message bytes"): (1024, None),
    }
    assert changes(s3copy("setup", "--json", expect=0)) == expected
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["DelaySeconds"], found["MaximumMessageSize"]) == ("0", "262144")
    s3copy("plan", expect=0)


def test_settings_change_the_function_that_stands(s3copy: Run, clients: Callable[[str], Any]) -> None:
    s3copy("setup", expect=0)
    # The embedded AWS has a small account: what is not to be had is said, and is not drift.
    warned = s3copy("setup", "--architecture", "x86_64", "--reserved-concurrency", "2", "--json", expect=0)
    (warning,) = warned.data["warnings"]
    assert "2 executions are not reserved" in warning
    assert warning in warned.stderr
    assert "reserved concurrency  none yet, instead of 2\n" in s3copy("setup", expect=0).stdout
    answer = clients("lambda").get_function(**FUNCTION)
    assert answer["Configuration"]["Architectures"] == ["x86_64"]
    assert "Concurrency" not in answer
    recorded = answer["Configuration"]["Environment"]["Variables"]["S3COPY_SETTINGS"]
    assert json.loads(recorded) == {"architecture": "x86_64", "reserved_concurrency": 2}
    s3copy("plan", expect=0)
