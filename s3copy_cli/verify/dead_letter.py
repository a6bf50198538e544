"""Looking into the dead-letter queue without taking anything out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.queues import QUEUE_MISSING, load_of
from s3copy_cli.verify.parked import ParkedEvent, parse_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MAX_MESSAGES = 1_000
_PER_REQUEST = 10
# Long enough to read 1,000 messages, short enough that a killed verify hides nothing for long.
_HIDDEN_SECONDS = 30


@dataclass(frozen=True)
class DeadLetter:
    """What is parked.

    Attributes:
        queue: the queue's name.
        depth: how many messages it holds, those included that somebody else is reading.
        events: what the messages that could be read are about.
        unread: how many messages could not be read.
        unreadable: why the queue could not be looked into at all; empty if it could.
    """

    queue: str
    depth: int
    events: tuple[ParkedEvent, ...]
    unread: int
    unreadable: str = ""


def peek(
    client: SQSClient,
    queue: str,
    queue_url: str | None,
    source_bucket: str,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> DeadLetter:
    """Read the parked events and put them back.

    A queue that is missing or may not be read is a result and not an exception.

    Args:
        client: SQS.
        queue: the queue's name, for messages.
        queue_url: its URL; None if it does not exist.
        source_bucket: events about another bucket are not about an object of ours.
        clock: seconds; bounds the waiting for messages that somebody else is reading.

    Raises:
        AwsError: SQS failed otherwise.
        CredentialsError: the credentials are not good.
    """
    if queue_url is None:
        return DeadLetter(queue, 0, (), 0, f"the dead-letter queue {queue} is missing")
    with translate_errors(f"looking into the dead-letter queue {queue}"):
        try:
            depth = load_of(client, queue_url).total
            messages = _read(client, queue_url, depth, clock)
        except ClientError as error:
            if error_code(error) in QUEUE_MISSING:
                return DeadLetter(queue, 0, (), 0, f"the dead-letter queue {queue} is missing")
            if is_denied(error):
                reason = (
                    f"the dead-letter queue {queue} may not be read ({error_code(error)}): sqs:GetQueueAttributes, "
                    "sqs:ReceiveMessage and sqs:ChangeMessageVisibility are needed"
                )
                return DeadLetter(queue, 0, (), 0, reason)
            raise
    events = tuple(
        event
        for message in messages
        for event in parse_message(message["Body"], source_bucket, message.get("MessageAttributes"))
    )
    depth = max(depth, len(messages))
    return DeadLetter(queue, depth, events, depth - len(messages))


def _read(client: SQSClient, queue_url: str, depth: int, clock: Callable[[], float]) -> list[MessageTypeDef]:
    """The messages, each once; all are visible again afterwards.

    Messages that somebody else is reading, e.g. another verify, are hidden for a while: they are waited for.
    """
    deadline = clock() + _HIDDEN_SECONDS
    found: dict[str, MessageTypeDef] = {}
    receipts: dict[str, str] = {}
    try:
        while len(found) < MAX_MESSAGES:
            known = len(found)
            answer = client.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=_PER_REQUEST,
                VisibilityTimeout=_HIDDEN_SECONDS,
                # A short poll asks only some of SQS's servers; a long one all.
                WaitTimeSeconds=1 if len(found) < depth else 0,
                MessageAttributeNames=["All"],
            )
            for message in answer.get("Messages", []):
                found[message["MessageId"]] = message
                receipts[message["MessageId"]] = message["ReceiptHandle"]
            if len(found) > known:
                continue
            if len(found) >= depth or clock() >= deadline:
                break
            if answer.get("Messages"):
                # Ours again, just given back: held, so that the next request waits for the others' ones.
                continue
            # Two readers that each hold what the other one waits for would both wait to the end.
            _give_back(client, queue_url, list(receipts.values()))
            receipts.clear()
            depth = load_of(client, queue_url).total
    finally:
        _give_back(client, queue_url, list(receipts.values()))
    return list(found.values())


def _give_back(client: SQSClient, queue_url: str, receipts: Sequence[str]) -> None:
    for chunk in _chunks(receipts):
        entries: list[Any] = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for number, receipt in enumerate(chunk)
        ]
        # Entries that fail become visible by themselves when the short time is over.
        client.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _PER_REQUEST):
        yield items[start : start + _PER_REQUEST]
