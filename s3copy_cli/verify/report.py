"""Everything that one run of verify found, as values: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3copy_cli.verify.compare import Level, Outcome
from s3copy_cli.verify.health import Finding
from s3copy_cli.verify.latency import LatencyReport
from s3copy_cli.verify.log_causes import Cause
from s3copy_cli.verify.parked import ParkedEvent
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from s3copy_cli.verify.dead_letter import DeadLetter
    from s3copy_cli.verify.logs import LogScan
    from s3copy_cli.verify.metrics import Metrics


@dataclass(frozen=True)
class ObjectsReport:
    """What is known of the objects.

    Attributes:
        counts: keys by outcome; every outcome is there.
        source_objects: objects in the source.
        source_bytes: their bytes.
        listed: results to show, the most important first.
        causes: why the keys are not proved that are not.
        waited_seconds: time spent on copies under way.
        copied_in_range: proved objects that came to the destination in the range of the logs.
        absent: named keys that neither bucket has; among the errors.
        is_complete: whether all were looked at; not if verify stopped at the first one that is not proved.
    """

    counts: Mapping[Outcome, int]
    source_objects: int
    source_bytes: int
    listed: tuple[ObjectResult, ...]
    causes: Mapping[str, str]
    waited_seconds: float
    copied_in_range: int = 0
    absent: int = 0
    is_complete: bool = True

    @property
    def total(self) -> int:
        """How many keys were looked at."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class CauseReport:
    """A cause in the log, how much of it has healed, what to do, and the command line that does it, if one does."""

    cause: Cause
    recovered: int
    remedy: str
    command: str = ""

    @property
    def unrecovered(self) -> int:
        """Errors that still count."""
        return self.cause.count - self.recovered


@dataclass(frozen=True)
class LogsReport:
    """What the logs say.

    Attributes:
        scan: what was read.
        causes: the errors by cause, the most frequent first.
        kept_days: after so many days lines are gone, and that shortened the range; None if it did not.
    """

    scan: LogScan
    causes: tuple[CauseReport, ...]
    kept_days: int | None = None

    @property
    def recovered(self) -> int:
        """Errors that have healed."""
        return sum(cause.recovered for cause in self.causes)

    @property
    def unrecovered(self) -> int:
        """Errors that still count."""
        return sum(cause.unrecovered for cause in self.causes)


@dataclass(frozen=True)
class ParkedReport:
    """A parked event, and whether its object is in order by now."""

    event: ParkedEvent
    is_recovered: bool


@dataclass(frozen=True)
class DeadLetterReport:
    """What the dead-letter queue holds."""

    queue: DeadLetter
    parked: tuple[ParkedReport, ...]

    @property
    def recovered(self) -> int:
        """Parked events that nothing depends on any more."""
        return sum(parked.is_recovered for parked in self.parked)

    @property
    def unrecovered(self) -> int:
        """Parked events that still count, and messages that could not be read."""
        return len(self.parked) - self.recovered + self.queue.unread


@dataclass(frozen=True)
class Report:
    """The whole result.

    Attributes:
        pipeline: its name.
        source_bucket: the bucket that is copied.
        destination_bucket: the bucket that it is copied to.
        level: how closely was looked.
        objects: what is known of the objects.
        logs: what the log group says.
        metrics: what CloudWatch says.
        dead_letter: what is parked.
        reasons: why this is not a proof; empty if it is one.
        latency: how long copies took; None if nobody has looked.
        findings: what explains the result as a whole.
        compared: what was compared, in words.
        scope: which objects were looked at.
        strict: whether objects that only the destination has are a failure.
        propagate_deletes: whether they are because deletes are carried over.
    """

    pipeline: str
    source_bucket: str
    destination_bucket: str
    level: Level
    objects: ObjectsReport
    logs: LogsReport
    metrics: Metrics
    dead_letter: DeadLetterReport
    reasons: tuple[str, ...]
    latency: LatencyReport | None = None
    findings: tuple[Finding, ...] = ()
    compared: tuple[str, ...] = ()
    scope: Scope = EVERYTHING
    strict: bool = False
    propagate_deletes: bool = False

    @property
    def is_proved(self) -> bool:
        """Whether everything is proved."""
        return not self.reasons
