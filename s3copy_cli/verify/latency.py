"""How long copies took, from the event to the finished copy: pure, in memory that has a bound."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from s3copy_cli.verify.compare import Outcome

if TYPE_CHECKING:
    from s3copy_cli.verify.results import ObjectResult

# So many latencies are kept as they are; percentiles of them are exact.
EXACT = 10_000
# Beyond, each falls into a class whose bounds differ by this factor; a percentile is then off by at most 1 %.
_GROWTH = 1.02
ERROR_BOUND = 0.01
# Distinct keys that are told apart; beyond, each copy counts as an object of its own.
_MAX_KEYS = 100_000
_PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Percentiles:
    """A summary of durations in seconds. Percentiles are by the nearest rank; the maximum is exact.

    Attributes:
        is_exact: whether the percentiles are; otherwise they are off by at most `ERROR_BOUND` of their value.
    """

    count: int
    p50: float
    p95: float
    p99: float
    max: float
    is_exact: bool


class Sketch:
    """Takes durations one by one: exact for the first 10,000, then in classes that grow by 2 %.

    The classes are logarithmic, so that the error is relative: one millisecond or one day, it is at most 1 %.
    """

    def __init__(self, exact: int = EXACT) -> None:
        self._exact = exact
        self._values: list[float] = []
        self._classes: Counter[int] = Counter()
        self._max = 0.0
        self.count = 0

    def add(self, seconds: float) -> None:
        """Take in one duration; what is below zero (clocks that disagree) counts as zero."""
        seconds = max(seconds, 0.0)
        self.count += 1
        self._max = max(self._max, seconds)
        if self._classes:
            self._classes[_class_of(seconds)] += 1
            return
        self._values.append(seconds)
        if len(self._values) > self._exact:
            self._classes.update(map(_class_of, self._values))
            self._values = []

    def summary(self) -> Percentiles | None:
        """What is known so far; None if there was nothing."""
        if not self.count:
            return None
        ranks = [math.ceil(percent / 100 * self.count) for percent in _PERCENTILES]
        p50, p95, p99 = self._by_class(ranks) if self._classes else self._by_value(ranks)
        return Percentiles(self.count, p50, p95, p99, self._max, is_exact=not self._classes)

    def _by_value(self, ranks: list[int]) -> list[float]:
        ordered = sorted(self._values)
        return [ordered[rank - 1] for rank in ranks]

    def _by_class(self, ranks: list[int]) -> list[float]:
        values: list[float] = []
        reached = 0
        for number in sorted(self._classes):
            reached += self._classes[number]
            while len(values) < len(ranks) and reached >= ranks[len(values)]:
                values.append(min(_middle_of(number), self._max))
        return values


class CopyTimes:
    """The latencies that the function's own log lines tell."""

    def __init__(self) -> None:
        self.sketch = Sketch()
        self.untold = 0
        self._keys: set[int] = set()
        self._beyond = 0

    def add(self, key: str, latency_ms: float | None) -> None:
        """Take in one copy; None if the line does not tell how long it took, e.g. because no event started it."""
        if latency_ms is None:
            self.untold += 1
            return
        self.sketch.add(latency_ms / 1000)
        # Two keys with the same hash are no more likely than a flipped bit.
        if len(self._keys) < _MAX_KEYS:
            self._keys.add(hash(key))
        elif hash(key) not in self._keys:
            self._beyond += 1

    @property
    def keys(self) -> int:
        """How many different objects have a latency."""
        return len(self._keys) + self._beyond


class CopyEstimates:
    """What LastModified of both sides says of the objects, as far as they were copied in the range of the logs.

    It is an estimate: for an object uploaded in parts, LastModified is when its upload *began*, and it has whole
    seconds.

    Args:
        since: when the range of the logs begins; None if nothing was read.
    """

    def __init__(self, since: datetime | None) -> None:
        self._since = since
        self.sketch = Sketch()
        self.objects = 0

    def add(self, result: ObjectResult) -> None:
        """Take in one object; only proved ones count."""
        copied = result.destination_modified
        if result.outcome is not Outcome.PROVED:
            return
        if result.source_modified is None or copied is None or (self._since is not None and copied < self._since):
            return
        self.objects += 1
        if copied >= result.source_modified:
            self.sketch.add((copied - result.source_modified).total_seconds())


@dataclass(frozen=True)
class LatencyReport:
    """What is known of the latencies.

    Attributes:
        told: from the function's log lines; None if there were none.
        estimated: from LastModified of both sides; None if there was nothing.
        unknown: objects copied in the range of the logs whose latency is not told, as far as it can be counted.
        limit: seconds that no copy may take; None if nobody asked.
        incomplete: why latencies may be missing that nobody can count; empty if none may be.
    """

    told: Percentiles | None
    estimated: Percentiles | None
    unknown: int
    limit: float | None = None
    incomplete: str = ""

    @property
    def is_exceeded(self) -> bool:
        """Whether a copy is known to have taken longer than the limit."""
        return self.limit is not None and self.told is not None and self.told.max > self.limit

    @property
    def is_kept(self) -> bool | None:
        """Whether all copies are known to have kept the limit; None if that cannot be said, or nobody asked."""
        if self.limit is None:
            return None
        if self.is_exceeded:
            return False
        return None if self.unknown or self.incomplete else True


def report_latency(
    times: CopyTimes, estimates: CopyEstimates, *, limit: float | None, incomplete: str
) -> LatencyReport:
    """Put together what the log lines and the objects say.

    Args:
        times: the function's log lines.
        estimates: the objects.
        limit: seconds that no copy may take; None if nobody asked.
        incomplete: why the logs are not complete; empty if they are.
    """
    # A key that was overwritten has several copies and one object: only a lack of keys is a sign of lines missing.
    unknown = max(estimates.objects - times.keys, 0)
    return LatencyReport(times.sketch.summary(), estimates.sketch.summary(), unknown, limit, incomplete)


def describe_unknown(report: LatencyReport) -> Iterable[str]:
    """Why it cannot be said that the limit was kept, one reason each."""
    if report.unknown:
        yield f"for {report.unknown:,} of the copied objects the logs do not tell how long the copy took"
    if report.incomplete:
        yield report.incomplete


def _class_of(seconds: float) -> int:
    # Below a microsecond everything is nothing.
    return math.floor(math.log(max(seconds, 1e-6), _GROWTH))


def _middle_of(number: int) -> float:
    """The value that is off by the same factor from both ends of a class."""
    value = _GROWTH ** (number + 0.5)
    return 0.0 if value < 2e-6 else value
