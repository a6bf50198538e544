"""Reading what the triggers consist of, in the words of `resources`. Makes no write call.

Who may not look at a trigger that was not chosen is not kept from anything: what may not be read counts as missing, and
whoever then writes it looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, is_denied
from s3copy_cli.aws_permissions import iam_action
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.notes import mapping_note
from s3copy_cli.provision.policy import canonical, find_statement
from s3copy_cli.provision.reading import answer, parsed, tag_problem
from s3copy_cli.provision.resources import Kind, RemoteResource
from s3copy_cli.provision.tags import tag_attribute
from s3copy_cli.provision.triggers.wanted import canonical_pattern

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

RULE_MISSING = frozenset({"ResourceNotFoundException"})
MAPPING_MISSING = frozenset({"ResourceNotFoundException"})
ROLE_MISSING = frozenset({"NoSuchEntity"})
# On the rule: the buckets that we had send their events to EventBridge, separated by spaces. More than one only while
# the source bucket is being changed.
SWITCH_TAG = "s3copy:eventbridge-turned-on"
ENABLED = "ENABLED"
_MAPPING_STATES = {
    "Enabled": names.STATE_ACTIVE,
    "Creating": names.STATE_PENDING,
    "Enabling": names.STATE_PENDING,
    "Updating": names.STATE_PENDING,
    "Deleting": names.STATE_DELETING,
}


def read_event_queue_access(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The role's policy for the event queue; whether the role is ours is for the caller to say.

    Raises:
        ClientError: IAM failed, or refused to show it.
    """
    name = pipeline.event_queue_policy_name
    policy = answer(lambda: aws.iam.get_role_policy(RoleName=pipeline.role_name, PolicyName=name), ROLE_MISSING)
    if policy is None:
        return RemoteResource(Kind.EVENT_QUEUE_ACCESS, name)
    document = canonical(parsed(policy["PolicyDocument"]))
    return RemoteResource(
        Kind.EVENT_QUEUE_ACCESS, name, exists=True, is_ours=True, attributes={names.DOCUMENT: document}
    )


def list_mappings(aws: Aws, pipeline: Pipeline) -> list[EventSourceMappingConfigurationTypeDef]:
    """What takes events from the event queue to our function. It outlives the function.

    Raises:
        ClientError: Lambda failed, or refused to show them.
    """
    return [mapping for mapping in _all_mappings(aws, pipeline) if _is_of_our_function(pipeline, mapping)]


def _all_mappings(aws: Aws, pipeline: Pipeline) -> list[EventSourceMappingConfigurationTypeDef]:
    """What takes events from the event queue, to whatever function."""
    pages = aws.lambda_.get_paginator("list_event_source_mappings").paginate(EventSourceArn=pipeline.event_queue_arn)
    return [mapping for page in pages for mapping in page["EventSourceMappings"]]


def _is_of_our_function(pipeline: Pipeline, mapping: Mapping[str, Any]) -> bool:
    return bool(mapping.get("FunctionArn") == pipeline.function_arn)


def read_mapping(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The event source mapping; of several, the one to keep.

    Raises:
        ClientError: Lambda failed, or refused to show them.
    """
    name = pipeline.event_queue_name
    listed = _all_mappings(aws, pipeline)
    found = [mapping for mapping in listed if _is_of_our_function(pipeline, mapping)]
    others = alive_mappings([mapping for mapping in listed if not _is_of_our_function(pipeline, mapping)])
    told = tuple(mapping_note(one.get("FunctionArn", "?"), one.get("UUID", "?"), pipeline.region) for one in others)
    alive = alive_mappings(found)
    if not found:
        return RemoteResource(Kind.EVENT_SOURCE_MAPPING, name, notes=told)
    mapping = (alive or found)[0]
    filters = [one.get("Pattern", "") for one in mapping.get("FilterCriteria", {}).get("Filters", [])]
    pollers = mapping.get("ProvisionedPollerConfig", {})
    return RemoteResource(
        Kind.EVENT_SOURCE_MAPPING,
        name,
        exists=True,
        is_ours=True,
        attributes={
            names.STATE: mapping_state(mapping),
            names.BATCH_SIZE: mapping.get("BatchSize"),
            names.BATCH_WINDOW: mapping.get("MaximumBatchingWindowInSeconds", 0),
            names.MAX_CONCURRENCY: mapping.get("ScalingConfig", {}).get("MaximumConcurrency"),
            names.RESPONSE_TYPES: list(mapping.get("FunctionResponseTypes", [])),
            **({names.DUPLICATES: len(alive) - 1} if len(alive) > 1 else {}),
            **({names.FILTERS: filters} if filters else {}),
            **({names.POLLERS: dict(pollers)} if pollers else {}),
        },
        notes=told,
    )


def alive_mappings(
    mappings: Sequence[EventSourceMappingConfigurationTypeDef],
) -> list[EventSourceMappingConfigurationTypeDef]:
    """Those that are not being deleted, in an order that every run sees alike."""
    alive = [mapping for mapping in mappings if mapping_state(mapping) != names.STATE_DELETING]
    return sorted(alive, key=lambda mapping: mapping.get("UUID", ""))


def mapping_state(mapping: Mapping[str, Any]) -> str:
    """A mapping's state in our words; Lambda's own word where it is neither on nor on its way there."""
    state = str(mapping.get("State", "Enabled"))
    return _MAPPING_STATES.get(state, state.lower())


def read_rule(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The rule, and the bucket that its tag says we had send events to EventBridge.

    Raises:
        ClientError: EventBridge failed, or refused to show it.
    """
    name = pipeline.rule_name
    rule = answer(lambda: aws.events.describe_rule(Name=name), RULE_MISSING)
    listed = answer(lambda: aws.events.list_tags_for_resource(ResourceARN=rule["Arn"]), RULE_MISSING) if rule else None
    if rule is None or listed is None:
        return RemoteResource(Kind.RULE, name)
    tags = {tag["Key"]: tag["Value"] for tag in listed.get("Tags", [])}
    problem = tag_problem(pipeline, tags)
    turned_on = tags.get(SWITCH_TAG)
    return RemoteResource(
        Kind.RULE,
        name,
        exists=True,
        is_ours=not problem,
        attributes={
            names.STATE: names.STATE_ACTIVE if rule.get("State") == ENABLED else str(rule.get("State")).lower(),
            names.PATTERN: canonical_pattern(parsed(rule.get("EventPattern"))),
            names.DESCRIPTION: rule.get("Description"),
            names.TAGS: tag_attribute(tags),
            **({names.SWITCHED_BUCKET: turned_on} if turned_on else {}),
            **({names.SCHEDULE: rule["ScheduleExpression"]} if rule.get("ScheduleExpression") else {}),
        },
        problem=problem,
    )


def _other_target_notes(pipeline: Pipeline, targets: Sequence[Any]) -> tuple[str, ...]:
    others = sorted(target["Arn"] for target in targets if target["Id"] != pipeline.rule_name)
    return (f"the rule also has targets that setup has not made: {', '.join(others)}",) if others else ()


def read_rule_target(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The rule's target that is ours by its id.

    Raises:
        ClientError: EventBridge failed, or refused to show it.
    """
    name = pipeline.rule_name
    targets = list_targets(aws, pipeline)
    for target in targets:
        if target["Id"] == name:
            retries = target.get("RetryPolicy", {})
            odd = sorted(set(target) - {"Id", "Arn", "RetryPolicy", "DeadLetterConfig"})
            return RemoteResource(
                Kind.RULE_TARGET,
                name,
                exists=True,
                is_ours=True,
                attributes={
                    names.FUNCTION_ARN: target["Arn"],
                    names.MAX_RETRIES: retries.get("MaximumRetryAttempts"),
                    names.MAX_EVENT_AGE: retries.get("MaximumEventAgeInSeconds"),
                    names.ON_FAILURE: target.get("DeadLetterConfig", {}).get("Arn"),
                    # E.g. an InputTransformer: the function would not know the event any more.
                    **{key: target[key] for key in odd},
                },
                notes=_other_target_notes(pipeline, targets),
            )
    return RemoteResource(Kind.RULE_TARGET, name)


def list_targets(aws: Aws, pipeline: Pipeline) -> list[Any]:
    """All targets of the rule; none without the rule."""

    def read() -> list[Any]:
        pages = aws.events.get_paginator("list_targets_by_rule").paginate(Rule=pipeline.rule_name)
        return [target for page in pages for target in page["Targets"]]

    return answer(read, RULE_MISSING) or []


def switch(pipeline: Pipeline, notifications: Mapping[str, Any], turned_on: str) -> RemoteResource:
    """Whether the source bucket sends its events to EventBridge, and whether it is our doing.

    Args:
        pipeline: whose bucket.
        notifications: the source bucket's notification configuration.
        turned_on: the buckets that the rule's tag names, separated by spaces.
    """
    is_on = "EventBridgeConfiguration" in notifications
    is_ours = pipeline.source_bucket in turned_on.split()
    return RemoteResource(
        Kind.EVENTBRIDGE_SWITCH,
        pipeline.source_bucket,
        exists=is_on,
        is_ours=is_ours,
        problem="" if is_ours else "it was on already",
    )


def permission_from(kind: Kind, name: str, document: Mapping[str, Any] | None) -> RemoteResource:
    """A statement of the function's policy, and whether there is a spare one from when it was being replaced."""
    statement, spare = find_statement(document, name), find_statement(document, spare_permission_id(name))
    if statement is None and spare is None:
        return RemoteResource(kind, name)
    duplicates = {names.DUPLICATES: 1} if spare is not None else {}
    attributes = {names.STATEMENT: _permission_words(statement) if statement is not None else None, **duplicates}
    return RemoteResource(kind, name, exists=True, is_ours=True, attributes=attributes)


def spare_permission_id(name: str) -> str:
    """The statement that admits whoever starts the function while the one of that name is replaced."""
    return f"{name}-spare"


def _permission_words(statement: Mapping[str, Any]) -> dict[str, Any]:
    conditions = {
        key.lower(): value for operator in statement.get("Condition", {}).values() for key, value in operator.items()
    }
    principal = statement.get("Principal", {})
    return {
        "principal": principal.get("Service") if isinstance(principal, dict) else principal,
        "action": statement.get("Action"),
        "source arn": conditions.get("aws:sourcearn"),
        "source account": conditions.get("aws:sourceaccount"),
        # Others, e.g. a token, keep away whom the statement is for.
        **{key: conditions[key] for key in sorted(conditions.keys() - {"aws:sourcearn", "aws:sourceaccount"})},
    }


def unless_denied(read: Callable[[], RemoteResource], kind: Kind, name: str) -> RemoteResource:
    """What was read; missing where it may not be read, with the permission that was lacking."""
    try:
        return read()
    except ClientError as error:
        if not is_denied(error):
            raise
        message = str(error.response.get("Error", {}).get("Message", ""))
        problem = f"{error.operation_name} answered {error_code(error)}: {message}"
        return RemoteResource(kind, name, problem=problem, lacking=iam_action(error.operation_name, message))
