"""Messages of an SQS queue: what identifies one, and when a failed one comes back. Pure.

Lambda leaves a failed message hidden until the queue's visibility timeout is over, which AWS wants to be as long as the
function's own: a quarter of an hour for a fault of a second. So the function shortens it, for failed messages only.
After as many attempts as the queue's redrive policy says, SQS itself puts a message into the dead-letter queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FIRST_DELAY_SECONDS = 2
_DELAY_GROWTH = 4
_LONGEST_DELAY_SECONDS = 60


@dataclass(frozen=True)
class Receipt:
    """One delivery of a message.

    Attributes:
        message_id: the message's id, which a partial batch response names.
        handle: stands for this delivery; empty if it was not told.
        queue_arn: the queue; empty if it was not told.
        deliveries: how often the message was delivered, this one included.
    """

    message_id: str
    handle: str = ""
    queue_arn: str = ""
    deliveries: int = 1


@dataclass(frozen=True)
class Returned:
    """A message that is to be delivered again.

    Attributes:
        receipt: its delivery.
        delay_seconds: after which it may come back.
    """

    receipt: Receipt
    delay_seconds: int


def read_receipt(record: Mapping[str, Any]) -> Receipt:
    """The receipt in a queue's record; never raises for a record with a messageId."""
    attributes = record.get("attributes")
    told = attributes.get("ApproximateReceiveCount") if isinstance(attributes, dict) else None
    return Receipt(
        record["messageId"],
        str(record.get("receiptHandle") or ""),
        str(record.get("eventSourceARN") or ""),
        int(told) if isinstance(told, str) and told.isascii() and told.isdecimal() else 1,
    )


def retry_delay(deliveries: int) -> int:
    """Seconds until a message that failed so often may be delivered again: 2, 8, 32, and then 60."""
    delay: int = _FIRST_DELAY_SECONDS * _DELAY_GROWTH ** min(max(deliveries - 1, 0), 5)
    return min(delay, _LONGEST_DELAY_SECONDS)
