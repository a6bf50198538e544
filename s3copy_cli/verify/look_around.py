"""Reading the settings that decide whether an event reaches the function."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from s3copy_cli.aws_errors import error_code
from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.verify.health import Health, allows, has_trigger, mapping_gaps, rule_gaps, sends_to_queue

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


def read_health(lambda_: LambdaClient, s3: S3Client, deployed: DeployedPipeline, events: Any = None) -> Health:
    """Look at the function, its concurrency and its trigger. Reads only, and raises nothing that AWS may answer.

    Args:
        lambda_: Lambda.
        s3: S3, for the source bucket's notifications.
        deployed: the pipeline.
        events: EventBridge, where the trigger is a rule of it.
    """
    reader = _Reader()
    name = deployed.pipeline.function_name
    function = reader.ask(lambda_.get_function_configuration, FunctionName=name)
    if reader.is_missing:
        return Health(has_function=False)
    settings = function or {}
    concurrency = reader.ask(lambda_.get_function_concurrency, FunctionName=name) or {}
    asynchronous = reader.ask(lambda_.get_function_event_invoke_config, FunctionName=name) or {}
    notifications = reader.ask(
        s3.get_bucket_notification_configuration,
        Bucket=deployed.source.name,
        ExpectedBucketOwner=deployed.source.owner,
    )
    path = _PATHS[deployed.trigger](reader, lambda_, deployed, notifications, events)
    return Health(
        has_function=True if function is not None else None,
        state=str(settings.get("State") or ""),
        state_reason=str(settings.get("StateReason") or ""),
        timeout=settings.get("Timeout"),
        memory_mb=settings.get("MemorySize"),
        reserved_concurrency=concurrency.get("ReservedConcurrentExecutions"),
        has_trigger=path.has_trigger,
        is_trigger_allowed=path.is_allowed,
        invoker=path.invoker,
        max_event_age=asynchronous.get("MaximumEventAgeInSeconds"),
        unreadable=tuple(reader.unreadable),
        gaps=path.gaps,
    )


@dataclass(frozen=True)
class _Path:
    """How events come from the source bucket to the function; None is what could not be read.

    Attributes:
        has_trigger: the source bucket sends its events on their way.
        is_allowed: who invokes the function may do so.
        invoker: who that is.
        gaps: what is missing in between.
    """

    has_trigger: bool | None
    is_allowed: bool | None = None
    invoker: str = "S3"
    gaps: tuple[tuple[str, str], ...] = ()


_Notifications = Mapping[str, Any] | None


def _direct_path(
    reader: _Reader, lambda_: LambdaClient, deployed: DeployedPipeline, notifications: _Notifications, _: Any
) -> _Path:
    pipeline = deployed.pipeline
    return _Path(
        None if notifications is None else has_trigger(notifications, pipeline.function_arn),
        _is_allowed(reader, lambda_, deployed, pipeline.bucket_arn(deployed.source.name), "s3.amazonaws.com"),
    )


def _queued_path(
    reader: _Reader, lambda_: LambdaClient, deployed: DeployedPipeline, notifications: _Notifications, _: Any
) -> _Path:
    pipeline = deployed.pipeline
    mappings = reader.ask(lambda_.list_event_source_mappings, EventSourceArn=pipeline.event_queue_arn)
    return _Path(
        None if notifications is None else sends_to_queue(notifications, pipeline.event_queue_arn),
        # Lambda invokes the function itself, for a mapping.
        gaps=() if mappings is None else mapping_gaps(mappings.get("EventSourceMappings", []), pipeline.function_arn),
    )


def _bridged_path(
    reader: _Reader, lambda_: LambdaClient, deployed: DeployedPipeline, notifications: _Notifications, events: Any
) -> _Path:
    pipeline = deployed.pipeline
    is_on = None if notifications is None else notifications.get("EventBridgeConfiguration") is not None
    allowed = _is_allowed(reader, lambda_, deployed, pipeline.rule_arn, "events.amazonaws.com")
    gaps: tuple[tuple[str, str], ...] = ()
    if events is not None:
        rule = reader.ask(events.describe_rule, Name=pipeline.rule_name)
        if reader.is_missing:
            gaps = rule_gaps(None, [], pipeline.function_arn)
        elif rule is not None:
            targets = reader.ask(events.list_targets_by_rule, Rule=pipeline.rule_name)
            listed = [{"Arn": pipeline.function_arn}] if targets is None else targets.get("Targets", [])
            gaps = rule_gaps(rule, listed, pipeline.function_arn)
    return _Path(is_on, allowed, "EventBridge", gaps)


_PATHS: Mapping[str, Callable[[_Reader, Any, DeployedPipeline, _Notifications, Any], _Path]] = {
    "s3": _direct_path,
    "sqs": _queued_path,
    "eventbridge": _bridged_path,
}


def _is_allowed(
    reader: _Reader, lambda_: LambdaClient, deployed: DeployedPipeline, source_arn: str, service: str
) -> bool | None:
    policy = reader.ask(lambda_.get_policy, FunctionName=deployed.pipeline.function_name)
    if reader.is_missing:
        return False
    document = _parsed(policy.get("Policy")) if policy is not None else None
    return None if document is None else allows(document, source_arn, service)


def _parsed(text: object) -> Mapping[str, Any] | None:
    try:
        document = json.loads(str(text))
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
