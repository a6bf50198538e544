"""Taking those parked events out of the dead-letter queue whose objects are in order by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.operate.notes import MAX_LINE, Note, NoteError
from s3copy_cli.queues import QUEUE_MISSING, load_of
from s3copy_cli.verify.clock import Clock
from s3copy_cli.verify.parked import ParkedEvent, parse_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_PER_REQUEST = 10
# Looked at together, which is faster than ten at a time.
_PER_ROUND = 100
# Long enough to look at a round, short enough that a killed repair hides nothing for long.
_HIDDEN_SECONDS = 60
# How long to wait for messages that somebody else is reading, e.g. a verify.
_OTHERS_SECONDS = 30.0
# Messages that have to stay are remembered, so that none is looked at twice; more of them end the cleaning.
MAX_KEPT = 10_000
# What S3 calls changes of tags alone, in its notifications and in EventBridge.
_TAG_EVENTS = ("ObjectTagging:", "Object Tags ")

AreInOrder = Callable[[Iterable[str]], Mapping[str, bool]]


@dataclass(frozen=True)
class Cleaned:
    """What has become of the parked events.

    Attributes:
        queue: the queue's name.
        removed: messages that left the queue.
        kept: messages that were looked at and stay.
        problem: why not everything could be done; empty if it could.
    """

    queue: str
    removed: int = 0
    kept: int = 0
    problem: str = ""


class _StoppedError(Exception):
    """The rest cannot be done; the text says why."""


def may_leave(events: Sequence[ParkedEvent], are_in_order: Mapping[str, bool], *, are_tags_compared: bool) -> bool:
    """Whether a message is of no use any more: every record names an object that is in order. Pure.

    A change of tags is in order only if the tags were compared, too.
    """
    return bool(events) and all(
        event.key is not None
        and are_in_order.get(event.key, False)
        and (are_tags_compared or not event.event_name.startswith(_TAG_EVENTS))
        for event in events
    )


class QueueCleaner:
    """Receives every message, and deletes those that may leave; the others become visible again.

    Args:
        client: SQS.
        queue: the queue's name, for messages.
        source_bucket: events about another bucket are not ours to judge.
        are_in_order: looks at keys as they are now, and says which are proved or gone from the source.
        write_notes: keeps what a message tells about its request, before it is deleted.
        are_tags_compared: whether "in order" means equal tags, too.
        clock: time.
    """

    def __init__(
        self,
        client: SQSClient,
        queue: str,
        source_bucket: str,
        *,
        are_in_order: AreInOrder,
        write_notes: Callable[[Sequence[Note]], None],
        are_tags_compared: bool,
        clock: Clock,
    ) -> None:
        self._client = client
        self._queue = queue
        self._source_bucket = source_bucket
        self._are_in_order = are_in_order
        self._write_notes = write_notes
        self._are_tags_compared = are_tags_compared
        self._clock = clock
        self._removed = 0
        # The receipts of what we hold, by message id: of what stays, and of what is being looked at.
        self._kept: dict[str, str] = {}
        self._held: dict[str, str] = {}

    def clean(self, queue_url: str | None) -> Cleaned:
        """Go through the whole queue once.

        A queue that is missing or may not be changed is a result and not an exception.

        Args:
            queue_url: the queue's URL; None if it does not exist.

        Raises:
            AwsError: SQS, S3 or CloudWatch Logs failed otherwise.
            CredentialsError: the credentials are not good.
        """
        if queue_url is None:
            return self._result(f"the dead-letter queue {self._queue} is missing")
        with translate_errors(f"cleaning the dead-letter queue {self._queue}"):
            try:
                try:
                    self._go_through(queue_url)
                finally:
                    self._give_back(queue_url, [*self._kept.values(), *self._held.values()])
            except (_StoppedError, NoteError) as stopped:
                return self._result(str(stopped))
            except ClientError as error:
                if error_code(error) in QUEUE_MISSING:
                    return self._result(f"the dead-letter queue {self._queue} is missing")
                if not is_denied(error):
                    raise
                return self._result(
                    f"the dead-letter queue {self._queue} may not be cleaned ({error_code(error)}): "
                    "sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:ChangeMessageVisibility and sqs:DeleteMessage "
                    "are needed"
                )
        return self._result()

    def _result(self, problem: str = "") -> Cleaned:
        return Cleaned(self._queue, self._removed, len(self._kept) + len(self._held), problem)

    def _go_through(self, queue_url: str) -> None:
        idle_since: float | None = None
        while True:
            messages = self._receive_round(queue_url)
            if messages:
                idle_since = None
                self._judge(queue_url, messages)
                if len(self._kept) > MAX_KEPT:
                    raise _StoppedError(
                        f"more than {MAX_KEPT:,} parked events have to stay; the rest was not looked at"
                    )
                continue
            now = self._clock.monotonic()
            idle_since = now if idle_since is None else idle_since
            if load_of(self._client, queue_url).total <= len(self._kept):
                return
            if now - idle_since >= _OTHERS_SECONDS:
                raise _StoppedError("some parked events are being read by somebody else; run the command again later")

    def _receive_round(self, queue_url: str) -> list[MessageTypeDef]:
        """Messages that were not looked at yet, each once; all are held."""
        fresh: dict[str, MessageTypeDef] = {}
        while len(fresh) < _PER_ROUND:
            answer = self._client.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=_PER_REQUEST,
                VisibilityTimeout=_HIDDEN_SECONDS,
                # A short poll asks only some of SQS's servers; a long one all.
                WaitTimeSeconds=0 if fresh else 1,
                MessageAttributeNames=["All"],
            )
            messages = answer.get("Messages", [])
            is_any_new = False
            for message in messages:
                # Both may come again: SQS delivers at least once, and what we hold becomes visible after a minute.
                if message["MessageId"] in self._kept:
                    self._kept[message["MessageId"]] = message["ReceiptHandle"]
                    continue
                is_any_new = is_any_new or message["MessageId"] not in fresh
                fresh[message["MessageId"]] = message
                self._held[message["MessageId"]] = message["ReceiptHandle"]
            if not is_any_new:
                break
        return list(fresh.values())

    def _judge(self, queue_url: str, messages: Sequence[MessageTypeDef]) -> None:
        events = {
            m["MessageId"]: parse_message(m["Body"], self._source_bucket, m.get("MessageAttributes")) for m in messages
        }
        keys = dict.fromkeys(event.key for found in events.values() for event in found if event.key is not None)
        in_order = self._are_in_order(keys)
        leaving: list[str] = []
        notes: list[Note] = []
        for message_id, found in events.items():
            note = _note(found)
            is_too_long = note is not None and sum(map(len, note.keys)) > MAX_LINE // 12
            if not may_leave(found, in_order, are_tags_compared=self._are_tags_compared) or is_too_long:
                self._kept[message_id] = self._held.pop(message_id)
                continue
            leaving.append(message_id)
            if note is not None:
                notes.append(note)
        if notes:
            self._write_notes(notes)
        for start in range(0, len(leaving), _PER_REQUEST):
            self._delete(queue_url, leaving[start : start + _PER_REQUEST])

    def _delete(self, queue_url: str, message_ids: Sequence[str]) -> None:
        entries: list[Any] = [
            {"Id": str(number), "ReceiptHandle": self._held[message_id]}
            for number, message_id in enumerate(message_ids)
        ]
        answer = self._client.delete_message_batch(QueueUrl=queue_url, Entries=entries)
        refused = {failure["Id"] for failure in answer.get("Failed", [])}
        for number, message_id in enumerate(message_ids):
            receipt = self._held.pop(message_id)
            if str(number) in refused:
                self._kept[message_id] = receipt
            else:
                self._removed += 1
        if refused:
            first = answer["Failed"][0]
            raise _StoppedError(f"SQS would not delete a message: {first.get('Code')}: {first.get('Message', '')}")

    def _give_back(self, queue_url: str, receipts: Sequence[str]) -> None:
        for start in range(0, len(receipts), _PER_REQUEST):
            entries: list[Any] = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[start : start + _PER_REQUEST])
            ]
            # Entries that fail become visible by themselves when the short time is over.
            self._client.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)


def _note(events: Sequence[ParkedEvent]) -> Note | None:
    """What a message tells about its request; None if it names none."""
    request_id = events[0].request_id
    keys = tuple(event.key for event in events if event.key is not None)
    return Note(request_id, keys, "parked event removed: its objects are in order") if request_id and keys else None
