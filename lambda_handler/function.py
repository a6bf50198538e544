"""One invocation: every message of the event is tried, and one error at the end names what failed."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from .clients import make_clients
from .drive import drive
from .errors import CopyFailed, Failure
from .events import Hint, Ignored, iter_items
from .log import Log
from .perform import Performer
from .reconcile import Outcome, Report, reconcile
from .requests import Asked
from .settings import Settings

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
    """

    write: Callable[[str], object]
    now: Callable[[], datetime]
    monotonic: Callable[[], float]


class Function:
    """The function, ready to be invoked any number of times.

    Args:
        settings: which buckets it joins.
        make_performer: called once for each key.
    """

    def __init__(
        self, settings: Settings, make_performer: Callable[[], Performing], surroundings: Surroundings
    ) -> None:
        self._settings = settings
        self._make_performer = make_performer
        self._around = surroundings
        self._is_cold = True

    def __call__(self, event: object, context: object) -> dict[str, int]:
        """Bring over every key that the event hints at.

        Returns:
            The number of keys per outcome, for whoever invoked the function synchronously.

        Raises:
            CopyFailed: at least one key failed; all were tried.
        """
        started = self._around.monotonic()
        cold_start, self._is_cold = self._is_cold, False
        log = Log(
            self._around.write,
            self._around.now,
            request_id=str(getattr(context, "aws_request_id", "")),
            pipeline=self._settings.pipeline,
        )
        outcomes: Counter[Outcome] = Counter()
        failed_keys: list[str | None] = []
        ignored = 0
        defect: Exception | None = None
        for item in iter_items(event, self._settings.source_bucket):
            if isinstance(item, Ignored):
                ignored += 1
                log.ignored(item)
            elif isinstance(item, Hint):
                report, unexpected = self._settle(item, context, log)
                defect = defect or unexpected
                outcomes[report.outcome] += 1
                if report.outcome in _FAILED:
                    failed_keys.append(item.key)
            else:
                outcomes[Outcome.REFUSED] += 1
                log.refused(item)
                if item.fails_invocation:
                    failed_keys.append(item.key)
        records = outcomes.total() + ignored
        log.finished(
            outcomes,
            records=records,
            ignored=ignored,
            cold_start=cold_start,
            duration_ms=self._milliseconds_since(started),
        )
        if failed_keys:
            raise CopyFailed(failed_keys, records) from defect
        return {outcome.value: count for outcome, count in outcomes.items()}

    def _settle(self, hint: Hint, context: object, log: Log) -> tuple[Report, Exception | None]:
        started = self._around.monotonic()
        performer = self._make_performer()
        loop = reconcile(hint.key, self._settings.options, seconds_left=lambda: _seconds_left(context))
        unexpected = None
        try:
            report = drive(loop, performer.perform)
        except Exception as error:  # noqa: BLE001  (a defect with one key must not keep the others from being tried)
            unexpected = error
            report = Report(Outcome.FAILED, failure=Failure(type(error).__name__, str(error)))
        log.settled(hint, report, requests=performer.requests, duration_ms=self._milliseconds_since(started))
        return report, unexpected

    def _milliseconds_since(self, started: float) -> int:
        return round((self._around.monotonic() - started) * 1000)


def build_function(settings: Settings) -> Function:
    """The function as it runs in Lambda: real S3, real clocks, lines to stdout."""
    clients = make_clients(settings.options.part_concurrency)
    surroundings = Surroundings(
        write=_write_to_stdout,
        now=lambda: datetime.now(timezone.utc),
        monotonic=time.monotonic,
    )
    return Function(settings, lambda: Performer(clients, settings, time.sleep), surroundings)


def _write_to_stdout(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _seconds_left(context: object) -> float:
    milliseconds_left = getattr(context, "get_remaining_time_in_millis", None)
    return milliseconds_left() / 1000 if callable(milliseconds_left) else float("inf")
