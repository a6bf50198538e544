"""Finding a pipeline that stands: the function's own configuration says which buckets it joins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws, error_code, translate_errors
from s3copy_cli.config import OWNERSHIP_TAG, Pipeline
from s3copy_cli.errors import NotSetUpError, OwnershipError
from s3copy_cli.s3 import Bucket

# The function's environment: a contract with lambda_handler.settings.
ENV_PIPELINE = "S3COPY_PIPELINE"
ENV_SOURCE_BUCKET = "S3COPY_SOURCE_BUCKET"
ENV_DESTINATION_BUCKET = "S3COPY_DESTINATION_BUCKET"
ENV_EXPECTED_BUCKET_OWNER = "S3COPY_EXPECTED_BUCKET_OWNER"
ENV_PROPAGATE_DELETES = "S3COPY_PROPAGATE_DELETES"
ENV_SYNC_TAGS = "S3COPY_SYNC_TAGS"
ENV_STORAGE_CLASS = "S3COPY_STORAGE_CLASS"
# Only a record of what the owner agreed to; the function does not read it.
ENV_ACCEPT_PERMANENT_DELETES = "S3COPY_ACCEPT_PERMANENT_DELETES"


@dataclass(frozen=True)
class DeployedPipeline:
    """A pipeline as it stands.

    Attributes:
        pipeline: its identity and names.
        source: the bucket that files are put into.
        destination: the bucket that they are copied to.
        queue_url: the dead-letter queue's URL, or None if the queue is missing.
        created_at: when its log group was created, so before its first execution; None if the group is missing.
    """

    pipeline: Pipeline
    source: Bucket
    destination: Bucket
    queue_url: str | None
    created_at: datetime | None


def find_deployed(aws: Aws, pipeline: Pipeline, setup_command: str) -> DeployedPipeline:
    """Look the pipeline up by its function.

    Args:
        aws: the account and Region.
        pipeline: which one.
        setup_command: the command line that would build it, for the hint.

    Raises:
        NotSetUpError: there is no such function.
        OwnershipError: a function of that name exists and is not ours.
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
    if answer.get("Tags", {}).get(OWNERSHIP_TAG) != pipeline.name:
        raise OwnershipError(
            doing,
            f"the function {pipeline.function_name} exists, and it has no tag {OWNERSHIP_TAG}={pipeline.name}",
            "It belongs to somebody else: choose another --name.",
        )
    variables = answer["Configuration"].get("Environment", {}).get("Variables", {})
    return DeployedPipeline(
        pipeline=pipeline,
        source=Bucket(variables.get(ENV_SOURCE_BUCKET) or pipeline.source_bucket, pipeline.account_id),
        destination=Bucket(variables.get(ENV_DESTINATION_BUCKET) or pipeline.destination_bucket, pipeline.account_id),
        queue_url=_queue_url(aws, pipeline, doing),
        created_at=_log_group_created_at(aws, pipeline, doing),
    )


def _queue_url(aws: Aws, pipeline: Pipeline, doing: str) -> str | None:
    with translate_errors(doing):
        try:
            return aws.sqs.get_queue_url(QueueName=pipeline.queue_name)["QueueUrl"]
        except ClientError as error:
            if error_code(error) in {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}:
                return None
            raise


def _log_group_created_at(aws: Aws, pipeline: Pipeline, doing: str) -> datetime | None:
    with translate_errors(doing):
        pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=pipeline.log_group)
        for page in pages:
            for group in page["logGroups"]:
                if group["logGroupName"] == pipeline.log_group:
                    return datetime.fromtimestamp(group["creationTime"] / 1000, tz=timezone.utc)
    return None
