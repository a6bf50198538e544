"""Waiting for copies, and deletions, that may still be under way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime

from s3copy_cli.verify.clock import Clock
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.spool import Entry
from s3copy_cli.verify.tally import LookAgain, Tally

_FIRST_INTERVAL = 0.2
_LONGEST_INTERVAL = 5.0
_GROWTH = 1.6


def wait_for_copies(
    tally: Tally,
    look_again: LookAgain,
    parked_at: Callable[[], Mapping[str, datetime]],
    *,
    wait: float,
    clock: Clock,
    on_pending: Callable[[int], object],
    is_moving: Callable[[], bool] = lambda: False,
) -> float:
    """Look again at every pending object until `wait` seconds have passed since it was first seen.

    While events still wait in a queue, and get fewer, it goes on. It ends early when nothing is pending, and when every
    pending object's own event is parked, so that no copy can come any more.

    Args:
        tally: what the walk found; brought up to date.
        look_again: looks at keys as they are now.
        parked_at: the keys of the parked events, and the latest time of an event for each.
        wait: seconds; 0 looks at nothing again.
        clock: time.
        on_pending: told how many objects are pending whenever that may have changed.
        is_moving: whether the events that wait in a queue have become fewer since it was last asked.

    Returns:
        Seconds spent here.
    """
    started = clock.monotonic()
    moved_at = -math.inf
    interval = _FIRST_INTERVAL
    if wait <= 0 or not tally.pending:
        return 0.0
    on_pending(tally.pending)
    is_first = True
    while tally.pending and not _are_all_parked(tally, parked_at()):
        now = clock.monotonic()
        if is_moving():
            moved_at = now
        left = max(tally.last_pending_at, moved_at) + wait - now
        if left <= 0 and not is_first:
            break
        clock.sleep(max(0.0, min(interval, left)))
        # While the queue moves, any of them may be next.
        is_everyone_due = is_first or now - moved_at < wait
        tally.revise(look_again, _IsDue(now, wait, is_first=is_everyone_due), on_pending)
        on_pending(tally.pending)
        interval = min(interval * _GROWTH, _LONGEST_INTERVAL)
        is_first = False
    return clock.monotonic() - started


class Movement:
    """Whether a queue gets emptier.

    Args:
        depth: how many messages it holds; None where nobody knows.
    """

    def __init__(self, depth: Callable[[], int | None]) -> None:
        self._depth = depth
        self._least: int | None = None

    def __call__(self) -> bool:
        """Whether it holds fewer messages than ever before, and still some."""
        depth = self._depth()
        if not depth:
            return False
        is_less = self._least is None or depth < self._least
        self._least = depth if is_less else self._least
        return is_less


class _IsDue:
    """Which of the pending objects are looked at again."""

    def __init__(self, now: float, wait: float, *, is_first: bool) -> None:
        self._begin = now - wait
        self._is_first = is_first

    def __call__(self, entry: Entry) -> bool:
        # After a walk longer than the wait, each object still gets one more look.
        return self._is_first or entry.seen_at > self._begin


class Settling:
    """Waits for single results, one after the other, each at most for the waiting time.

    Args:
        look: looks at a key as it is now.
        parked_at: the keys of the parked events, and the latest time of an event for each.
        is_pending: whether something still under way would explain a result.
        wait: seconds for each.
        clock: time.
        on_pending: told whether there is something to wait for: 1 or 0.
    """

    def __init__(
        self,
        look: Callable[[str], ObjectResult | None],
        parked_at: Callable[[], Mapping[str, datetime]],
        is_pending: Callable[[ObjectResult], bool],
        wait: float,
        clock: Clock,
        on_pending: Callable[[int], object],
    ) -> None:
        self._look = look
        self._parked_at = parked_at
        self._is_pending = is_pending
        self._wait = wait
        self._clock = clock
        self._on_pending = on_pending
        self.seconds = 0.0

    def settle(self, result: ObjectResult) -> ObjectResult | None:
        """What becomes of a result; None if neither side has the key any more."""
        if self._wait <= 0 or not self._is_pending(result):
            return result
        self._on_pending(1)
        started = self._clock.monotonic()
        latest = self._follow(result, started + self._wait)
        self.seconds += self._clock.monotonic() - started
        self._on_pending(0)
        return latest

    def _follow(self, result: ObjectResult, deadline: float) -> ObjectResult | None:
        interval = _FIRST_INTERVAL
        latest: ObjectResult | None = result
        while latest is not None and self._is_pending(latest):
            left = deadline - self._clock.monotonic()
            if left <= 0 or _is_parked(latest, self._parked_at().get(result.key)):
                break
            self._clock.sleep(min(interval, left))
            latest = self._look(result.key)
            interval = min(interval * _GROWTH, _LONGEST_INTERVAL)
        return latest


def _are_all_parked(tally: Tally, parked_at: Mapping[str, datetime]) -> bool:
    if tally.pending > len(parked_at):
        return False
    return all(_is_parked(result, parked_at.get(result.key)) for result in tally.iter_pending())


def _is_parked(result: ObjectResult, event_time: datetime | None) -> bool:
    """Whether the parked event is about the source as it is now, not about an earlier state of the same key."""
    if event_time is None or result.source_modified is None:
        return False
    # LastModified has whole seconds.
    return event_time.replace(microsecond=0) >= result.source_modified.replace(microsecond=0)
