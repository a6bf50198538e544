"""Reading the trigger: our entry in the source bucket's notifications, and what stands next to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import is_denied
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import notifications
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.reading import BUCKET_MISSING, answer
from s3copy_cli.provision.resources import Kind, RemoteResource

_NOTIFICATIONS_ANSWERED = "before-parse.s3.GetBucketNotificationConfiguration"
_DOCUMENT = "document"


@dataclass(frozen=True)
class Notifications:
    """A bucket's whole notification configuration.

    Attributes:
        configuration: ours and others' entries; {} without the bucket.
        unknown: names of what S3 sent besides, and what would be lost by writing the configuration back.
    """

    configuration: dict[str, Any]
    unknown: tuple[str, ...] = ()


def read_notifications(aws: Aws, pipeline: Pipeline, bucket: str) -> Notifications:
    """A source bucket's notification configuration.

    Raises:
        ClientError: S3 refused or failed the call, for another reason than that the bucket is missing.
    """
    # The answer as it came, because what this SDK does not know is not in what it makes of it.
    aws.s3.meta.events.register(_NOTIFICATIONS_ANSWERED, _keep_document, unique_id="s3copy-keep-document")
    found = answer(
        lambda: aws.s3.get_bucket_notification_configuration(Bucket=bucket, ExpectedBucketOwner=pipeline.account_id),
        BUCKET_MISSING,
    )
    beside = {"ResponseMetadata", _DOCUMENT}
    return Notifications(
        {key: value for key, value in (found or {}).items() if key not in beside},
        tuple(notifications.unknown_elements((found or {}).get(_DOCUMENT, b""))),
    )


def _keep_document(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    customized_response_dict[_DOCUMENT] = response_dict.get("body", b"")


def is_our_entry(pipeline: Pipeline, entry: Mapping[str, Any]) -> bool:
    """Whether an entry that has our id is ours: it notifies our function, or our queue."""
    return notifications.notified_by(entry) in {pipeline.function_arn, pipeline.event_queue_arn}


def read_trigger(aws: Aws, pipeline: Pipeline) -> RemoteResource:
    """The trigger, with the whole configuration that it is part of."""
    name = pipeline.notification_id
    try:
        found = read_notifications(aws, pipeline, pipeline.source_bucket)
    except ClientError as error:
        if not is_denied(error):
            raise
        if pipeline.adopted_source_bucket is not None:
            obstacle = "your credentials may not read its notifications (s3:GetBucketNotification)"
            return RemoteResource(Kind.TRIGGER, name, obstacle=obstacle)
        # A bucket that is not ours to look at; reading the bucket itself says so.
        return RemoteResource(Kind.TRIGGER, name)
    trigger = RemoteResource(
        Kind.TRIGGER,
        name,
        obstacle=notifications.describe_unknown(found.unknown),
        notifications=found.configuration,
    )
    entry = notifications.find_entry(found.configuration, name)
    if entry is None:
        return trigger
    arn, is_ours = notifications.notified_by(entry), is_our_entry(pipeline, entry)
    whom = names.QUEUE_ARN if "QueueArn" in entry else names.FUNCTION_ARN
    return replace(
        trigger,
        exists=True,
        is_ours=is_ours,
        attributes={names.EVENTS: sorted(entry["Events"]), whom: arn, **notifications.filter_words(entry)},
        problem="" if is_ours else f"it notifies somebody else, {arn}",
    )
