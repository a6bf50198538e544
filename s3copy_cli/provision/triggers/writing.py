"""Building what the triggers consist of: idempotent write calls, one function for each kind."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError
from s3copy_cli.provision import propagation
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.plan import Action, Step
from s3copy_cli.provision.policy import with_statement
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.queue_reader import QUEUE_DEFAULTS, read_event_queue
from s3copy_cli.provision.queue_writer import create_queue
from s3copy_cli.provision.reading import parsed
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.tag_writer import ensure_tags
from s3copy_cli.provision.triggers import reading
from s3copy_cli.provision.triggers.filters import pattern_text
from s3copy_cli.provision.triggers.wanted import (
    MAX_DELIVERIES,
    RETENTION_SECONDS,
    dead_letter_statement,
    event_queue_access,
    event_queue_policy,
    rule_description,
    wanted_pattern,
)

_COUNT_DOWN_SECONDS = 30.0
# A mapping takes minutes at times to be made or enabled; nothing else takes so long.
_MAPPING_PATIENCE = 4.0


def ensure_event_queue(context: Context, step: Step) -> None:
    """Create the event queue, or send what differs.

    Raises:
        OwnershipError: there is one by now, and it is not ours.
    """
    pipeline = context.pipeline
    wanted = context.desired.resources[Kind.EVENT_QUEUE].attributes
    redrive = (
        "RedrivePolicy",
        json.dumps({"deadLetterTargetArn": pipeline.queue_arn, "maxReceiveCount": MAX_DELIVERIES}),
    )
    values = {
        names.RETENTION_SECONDS: ("MessageRetentionPeriod", str(RETENTION_SECONDS)),
        names.QUEUE_ENCRYPTION: ("SqsManagedSseEnabled", "true"),
        names.VISIBILITY_SECONDS: ("VisibilityTimeout", str(wanted[names.VISIBILITY_SECONDS])),
        names.ON_FAILURE: redrive,
        names.MAX_DELIVERIES: redrive,
        names.DOCUMENT: ("Policy", json.dumps(event_queue_policy(pipeline))),
    }
    settable = {**values, **QUEUE_DEFAULTS}
    differing = {change.attribute for change in step.changes}
    if step.action is Action.CREATE:
        found = create_queue(context, step, dict(values.values()), lambda: read_event_queue(context.aws, pipeline))
        differing = {name for name, value in wanted.items() if found.attributes.get(name) != value}
    ensure_tags(context, step)
    differing &= settable.keys()
    if differing:
        # Only what differs: a KMS key that was set by hand stays.
        attributes = dict(settable[name] for name in settable if name in differing)
        url = context.aws.sqs.get_queue_url(QueueName=step.name)["QueueUrl"]
        context.retry(
            lambda: context.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes),  # type: ignore[arg-type]
            propagation.is_dead_letter_queue_not_visible_yet,
        )


def ensure_event_queue_access(context: Context, step: Step) -> None:
    """Let the function's role take events from the event queue."""
    pipeline = context.pipeline
    context.retry(
        lambda: context.aws.iam.put_role_policy(
            RoleName=pipeline.role_name,
            PolicyName=step.name,
            PolicyDocument=json.dumps(event_queue_access(pipeline)),
        ),
        propagation.any_of(propagation.is_role_not_visible_yet, propagation.is_role_busy),
    )


def ensure_mapping(context: Context, step: Step) -> None:
    """Have Lambda take events from the event queue, by one mapping, and wait until it does.

    Raises:
        AwsError: Lambda did not enable it in time.
    """
    wanted = context.desired.resources[Kind.EVENT_SOURCE_MAPPING].attributes
    lambda_, pipeline = context.aws.lambda_, context.pipeline
    settings: dict[str, Any] = {
        "BatchSize": wanted[names.BATCH_SIZE],
        "MaximumBatchingWindowInSeconds": wanted[names.BATCH_WINDOW],
        "ScalingConfig": {"MaximumConcurrency": wanted[names.MAX_CONCURRENCY]},
        "FunctionResponseTypes": wanted[names.RESPONSE_TYPES],
        "Enabled": True,
    }
    first, *others = _ensure_one_mapping(context, settings)
    for other in others:
        # Two setups at once, where AWS does not see to it that there is only one: each event is taken once anyway.
        context.retry(
            lambda uuid=other: lambda_.delete_event_source_mapping(UUID=uuid),  # type: ignore[misc]
            propagation.is_mapping_busy,
        )
    if any(change.attribute == names.FILTERS for change in step.changes):
        # None: what a filter does not let pass, Lambda deletes from the queue.
        settings["FilterCriteria"] = {}
    if any(change.attribute == names.POLLERS for change in step.changes):
        # Lambda has either these or a maximum concurrency.
        settings["ProvisionedPollerConfig"] = {}
    if {change.attribute for change in step.changes} - {names.STATE, names.DUPLICATES} or any(
        change.attribute == names.STATE and change.old != names.STATE_PENDING for change in step.changes
    ):
        context.retry(
            lambda: lambda_.update_event_source_mapping(UUID=first, FunctionName=pipeline.function_name, **settings),
            propagation.any_of(
                propagation.is_mapping_busy,
                propagation.is_role_not_permitted_yet,
                propagation.is_visibility_timeout_not_seen_yet,
            ),
        )
    _wait_until_enabled(context, first)


def _ensure_one_mapping(context: Context, settings: dict[str, Any]) -> list[str]:
    """The ids of the mappings that there are; one is created if there is none."""
    pipeline = context.pipeline
    found: list[str] = []

    def is_there() -> bool:
        nonlocal found
        listed = reading.alive_mappings(reading.list_mappings(context.aws, pipeline))
        found = [mapping["UUID"] for mapping in listed]
        if found:
            return True
        try:
            created = context.retry(
                lambda: context.aws.lambda_.create_event_source_mapping(
                    EventSourceArn=pipeline.event_queue_arn,
                    FunctionName=pipeline.function_name,
                    Tags=context.tags,
                    **settings,
                ),
                propagation.any_of(
                    propagation.is_role_not_permitted_yet,
                    propagation.is_update_in_progress,
                    propagation.is_event_queue_not_visible_yet,
                    propagation.is_function_not_visible_yet,
                    propagation.is_visibility_timeout_not_seen_yet,
                ),
            )
        except ClientError as error:
            # Another setup was faster, or the old one has not gone yet: the next look tells.
            if error_code(error) != "ResourceConflictException":
                raise
            return False
        found = [created["UUID"]]
        return True

    if not _patience(context).until(is_there):
        raise _timeout(context, "creating the event source mapping", "the old one has not gone")
    return found


def _wait_until_enabled(context: Context, uuid: str) -> None:
    state = ""

    def is_enabled() -> bool:
        nonlocal state
        try:
            found = context.aws.lambda_.get_event_source_mapping(UUID=uuid)
        except ClientError as error:
            if error_code(error) not in reading.MAPPING_MISSING:
                raise
            return False  # not seen yet
        state = reading.mapping_state(found)
        return state == names.STATE_ACTIVE

    if not _patience(context).until(is_enabled):
        raise _timeout(context, "enabling the event source mapping", f"its state is {state or 'unknown'}")


def ensure_rule(context: Context, step: Step) -> None:
    """Create the rule with our tag, or put it right.

    Raises:
        OwnershipError: there is one by now, and it is not ours.
    """
    events, pipeline = context.aws.events, context.pipeline

    def read() -> Any:
        return reading.read_rule(context.aws, pipeline)

    is_new = step.action is Action.CREATE
    # PutRule would overwrite what is there.
    if is_new and read().exists:
        context.adopt(step, read)
        is_new = False
    ensure_tags(context, step)
    tags = [{"Key": key, "Value": value} for key, value in context.tags.items()]
    pattern = wanted_pattern(pipeline, context.desired.options)
    context.retry(
        lambda: events.put_rule(
            Name=step.name,
            # As short as it can be: AWS counts its characters.
            EventPattern=pattern_text(pattern),
            State="ENABLED",
            Description=rule_description(pipeline),
            **({"Tags": tags} if is_new else {}),
        ),
        propagation.is_rule_busy,
    )


def ensure_rule_target(context: Context, step: Step) -> None:
    """Have the rule invoke the function.

    Raises:
        AwsError: EventBridge did not take the target.
    """
    wanted = context.desired.resources[Kind.RULE_TARGET].attributes
    answer = context.retry(
        lambda: context.aws.events.put_targets(
            Rule=context.pipeline.rule_name,
            Targets=[
                {
                    "Id": step.name,
                    "Arn": wanted[names.FUNCTION_ARN],
                    "RetryPolicy": {
                        "MaximumRetryAttempts": wanted[names.MAX_RETRIES],
                        "MaximumEventAgeInSeconds": wanted[names.MAX_EVENT_AGE],
                    },
                    "DeadLetterConfig": {"Arn": wanted[names.ON_FAILURE]},
                }
            ],
        ),
        propagation.any_of(propagation.is_rule_not_visible_yet, propagation.is_rule_busy),
    )
    for entry in answer.get("FailedEntries", []):
        raise AwsError(
            f"creating the rule's target {step.name}",
            str(entry.get("ErrorMessage", "")),
            "Run the command again: it goes on where it stopped.",
            code=str(entry.get("ErrorCode", "")),
        )


def ensure_dead_letter_queue_policy(context: Context, step: Step) -> None:
    """Let EventBridge park what it could not deliver; whatever else the queue's policy says stays."""
    sqs = context.aws.sqs
    url = sqs.get_queue_url(QueueName=step.name)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    policy = parsed(answer.get("Attributes", {}).get("Policy"))
    document = with_statement(policy, dead_letter_statement(context.pipeline))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document)})


def note_switch(context: Context) -> None:
    """Write down, on the rule, that it is us who have the source bucket send its events to EventBridge.

    Before it is done, so that whoever is killed in between leaves a note too many and not one too few.
    """
    aws, pipeline = context.aws, context.pipeline
    switched = str(reading.read_rule(aws, pipeline).attributes.get(names.SWITCHED_BUCKET, "")).split()
    context.retry(
        lambda: write_switched(aws, pipeline, sorted({*switched, pipeline.source_bucket})),
        propagation.any_of(propagation.is_rule_not_visible_yet, propagation.is_rule_busy),
    )


def write_switched(aws: Aws, pipeline: Pipeline, buckets: Sequence[str]) -> None:
    """Write down, on the rule, which buckets it is us who have them send their events to EventBridge.

    Raises:
        ClientError: EventBridge refused or failed the call.
    """
    if buckets:
        tags = [{"Key": reading.SWITCH_TAG, "Value": " ".join(buckets)}]
        aws.events.tag_resource(ResourceARN=pipeline.rule_arn, Tags=tags)
    else:
        aws.events.untag_resource(ResourceARN=pipeline.rule_arn, TagKeys=[reading.SWITCH_TAG])


def hand_over(context: Context) -> None:
    """Wait until the new trigger is in force everywhere, and what the old one has begun to deliver has arrived."""
    clock, sleep = context.patience.clock, context.patience.sleep
    deadline = clock() + context.desired.handover_seconds
    while (left := deadline - clock()) > 0:
        context.on_wait(f"both triggers are in force, {math.ceil(left)} seconds left")
        sleep(min(left, _COUNT_DOWN_SECONDS))


def _patience(context: Context) -> Patience:
    return context.patience.times(_MAPPING_PATIENCE)


def _timeout(context: Context, doing: str, happened: str) -> AwsError:
    return AwsError(
        doing,
        f"{happened} after {_patience(context).timeout_seconds:.0f} seconds",
        "Run the command again: it goes on where it stopped.",
        code="Timeout",
    )
