"""Refusing to plan: what stands in the way, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from s3copy_cli.config import OWNERSHIP_TAG, Pipeline
from s3copy_cli.deployed import ENV_SETTINGS, ENV_SOURCE_BUCKET
from s3copy_cli.errors import OwnershipError, S3CopyError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import lost_record
from s3copy_cli.provision.desired import DesiredState
from s3copy_cli.provision.resources import DesiredResource, Kind, RemoteResource, RemoteState
from s3copy_cli.provision.settings import Settings

# What may be there without being ours, and in nobody's way.
SHARED_KINDS = frozenset({Kind.EVENTBRIDGE_SWITCH})

_TAG_COMMANDS = {
    Kind.SOURCE_BUCKET: "aws s3api put-bucket-tagging --bucket {name} --tagging 'TagSet=[{{Key={key},Value={value}}}]'",
    Kind.DESTINATION_BUCKET: (
        "aws s3api put-bucket-tagging --bucket {name} --tagging 'TagSet=[{{Key={key},Value={value}}}]'"
    ),
    Kind.LOG_GROUP: "aws logs tag-resource --resource-arn {log_group_arn} --tags {key}={value}",
    Kind.DEAD_LETTER_QUEUE: "aws sqs tag-queue --queue-url $(aws sqs get-queue-url --queue-name {name} "
    "--query QueueUrl --output text) --tags {key}={value}",
    Kind.EVENT_QUEUE: "aws sqs tag-queue --queue-url $(aws sqs get-queue-url --queue-name {name} "
    "--query QueueUrl --output text) --tags {key}={value}",
    Kind.RULE: "aws events tag-resource --resource-arn {rule_arn} --tags Key={key},Value={value}",
    Kind.ROLE: "aws iam tag-role --role-name {name} --tags Key={key},Value={value}",
    Kind.FUNCTION: "aws lambda tag-resource --resource {function_arn} --tags {key}={value}",
}


def refuse_foreign(pipeline: Pipeline, found: Iterable[RemoteResource], doing: str = "") -> None:
    """Stop before anything is changed if something stands in the way that is not ours.

    Args:
        pipeline: who we are.
        found: what is there.
        doing: what is being done; "" for planning.

    Raises:
        OwnershipError: naming it, and how to go on.
    """
    for resource in found:
        is_theirs = resource.is_adopted or resource.kind in SHARED_KINDS
        if resource.exists and not resource.is_ours and not is_theirs:
            raise OwnershipError(
                doing or f"planning pipeline {pipeline.name}",
                f"the {resource.kind.value} {resource.name} exists, and {resource.problem}",
                _foreign_hint(pipeline, resource),
            )


def refuse_unseen(pipeline: Pipeline, resource: RemoteResource) -> None:
    """Stop if something that every pipeline has could not be looked at: it may be somebody else's.

    Raises:
        S3CopyError: naming it, AWS's answer, and the permission.
    """
    if resource.lacking:
        raise S3CopyError(
            f"planning pipeline {pipeline.name}: reading the {resource.kind.value} {resource.name}",
            resource.problem,
            f"Your credentials need {resource.lacking} here (docs/permissions.md). If you have that, the policy of the "
            "queue denies it: take that statement out, which the account's root user can do in any case.",
            code="AccessDenied",
        )


def refuse_lost_settings(remote: RemoteState) -> None:
    """Stop if the settings are not recorded any more, although they were not all by default.

    Without any record a function is fine that has everything by default: that is how s3copy recorded that at first.

    Raises:
        S3CopyError: naming by what it is seen.
    """
    function, default = remote[Kind.FUNCTION], Settings()
    if not function.is_ours or function.attributes.get(names.SETTINGS) is not None:
        return
    by_default = {
        names.MEMORY: default.memory_mb,
        names.TIMEOUT: default.timeout_seconds,
        names.RUNTIME: default.runtime,
        names.ARCHITECTURE: default.architecture,
        names.RESERVED_CONCURRENCY: default.reserved_concurrency,
    }
    found = {name: function.attributes.get(name) for name in by_default}
    signs = [f"{name} is {found[name]}" for name in by_default if found[name] != by_default[name]]
    signs += [
        f"there is the {one.kind.value} {one.name}"
        for one in (remote[Kind.EVENT_SOURCE_MAPPING], remote[Kind.RULE])
        if one.is_ours
    ]
    if signs:
        raise lost_record(function, f"its variable {ENV_SETTINGS} is missing, and {', '.join(signs)}")


def refuse_unknown_source(remote: RemoteState, teardown_command: str) -> None:
    """Stop a teardown that would leave our trigger in a bucket that it does not know.

    Raises:
        S3CopyError: the function does not say what it copies from, and the pipeline has no source bucket of its own.
    """
    function = remote[Kind.FUNCTION]
    is_known = ENV_SOURCE_BUCKET in function.attributes.get(names.ENVIRONMENT, {})
    is_found = remote[Kind.FORMER_TRIGGER].exists or remote[Kind.SOURCE_BUCKET].exists
    if function.is_ours and not is_known and not is_found:
        raise S3CopyError(
            f"reading what was chosen for the function {function.name}",
            f"its variable {ENV_SOURCE_BUCKET} is missing, the role's policy names no bucket, and the pipeline has no "
            "source bucket of its own, so that the bucket that has its trigger is not known",
            f"Name that bucket: {teardown_command} --source-bucket BUCKET. If there is none any more, name the "
            f"pipeline's own: {remote[Kind.SOURCE_BUCKET].name}",
            code="UnreadableSettings",
        )


def refuse_permanent_deletes(desired: DesiredState, remote: RemoteState, setup_command: str) -> None:
    options = desired.options
    if not options.propagate_deletes or options.accept_permanent_deletes:
        return
    bucket = remote[Kind.DESTINATION_BUCKET]
    wanted = desired.resources[Kind.DESTINATION_BUCKET].attributes.get(names.VERSIONING)
    if names.VERSIONING_ENABLED in (wanted, bucket.attributes.get(names.VERSIONING)):
        return
    versioning = bucket.attributes.get(names.VERSIONING)
    state = f"is not versioned (its versioning is {versioning})" if versioning else "may be unversioned: it is unread"
    how = f"Have it keep versions: {setup_command} --propagate-deletes --destination-versioning. "
    if bucket.is_adopted:
        state = state.replace("it is unread", "you lack s3:GetBucketVersioning")
        how = (
            "Have it keep versions: aws s3api put-bucket-versioning "
            f"--bucket {bucket.name} --versioning-configuration Status=Enabled, then run this again. "
        )
    raise S3CopyError(
        f"planning pipeline {desired.pipeline.name}: propagating deletes",
        f"the destination bucket {bucket.name} {state if bucket.exists else 'would be created without versioning'}, "
        "so what is deleted in the source could not be brought back",
        f"{how}Or accept it: {setup_command} --propagate-deletes --accept-permanent-deletes. "
        f"Or leave deletes alone: {setup_command} --no-propagate-deletes.",
        code="PermanentDeletes",
    )


def refuse_missing_adopted(desired: DesiredResource, remote: RemoteResource) -> None:
    if desired.is_adopted and not remote.exists:
        raise S3CopyError(
            f"planning the {desired.kind.value} {desired.name}",
            "it is to be a bucket of yours, and it does not exist",
            'Create it, or name another one, or pass "" for the pipeline\'s own: '
            f"--{desired.kind.value.replace(' ', '-')} NAME",
            code="NoSuchBucket",
        )


def refuse_unwritable(bucket: str, obstacle: str) -> None:
    """Stop if a bucket's notifications could not be written without harm; "" for no obstacle.

    Raises:
        S3CopyError: saying why.
    """
    if obstacle:
        raise S3CopyError(
            f"planning the trigger of bucket {bucket}",
            obstacle,
            "S3 takes notifications as a whole only, so that whatever could not be read would be lost. "
            "Install a newer boto3, or get the permission.",
            code="UnreadableNotifications",
        )


def refuse_overlap(bucket: str, overlap: str) -> None:
    """Stop if another entry of a source bucket's notifications does not admit ours; "" for none.

    Raises:
        OwnershipError: naming the entry.
    """
    if overlap:
        raise OwnershipError(
            f"planning the trigger of bucket {bucket}",
            f"{overlap}, and S3 notifies only one of the same event",
            "Remove that entry or limit it to other events or keys, or pass --trigger eventbridge, which may overlap; "
            "then run the command again.",
            code="TriggerOverlap",
        )


def refuse_failed_function(pipeline: Pipeline, function: RemoteResource) -> None:
    if function.exists and function.obstacle:
        raise S3CopyError(
            f"planning pipeline {pipeline.name}",
            f"Lambda could not bring the function {function.name} into force: {function.obstacle}",
            "Remove the cause and the function, then run setup again: "
            f"aws lambda delete-function --function-name {function.name} --region {pipeline.region}",
            code="FunctionFailed",
        )


def _foreign_hint(pipeline: Pipeline, resource: RemoteResource) -> str:
    template = _TAG_COMMANDS.get(resource.kind)
    other = "Choose another pipeline name: --name NAME."
    if template is None or "tag" not in resource.problem:
        return other
    command = template.format(
        name=resource.name,
        key=OWNERSHIP_TAG,
        value=pipeline.name,
        function_arn=pipeline.function_arn,
        log_group_arn=pipeline.log_group_arn,
        rule_arn=pipeline.rule_arn,
    )
    replaces = " (this replaces any other tags it has)" if "put-bucket-tagging" in command else ""
    return f"{other} If it is yours and only lost its tag, give it back{replaces}: {command}"
