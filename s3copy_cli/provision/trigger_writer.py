"""Writing a source bucket's notification configuration, in which others may have entries of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError
from s3copy_cli.provision import notifications, propagation, remote
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.desired import wanted_entry
from s3copy_cli.provision.plan import refuse_overlap, refuse_unknown_notifications

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
    found = remote.read_notifications(context.aws, pipeline, bucket)
    ours = wanted_entry(context.desired)
    # It may have been added after the plan was made.
    refuse_unknown_notifications(bucket, found.unknown)
    refuse_overlap(bucket, notifications.describe_overlap(found.configuration, ours))
    _put(context.aws, pipeline, bucket, notifications.with_entry(found.configuration, ours), context.retry)


def remove_entry(aws: Aws, pipeline: Pipeline, bucket: str, retry: Retry) -> None:
    """Take our entry out of a bucket's notifications, if it is there, and leave everything else.

    Raises:
        S3CopyError: the configuration has something that could not be written back; nothing has been written.
        ClientError: the bucket is not there (any more), or S3 refused or failed a call.
    """
    found = remote.read_notifications(aws, pipeline, bucket)
    entry = notifications.find_entry(found.configuration, pipeline.notification_id)
    if entry is None or not remote.is_our_entry(pipeline, entry):
        return
    refuse_unknown_notifications(bucket, found.unknown)
    others = notifications.without_entry(found.configuration, pipeline.notification_id)
    # What is left was there before: whether S3 may still notify all of them is not our question.
    _put(aws, pipeline, bucket, others, retry, SkipDestinationValidation=True)


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
