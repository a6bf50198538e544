"""Writing the source bucket's notification configuration, in which others may have entries of their own."""

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
from s3copy_cli.provision.plan import refuse_overlap
from s3copy_cli.provision.triggers.writing import note_switch


def ensure_trigger(context: Context) -> None:
    """Add our entry, or put it right; whatever others have put there is written back with it.

    Raises:
        OwnershipError: another entry stands in its way; nothing has been written.
        AwsError: S3 could not validate a destination, also after waiting.
    """
    pipeline = context.pipeline
    configuration = remote.notification_configuration(context.aws, pipeline)
    ours = wanted_entry(context.desired)
    # It may have been added after the plan was made.
    refuse_overlap(pipeline, notifications.describe_overlap(configuration, ours))
    put_notification_configuration(context.aws, pipeline, notifications.with_entry(configuration, ours), context.retry)


def ensure_switch(context: Context) -> None:
    """Have the source bucket send its events to EventBridge, unless it does."""
    pipeline = context.pipeline
    configuration = remote.notification_configuration(context.aws, pipeline)
    if notifications.sends_to_eventbridge(configuration):
        return
    note_switch(context)
    switched = notifications.with_eventbridge(configuration, is_on=True)
    put_notification_configuration(context.aws, pipeline, switched, context.retry)


def remove_switch(
    aws: Aws, pipeline: Pipeline, retry: Callable[[Callable[[], Any], propagation.Predicate], Any]
) -> None:
    """Have the source bucket send no more events to EventBridge."""
    configuration = remote.notification_configuration(aws, pipeline)
    if notifications.sends_to_eventbridge(configuration):
        switched = notifications.with_eventbridge(configuration, is_on=False)
        put_notification_configuration(aws, pipeline, switched, retry)


def put_notification_configuration(
    aws: Aws,
    pipeline: Pipeline,
    configuration: dict[str, Any],
    retry: Callable[[Callable[[], Any], propagation.Predicate], Any],
) -> None:
    """Write the source bucket's whole notification configuration.

    Raises:
        AwsError: S3 could not validate a destination, also after waiting.
    """
    try:
        retry(
            lambda: aws.s3.put_bucket_notification_configuration(
                Bucket=pipeline.source_bucket,
                NotificationConfiguration=configuration,  # type: ignore[arg-type]
                ExpectedBucketOwner=pipeline.account_id,
            ),
            propagation.any_of(propagation.is_destination_not_valid_yet, propagation.is_bucket_busy),
        )
    except ClientError as error:
        if not propagation.is_destination_not_valid_yet(error):
            raise
        raise AwsError(
            f"adding the trigger to bucket {pipeline.source_bucket}",
            str(error.response.get("Error", {}).get("Message", "")),
            "S3 may not invoke a function that the bucket's notifications name. Entries of others are checked as "
            "well: remove those whose function, queue or topic is gone, then run the command again.",
            code="InvalidArgument",
        ) from error
