"""Writing a source bucket's notification configuration, in which others may have entries of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code
from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import ENV_SOURCE_BUCKET, FORMER_SOURCES_TAG
from s3copy_cli.errors import AwsError
from s3copy_cli.provision import notifications, propagation
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.desired import wanted_entry
from s3copy_cli.provision.reading import BUCKET_MISSING
from s3copy_cli.provision.refusals import refuse_overlap, refuse_unwritable
from s3copy_cli.provision.trigger_reader import is_our_entry, read_notifications
from s3copy_cli.provision.triggers.writing import note_switch

Retry = Callable[[Callable[[], Any], propagation.Predicate], Any]


def ensure_trigger(context: Context) -> None:
    """Add our entry, or put it right; whatever others have put there is written back with it.

    Raises:
        OwnershipError: another entry stands in its way; nothing has been written.
        S3CopyError: the configuration has something that could not be written back; nothing has been written.
        AwsError: S3 could not validate a destination, also after waiting.
    """
    pipeline = context.pipeline
    bucket = pipeline.source_bucket
    found = read_notifications(context.aws, pipeline, bucket)
    ours = wanted_entry(context.desired)
    # It may have been added after the plan was made.
    refuse_unwritable(bucket, notifications.describe_unknown(found.unknown))
    refuse_overlap(bucket, notifications.describe_overlap(found.configuration, ours))
    _put(context.aws, pipeline, bucket, notifications.with_entry(found.configuration, ours), context.retry)


def ensure_switch(context: Context) -> None:
    """Have the source bucket send its events to EventBridge, unless it does.

    Raises:
        S3CopyError: the configuration has something that could not be written back; nothing has been written.
    """
    pipeline = context.pipeline
    found = read_notifications(context.aws, pipeline, pipeline.source_bucket)
    if notifications.sends_to_eventbridge(found.configuration):
        return
    refuse_unwritable(pipeline.source_bucket, notifications.describe_unknown(found.unknown))
    note_switch(context)
    switched = notifications.with_eventbridge(found.configuration, is_on=True)
    _put(context.aws, pipeline, pipeline.source_bucket, switched, context.retry)


def remove_switch(aws: Aws, pipeline: Pipeline, bucket: str, retry: Retry) -> None:
    """Have a bucket send no more events to EventBridge, if it is there.

    Raises:
        S3CopyError: the configuration has something that could not be written back; nothing has been written.
        ClientError: S3 refused or failed a call.
    """
    found = read_notifications(aws, pipeline, bucket)
    if notifications.sends_to_eventbridge(found.configuration):
        refuse_unwritable(bucket, notifications.describe_unknown(found.unknown))
        _take_out(aws, pipeline, bucket, notifications.with_eventbridge(found.configuration, is_on=False), retry)


def remember_former_source(context: Context, old_environment: Any) -> None:
    """Before the function copies from another bucket: note the old one, whose trigger is to be removed afterwards.

    Args:
        context: where.
        old_environment: the function's variables as they are.
    """
    pipeline, lambda_ = context.pipeline, context.aws.lambda_
    old = old_environment.get(ENV_SOURCE_BUCKET, "") if isinstance(old_environment, Mapping) else ""
    if old in {"", pipeline.source_bucket}:
        return
    tags = lambda_.list_tags(Resource=pipeline.function_arn).get("Tags", {})
    buckets = sorted({*tags.get(FORMER_SOURCES_TAG, "").split(), old})
    lambda_.tag_resource(Resource=pipeline.function_arn, Tags={FORMER_SOURCES_TAG: " ".join(buckets)})


def remove_entry(aws: Aws, pipeline: Pipeline, bucket: str, retry: Retry) -> None:
    """Take our entry out of a bucket's notifications, if it is there, and leave everything else.

    Raises:
        S3CopyError: the configuration has something that could not be written back; nothing has been written.
        ClientError: S3 refused or failed a call.
    """
    found = read_notifications(aws, pipeline, bucket)
    entry = notifications.find_entry(found.configuration, pipeline.notification_id)
    if entry is None or not is_our_entry(pipeline, entry):
        return
    refuse_unwritable(bucket, notifications.describe_unknown(found.unknown))
    others = notifications.without_entry(found.configuration, pipeline.notification_id)
    _take_out(aws, pipeline, bucket, others, retry)


def _take_out(aws: Aws, pipeline: Pipeline, bucket: str, others: dict[str, Any], retry: Retry) -> None:
    """Write what is left; that was there before, so whether S3 may still notify all of them is not our question."""
    try:
        _put(aws, pipeline, bucket, others, retry, SkipDestinationValidation=True)
    except ClientError as error:
        if error_code(error) not in BUCKET_MISSING:
            raise


def _put(
    aws: Aws, pipeline: Pipeline, bucket: str, configuration: dict[str, Any], retry: Retry, **options: Any
) -> None:
    try:
        retry(
            lambda: aws.s3.put_bucket_notification_configuration(
                Bucket=bucket,
                NotificationConfiguration=configuration,  # type: ignore[arg-type]
                ExpectedBucketOwner=pipeline.account_id,
                **options,
            ),
            propagation.any_of(propagation.is_destination_not_valid_yet, propagation.is_bucket_busy),
        )
    except ClientError as error:
        if not propagation.is_destination_not_valid_yet(error):
            raise
        raise AwsError(
            f"writing the notifications of bucket {bucket}",
            str(error.response.get("Error", {}).get("Message", "")),
            "S3 may not invoke a function that the bucket's notifications name. Entries of others are checked as "
            "well: remove those whose function, queue or topic is gone, then run the command again.",
            code="InvalidArgument",
        ) from error
