"""Bringing differences back, a page at a time, and looking whether they came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from s3copy_cli.operate.events import Batch, Difference, iter_batches
from s3copy_cli.operate.invoking import Answer, Said
from s3copy_cli.verify.clock import Clock
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.results import ObjectResult

# Of how many keys that failed, or that are still under way, more than their number is remembered.
MAX_REMEMBERED = 10_000

_FIRST_INTERVAL = 0.2
_LONGEST_INTERVAL = 5.0
_GROWTH = 1.6

_NO_ERROR = "the function ran on it without an error, and it is still not equal; perhaps it has changed meanwhile"

LookAgain = Callable[[Iterable[str]], Iterator[tuple[str, ObjectResult | None]]]
Send = Callable[[Iterable[Batch]], Iterator[tuple[Batch, Answer]]]


class Fate(Enum):
    """What has become of a key that was to be brought back; the value is the name in JSON."""

    PROVED = "proved"
    GONE = "gone"
    UNPROVED = "unproved"
    OPEN = "open"


def fate_of(result: ObjectResult | None, *, propagate_deletes: bool) -> Fate:
    """Whether a key is in order by now, as it was seen after the function had run. Pure."""
    if result is None:
        return Fate.GONE
    if result.outcome is Outcome.PROVED:
        return Fate.PROVED
    if result.outcome is Outcome.EXTRA and not propagate_deletes:
        return Fate.GONE
    if result.outcome is Outcome.UNPROVED and not result.may_be_under_way(propagate_deletes=propagate_deletes):
        return Fate.UNPROVED
    return Fate.OPEN


@dataclass
class Repairs:
    """What has come of it so far.

    Attributes:
        fates: keys by what has become of them.
        invocations: how often the function was run.
        failed_invocations: how often it failed.
        failures: what the function, or Lambda, said of keys that it could not bring back; at most 10,000.
        failed: how many keys those are.
        under_way: keys whose copy may still be running; at most 10,000.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    invocations: int = 0
    failed_invocations: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    failed: int = 0
    under_way: set[str] = field(default_factory=set)

    @property
    def in_order(self) -> int:
        """How many keys are proved, or gone from where they were to go from."""
        return self.fates[Fate.PROVED] + self.fates[Fate.GONE]


class Watcher(Protocol):
    """Is told what happens."""

    def on_looked(self) -> None:
        """One more key was looked at after the function had run."""

    def on_pending(self, pending: int) -> None:
        """So many objects may still be on their way."""

    def on_failure(self, batch: Batch, answer: Answer) -> None:
        """The function failed on this batch."""


class Repairer:
    """Brings pages of differences back.

    Where the function could not say which keys failed, e.g. because it was ended, each key is tried once more alone,
    so that one that kills it keeps no other one from being copied. What the function itself says it cannot copy is not
    asked for again: it has tried each key in several rounds.

    Args:
        send: runs the function on batches.
        look_again: looks at keys as they are now.
        watcher: is told what happens.
        propagate_deletes: whether an object that only the destination has is to be deleted.
        max_records: how many keys go into one event.
    """

    def __init__(
        self, send: Send, look_again: LookAgain, watcher: Watcher, *, propagate_deletes: bool, max_records: int
    ) -> None:
        self._send = send
        self._look_again = look_again
        self._watcher = watcher
        self._propagate_deletes = propagate_deletes
        self._max_records = max_records
        self.repairs = Repairs()

    def bring_back(self, page: Sequence[Difference]) -> None:
        """Run the function on every key of a page, and look at each afterwards.

        Raises:
            S3CopyError: Lambda or S3 cannot be asked.
        """
        again = self._look(page, self._run(iter_batches(page, self._max_records)))
        alone = [difference for difference in page if difference.key in again]
        for key, why in self._look(alone, self._run((difference,) for difference in alone)).items():
            self._leave(key, why)
            self._watcher.on_looked()

    def follow(self, seconds: float, clock: Clock) -> None:
        """Look again at what is under way, at growing intervals, until it has arrived or the time is over."""
        deadline = clock.monotonic() + seconds
        interval = _FIRST_INTERVAL
        under_way = self.repairs.under_way
        while under_way:
            self._watcher.on_pending(len(under_way))
            left = deadline - clock.monotonic()
            if left <= 0:
                return
            clock.sleep(min(interval, left))
            interval = min(interval * _GROWTH, _LONGEST_INTERVAL)
            for key, result in self._look_again(sorted(under_way)):
                fate = fate_of(result, propagate_deletes=self._propagate_deletes)
                if fate is not Fate.OPEN:
                    self.repairs.fates[fate] += 1
                    under_way.discard(key)
        self._watcher.on_pending(0)

    def _run(self, batches: Iterable[Batch]) -> dict[str, Answer]:
        """The answer about each key."""
        answers: dict[str, Answer] = {}
        for batch, answer in self._send(batches):
            self.repairs.invocations += 1
            if answer.said is Said.FAILED:
                self.repairs.failed_invocations += 1
                self._watcher.on_failure(batch, answer)
            answers.update((difference.key, answer) for difference in batch)
        return answers

    def _look(self, page: Sequence[Difference], answers: Mapping[str, Answer]) -> dict[str, str]:
        """Look at every key. Those that are worth another try come back, with what was said of them."""
        again: dict[str, str] = {}
        for key, result in self._look_again(difference.key for difference in page):
            fate = fate_of(result, propagate_deletes=self._propagate_deletes)
            answer = answers[key]
            if fate is not Fate.OPEN:
                self.repairs.fates[fate] += 1
            elif answer.said is Said.FAILED and not answer.names_its_keys:
                again[key] = answer.message
                continue
            elif answer.said is Said.FAILED:
                self._leave(key, answer.message)
            elif answer.goes_on:
                self._await(key)
            else:
                self._leave(key, _NO_ERROR)
            self._watcher.on_looked()
        return again

    def _await(self, key: str) -> None:
        # What is beyond the bound is left to the verification at the end.
        if len(self.repairs.under_way) < MAX_REMEMBERED:
            self.repairs.under_way.add(key)

    def _leave(self, key: str, why: str) -> None:
        self.repairs.failed += 1
        if len(self.repairs.failures) < MAX_REMEMBERED:
            self.repairs.failures[key] = why
