"""How many messages a queue holds, and how SQS says that there is no such queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeFilterType

QUEUE_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_COUNTS: list[QueueAttributeFilterType] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]


@dataclass(frozen=True)
class QueueLoad:
    """What SQS counts, roughly: up to a minute may pass until all of its servers agree.

    Attributes:
        waiting: messages that may be taken.
        in_flight: messages that somebody has taken, and that come back unless they are deleted.
        delayed: messages that may not be taken yet.
    """

    waiting: int = 0
    in_flight: int = 0
    delayed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.in_flight + self.delayed


def read_load(client: SQSClient, queue: str) -> QueueLoad | None:
    """What a queue holds; None if it does not exist.

    Raises:
        ClientError: SQS failed, or refused to tell.
    """
    try:
        return load_of(client, client.get_queue_url(QueueName=queue)["QueueUrl"])
    except ClientError as error:
        if error_code(error) in QUEUE_MISSING:
            return None
        raise


def load_of(client: SQSClient, queue_url: str) -> QueueLoad:
    """What a queue holds that is known by its URL.

    Raises:
        ClientError: SQS failed, or refused to tell; or there is no such queue.
    """
    answer = client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=_COUNTS)
    found = {str(name): int(value) for name, value in answer.get("Attributes", {}).items()}
    waiting, in_flight, delayed = (found.get(name, 0) for name in _COUNTS)
    return QueueLoad(waiting, in_flight, delayed)
