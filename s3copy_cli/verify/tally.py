"""What the walk found, kept small: everything that is not equal, and as many others as will be shown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.walk import key_order


class Tally:
    """Counts, and the results that are needed later.

    Args:
        keep: how many proved and how many extra objects to remember; None for all.
        propagate_deletes: whether deletes are carried over, so that an extra object is open as long as it is there.
    """

    def __init__(self, keep: int | None, *, propagate_deletes: bool = False) -> None:
        self._keep = keep
        self._propagate_deletes = propagate_deletes
        harmless = (Outcome.PROVED,) if propagate_deletes else (Outcome.PROVED, Outcome.EXTRA)
        self._counts: Counter[Outcome] = Counter()
        self._open: dict[str, ObjectResult] = {}
        self._seen_at: dict[str, float] = {}
        self._remembered: dict[Outcome, dict[str, ObjectResult]] = {outcome: {} for outcome in harmless}
        self.source_bytes = 0
        self.newest_copy: datetime | None = None

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many keys have each outcome; every outcome is there."""
        return {outcome: self._counts[outcome] for outcome in Outcome}

    @property
    def source_objects(self) -> int:
        """How many objects the source has, as far as it could be seen."""
        return sum(self._counts.values()) - self._counts[Outcome.EXTRA]

    @property
    def is_all_proved(self) -> bool:
        """Whether every object of the source is proved, and nothing is left of what it no longer has."""
        return not self._open

    @property
    def open_results(self) -> Mapping[str, ObjectResult]:
        """Every key that is not proved; extra ones only where deletes are carried over."""
        return self._open

    @property
    def pending(self) -> Mapping[str, ObjectResult]:
        """The open results that something still under way would explain."""
        return {
            key: result
            for key, result in self._open.items()
            if result.may_be_under_way(propagate_deletes=self._propagate_deletes)
        }

    def seen_at(self, key: str) -> float:
        """When an open key was first found, by the monotonic clock."""
        return self._seen_at[key]

    def add(self, result: ObjectResult, seen_at: float) -> None:
        """Take in one result; its key is not in the tally yet."""
        self._counts[result.outcome] += 1
        if result.outcome is not Outcome.EXTRA:
            self.source_bytes += result.size or 0
        if result.destination_modified and (self.newest_copy is None or result.destination_modified > self.newest_copy):
            self.newest_copy = result.destination_modified
        remembered = self._remembered.get(result.outcome)
        if remembered is None:
            self._open[result.key] = result
            self._seen_at[result.key] = seen_at
        elif self._keep is None or len(remembered) < self._keep:
            remembered[result.key] = result

    def replace(self, key: str, result: ObjectResult | None) -> None:
        """Put a later look in the place of an open result; None means that the key is gone from both sides."""
        old = self._open.pop(key)
        seen_at = self._seen_at.pop(key)
        self._forget(old.outcome, old)
        if result is not None:
            self.add(result, seen_at)

    def correct(self, key: str, result: ObjectResult | None) -> None:
        """Take in a later look at a key that the walk had found equal, extra or nowhere."""
        if key in self._open:
            self.replace(key, result)
            return
        if result is None or result.outcome in self._remembered:
            return
        for outcome, remembered in self._remembered.items():
            old = remembered.pop(key, None)
            if old is not None:
                self._forget(outcome, old)
                break
        else:
            # It was proved and not worth remembering, or it is new since the walk and was never counted.
            if self._counts[Outcome.PROVED] > len(self._remembered[Outcome.PROVED]):
                self._forget(Outcome.PROVED, result)
        self.add(result, 0.0)

    def _forget(self, outcome: Outcome, result: ObjectResult) -> None:
        self._counts[outcome] -= 1
        if outcome is not Outcome.EXTRA:
            self.source_bytes -= result.size or 0

    def listed(self) -> list[ObjectResult]:
        """What a listing shows, the most important first: open, extra, proved; each in key order."""
        extra = {key: result for key, result in self._open.items() if result.outcome is Outcome.EXTRA}
        different = {key: result for key, result in self._open.items() if key not in extra}
        groups = [different, extra or self._remembered.get(Outcome.EXTRA, {}), self._remembered[Outcome.PROVED]]
        return [group[key] for group in groups for key in sorted(group, key=key_order)]
