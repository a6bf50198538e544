"""Waiting for copies, and deletions, that may still be under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from s3copy_cli.verify.clock import Clock
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.tally import Tally

_FIRST_INTERVAL = 0.2
_LONGEST_INTERVAL = 5.0
_GROWTH = 1.6

LookAgain = Callable[[Iterable[str]], Iterator[tuple[str, ObjectResult | None]]]


def wait_for_copies(
    tally: Tally,
    look_again: LookAgain,
    parked_at: Callable[[], Mapping[str, datetime]],
    *,
    wait: float,
    clock: Clock,
    on_pending: Callable[[int], object],
) -> float:
    """Look again at every pending object until `wait` seconds have passed since it was first seen.

    Ends early when nothing is pending, and when every pending object's own event is parked, so that no copy can
    come any more.

    Args:
        tally: what the walk found; brought up to date.
        look_again: looks at keys as they are now.
        parked_at: the keys of the parked events, and the latest time of an event for each.
        wait: seconds; 0 looks at nothing again.
        clock: time.
        on_pending: told how many objects are pending whenever that may have changed.

    Returns:
        Seconds spent here.
    """
    started = clock.monotonic()
    interval = _FIRST_INTERVAL
    pending = tally.pending
    if wait <= 0 or not pending:
        return 0.0
    on_pending(len(pending))
    is_first = True
    while pending and not _are_all_parked(pending, parked_at()):
        now = clock.monotonic()
        deadlines = {key: tally.seen_at(key) + wait for key in pending}
        # After a walk longer than the wait, each object still gets one more look.
        active = list(pending) if is_first else [key for key, deadline in deadlines.items() if now < deadline]
        if not active:
            break
        pause = min(interval, max(deadlines[key] for key in active) - now)
        if pause > 0:
            clock.sleep(pause)
        for key, result in look_again(active):
            tally.replace(key, result)
        pending = tally.pending
        on_pending(len(pending))
        interval = min(interval * _GROWTH, _LONGEST_INTERVAL)
        is_first = False
    return clock.monotonic() - started


def _are_all_parked(pending: Mapping[str, ObjectResult], parked_at: Mapping[str, datetime]) -> bool:
    return all(_is_parked(result, parked_at.get(key)) for key, result in pending.items())


def _is_parked(result: ObjectResult, event_time: datetime | None) -> bool:
    """Whether the parked event is about the source as it is now, not about an earlier state of the same key."""
    if event_time is None or result.source_modified is None:
        return False
    # LastModified has whole seconds.
    return event_time.replace(microsecond=0) >= result.source_modified.replace(microsecond=0)
