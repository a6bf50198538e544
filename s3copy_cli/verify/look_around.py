"""Reading the settings that decide whether an event reaches the function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from s3copy_cli.aws import error_code
from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.verify.health import Health, allows_bucket, has_trigger

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

_MISSING = "ResourceNotFoundException"


class _Reader:
    """Asks one thing after the other; what may not be read is noted and left out."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self.is_missing = False

    def ask(self, operation: Any, **parameters: Any) -> Mapping[str, Any] | None:
        """The answer; None if there is none, `is_missing` tells whether it is because the thing is not there."""
        self.is_missing = False
        try:
            answer: Mapping[str, Any] = operation(**parameters)
        except ClientError as error:
            self.is_missing = error_code(error) == _MISSING
            if not self.is_missing:
                self.unreadable.append(f"{error.operation_name}: {error_code(error)}")
            return None
        except BotoCoreError as error:
            # An answer that did not come is no verdict: what this is for is only an explanation.
            self.unreadable.append(str(error))
            return None
        return answer


def read_health(lambda_: LambdaClient, s3: S3Client, deployed: DeployedPipeline) -> Health:
    """Look at the function, its concurrency and its trigger. Reads only, and raises nothing that AWS may answer.

    Args:
        lambda_: Lambda.
        s3: S3, for the source bucket's notifications.
        deployed: the pipeline.
    """
    reader = _Reader()
    pipeline = deployed.pipeline
    name = pipeline.function_name
    function = reader.ask(lambda_.get_function_configuration, FunctionName=name)
    if reader.is_missing:
        return Health(has_function=False)
    settings = function or {}
    concurrency = reader.ask(lambda_.get_function_concurrency, FunctionName=name) or {}
    asynchronous = reader.ask(lambda_.get_function_event_invoke_config, FunctionName=name) or {}
    policy = reader.ask(lambda_.get_policy, FunctionName=name)
    is_allowed = False if reader.is_missing else None
    document = _parsed(policy.get("Policy")) if policy is not None else None
    if document is not None:
        is_allowed = allows_bucket(document, pipeline.bucket_arn(deployed.source.name))
    notifications = reader.ask(
        s3.get_bucket_notification_configuration,
        Bucket=deployed.source.name,
        ExpectedBucketOwner=deployed.source.owner,
    )
    return Health(
        has_function=True if function is not None else None,
        state=str(settings.get("State") or ""),
        state_reason=str(settings.get("StateReason") or ""),
        timeout=settings.get("Timeout"),
        memory_mb=settings.get("MemorySize"),
        reserved_concurrency=concurrency.get("ReservedConcurrentExecutions"),
        has_trigger=None if notifications is None else has_trigger(notifications, pipeline.function_arn),
        is_trigger_allowed=is_allowed,
        max_event_age=asynchronous.get("MaximumEventAgeInSeconds"),
        unreadable=tuple(reader.unreadable),
    )


def _parsed(text: object) -> Mapping[str, Any] | None:
    try:
        document = json.loads(str(text))
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
