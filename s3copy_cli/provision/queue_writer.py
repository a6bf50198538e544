"""Creating a queue so that it is ours in the end, whoever else creates it at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code
from s3copy_cli.provision import propagation
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.plan import Step
from s3copy_cli.provision.resources import RemoteResource

_QUEUE_EXISTS = frozenset({"QueueAlreadyExists", "QueueNameExists"})


def create_queue(
    context: Context, step: Step, attributes: Mapping[str, str], read: Callable[[], RemoteResource]
) -> RemoteResource:
    """Create a queue, or take over what appeared meanwhile.

    Args:
        context: where.
        step: the step that creates it.
        attributes: in SQS's words.
        read: reads it as it is now.

    Returns:
        The queue as it is. One that was taken over may have other attributes.

    Raises:
        OwnershipError: it is not ours; nothing has been written to it.
    """
    # CreateQueue answers for a queue that is there already as for a new one, so it has to be asked for before, and
    # looked at afterwards.
    if read().exists:
        return context.adopt(step, read)
    try:
        # SQS keeps a deleted queue's name for a minute.
        context.retry(
            lambda: context.aws.sqs.create_queue(
                QueueName=step.name,
                Attributes=dict(attributes),  # type: ignore[arg-type]
                tags=context.tags,
            ),
            propagation.any_of(propagation.is_queue_name_resting, propagation.is_dead_letter_queue_not_visible_yet),
        )
    except ClientError as error:
        # It has other attributes than the new one was to have.
        if error_code(error) not in _QUEUE_EXISTS:
            raise
        return context.adopt(step, read)
    found = read()

    def is_ours() -> bool:
        nonlocal found
        found = found if found.is_ours else read()
        return found.is_ours

    # A new queue, and its tags, may take a moment to be seen.
    context.patience.until(is_ours)
    context.refuse_foreign(step, found)
    return found
