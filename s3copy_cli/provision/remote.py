"""Reading the world: every resource of a pipeline as it is, in the words of `resources`. Makes no write call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import translate_errors
from s3copy_cli.config import OWNERSHIP_TAG, Pipeline
from s3copy_cli.deployed import ENV_SOURCE_BUCKET, FORMER_SOURCES_TAG, function_tags, unreadable_variables
from s3copy_cli.provision import notes
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.bucket_reader import read_joined_bucket, read_unused_bucket
from s3copy_cli.provision.choices import record_attributes
from s3copy_cli.provision.function_state import function_state, function_state_reason, lambda_time
from s3copy_cli.provision.policy import canonical, source_buckets_of
from s3copy_cli.provision.queue_reader import read_dead_letter_queue_and_policy, read_event_queue
from s3copy_cli.provision.reading import answer, if_offered, tag_problem
from s3copy_cli.provision.resources import Kind, RemoteResource, RemoteState
from s3copy_cli.provision.tags import tag_attribute
from s3copy_cli.provision.trigger_reader import read_trigger
from s3copy_cli.provision.triggers import reading

FUNCTION_MISSING = frozenset({"ResourceNotFoundException"})
LOG_GROUP_MISSING = frozenset({"ResourceNotFoundException"})
ROLE_MISSING = frozenset({"NoSuchEntity"})


def read_remote_state(aws: Aws, pipeline: Pipeline, function: RemoteResource | None = None) -> RemoteState:
    """Read every resource, side by side.

    Args:
        aws: where.
        pipeline: whose resources, with the buckets that it is to join.
        function: if that was read before.

    Raises:
        AwsError: a read was refused or failed.
    """
    # Clients are made here, not in the threads: making them is not thread-safe.
    _ = (aws.s3, aws.s3_in(pipeline.destination_region or ""), aws.iam, aws.lambda_, aws.logs, aws.sqs, aws.events)
    readers: list[Callable[[], list[RemoteResource]]] = [
        lambda: read_joined_bucket(aws, pipeline, Kind.SOURCE_BUCKET),
        lambda: read_joined_bucket(aws, pipeline, Kind.DESTINATION_BUCKET),
        lambda: read_unused_bucket(aws, pipeline, Kind.UNUSED_SOURCE_BUCKET),
        lambda: read_unused_bucket(aws, pipeline, Kind.UNUSED_DESTINATION_BUCKET),
        lambda: [read_trigger(aws, pipeline)],
        lambda: [read_log_group(aws, pipeline)],
        lambda: _read_dead_letters(aws, pipeline),
        lambda: read_role(aws, pipeline),
        lambda: [function or read_function(aws, pipeline)],
        lambda: [_read_async_invocation(aws, pipeline)],
        *_trigger_readers(aws, pipeline),
    ]
    doing = f"reading pipeline {pipeline.name} in {pipeline.region}"
    with translate_errors(doing, region=aws.region), ThreadPoolExecutor(max_workers=len(readers) + 3) as pool:
        loops_read = pool.submit(_read_recursive_loops, aws, pipeline)
        policy_read = pool.submit(_function_policy, aws, pipeline)
        role_notes_read = pool.submit(_read_role_notes, aws, pipeline)
        found = [resource for part in pool.map(lambda read: read(), readers) for resource in part]
        loops, policy, role_notes = loops_read.result(), policy_read.result(), role_notes_read.result()
    state = {resource.kind: resource for resource in (*found, *_permissions(pipeline, policy))}
    function = state[Kind.FUNCTION]
    if function.exists:
        admitted = _admitted_notes(pipeline, policy)
        state[Kind.FUNCTION] = replace(function, attributes={**function.attributes, **loops}, notes=admitted)
    state[Kind.ROLE] = replace(state[Kind.ROLE], notes=role_notes)
    state[Kind.FORMER_TRIGGER] = _former_trigger(pipeline, function, state[Kind.ROLE_POLICY], state[Kind.RULE])
    state[Kind.LOG_GROUP] = _recreated(pipeline, state[Kind.LOG_GROUP], function)
    if function.exists and not function.is_ours:
        # Whatever hangs on somebody else's function is theirs as well.
        for kind in (Kind.ASYNC_INVOCATION, Kind.PERMISSION, Kind.RULE_PERMISSION, Kind.EVENT_SOURCE_MAPPING):
            state[kind] = replace(state[kind], is_ours=False, problem=f"its function is not ours: {function.problem}")
    access, role, rule = state[Kind.EVENT_QUEUE_ACCESS], state[Kind.ROLE], state[Kind.RULE]
    state[Kind.EVENT_QUEUE_ACCESS] = replace(access, is_ours=role.is_ours, problem=role.problem)
    if not rule.is_ours:
        state[Kind.RULE_TARGET] = replace(state[Kind.RULE_TARGET], is_ours=False, problem=rule.problem)
    turned_on = str(rule.attributes.get(names.SWITCHED_BUCKET, "")) if rule.is_ours else ""
    state[Kind.EVENTBRIDGE_SWITCH] = reading.switch(pipeline, state[Kind.TRIGGER].notifications, turned_on)
    return state


def _former_trigger(
    pipeline: Pipeline, function: RemoteResource, role_policy: RemoteResource, rule: RemoteResource
) -> RemoteResource:
    """Our entries, and switches, in buckets that are not the source, as far as something of ours names them."""
    named = set(str(rule.attributes.get(names.SWITCHED_BUCKET, "")).split()) if rule.is_ours else set()
    variables = function.attributes.get(names.ENVIRONMENT, {})
    if function.is_ours:
        named |= {*function.former_buckets, variables.get(ENV_SOURCE_BUCKET, "")}
    is_forgotten = not function.exists or (function.is_ours and ENV_SOURCE_BUCKET not in variables)
    if is_forgotten and role_policy.is_ours:
        # Deleted by hand, or its variables. What it was allowed to read still tells.
        named |= source_buckets_of(role_policy.attributes.get(names.DOCUMENT))
    buckets = sorted(named - {pipeline.source_bucket, ""})
    return RemoteResource(Kind.FORMER_TRIGGER, " ".join(buckets), exists=bool(buckets), is_ours=bool(buckets))


def _read_dead_letters(aws: Aws, pipeline: Pipeline) -> list[RemoteResource]:
    """The dead-letter queue and its policy, which may deny everybody a look; whoever needs the queue stops then."""
    found: list[RemoteResource] = []

    def read() -> RemoteResource:
        found.extend(read_dead_letter_queue_and_policy(aws, pipeline))
        return found[0]

    queue = reading.unless_denied(read, Kind.DEAD_LETTER_QUEUE, pipeline.queue_name)
    return found or [queue, RemoteResource(Kind.DEAD_LETTER_QUEUE_POLICY, pipeline.queue_name)]


def _trigger_readers(aws: Aws, pipeline: Pipeline) -> list[Callable[[], list[RemoteResource]]]:
    def reader(
        read: Callable[[Aws, Pipeline], RemoteResource], kind: Kind, name: str
    ) -> Callable[[], list[RemoteResource]]:
        return lambda: [reading.unless_denied(lambda: read(aws, pipeline), kind, name)]

    return [
        reader(read_event_queue, Kind.EVENT_QUEUE, pipeline.event_queue_name),
        reader(reading.read_event_queue_access, Kind.EVENT_QUEUE_ACCESS, pipeline.event_queue_policy_name),
        reader(reading.read_mapping, Kind.EVENT_SOURCE_MAPPING, pipeline.event_queue_name),
        reader(reading.read_rule, Kind.RULE, pipeline.rule_name),
        reader(reading.read_rule_target, Kind.RULE_TARGET, pipeline.rule_name),
    ]


def _recreated(pipeline: Pipeline, group: RemoteResource, function: RemoteResource) -> RemoteResource:
    """The log group as ours if only its tag is missing and our function writes to it.

    Somebody deleted it, and Lambda made it again: with a role of the owner's that may do so, or on the embedded AWS.
    """
    lost_its_tag = group.exists and not group.is_ours and group.attributes[names.TAGS].get(OWNERSHIP_TAG) is None
    is_written_to = function.is_ours and function.attributes.get(names.LOG_GROUP) == pipeline.log_group
    return replace(group, is_ours=True, problem="") if lost_its_tag and is_written_to else group


def read_log_group(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The log group."""
    for page in aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=pipeline.log_group):
        for group in page["logGroups"]:
            if group["logGroupName"] == pipeline.log_group:
                tags = aws.logs.list_tags_for_resource(resourceArn=pipeline.log_group_arn).get("tags", {})
                problem = tag_problem(pipeline, tags)
                return RemoteResource(
                    Kind.LOG_GROUP,
                    pipeline.log_group,
                    exists=True,
                    is_ours=not problem,
                    attributes={
                        names.RETENTION_DAYS: group.get("retentionInDays"),
                        names.TAGS: tag_attribute(tags),
                    },
                    problem=problem,
                    notes=notes.log_group_notes(str(group.get("logGroupClass", ""))),
                )
    return RemoteResource(Kind.LOG_GROUP, pipeline.log_group)


def read_role(aws: Aws, pipeline: Pipeline) -> list[RemoteResource]:
    """The role and its policy."""
    answered = answer(lambda: aws.iam.get_role(RoleName=pipeline.role_name), ROLE_MISSING)
    if answered is None:
        return [
            RemoteResource(Kind.ROLE, pipeline.role_name),
            RemoteResource(Kind.ROLE_POLICY, pipeline.policy_name),
        ]
    role = answered["Role"]
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
    problem = tag_problem(pipeline, tags)
    found = RemoteResource(
        Kind.ROLE,
        pipeline.role_name,
        exists=True,
        is_ours=not problem,
        attributes={
            names.TRUST: canonical(_document(role.get("AssumeRolePolicyDocument"))),
            names.DESCRIPTION: role.get("Description"),
            names.BOUNDARY: role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            names.TAGS: tag_attribute(tags),
        },
        problem=problem,
        changed_at=role.get("CreateDate"),
    )
    policy = answer(
        lambda: aws.iam.get_role_policy(RoleName=pipeline.role_name, PolicyName=pipeline.policy_name), ROLE_MISSING
    )
    return [
        found,
        RemoteResource(
            Kind.ROLE_POLICY,
            pipeline.policy_name,
            exists=policy is not None,
            is_ours=not problem,
            attributes={names.DOCUMENT: canonical(_document(policy["PolicyDocument"]))} if policy else {},
            problem=problem,
        ),
    ]


def read_function(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The function: its code, its settings, and what Lambda says of its state."""
    missing = RemoteResource(Kind.FUNCTION, pipeline.function_name)
    answered = answer(lambda: aws.lambda_.get_function(FunctionName=pipeline.function_name), FUNCTION_MISSING)
    tags = answer(lambda: function_tags(aws, answered), FUNCTION_MISSING) if answered else None
    if answered is None or tags is None:
        return missing
    configuration = answered["Configuration"]
    logging = configuration.get("LoggingConfig", {})
    variables = configuration.get("Environment", {}).get("Variables", {})
    problem, unreadable = tag_problem(pipeline, tags), unreadable_variables(configuration)
    state, reason = function_state(configuration), function_state_reason(configuration)
    return RemoteResource(
        Kind.FUNCTION,
        pipeline.function_name,
        exists=True,
        is_ours=not problem,
        attributes={
            names.STATE: f"{state}: {reason}" if state == names.STATE_UPDATE_FAILED and reason else state,
            names.CODE: configuration.get("CodeSha256"),
            names.RUNTIME: configuration.get("Runtime"),
            names.DESCRIPTION: configuration.get("Description"),
            names.HANDLER: configuration.get("Handler"),
            names.ROLE: configuration.get("Role"),
            names.TIMEOUT: configuration.get("Timeout"),
            names.MEMORY: configuration.get("MemorySize"),
            names.ARCHITECTURE: next(iter(configuration.get("Architectures", ["x86_64"])), None),
            **record_attributes(variables),
            names.RESERVED_CONCURRENCY: answered.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            names.TAGS: tag_attribute(tags),
            # Lambda's own defaults, where it does not echo them.
            names.LOG_GROUP: logging.get("LogGroup", f"/aws/lambda/{pipeline.function_name}"),
            names.LOG_FORMAT: logging.get("LogFormat", "Text"),
            **_additions(configuration),
        },
        problem=problem or unreadable,
        lacking="kms:Decrypt" if unreadable else "",
        obstacle=(reason or "it gives no reason") if state == names.STATE_FAILED else "",
        changed_at=lambda_time(configuration.get("LastModified", "")),
        former_buckets=tuple(tags.get(FORMER_SOURCES_TAG, "").split()),
    )


def _additions(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody has added: code of others, a network without a way to S3 perhaps, one more dead-letter queue."""
    found = {
        names.LAYERS: [str(layer.get("Arn")) for layer in configuration.get("Layers") or []],
        names.VPC: list((configuration.get("VpcConfig") or {}).get("SubnetIds") or []),
        names.FILE_SYSTEMS: [str(one.get("Arn")) for one in configuration.get("FileSystemConfigs") or []],
        names.DEAD_LETTERS_TOO: (configuration.get("DeadLetterConfig") or {}).get("TargetArn"),
    }
    return {name: values for name, values in found.items() if values}


def _read_async_invocation(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    answered = answer(
        lambda: aws.lambda_.get_function_event_invoke_config(FunctionName=pipeline.function_name), FUNCTION_MISSING
    )
    if answered is None:
        return RemoteResource(Kind.ASYNC_INVOCATION, pipeline.function_name)
    destinations = answered.get("DestinationConfig", {})
    on_success = destinations.get("OnSuccess", {}).get("Destination")
    return RemoteResource(
        Kind.ASYNC_INVOCATION,
        pipeline.function_name,
        exists=True,
        is_ours=True,
        attributes={
            names.MAX_RETRIES: answered.get("MaximumRetryAttempts"),
            names.MAX_EVENT_AGE: answered.get("MaximumEventAgeInSeconds"),
            names.ON_FAILURE: destinations.get("OnFailure", {}).get("Destination"),
            **({names.ON_SUCCESS: on_success} if on_success else {}),
        },
    )


def _read_recursive_loops(aws: Aws, pipeline: Pipeline) -> dict[str, Any]:
    """What Lambda does about recursive loops of the function; {} where that cannot be looked at."""
    found = if_offered(lambda: aws.lambda_.get_function_recursion_config(FunctionName=pipeline.function_name))
    return {names.RECURSIVE_LOOPS: found.get("RecursiveLoop")} if found else {}


def read_permission(aws: Aws, pipeline: Pipeline, kind: Kind, statement_id: str) -> RemoteResource:
    """One statement of the function's policy.

    Raises:
        ClientError: Lambda failed, or refused to show it.
    """
    return reading.permission_from(kind, statement_id, _function_policy(aws, pipeline))


def _function_policy(aws: Aws, pipeline: Pipeline) -> dict[str, Any] | None:
    answered = answer(lambda: aws.lambda_.get_policy(FunctionName=pipeline.function_name), FUNCTION_MISSING)
    return json.loads(answered["Policy"]) if answered else None


def _permissions(pipeline: Pipeline, policy: Mapping[str, Any] | None) -> list[RemoteResource]:
    ours = {Kind.PERMISSION: pipeline.permission_id, Kind.RULE_PERMISSION: pipeline.rule_permission_id}
    return [reading.permission_from(kind, name, policy) for kind, name in ours.items()]


def _admitted_notes(pipeline: Pipeline, policy: Mapping[str, Any] | None) -> tuple[str, ...]:
    ours = {pipeline.permission_id, pipeline.rule_permission_id}
    return notes.admitted_notes(policy, {*ours, *map(reading.spare_permission_id, ours)}, pipeline.account_id)


def _read_role_notes(aws: Aws, pipeline: Pipeline) -> tuple[str, ...]:
    """Policies of the role that setup has not made; none where they may not be listed."""

    def pages(operation: Any, key: str) -> list[Any]:
        found = aws.iam.get_paginator(operation).paginate(RoleName=pipeline.role_name)
        return if_offered(lambda: [one for page in found for one in page[key]], ROLE_MISSING) or []

    inline: list[str] = pages("list_role_policies", "PolicyNames")
    attached = [str(policy["PolicyName"]) for policy in pages("list_attached_role_policies", "AttachedPolicies")]
    return notes.policy_notes(inline, attached, {pipeline.policy_name, pipeline.event_queue_policy_name})


def _document(value: Any) -> Any:
    # boto3 decodes policy documents into objects; other SDK layers hand over the URL-encoded text.
    return json.loads(unquote(value)) if isinstance(value, str) else value
