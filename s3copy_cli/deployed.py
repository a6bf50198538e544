"""Finding a pipeline that stands: the function's own configuration says which buckets it joins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, translate_errors
from s3copy_cli.config import OWNERSHIP_TAG, Pipeline, is_region
from s3copy_cli.errors import NotSetUpError, OwnershipError, S3CopyError
from s3copy_cli.queues import QUEUE_MISSING
from s3copy_cli.s3 import Bucket

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import GetFunctionResponseTypeDef

# The function's environment: a contract with lambda_handler.settings.
ENV_PIPELINE = "S3COPY_PIPELINE"
ENV_SOURCE_BUCKET = "S3COPY_SOURCE_BUCKET"
ENV_DESTINATION_BUCKET = "S3COPY_DESTINATION_BUCKET"
# Only where the destination is in another Region than the function.
ENV_DESTINATION_REGION = "S3COPY_DESTINATION_REGION"
ENV_EXPECTED_BUCKET_OWNER = "S3COPY_EXPECTED_BUCKET_OWNER"
ENV_PROPAGATE_DELETES = "S3COPY_PROPAGATE_DELETES"
ENV_SYNC_TAGS = "S3COPY_SYNC_TAGS"
ENV_STORAGE_CLASS = "S3COPY_STORAGE_CLASS"
ENV_KMS_KEY_ID = "S3COPY_KMS_KEY_ID"
ENV_PREFIX = "S3COPY_PREFIX"
ENV_SUFFIX = "S3COPY_SUFFIX"
ENV_DESTINATION_PREFIX = "S3COPY_DESTINATION_PREFIX"
# Only a record of what the owner agreed to; the function does not read it.
ENV_ACCEPT_PERMANENT_DELETES = "S3COPY_ACCEPT_PERMANENT_DELETES"
# What only setup has to remember (provision/settings.py); the function does not read it.
ENV_SETTINGS = "S3COPY_SETTINGS"
# A tag of the function while its source bucket is being changed: the buckets that it had before, separated by spaces.
FORMER_SOURCES_TAG = "s3copy:former-source-buckets"


DECRYPT_HINT = (
    "They are encrypted with a KMS key of yours, which must be enabled, and on which your credentials and the "
    "function's role need kms:Decrypt."
)


@dataclass(frozen=True)
class DeployedPipeline:
    """A pipeline as it stands.

    Attributes:
        pipeline: its identity and names, with the buckets that it joins.
        source: the bucket that files are put into.
        destination: the bucket that they are copied to.
        queue_url: the dead-letter queue's URL, or None if the queue is missing.
        created_at: when its log group was created, so before its first execution; None if the group is missing.
        log_retention_days: how long its log lines are kept; None if for ever, or if the group is missing.
        propagate_deletes: whether deletes are carried over, so that the destination must hold nothing else.
        sync_tags: whether a change of tags alone is carried over.
        keeps_storage_class: whether copies are to have the storage class of the source.
        kms_key_id: the KMS key that copies are encrypted with; empty if the bucket's default holds.
        trigger: what starts the function: "s3", "sqs" or "eventbridge".
        prefix: only keys that begin so are copied.
        suffix: only keys that end so are copied.
        destination_prefix: stands before the whole key at the destination.
    """

    pipeline: Pipeline
    source: Bucket
    destination: Bucket
    queue_url: str | None
    created_at: datetime | None
    log_retention_days: int | None = None
    propagate_deletes: bool = False
    sync_tags: bool = False
    keeps_storage_class: bool = False
    kms_key_id: str = ""
    trigger: str = "s3"
    prefix: str = ""
    suffix: str = ""
    destination_prefix: str = ""

    def covers(self, key: str) -> bool:
        """Whether a key of the source is one of those that are copied."""
        return key.startswith(self.prefix) and key.endswith(self.suffix)

    def destination_key(self, key: str) -> str:
        """What a key of the source is called at the destination."""
        return self.destination_prefix + key


def find_deployed(aws: Aws, pipeline: Pipeline, setup_command: str) -> DeployedPipeline:
    """Look the pipeline up by its function.

    Args:
        aws: the account and Region.
        pipeline: which one.
        setup_command: the command line that would build it, for the hint.

    Raises:
        NotSetUpError: there is no such function.
        OwnershipError: a function of that name exists and is not ours.
        S3CopyError: it does not say which buckets it joins, or says the same one twice.
    """
    doing = f"looking for pipeline {pipeline.name} in {pipeline.region}"
    with translate_errors(doing, region=aws.region):
        try:
            answer = aws.lambda_.get_function(FunctionName=pipeline.function_name)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise NotSetUpError(
                doing,
                f"there is no function {pipeline.function_name}",
                f"Build the pipeline with: {setup_command} (or pass the right --name and --region).",
            ) from error
        tags = function_tags(aws, answer)
    if tags.get(OWNERSHIP_TAG) != pipeline.name:
        raise OwnershipError(
            doing,
            f"the function {pipeline.function_name} exists, and it has no tag {OWNERSHIP_TAG}={pipeline.name}",
            "If it is somebody else's, choose another --name. If it is yours and only lost its tag, give it back: "
            f"aws lambda tag-resource --resource {pipeline.function_arn} --tags {OWNERSHIP_TAG}={pipeline.name}",
        )
    unreadable = unreadable_variables(answer["Configuration"])
    if unreadable:
        raise S3CopyError(doing, unreadable, DECRYPT_HINT, code="UnreadableSettings")
    variables = answer["Configuration"].get("Environment", {}).get("Variables", {})
    missing = [name for name in (ENV_SOURCE_BUCKET, ENV_DESTINATION_BUCKET) if name not in variables]
    if missing:
        # Not the pipeline's own buckets, then: they may be others, and look as if all was well.
        raise S3CopyError(
            doing,
            f"the function's variables {' and '.join(missing)} are missing, so it is not known what it joins",
            f"Somebody has deleted them. {setup_command} says how to go on.",
            code="UnreadableSettings",
        )
    pipeline = recorded_pipeline(pipeline, variables)
    if pipeline.source_bucket == pipeline.destination_bucket:
        raise S3CopyError(
            doing,
            f"the function's settings name the bucket {pipeline.source_bucket} as source and as destination",
            f"A bucket equals itself, so nothing would be proved. Put the settings right with: {setup_command}",
            code="SameBucket",
        )
    created_at, log_retention_days = _log_group(aws, pipeline, doing)
    return DeployedPipeline(
        pipeline=pipeline,
        source=Bucket(pipeline.source_bucket, pipeline.account_id),
        destination=Bucket(pipeline.destination_bucket, pipeline.account_id, region=pipeline.destination_region or ""),
        queue_url=_queue_url(aws, pipeline, doing),
        propagate_deletes=variables.get(ENV_PROPAGATE_DELETES) == "1",
        sync_tags=variables.get(ENV_SYNC_TAGS) == "1",
        keeps_storage_class=variables.get(ENV_STORAGE_CLASS) == "keep",
        kms_key_id=variables.get(ENV_KMS_KEY_ID, ""),
        trigger=recorded_trigger(variables.get(ENV_SETTINGS, "")),
        prefix=variables.get(ENV_PREFIX, ""),
        suffix=variables.get(ENV_SUFFIX, ""),
        destination_prefix=variables.get(ENV_DESTINATION_PREFIX, ""),
        created_at=created_at,
        log_retention_days=log_retention_days,
    )


def unreadable_variables(configuration: Mapping[str, Any]) -> str:
    """Why Lambda does not show a function's variables, in its words; "" where it does."""
    error = configuration.get("Environment", {}).get("Error")
    if not error:
        return ""
    return f"Lambda does not show its variables: {error.get('ErrorCode', 'unknown')}: {error.get('Message', '')}"


def recorded_pipeline(pipeline: Pipeline, variables: Mapping[str, str]) -> Pipeline:
    """The pipeline between the buckets that its function's variables name; pure.

    What is missing there is the pipeline's own. A Region that cannot be meant is left out: S3 says where to ask.
    """
    region = variables.get(ENV_DESTINATION_REGION, "")
    return pipeline.joining(
        variables.get(ENV_SOURCE_BUCKET), variables.get(ENV_DESTINATION_BUCKET), region if is_region(region) else None
    )


def recorded_trigger(settings: str) -> str:
    """The trigger that a function's settings name; S3 where they name none, or cannot be read."""
    try:
        trigger = json.loads(settings or "{}").get("trigger")
    except (ValueError, AttributeError):
        return "s3"
    return trigger if trigger in ("sqs", "eventbridge") else "s3"


def function_tags(aws: Aws, answer: GetFunctionResponseTypeDef) -> Mapping[str, str]:
    """The tags of a function, from GetFunction's answer.

    Without lambda:ListTags that answer has none, and no error (Lambda API, GetFunction); a function without tags is
    looked at once more, so that a missing permission is not taken for a function that is not ours.

    Raises:
        ClientError: the tags may not be read.
    """
    tags = answer.get("Tags", {})
    if OWNERSHIP_TAG in tags:
        return tags
    return aws.lambda_.list_tags(Resource=answer["Configuration"]["FunctionArn"]).get("Tags", {})


def _queue_url(aws: Aws, pipeline: Pipeline, doing: str) -> str | None:
    with translate_errors(doing):
        try:
            return aws.sqs.get_queue_url(QueueName=pipeline.queue_name)["QueueUrl"]
        except ClientError as error:
            if error_code(error) in QUEUE_MISSING:
                return None
            raise


def _log_group(aws: Aws, pipeline: Pipeline, doing: str) -> tuple[datetime | None, int | None]:
    """When the log group was created, and how many days its lines are kept."""
    with translate_errors(doing):
        pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=pipeline.log_group)
        for page in pages:
            for group in page["logGroups"]:
                if group["logGroupName"] == pipeline.log_group:
                    created_at = datetime.fromtimestamp(group["creationTime"] / 1000, tz=timezone.utc)
                    return created_at, group.get("retentionInDays")
    return None, None
