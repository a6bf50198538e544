"""What the walk found, in memory that does not grow with it: counts, and a spool of everything that is not equal."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from operator import attrgetter
from types import TracebackType

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.spool import IN_MEMORY, Entry, Spool

LookAgain = Callable[[Iterable[Entry], Callable[[Entry], bool]], Iterator[tuple[Entry, "ObjectResult | None"]]]


class Tally:
    """Counts, and the results that are needed later. Use as a context manager: it may own temporary files.

    Args:
        keep: how many proved objects are remembered by name at least; None for all.
        propagate_deletes: whether deletes are carried over, so that an extra object may be about to go.
        in_memory: bytes of each spool that stay in memory.
    """

    def __init__(self, keep: int | None, *, propagate_deletes: bool = False, in_memory: int = IN_MEMORY) -> None:
        self._propagate_deletes = propagate_deletes
        self._keep = keep
        self._counts: Counter[Outcome] = Counter()
        # In key order: what was not equal when it was found, with some that have become equal since; what was equal.
        self._in_memory = in_memory
        self._open = Spool(in_memory)
        self._proved = Spool(in_memory)
        self._proved_kept = 0
        self._proved_forgotten = 0
        self.is_complete = True
        self._corrections: dict[str, ObjectResult | None] = {}
        self.pending = 0
        self.last_pending_at = 0.0
        self.last_key = ""
        self.source_bytes = 0
        self.newest_copy: datetime | None = None

    def __enter__(self) -> Tally:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        self._proved.close()

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many keys have each outcome; every outcome is there."""
        return {outcome: self._counts[outcome] for outcome in Outcome}

    @property
    def source_objects(self) -> int:
        """How many objects the source has, as far as it could be seen."""
        return sum(self._counts.values()) - self._counts[Outcome.EXTRA]

    def is_pending(self, result: ObjectResult) -> bool:
        """Whether something still under way would explain a result, or S3 could not show the object just then."""
        return result.trouble == "passing" or result.may_be_under_way(propagate_deletes=self._propagate_deletes)

    def add(self, result: ObjectResult, seen_at: float) -> None:
        """Take in one result of the walk; results come in key order.

        Args:
            result: what was found.
            seen_at: when, by the monotonic clock.
        """
        self.last_key = result.key
        self._count(result)
        if result.outcome is not Outcome.PROVED:
            if self.is_pending(result):
                self.pending += 1
                self.last_pending_at = seen_at
            self._open.append(Entry(result, seen_at))
        elif self._keep is None or self._proved_kept < self._keep:
            self._proved_kept += 1
            self._proved.append(Entry(result, seen_at))
        else:
            self._proved_forgotten += 1

    def iter_pending(self) -> Iterator[ObjectResult]:
        """The results that are pending, in key order."""
        return (entry.result for entry in self._open if self.is_pending(entry.result))

    def open_keys(self, limit: int) -> frozenset[str]:
        """The keys of the first results that are not proved, `limit` at most."""
        results = (entry.result for entry in self._open)
        keys = (result.key for result in results if result.outcome is not Outcome.PROVED)
        return frozenset(islice(keys, limit))

    def revise(
        self, look_again: LookAgain, is_due: Callable[[Entry], bool], on_pending: Callable[[int], object]
    ) -> None:
        """Look again at pending objects.

        Args:
            look_again: gives each entry back in order, with a new result if it is due and its own if it is not.
            is_due: which of the pending ones to look at.
            on_pending: told how many are pending whenever that changes.
        """
        old, self._open = self._open, Spool(self._in_memory)
        with old:
            looked = look_again(old, lambda entry: self.is_pending(entry.result) and is_due(entry))
            self.last_pending_at = 0.0
            room = self._keep
            for entry, result in looked:
                is_proved = result is not None and result.outcome is Outcome.PROVED
                self._revise_one(entry, result, is_kept=not is_proved or room is None or room > 0)
                if is_proved and room is not None:
                    room -= 1
                if result is None or not self.is_pending(result):
                    on_pending(self.pending)

    def _revise_one(self, entry: Entry, result: ObjectResult | None, *, is_kept: bool) -> None:
        if result is not entry.result:
            self._uncount(entry.result)
            self.pending -= self.is_pending(entry.result)
            if result is None:
                return
            self._count(result)
            self.pending += self.is_pending(result)
        if self.is_pending(result):
            self.last_pending_at = max(self.last_pending_at, entry.seen_at)
        if is_kept:
            self._open.append(Entry(result, entry.seen_at))
        else:
            self._proved_forgotten += 1

    def correct(self, key: str, result: ObjectResult | None) -> None:
        """Note a later look at a key, whatever the walk found; `iter_final` takes it in. None: neither side has it."""
        self._corrections[key] = result

    def iter_final(self, causes: Mapping[str, str]) -> Iterator[ObjectResult]:
        """Every final result in key order, of the proved ones those that are kept; then the counts are final, too.

        To be called once, and read to its end.

        Args:
            causes: what explains a key, as far as it is known.
        """
        corrections = deque(sorted(self._corrections.items()))
        for entry in heapq.merge(self._open, self._proved, key=attrgetter("result.key")):
            key = entry.result.key
            while corrections and corrections[0][0] < key:
                yield from self._iter_unremembered(*corrections.popleft(), causes)
            result: ObjectResult | None = entry.result
            if corrections and corrections[0][0] == key:
                _, result = corrections.popleft()
                self._uncount(entry.result)
                if result is not None:
                    self._count(result)
            if result is not None:
                yield _explained(result, causes)
        for key, result in corrections:
            yield from self._iter_unremembered(key, result, causes)

    def _iter_unremembered(
        self, key: str, result: ObjectResult | None, causes: Mapping[str, str]
    ) -> Iterator[ObjectResult]:
        """A correction of a key that is not remembered.

        Either it was proved and is one of those that were not kept, or it is new since the walk. Where both may be, it
        counts as the first, so that no object counts twice.
        """
        if result is None or result.outcome is Outcome.PROVED:
            return
        if key > self.last_key:
            if not self.is_complete:
                return
        elif self._proved_forgotten:
            self._proved_forgotten -= 1
            self._uncount(result._replace(outcome=Outcome.PROVED))
        self._count(result)
        yield _explained(result, causes)

    def _count(self, result: ObjectResult) -> None:
        self._counts[result.outcome] += 1
        if result.outcome is not Outcome.EXTRA:
            self.source_bytes += result.size or 0
        copied = result.destination_modified
        if copied is not None and (self.newest_copy is None or copied > self.newest_copy):
            self.newest_copy = copied

    def _uncount(self, result: ObjectResult) -> None:
        self._counts[result.outcome] -= 1
        if result.outcome is not Outcome.EXTRA:
            self.source_bytes -= result.size or 0


# Of the showcase; all others are in the first.
_GROUPS = {Outcome.EXTRA: 1, Outcome.PROVED: 2}


class Showcase:
    """The results to show, the most important first: what is neither proved nor extra, then extra, then proved.

    Args:
        limit: how many of each to remember; None for all.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._groups: tuple[list[ObjectResult], ...] = ([], [], [])

    def add(self, result: ObjectResult) -> None:
        """Take in one result; results come in key order."""
        group = self._groups[_GROUPS.get(result.outcome, 0)]
        if self._limit is None or len(group) < self._limit:
            group.append(result)

    @property
    def results(self) -> tuple[ObjectResult, ...]:
        """As many as may be shown, each group in key order."""
        return tuple(result for group in self._groups for result in group)[: self._limit]


def _explained(result: ObjectResult, causes: Mapping[str, str]) -> ObjectResult:
    cause = "" if result.outcome is Outcome.PROVED else result.message or causes.get(result.key, "")
    return result._replace(cause=cause) if cause else result
