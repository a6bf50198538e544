"""Writing the tags of resources that are there already; the tags of others stay."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code
from s3copy_cli.provision import propagation
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.plan import Step
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.tags import tag_writes

_BUSY = propagation.any_of(
    propagation.is_bucket_busy,
    propagation.is_role_busy,
    propagation.is_log_group_busy,
    propagation.is_update_in_progress,
    propagation.is_rule_busy,
)


def ensure_tags(context: Context, step: Step) -> None:
    """Set and remove what the step's change of tags says; nothing without one."""
    for change in step.changes:
        if change.attribute == names.TAGS:
            to_set, to_remove = tag_writes(change.old or {}, change.new)
            context.retry(lambda: _write(context, step, to_set, to_remove), _BUSY)  # noqa: B023 (called at once)


def _write(context: Context, step: Step, to_set: dict[str, str], to_remove: list[str]) -> None:
    # Removing first: the list of our keys, which is written last, still has what a killed setup has not removed.
    aws, pipeline, name = context.aws, context.pipeline, step.name
    if step.kind in {Kind.SOURCE_BUCKET, Kind.DESTINATION_BUCKET}:
        _write_bucket_tags(context, name, to_set, to_remove)
    elif step.kind is Kind.LOG_GROUP:
        if to_remove:
            aws.logs.untag_resource(resourceArn=pipeline.log_group_arn, tagKeys=to_remove)
        aws.logs.tag_resource(resourceArn=pipeline.log_group_arn, tags=to_set)
    elif step.kind in {Kind.DEAD_LETTER_QUEUE, Kind.EVENT_QUEUE}:
        url = aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        if to_remove:
            aws.sqs.untag_queue(QueueUrl=url, TagKeys=to_remove)
        aws.sqs.tag_queue(QueueUrl=url, Tags=to_set)
    elif step.kind is Kind.RULE:
        if to_remove:
            aws.events.untag_resource(ResourceARN=pipeline.rule_arn, TagKeys=to_remove)
        tags = [{"Key": key, "Value": value} for key, value in to_set.items()]
        aws.events.tag_resource(ResourceARN=pipeline.rule_arn, Tags=tags)
    elif step.kind is Kind.ROLE:
        if to_remove:
            aws.iam.untag_role(RoleName=name, TagKeys=to_remove)
        aws.iam.tag_role(RoleName=name, Tags=[{"Key": key, "Value": value} for key, value in to_set.items()])
    else:
        if to_remove:
            aws.lambda_.untag_resource(Resource=pipeline.function_arn, TagKeys=to_remove)
        aws.lambda_.tag_resource(Resource=pipeline.function_arn, Tags=to_set)


def _write_bucket_tags(context: Context, bucket: str, to_set: dict[str, str], to_remove: list[str]) -> None:
    # Writing replaces them all, so they are read right before; those of AWS itself have to be sent back, too.
    owned: dict[str, Any] = {"Bucket": bucket, "ExpectedBucketOwner": context.pipeline.account_id}
    try:
        found = {tag["Key"]: tag["Value"] for tag in context.aws.s3.get_bucket_tagging(**owned)["TagSet"]}
    except ClientError as error:
        if error_code(error) != "NoSuchTagSet":
            raise
        found = {}
    kept = {key: value for key, value in found.items() if key not in to_remove}
    tag_set = [{"Key": key, "Value": value} for key, value in {**kept, **to_set}.items()]
    context.aws.s3.put_bucket_tagging(**owned, Tagging={"TagSet": tag_set})  # type: ignore[typeddict-item]
