"""Having failed messages of a queue come back soon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .redelivery import Returned

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_ENTRIES_PER_REQUEST = 10


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
            botocore's errors: SQS refused or did not answer.
        """
        known = [one for one in returned if one.receipt.handle and one.receipt.queue_arn.count(":") == 5]
        for start in range(0, len(known), _ENTRIES_PER_REQUEST):
            chunk = known[start : start + _ENTRIES_PER_REQUEST]
            client = self._client()
            account, name = chunk[0].receipt.queue_arn.split(":")[4:]
            client.change_message_visibility_batch(
                # As SQS makes it; to ask for it would need one more permission.
                QueueUrl=f"{client.meta.endpoint_url}/{account}/{name}",
                Entries=[
                    {
                        "Id": str(number),
                        "ReceiptHandle": one.receipt.handle,
                        "VisibilityTimeout": one.delay_seconds,
                    }
                    for number, one in enumerate(chunk)
                ],
            )
