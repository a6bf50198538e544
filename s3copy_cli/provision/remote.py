"""Reading the world: every resource of a pipeline as it is, in the words of `resources`. Makes no write call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import unquote

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws, error_code, is_denied, translate_errors
from s3copy_cli.config import OWNERSHIP_TAG, Pipeline
from s3copy_cli.deployed import ENV_SETTINGS, ENV_SOURCE_BUCKET, FORMER_SOURCES_TAG, function_tags
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.bucket_reader import read_adopted_bucket
from s3copy_cli.provision.function_state import function_state, function_state_reason, lambda_time
from s3copy_cli.provision.options import OPTION_VARIABLES, option_attributes
from s3copy_cli.provision.policy import canonical, find_statement, tls_statement
from s3copy_cli.provision.reading import BUCKET_MISSING, first_rule, one_by_one, side_by_side
from s3copy_cli.provision.reading import answer as _answer
from s3copy_cli.provision.resources import BUCKET_POLICIES, Kind, RemoteResource, RemoteState
from s3copy_cli.provision.settings import read_record
from s3copy_cli.provision.tags import tag_attribute
from s3copy_cli.provision.trigger_reader import read_trigger
from s3copy_cli.provision.triggers import reading
from s3copy_cli.provision.triggers.reading import tag_problem

Answer = TypeVar("Answer")
# Makes reads that do not depend on each other, in whatever way.
MakeCalls = Callable[[Sequence[Callable[[], Any]]], list[Any]]
LIFECYCLE_RULE_ID = "s3copy-abort-incomplete-uploads"
QUEUE_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
FUNCTION_MISSING = frozenset({"ResourceNotFoundException"})
LOG_GROUP_MISSING = frozenset({"ResourceNotFoundException"})
ROLE_MISSING = frozenset({"NoSuchEntity"})
# Variables of the function that a plan shows as attributes of their own.
_WORDED_VARIABLES = OPTION_VARIABLES | {ENV_SETTINGS}


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
        lambda: _read_joined_bucket(aws, pipeline, Kind.SOURCE_BUCKET),
        lambda: _read_joined_bucket(aws, pipeline, Kind.DESTINATION_BUCKET),
        lambda: _read_unused_bucket(aws, pipeline, Kind.UNUSED_SOURCE_BUCKET),
        lambda: _read_unused_bucket(aws, pipeline, Kind.UNUSED_DESTINATION_BUCKET),
        lambda: [read_trigger(aws, pipeline)],
        lambda: [read_log_group(aws, pipeline)],
        lambda: read_queues(aws, pipeline),
        lambda: read_role(aws, pipeline),
        lambda: [function or read_function(aws, pipeline)],
        lambda: [_read_async_invocation(aws, pipeline)],
        lambda: _read_permissions(aws, pipeline),
        *_trigger_readers(aws, pipeline),
    ]
    doing = f"reading pipeline {pipeline.name} in {pipeline.region}"
    with translate_errors(doing, region=aws.region), ThreadPoolExecutor(max_workers=len(readers)) as pool:
        found = [resource for part in pool.map(lambda read: read(), readers) for resource in part]
    state = {resource.kind: resource for resource in found}
    function = state[Kind.FUNCTION]
    state[Kind.FORMER_TRIGGER] = _former_trigger(pipeline, function)
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


def _former_trigger(pipeline: Pipeline, function: RemoteResource) -> RemoteResource:
    """Our entries in buckets that files were copied from before, as far as the function knows them."""
    variables = function.attributes.get(names.ENVIRONMENT, {}) if function.is_ours else {}
    before = {*function.former_buckets, variables.get(ENV_SOURCE_BUCKET, "")} if function.is_ours else set()
    buckets = sorted(before - {pipeline.source_bucket, ""})
    return RemoteResource(Kind.FORMER_TRIGGER, " ".join(buckets), exists=bool(buckets), is_ours=bool(buckets))


def _read_joined_bucket(aws: Aws, pipeline: Pipeline, kind: Kind) -> list[RemoteResource]:
    is_source = kind is Kind.SOURCE_BUCKET
    name = pipeline.source_bucket if is_source else pipeline.destination_bucket
    is_adopted = (pipeline.adopted_source_bucket if is_source else pipeline.adopted_destination_bucket) is not None
    if is_adopted:
        return read_adopted_bucket(aws, pipeline, kind, name)
    return read_bucket(aws, pipeline, kind, name, side_by_side)


def _read_unused_bucket(aws: Aws, pipeline: Pipeline, kind: Kind) -> list[RemoteResource]:
    """The pipeline's own bucket, where another one has taken its place: if it is there, and ours."""
    is_source = kind is Kind.UNUSED_SOURCE_BUCKET
    name = pipeline.own_source_bucket if is_source else pipeline.own_destination_bucket
    if name in {pipeline.source_bucket, pipeline.destination_bucket}:
        return [RemoteResource(kind, name)]
    found = read_bucket_ownership(aws, pipeline, kind, name)
    # Somebody else's bucket of that name is in nobody's way.
    return [found if found.is_ours else RemoteResource(kind, name)]


def _trigger_readers(aws: Aws, pipeline: Pipeline) -> list[Callable[[], list[RemoteResource]]]:
    def reader(
        read: Callable[[Aws, Pipeline], RemoteResource], kind: Kind, name: str
    ) -> Callable[[], list[RemoteResource]]:
        return lambda: [reading.unless_denied(lambda: read(aws, pipeline), kind, name)]

    return [
        reader(reading.read_event_queue, Kind.EVENT_QUEUE, pipeline.event_queue_name),
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


def read_bucket(
    aws: Aws, pipeline: Pipeline, kind: Kind, name: str, make_calls: MakeCalls = one_by_one
) -> list[RemoteResource]:
    """A bucket and its policy."""
    found = read_bucket_ownership(aws, pipeline, kind, name)
    if found.is_ours:
        # None where it went between two of the reads.
        complete = _answer(lambda: _read_own_bucket(aws, pipeline, found, make_calls), BUCKET_MISSING)
        if complete is not None:
            return list(complete)
        found = RemoteResource(kind, name)
    return [found, replace(found, kind=BUCKET_POLICIES[kind], attributes={})]


def read_bucket_ownership(aws: Aws, pipeline: Pipeline, kind: Kind, name: str) -> RemoteResource:
    """Whether a bucket is there and ours; none of its attributes."""
    call = {"Bucket": name, "ExpectedBucketOwner": pipeline.account_id}
    try:
        if _answer(lambda: aws.s3.head_bucket(**call), BUCKET_MISSING) is None:
            return RemoteResource(kind, name)
    except ClientError as error:
        if not is_denied(error):
            raise
        problem = "another account owns it, or your credentials may not look at it (s3:ListBucket)"
        return RemoteResource(kind, name, exists=True, problem=problem)
    try:
        tagging = _answer(lambda: aws.s3.get_bucket_tagging(**call), frozenset({"NoSuchTagSet"}))
    except ClientError as error:
        if error_code(error) in BUCKET_MISSING:
            return RemoteResource(kind, name)
        raise
    tags = {tag["Key"]: tag["Value"] for tag in (tagging or {}).get("TagSet", [])}
    problem = tag_problem(pipeline, tags)
    attributes = {names.TAGS: tag_attribute(tags)}
    return RemoteResource(kind, name, exists=True, is_ours=not problem, attributes=attributes, problem=problem)


def _read_own_bucket(
    aws: Aws, pipeline: Pipeline, bucket: RemoteResource, make_calls: MakeCalls
) -> list[RemoteResource]:
    name, s3 = bucket.name, aws.s3
    call = {"Bucket": name, "ExpectedBucketOwner": pipeline.account_id}
    no_block = frozenset({"NoSuchPublicAccessBlockConfiguration"})
    no_ownership = frozenset({"OwnershipControlsNotFoundError"})
    no_encryption = frozenset({"ServerSideEncryptionConfigurationNotFoundError"})
    block, ownership, encryption, lifecycle, versioning, document = make_calls(
        [
            lambda: _answer(lambda: s3.get_public_access_block(**call), no_block),
            lambda: _answer(lambda: s3.get_bucket_ownership_controls(**call), no_ownership),
            lambda: _answer(lambda: s3.get_bucket_encryption(**call), no_encryption),
            lambda: lifecycle_configuration(aws, pipeline, name),
            lambda: s3.get_bucket_versioning(**call),
            lambda: bucket_policy(aws, pipeline, name),
        ]
    )
    default = first_rule(encryption, "ServerSideEncryptionConfiguration").get("ApplyServerSideEncryptionByDefault", {})
    attributes = {
        **bucket.attributes,
        names.PUBLIC_ACCESS: _public_access(block),
        names.OBJECT_OWNERSHIP: first_rule(ownership, "OwnershipControls").get("ObjectOwnership"),
        names.DEFAULT_ENCRYPTION: default.get("SSEAlgorithm"),
        names.BUCKET_KEY: default.get("KMSMasterKeyID"),
        names.ABORT_UPLOADS: _abort_days(lifecycle.get("Rules", [])),
        names.VERSIONING: versioning.get("Status", "off"),
    }
    statement = find_statement(document, tls_statement("")["Sid"])
    policy = RemoteResource(
        BUCKET_POLICIES[bucket.kind],
        name,
        exists=statement is not None,
        is_ours=True,
        attributes={names.TLS_ONLY: canonical(statement)},
    )
    return [replace(bucket, attributes=attributes), policy]


def lifecycle_configuration(aws: Aws, pipeline: Pipeline, bucket: str) -> dict[str, Any]:
    """A bucket's lifecycle rules, ours and others', and what S3 keeps next to them; {} without any."""
    answer = _answer(
        lambda: aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket, ExpectedBucketOwner=pipeline.account_id),
        frozenset({"NoSuchLifecycleConfiguration"}),
    )
    return {key: value for key, value in (answer or {}).items() if key != "ResponseMetadata"}


def bucket_policy(aws: Aws, pipeline: Pipeline, bucket: str) -> dict[str, Any] | None:
    """A bucket's policy document, or None."""
    answer = _answer(
        lambda: aws.s3.get_bucket_policy(Bucket=bucket, ExpectedBucketOwner=pipeline.account_id),
        frozenset({"NoSuchBucketPolicy"}),
    )
    return json.loads(answer["Policy"]) if answer else None


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
                )
    return RemoteResource(Kind.LOG_GROUP, pipeline.log_group)


def read_queue(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The dead-letter queue."""
    return read_queues(aws, pipeline)[0]


def read_queues(aws: Aws, pipeline: Pipeline) -> list[RemoteResource]:
    """The dead-letter queue, and our statement in its policy."""
    missing = [
        RemoteResource(Kind.DEAD_LETTER_QUEUE, pipeline.queue_name),
        RemoteResource(Kind.DEAD_LETTER_QUEUE_POLICY, pipeline.queue_name),
    ]
    found = _answer(lambda: aws.sqs.get_queue_url(QueueName=pipeline.queue_name), QUEUE_MISSING)
    if found is None:
        return missing
    url = found["QueueUrl"]
    tags = _answer(lambda: aws.sqs.list_queue_tags(QueueUrl=url), QUEUE_MISSING)
    attributes = _answer(lambda: aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]), QUEUE_MISSING)
    if tags is None or attributes is None:
        return missing
    values = attributes.get("Attributes", {})
    problem = tag_problem(pipeline, tags.get("Tags", {}))
    queue = RemoteResource(
        Kind.DEAD_LETTER_QUEUE,
        pipeline.queue_name,
        exists=True,
        is_ours=not problem,
        attributes={
            names.RETENTION_SECONDS: int(values.get("MessageRetentionPeriod", "0")),
            names.QUEUE_ENCRYPTION: values.get("SqsManagedSseEnabled") == "true" or bool(values.get("KmsMasterKeyId")),
            names.TAGS: tag_attribute(tags.get("Tags", {})),
        },
        problem=problem,
    )
    policy = reading.dead_letter_policy(pipeline, reading.parsed(values.get("Policy")))
    return [queue, replace(policy, is_ours=not problem, problem=problem)]


def read_role(aws: Aws, pipeline: Pipeline) -> list[RemoteResource]:
    """The role and its policy."""
    answer = _answer(lambda: aws.iam.get_role(RoleName=pipeline.role_name), ROLE_MISSING)
    if answer is None:
        return [
            RemoteResource(Kind.ROLE, pipeline.role_name),
            RemoteResource(Kind.ROLE_POLICY, pipeline.policy_name),
        ]
    role = answer["Role"]
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
    policy = _answer(
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
    answer = _answer(lambda: aws.lambda_.get_function(FunctionName=pipeline.function_name), FUNCTION_MISSING)
    tags = _answer(lambda: function_tags(aws, answer), FUNCTION_MISSING) if answer else None
    if answer is None or tags is None:
        return missing
    configuration = answer["Configuration"]
    logging = configuration.get("LoggingConfig", {})
    variables = configuration.get("Environment", {}).get("Variables", {})
    problem = tag_problem(pipeline, tags)
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
            names.ENVIRONMENT: {name: value for name, value in variables.items() if name not in _WORDED_VARIABLES},
            **option_attributes(variables),
            names.RESERVED_CONCURRENCY: answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            names.TAGS: tag_attribute(tags),
            names.SETTINGS: read_record(variables.get(ENV_SETTINGS) or "{}"),
            # Lambda's own defaults, where it does not echo them.
            names.LOG_GROUP: logging.get("LogGroup", f"/aws/lambda/{pipeline.function_name}"),
            names.LOG_FORMAT: logging.get("LogFormat", "Text"),
        },
        problem=problem,
        obstacle=(reason or "it gives no reason") if state == names.STATE_FAILED else "",
        changed_at=lambda_time(configuration.get("LastModified", "")),
        former_buckets=tuple(tags.get(FORMER_SOURCES_TAG, "").split()),
    )


def _read_async_invocation(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    answer = _answer(
        lambda: aws.lambda_.get_function_event_invoke_config(FunctionName=pipeline.function_name), FUNCTION_MISSING
    )
    if answer is None:
        return RemoteResource(Kind.ASYNC_INVOCATION, pipeline.function_name)
    return RemoteResource(
        Kind.ASYNC_INVOCATION,
        pipeline.function_name,
        exists=True,
        is_ours=True,
        attributes={
            names.MAX_RETRIES: answer.get("MaximumRetryAttempts"),
            names.MAX_EVENT_AGE: answer.get("MaximumEventAgeInSeconds"),
            names.ON_FAILURE: answer.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
        },
    )


def _read_permissions(aws: Aws, pipeline: Pipeline) -> list[RemoteResource]:
    answer = _answer(lambda: aws.lambda_.get_policy(FunctionName=pipeline.function_name), FUNCTION_MISSING)
    document = json.loads(answer["Policy"]) if answer else None
    return [
        reading.permission_from(Kind.PERMISSION, pipeline.permission_id, document),
        reading.permission_from(Kind.RULE_PERMISSION, pipeline.rule_permission_id, document),
    ]


def _public_access(answer: Any) -> str:
    flags = (answer or {}).get("PublicAccessBlockConfiguration", {})
    wanted = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return "blocked" if all(flags.get(flag) for flag in wanted) else "not blocked"


def _abort_days(rules: list[dict[str, Any]]) -> int | str | None:
    for rule in rules:
        if rule.get("ID") == LIFECYCLE_RULE_ID and rule.get("Status") == "Enabled":
            days: int | None = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
            is_narrowed = any((rule.get("Filter") or {}).values()) or bool(rule.get("Prefix"))
            return f"{days}, of some objects only" if is_narrowed else days
    return None


def _document(value: Any) -> Any:
    # boto3 decodes policy documents into objects; other SDK layers hand over the URL-encoded text.
    return json.loads(unquote(value)) if isinstance(value, str) else value
