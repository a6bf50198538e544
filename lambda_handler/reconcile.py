"""The convergence loop: look, copy on the condition that nothing changed, look again.

An event is only a hint; what counts is the source as it is now. So duplicate, late and reordered events are
harmless. docs/function.md gives the argument.

The loop is a generator of requests (requests.py): it does nothing itself, and decides from the answers and the time
that is left only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from .compare import ObjectState, compare, is_copy_wrong
from .errors import Failure, RequestError, is_throttling
from .options import ARCHIVES, KEEP, STANDARD, Options
from .requests import (
    Asked,
    Copied,
    CopyWhole,
    DeleteDestination,
    Exists,
    GetTags,
    Head,
    Pause,
    Side,
)
from .strategy import Refuse, choose_strategy

MAX_ROUNDS = 5
_FIRST_PAUSE_SECONDS = 0.1
_SECONDS_FOR_A_ROUND = 2.0

# A bucket that is told to take more requests takes minutes to do so: these rounds are counted by themselves.
_MAX_BUSY_ROUNDS = 8
_FIRST_BUSY_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 20.0


class Outcome(str, Enum):
    """What became of one key."""

    COPIED = "copied"
    ALREADY_EQUAL = "already_equal"
    SOURCE_MISSING = "source_missing"
    DELETED = "deleted"
    ALREADY_ABSENT = "already_absent"
    CONTINUED = "continued"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Report:
    """How one key ended.

    Attributes:
        rounds: how often source and destination were looked at.
        strategy: how the object was copied, None if it was not.
        parts: in how many parts it was copied, None if it was not.
        source: the source as it was last seen in a round's first step.
        failure: present if, and only if, the outcome is FAILED or REFUSED.
        notes: what is worth knowing about the copy.
    """

    outcome: Outcome
    rounds: int = 0
    strategy: str | None = None
    parts: int | None = None
    source: ObjectState | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _LookAgain:
    """The round did not settle it; `why` is reported if no round does."""

    why: Failure
    source: ObjectState | None = None


Steps = Generator[Asked, Any, Report]
_Round = Generator[Asked, Any, "Report | _LookAgain"]


def reconcile(
    key: str,
    options: Options,
    *,
    seconds_left: Callable[[], float],
    max_rounds: int = MAX_ROUNDS,
) -> Steps:
    """Make the destination equal to the source as it is now.

    Ends when the destination was seen equal, or a copy was made of a source that afterwards was still the same.
    Failures are reported, not raised; rounds or time used up are a temporary failure.
    """
    verdict = _LookAgain(Failure("OutOfTime", "no time was left to look at this object"))
    rounds = busy = 0
    while rounds - busy < max_rounds and busy <= _MAX_BUSY_ROUNDS:
        left = seconds_left()
        if left < _SECONDS_FOR_A_ROUND:
            # Better a failure with a name than to be stopped by Lambda without a word.
            break
        if rounds:
            yield Pause(min(_pause(verdict.why, rounds, busy), left - _SECONDS_FOR_A_ROUND))
        rounds += 1
        result = yield from _run_round(key, options)
        if isinstance(result, Report):
            return replace(result, rounds=rounds)
        verdict = result
        busy += is_throttling(verdict.why)
    return Report(Outcome.FAILED, rounds, source=verdict.source, failure=verdict.why)


def _pause(why: Failure, rounds: int, busy: int) -> float:
    if is_throttling(why):
        return float(min(_FIRST_BUSY_PAUSE_SECONDS * 2 ** (busy - 1), _LONGEST_PAUSE_SECONDS))
    return float(_FIRST_PAUSE_SECONDS * 2 ** (rounds - busy - 1))


def _run_round(key: str, options: Options) -> _Round:
    source = None
    try:
        source = yield Head(Side.SOURCE, key)
        if source is None:
            return (yield from _remove(key)) if options.propagate_deletes else Report(Outcome.SOURCE_MISSING)
        destination = yield Head(Side.DESTINATION, key)
        if destination is not None and (yield from _is_equal(key, options, source, destination)):
            return Report(Outcome.ALREADY_EQUAL, source=source)
        return (yield from _copy(key, options, source, destination))
    except RequestError as error:
        if error.failure.permanent:
            return Report(Outcome.FAILED, source=source, failure=error.failure)
        return _LookAgain(error.failure, source)


def _is_equal(key: str, options: Options, source: ObjectState, destination: ObjectState) -> Generator[Asked, Any, bool]:
    if not compare(source, destination).equal or not _has_its_class(options, source, destination):
        return False
    # Tags cost two requests: they are read only where they decide.
    return bool((yield GetTags(Side.SOURCE, key)) == (yield GetTags(Side.DESTINATION, key)))


def _remove(key: str) -> _Round:
    """The source object is missing: so shall the destination's be."""
    destination = yield Head(Side.DESTINATION, key)
    if destination is None:
        return Report(Outcome.ALREADY_ABSENT)
    # HEAD says the same of a missing key and of a missing bucket; a listing of a missing bucket fails.
    if not (yield Exists(Side.SOURCE, key)):
        yield DeleteDestination(key, destination)
        if (yield Head(Side.SOURCE, key)) is None:
            return Report(Outcome.DELETED)
    return _LookAgain(Failure("SourceChanging", "the source appeared while its copy was deleted"))


def _copy(key: str, options: Options, source: ObjectState, destination: ObjectState | None) -> _Round:
    strategy = choose_strategy(source)
    if isinstance(strategy, Refuse):
        return Report(Outcome.REFUSED, source=source, failure=strategy.failure)
    tags = (yield GetTags(Side.SOURCE, key)) if options.sync_tags else None
    copied: Copied = yield CopyWhole(key, source, destination, _storage_class(options, source), tags)
    if is_copy_wrong(source, copied.etag, copied.encryption):
        message = f"the copy has ETag {copied.etag!a}, the source had {source.etag!a}"
        return _LookAgain(Failure("CopyDiffers", message, "CopyObject"), source)
    if (yield Head(Side.SOURCE, key)) != source or (options.sync_tags and (yield GetTags(Side.SOURCE, key)) != tags):
        # The event of that change may have been handled already, by an invocation that we have overtaken.
        return _LookAgain(Failure("SourceChanging", "the source changed while it was copied"), source)
    return Report(Outcome.COPIED, strategy=strategy.name, parts=strategy.parts, source=source)


def _has_its_class(options: Options, source: ObjectState, destination: ObjectState) -> bool:
    # An archived source cannot be copied: one that went to the archive after its copy was made is no reason to fail.
    is_kept = options.storage_class == KEEP and source.storage_class not in ARCHIVES
    return not is_kept or source.storage_class == destination.storage_class


def _storage_class(options: Options, source: ObjectState) -> str | None:
    """None where S3's own default, STANDARD, is meant."""
    wanted = source.storage_class if options.storage_class == KEEP else options.storage_class
    return None if wanted == STANDARD else wanted
