"""What moto does not echo, changed by hand on the embedded AWS: the plan names it, setup mends it."""

from __future__ import annotations

import io
import json
import zipfile
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


def set_what_setup_never_sets(clients: Callable[[str], Any], queue: str) -> dict[tuple[str, str], Any]:
    """What setup never sets and takes away; and a policy of the role, which it leaves. What the plan says of it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("python/boto3.py", "")
    lambda_, sqs = clients("lambda"), clients("sqs")
    layer = lambda_.publish_layer_version(LayerName="theirs", Content={"ZipFile": buffer.getvalue()})
    lambda_.get_waiter("function_updated_v2").wait(**FUNCTION, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    lambda_.update_function_configuration(
        **FUNCTION, Layers=[layer["LayerVersionArn"]], DeadLetterConfig={"TargetArn": f"{queue}-other"}
    )
    redrive = json.dumps({"deadLetterTargetArn": f"{queue}-other", "maxReceiveCount": 1})
    sqs.create_queue(QueueName="s3copy-dead-letter-other")
    sqs.set_queue_attributes(
        QueueUrl=sqs.get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"],
        Attributes={
            "DelaySeconds": "9",
            "MaximumMessageSize": "1024",
            "RedrivePolicy": redrive,
            "RedriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"}),
        },
    )
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    clients("iam").put_role_policy(
        RoleName="s3copy-us-east-1",
        PolicyName="theirs",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    return {
        ("function", "layers"): ([layer["LayerVersionArn"]], None),
        ("function", "dead letters also to"): (f"{queue}-other", None),
        ("dead-letter queue", "delay seconds"): (9, 0),
        ("dead-letter queue", "largest message bytes"): (1024, 262_144),
        ("dead-letter queue", "on failure"): (f"{queue}-other", None),
        ("dead-letter queue", "redrive allow policy"): ('{"redrivePermission": "denyAll"}', None),
    }


def test_drift_is_named_with_old_and_new_and_mended(s3copy: Run, clients: Callable[[str], Any]) -> None:
    lambda_, logs = clients("lambda"), clients("logs")
    s3copy("setup", "--tag", "team=blue", "--memory", "300", expect=0)
    assert s3copy("plan", "--json", expect=0).data["pending"] == 0

    queue = "arn:aws:sqs:us-east-1:000000000000:s3copy-dead-letter"
    lambda_.update_function_configuration(
        **FUNCTION, MemorySize=128, LoggingConfig={"LogFormat": "JSON", "LogGroup": "/other"}
    )
    lambda_.put_function_concurrency(**FUNCTION, ReservedConcurrentExecutions=3)
    # Or the function is still pending, which is drift too.
    lambda_.get_waiter("function_updated_v2").wait(**FUNCTION, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    lambda_.put_function_event_invoke_config(
        **FUNCTION,
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={
            "OnFailure": {"Destination": f"{queue}-other"},
            "OnSuccess": {"Destination": f"{queue}-other"},
        },
    )
    lambda_.put_function_recursion_config(**FUNCTION, RecursiveLoop="Allow")
    beside = set_what_setup_never_sets(clients, queue)
    logs.put_retention_policy(logGroupName="/aws/lambda/s3copy", retentionInDays=1)
    expected = {
        ("log group", "retention days"): (1, 30),
        ("function", "memory MB"): (128, 300),
        ("function", "log format"): ("JSON", "Text"),
        ("function", "log group"): ("/other", "/aws/lambda/s3copy"),
        ("function", "reserved concurrency"): (3, None),
        ("function", "recursive loops"): ("Allow", "Terminate"),
        ("async invocation", "retries"): (0, 2),
        ("async invocation", "maximum event age seconds"): (60, 21_600),
        ("async invocation", "on failure"): (f"{queue}-other", queue),
        ("async invocation", "on success"): (f"{queue}-other", None),
        **beside,
    }
    assert changes(s3copy("plan", "--json", expect=3)) == expected
    assert changes(s3copy("setup", "--json", expect=0)) == expected
    again = s3copy("plan", "--json", expect=0)
    assert changes(again) == {}
    (note,) = again.data["warnings"]
    assert note == (
        "role s3copy-us-east-1: it has policies that setup has not made, so the function may do more than copy: theirs"
    )


def test_settings_change_the_function_that_stands(s3copy: Run, clients: Callable[[str], Any]) -> None:
    s3copy("setup", expect=0)
    # The embedded AWS has a small account: what is not to be had is said, and is not drift.
    warned = s3copy("setup", "--architecture", "x86_64", "--reserved-concurrency", "2", "--json", expect=0)
    (warning,) = warned.data["warnings"]
    assert "2 executions are not reserved" in warning
    assert warning in warned.stderr
    answer = clients("lambda").get_function(**FUNCTION)
    assert answer["Configuration"]["Architectures"] == ["x86_64"]
    assert "Concurrency" not in answer
    recorded = answer["Configuration"]["Environment"]["Variables"]["S3COPY_SETTINGS"]
    assert json.loads(recorded) == {"architecture": "x86_64", "reserved_concurrency": 2}
    s3copy("plan", expect=0)
