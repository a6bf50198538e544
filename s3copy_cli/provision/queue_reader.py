"""Reading the two queues, in the words of `resources`: the one for dead letters, and the one for events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.notes import admitted_notes, queue_key_notes
from s3copy_cli.provision.policy import canonical, find_statement
from s3copy_cli.provision.reading import answer, parsed, tag_problem
from s3copy_cli.provision.resources import Kind, RemoteResource
from s3copy_cli.provision.tags import tag_attribute
from s3copy_cli.provision.triggers.wanted import DEAD_LETTER_STATEMENT_ID
from s3copy_cli.queues import QUEUE_MISSING

# A message that is longer than a queue takes is lost. This has been SQS's default; newer queues take more.
LEAST_MESSAGE_BYTES = 262_144
# How what setup does not set becomes again what SQS makes it, in SQS's words.
QUEUE_DEFAULTS = {
    names.DELAY_SECONDS: ("DelaySeconds", "0"),
    names.MESSAGE_BYTES: ("MaximumMessageSize", str(LEAST_MESSAGE_BYTES)),
    names.MOVED_ON: ("RedrivePolicy", ""),
    names.REDRIVE_ALLOW: ("RedriveAllowPolicy", ""),
}


@dataclass(frozen=True)
class _Queue:
    """A queue: its tags, and its attributes in SQS's words."""

    tags: Mapping[str, str]
    values: Mapping[str, str]

    @property
    def attributes(self) -> dict[str, Any]:
        """What both queues have."""
        is_encrypted = self.values.get("SqsManagedSseEnabled") == "true" or bool(self.values.get("KmsMasterKeyId"))
        delay, most = int(self.values.get("DelaySeconds", "0")), self.values.get("MaximumMessageSize")
        return {
            names.RETENTION_SECONDS: int(self.values.get("MessageRetentionPeriod", "0")),
            names.QUEUE_ENCRYPTION: is_encrypted,
            names.TAGS: tag_attribute(self.tags),
            **({names.DELAY_SECONDS: delay} if delay else {}),
            **({names.MESSAGE_BYTES: int(most)} if most and int(most) < LEAST_MESSAGE_BYTES else {}),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What their owner should know of both."""
        return queue_key_notes(self.values.get("KmsMasterKeyId"))


def read_dead_letter_queue(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The dead-letter queue.

    Raises:
        ClientError: SQS failed, or refused to show it.
    """
    return read_dead_letter_queue_and_policy(aws, pipeline)[0]


def read_dead_letter_queue_and_policy(aws: Aws, pipeline: Pipeline) -> list[RemoteResource]:
    """The dead-letter queue, and our statement in its policy.

    Raises:
        ClientError: SQS failed, or refused to show it.
    """
    name = pipeline.queue_name
    found = _read_queue(aws, name)
    if found is None:
        return [RemoteResource(kind, name) for kind in (Kind.DEAD_LETTER_QUEUE, Kind.DEAD_LETTER_QUEUE_POLICY)]
    problem, document = tag_problem(pipeline, found.tags), parsed(found.values.get("Policy"))
    queue = RemoteResource(
        Kind.DEAD_LETTER_QUEUE,
        name,
        exists=True,
        is_ours=not problem,
        attributes={**found.attributes, **_ways_out(pipeline, found)},
        problem=problem,
        notes=(*found.notes, *admitted_notes(document, {DEAD_LETTER_STATEMENT_ID}, pipeline.account_id)),
    )
    policy = _dead_letter_policy(pipeline, document)
    return [queue, replace(policy, is_ours=not problem, problem=problem)]


def _ways_out(pipeline: Pipeline, found: _Queue) -> dict[str, Any]:
    """What would take parked events away from the dead-letter queue, or keep them out; where it has that."""
    # Who looks into it would count as a delivery, and have SQS move the message away.
    moved_on = parsed(found.values.get("RedrivePolicy")).get("deadLetterTargetArn")
    allowed = parsed(found.values.get("RedriveAllowPolicy"))
    is_shut = allowed.get("redrivePermission") == "denyAll" or (
        allowed.get("redrivePermission") == "byQueue"
        and pipeline.event_queue_arn not in allowed.get("sourceQueueArns", [])
    )
    return {
        **({names.MOVED_ON: moved_on} if moved_on else {}),
        **({names.REDRIVE_ALLOW: canonical(allowed)} if is_shut else {}),
    }


def _dead_letter_policy(pipeline: Pipeline, policy: Mapping[str, Any] | None) -> RemoteResource:
    """Our statement in the dead-letter queue's policy."""
    statement = find_statement(policy, DEAD_LETTER_STATEMENT_ID)
    return RemoteResource(
        Kind.DEAD_LETTER_QUEUE_POLICY,
        pipeline.queue_name,
        exists=statement is not None,
        is_ours=True,
        attributes={names.STATEMENT: canonical(statement)} if statement else {},
    )


def read_event_queue(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The event queue.

    Raises:
        ClientError: SQS failed, or refused to show it.
    """
    name = pipeline.event_queue_name
    found = _read_queue(aws, name)
    if found is None:
        return RemoteResource(Kind.EVENT_QUEUE, name)
    redrive = parsed(found.values.get("RedrivePolicy"))
    problem = tag_problem(pipeline, found.tags)
    policy = found.values.get("Policy")
    return RemoteResource(
        Kind.EVENT_QUEUE,
        name,
        exists=True,
        is_ours=not problem,
        attributes={
            **found.attributes,
            names.VISIBILITY_SECONDS: int(found.values.get("VisibilityTimeout", "0")),
            names.ON_FAILURE: redrive.get("deadLetterTargetArn"),
            names.MAX_DELIVERIES: _whole(redrive.get("maxReceiveCount")),
            names.DOCUMENT: canonical(parsed(policy)) if policy else None,
        },
        problem=problem,
        notes=found.notes,
    )


def _read_queue(aws: Aws, name: str) -> _Queue | None:
    """A queue; None if it does not exist, or went between two of the reads."""
    found = answer(lambda: aws.sqs.get_queue_url(QueueName=name), QUEUE_MISSING)
    if found is None:
        return None
    url = found["QueueUrl"]
    tags = answer(lambda: aws.sqs.list_queue_tags(QueueUrl=url), QUEUE_MISSING)
    attributes = answer(lambda: aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]), QUEUE_MISSING)
    if tags is None or attributes is None:
        return None
    return _Queue(tags.get("Tags", {}), attributes.get("Attributes", {}))


def _whole(value: Any) -> Any:
    # AWS takes it as a text as well, and gives back what it was given.
    return int(value) if isinstance(value, str) and value.isdecimal() else value
