"""One invocation: every message of the event is tried, and one error at the end names what failed."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol

from .clients import make_clients
from .continuation import write_continuation
from .drive import drive
from .errors import CopyFailed, Failure
from .events import Hint, Ignored, Item, is_from_queue, iter_messages
from .log import Log
from .multipart import reserve_of
from .perform import Performer
from .reconcile import Outcome, Report, continue_copy, reconcile
from .redelivery import Returned, retry_delay
from .requests import Asked, Continue
from .returning import Returner
from .settings import Settings

PayloadOf = Callable[[Continue], bytes]
SecondsLeft = Callable[[], float]
Answer = Mapping[str, Any]
_FAILED = frozenset({Outcome.FAILED, Outcome.REFUSED})


class Performing(Protocol):
    """Does requests, and counts what it sent."""

    requests: int

    def perform(self, asked: Asked) -> Any:
        """Do what is asked; its class describes the answer. Fails with RequestError."""


@dataclass(frozen=True)
class Surroundings:
    """Everything outside the program that an invocation touches, besides S3.

    Attributes:
        write: takes one whole log line.
        now: the time of day, with its zone.
        monotonic: seconds, for durations.
        return_messages: has failed messages of a queue come back soon.
    """

    write: Callable[[str], object]
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    return_messages: Callable[[Sequence[Returned]], object] = lambda _: None


@dataclass
class _Tally:
    """What has become of an invocation's records so far."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failed_keys: list[str | None] = field(default_factory=list)
    ignored: int = 0
    defect: Exception | None = None

    @property
    def records(self) -> int:
        return self.outcomes.total() + self.ignored


class Function:
    """The function, ready to be invoked any number of times.

    Args:
        settings: which buckets it joins.
        make_performer: called once for each key, with what turns a request to go on elsewhere into an event, and what
            tells how long the invocation still has.
    """

    def __init__(
        self,
        settings: Settings,
        make_performer: Callable[[PayloadOf, SecondsLeft], Performing],
        surroundings: Surroundings,
    ) -> None:
        self._settings = settings
        self._make_performer = make_performer
        self._around = surroundings
        self._is_cold = True

    def __call__(self, event: Any, context: object) -> Answer:
        """Bring over every key that the event hints at.

        Returns:
            The number of keys per outcome, for whoever invoked the function synchronously; for messages of a queue,
            which of them failed, as SQS wants to be told.

        Raises:
            CopyFailed: at least one key failed; all were tried. Of messages of a queue, every one failed.
        """
        started = self._around.monotonic()
        cold_start, self._is_cold = self._is_cold, False
        log = Log(
            self._around.write,
            self._around.now,
            request_id=str(getattr(context, "aws_request_id", "")),
            pipeline=self._settings.pipeline,
        )
        tally = _Tally()
        returned, not_begun = self._follow_messages(event, context, log, tally)
        self._return(returned, log)
        log.finished(
            tally.outcomes,
            records=tally.records,
            ignored=tally.ignored,
            not_begun=not_begun,
            cold_start=cold_start,
            duration_ms=self._milliseconds_since(started),
        )
        if is_from_queue(event) and len(returned) < len(event["Records"]):
            return {"batchItemFailures": [{"itemIdentifier": one.receipt.message_id} for one in returned]}
        if tally.failed_keys:
            raise CopyFailed(tally.failed_keys, tally.records) from tally.defect
        return {outcome.value: count for outcome, count in tally.outcomes.items()}

    def _follow_messages(self, event: Any, context: object, log: Log, tally: _Tally) -> tuple[list[Returned], int]:
        """The messages of a queue that are to come back, and how many of them were not begun for want of time."""
        reserve = reserve_of(_seconds_left(context))
        returned: list[Returned] = []
        not_begun = 0
        for position, message in enumerate(iter_messages(event, self._settings.source_bucket, self._settings.options)):
            # The first is always begun: else a message that is always late would never be.
            if message.receipt and position and _seconds_left(context) < reserve:
                not_begun += 1
                returned.append(Returned(message.receipt, 0))
                continue
            failed_before = len(tally.failed_keys)
            for item in message.items:
                self._follow(item, context, log, tally)
            if message.receipt and len(tally.failed_keys) > failed_before:
                returned.append(Returned(message.receipt, retry_delay(message.receipt.deliveries)))
        return returned, not_begun

    def _return(self, returned: Sequence[Returned], log: Log) -> None:
        if not returned:
            return
        try:
            self._around.return_messages(returned)
        except Exception as error:  # noqa: BLE001  (they come back all the same, only later)
            log.not_returned(len(returned), error)

    def _follow(self, item: Item, context: object, log: Log, tally: _Tally) -> None:
        if isinstance(item, Ignored):
            tally.ignored += 1
            log.ignored(item)
        elif isinstance(item, Hint):
            report, unexpected = self._settle(item, context, log)
            tally.defect = tally.defect or unexpected
            tally.outcomes[report.outcome] += 1
            if report.outcome in _FAILED:
                tally.failed_keys.append(item.key)
        else:
            tally.outcomes[Outcome.REFUSED] += 1
            log.refused(item)
            if item.fails_invocation:
                tally.failed_keys.append(item.key)

    def _settle(self, hint: Hint, context: object, log: Log) -> tuple[Report, Exception | None]:
        started = self._around.monotonic()

        def seconds_left() -> float:
            return _seconds_left(context)

        performer = self._make_performer(lambda asked: self._continuation_of(asked, hint, log.request_id), seconds_left)
        options = self._settings.options
        unexpected = None
        try:
            if hint.continuation:
                loop = continue_copy(hint.continuation, options, seconds_left=seconds_left)
            else:
                loop = reconcile(hint.key, options, seconds_left=seconds_left)
            report = drive(loop, performer.perform)
        except Exception as error:  # noqa: BLE001  (a defect with one key must not keep the others from being tried)
            unexpected = error
            report = Report(Outcome.FAILED, failure=Failure(type(error).__name__, str(error)))
        log.settled(hint, report, requests=performer.requests, duration_ms=self._milliseconds_since(started))
        return report, unexpected

    def _continuation_of(self, asked: Continue, hint: Hint, request_id: str) -> bytes:
        origin = {
            "event_time": hint.event_time.isoformat() if hint.event_time else None,
            "event_name": hint.event_name,
            "version_id": hint.version_id,
            "request_id": hint.first_request_id or request_id,
        }
        return write_continuation(asked, self._settings.source_bucket, origin)

    def _milliseconds_since(self, started: float) -> int:
        return round((self._around.monotonic() - started) * 1000)


def build_function(settings: Settings) -> Function:
    """The function as it runs in Lambda: real S3, real clocks, lines to stdout."""
    clients = make_clients(settings.options.part_concurrency, settings.destination_region)
    surroundings = Surroundings(
        write=_write_to_stdout,
        now=lambda: datetime.now(timezone.utc),
        monotonic=time.monotonic,
        return_messages=Returner(lambda: clients.queues),
    )

    def make_performer(payload_of: PayloadOf, seconds_left: SecondsLeft) -> Performer:
        return Performer(clients, settings, _sleep_about, payload_of, seconds_left)

    return Function(settings, make_performer, surroundings)


def _sleep_about(seconds: float) -> None:
    # Many invocations are told at the same moment to slow down; they must not all come back at the same moment.
    time.sleep(seconds * random.uniform(0.5, 1))  # noqa: S311


def _write_to_stdout(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _seconds_left(context: object) -> float:
    milliseconds_left = getattr(context, "get_remaining_time_in_millis", None)
    return milliseconds_left() / 1000 if callable(milliseconds_left) else float("inf")
