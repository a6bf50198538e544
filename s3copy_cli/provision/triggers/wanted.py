"""The resources of each trigger as they ought to be. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from s3copy_cli.config import Pipeline
from s3copy_cli.errors import UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.options import CopyOptions, trigger_events
from s3copy_cli.provision.policy import Document, canonical
from s3copy_cli.provision.resources import DesiredResource, Kind
from s3copy_cli.provision.triggers.filters import event_pattern, notification_filter

DAY_SECONDS = 86_400
# SQS keeps no message longer.
RETENTION_SECONDS = 14 * DAY_SECONDS
# A message counts as delivered, too, when its batch had no time for it. AWS asks for at least 5.
MAX_DELIVERIES = 8
BATCH_SIZE = 10
# So many batches at the same time: 100 objects, and room in an account that may run no more than 10 executions.
MAX_CONCURRENCY = 10
# What Lambda takes as maximum concurrency of a mapping (ScalingConfig).
LEAST_CONCURRENCY = 2
PARTIAL_RESPONSES = ["ReportBatchItemFailures"]
# EventBridge invokes asynchronously: Lambda's own retries come after these, which are for invocations that Lambda
# does not accept. Its default number, and the age at which Lambda gives up, too.
RULE_MAX_RETRIES = 185
RULE_MAX_EVENT_AGE_SECONDS = 21_600

EVENT_QUEUE_ACTIONS = (
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    # The function has failed messages come back soon.
    "sqs:ChangeMessageVisibility",
)
DEAD_LETTER_STATEMENT_ID = "s3copyRule"


class Trigger(str, Enum):
    """What starts the function."""

    S3 = "s3"
    SQS = "sqs"
    EVENTBRIDGE = "eventbridge"


# The kinds that belong to one trigger only, in the order in which they go when another one takes over.
TRIGGER_KINDS = (
    Kind.TRIGGER,
    Kind.PERMISSION,
    Kind.EVENT_SOURCE_MAPPING,
    Kind.EVENT_QUEUE,
    Kind.EVENT_QUEUE_ACCESS,
    # The switch before the rule, whose tags say who turned it on.
    Kind.EVENTBRIDGE_SWITCH,
    Kind.RULE_TARGET,
    Kind.RULE,
    Kind.RULE_PERMISSION,
    Kind.DEAD_LETTER_QUEUE_POLICY,
)


@dataclass(frozen=True)
class _Chosen:
    pipeline: Pipeline
    options: CopyOptions
    timeout_seconds: int
    tags: Mapping[str, str]
    not_our_role: str
    concurrency: int


def trigger_resources(
    pipeline: Pipeline,
    trigger: Trigger,
    options: CopyOptions,
    *,
    timeout_seconds: int,
    tags: Mapping[str, str],
    not_our_role: str = "",
    reserved_concurrency: int | None = None,
) -> list[DesiredResource]:
    """What this trigger consists of.

    Args:
        pipeline: whose.
        trigger: which.
        options: what was chosen about copying: which events and keys start the function.
        timeout_seconds: the function's, which AWS wants the queue to know.
        tags: of what can be tagged.
        not_our_role: why nothing is written to the function's role; "" where it is.
        reserved_concurrency: how many executions are kept for the function; None if none are.
    """
    # More batches at a time than executions would only be refused, and be delivered again.
    most = MAX_CONCURRENCY if reserved_concurrency is None else min(MAX_CONCURRENCY, reserved_concurrency)
    chosen = _Chosen(pipeline, options, timeout_seconds, tags, not_our_role, most)
    makers = {Trigger.S3: _direct, Trigger.SQS: _queued, Trigger.EVENTBRIDGE: _bridged}
    found: list[DesiredResource] = makers[trigger](chosen)
    return found


def check_reservation(trigger: Trigger, reserved_concurrency: int | None) -> None:
    """Refuse fewer executions than Lambda has batches under way: what it refuses then counts as delivered.

    Args:
        trigger: what starts the function.
        reserved_concurrency: how many executions are to be kept for the function; None if none are.

    Raises:
        UsageError: messages would be parked that nobody has tried to copy.
    """
    if trigger is Trigger.SQS and reserved_concurrency is not None and reserved_concurrency < LEAST_CONCURRENCY:
        raise UsageError(
            "choosing trigger and concurrency",
            f"with --trigger sqs Lambda has {LEAST_CONCURRENCY} batches under way at least, and the function would "
            f"have {reserved_concurrency} execution: refused batches count as delivered, and get parked",
            f"Reserve {LEAST_CONCURRENCY} or more, or none (--reserved-concurrency none), or take another trigger.",
        )


def permission_statement(pipeline: Pipeline) -> dict[str, str]:
    """Who may invoke the function: S3, for the source bucket, as this account's own."""
    return {
        "principal": "s3.amazonaws.com",
        "action": "lambda:InvokeFunction",
        "source arn": pipeline.bucket_arn(pipeline.source_bucket),
        "source account": pipeline.account_id,
    }


def rule_permission_statement(pipeline: Pipeline) -> dict[str, str | None]:
    """Who may invoke the function: EventBridge, for the pipeline's rule, whose ARN has the account in it."""
    return {
        "principal": "events.amazonaws.com",
        "action": "lambda:InvokeFunction",
        "source arn": pipeline.rule_arn,
        "source account": None,
    }


def event_queue_policy(pipeline: Pipeline) -> Document:
    """Who may put events into the event queue: S3, for the source bucket, as this account's own."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "s3copySourceBucket",
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": pipeline.event_queue_arn,
                "Condition": {
                    "ArnEquals": {"aws:SourceArn": pipeline.bucket_arn(pipeline.source_bucket)},
                    "StringEquals": {"aws:SourceAccount": pipeline.account_id},
                },
            }
        ],
    }


def event_queue_access(pipeline: Pipeline) -> Document:
    """What the function's role may do with the event queue."""
    statement = {
        "Sid": "TakeEvents",
        "Effect": "Allow",
        "Action": list(EVENT_QUEUE_ACTIONS),
        "Resource": pipeline.event_queue_arn,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def dead_letter_statement(pipeline: Pipeline) -> Document:
    """EventBridge may park what it could not deliver, for the pipeline's rule."""
    return {
        "Sid": DEAD_LETTER_STATEMENT_ID,
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": pipeline.queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": pipeline.rule_arn}},
    }


def rule_description(pipeline: Pipeline) -> str:
    """What the rule says that it is for."""
    return f"s3copy pipeline {pipeline.name}: new objects of the source bucket"


def wanted_pattern(pipeline: Pipeline, options: CopyOptions) -> dict[str, Any]:
    """What the rule lets pass."""
    return event_pattern(pipeline.source_bucket, trigger_events(options), options.prefix, options.suffix)


def _entry(pipeline: Pipeline, options: CopyOptions, whom: Mapping[str, str]) -> DesiredResource:
    attributes = {
        names.EVENTS: trigger_events(options),
        **whom,
        **notification_filter(options.prefix, options.suffix),
    }
    return DesiredResource(Kind.TRIGGER, pipeline.notification_id, attributes)


def _direct(chosen: _Chosen) -> list[DesiredResource]:
    pipeline, options = chosen.pipeline, chosen.options
    return [
        DesiredResource(Kind.PERMISSION, pipeline.permission_id, {names.STATEMENT: permission_statement(pipeline)}),
        _entry(pipeline, options, {names.FUNCTION_ARN: pipeline.function_arn}),
    ]


def _queued(chosen: _Chosen) -> list[DesiredResource]:
    pipeline, options = chosen.pipeline, chosen.options
    return [
        DesiredResource(
            Kind.EVENT_QUEUE,
            pipeline.event_queue_name,
            {
                names.RETENTION_SECONDS: RETENTION_SECONDS,
                names.QUEUE_ENCRYPTION: True,
                # The least that Lambda accepts. The function itself has what failed come back earlier.
                names.VISIBILITY_SECONDS: chosen.timeout_seconds,
                names.ON_FAILURE: pipeline.queue_arn,
                names.MAX_DELIVERIES: MAX_DELIVERIES,
                names.DOCUMENT: canonical(event_queue_policy(pipeline)),
                names.TAGS: chosen.tags,
            },
        ),
        DesiredResource(
            Kind.EVENT_QUEUE_ACCESS,
            pipeline.event_queue_policy_name,
            {names.DOCUMENT: canonical(event_queue_access(pipeline))},
            not_applicable=chosen.not_our_role,
        ),
        DesiredResource(
            Kind.EVENT_SOURCE_MAPPING,
            pipeline.event_queue_name,
            {
                names.STATE: names.STATE_ACTIVE,
                names.BATCH_SIZE: BATCH_SIZE,
                names.BATCH_WINDOW: 0,
                names.MAX_CONCURRENCY: chosen.concurrency,
                names.RESPONSE_TYPES: PARTIAL_RESPONSES,
            },
        ),
        _entry(pipeline, options, {names.QUEUE_ARN: pipeline.event_queue_arn}),
    ]


def _bridged(chosen: _Chosen) -> list[DesiredResource]:
    pipeline, options = chosen.pipeline, chosen.options
    return [
        DesiredResource(
            Kind.DEAD_LETTER_QUEUE_POLICY,
            pipeline.queue_name,
            {names.STATEMENT: canonical(dead_letter_statement(pipeline))},
        ),
        DesiredResource(
            Kind.RULE,
            pipeline.rule_name,
            {
                names.STATE: names.STATE_ACTIVE,
                names.PATTERN: canonical_pattern(wanted_pattern(pipeline, options)),
                names.DESCRIPTION: rule_description(pipeline),
                names.TAGS: chosen.tags,
            },
        ),
        DesiredResource(
            Kind.RULE_PERMISSION,
            pipeline.rule_permission_id,
            {names.STATEMENT: rule_permission_statement(pipeline)},
        ),
        DesiredResource(
            Kind.RULE_TARGET,
            pipeline.rule_name,
            {
                names.FUNCTION_ARN: pipeline.function_arn,
                names.MAX_RETRIES: RULE_MAX_RETRIES,
                names.MAX_EVENT_AGE: RULE_MAX_EVENT_AGE_SECONDS,
                names.ON_FAILURE: pipeline.queue_arn,
            },
        ),
        DesiredResource(Kind.EVENTBRIDGE_SWITCH, pipeline.source_bucket, {}),
    ]


def canonical_pattern(pattern: Any) -> str:
    """A text that is equal for patterns that mean the same: the order of alternatives does not count."""
    return json.dumps(_sorted(pattern), ensure_ascii=False)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_sorted(one) for one in value), key=repr)
    return value
