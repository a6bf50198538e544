"""Having failed messages of a queue come back soon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from .redelivery import Returned

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Returner:
    """Has messages come back soon.

    Args:
        client: called when it is first needed; gives SQS.
    """

    def __init__(self, client: Callable[[], SQSClient]) -> None:
        self._client = client

    def __call__(self, returned: Sequence[Returned]) -> None:
        """Change how long these messages stay hidden. Those that SQS refuses come back when the queue says.

        Raises:
            ClientError, BotoCoreError: for the last one that SQS refused or did not answer for; all were tried.
        """
        refused: ClientError | BotoCoreError | None = None
        for one in returned:
            receipt = one.receipt
            if not receipt.handle or receipt.queue_arn.count(":") != 5:
                continue
            client = self._client()
            account, name = receipt.queue_arn.split(":")[4:]
            try:
                # One by one: a batch has at most ten messages, and few of them fail.
                client.change_message_visibility(
                    # As SQS makes it; to ask for it would need one more permission.
                    QueueUrl=f"{client.meta.endpoint_url}/{account}/{name}",
                    ReceiptHandle=receipt.handle,
                    VisibilityTimeout=one.delay_seconds,
                )
            except (ClientError, BotoCoreError) as error:
                refused = error
        if refused is not None:
            raise refused
