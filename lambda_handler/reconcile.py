"""The convergence loop: look, copy on the condition that nothing changed, look again.

An event is only a hint; what counts is the source as it is now. So duplicate, late and reordered events are
harmless. docs/function.md gives the argument.

The loop is a generator of requests (requests.py): it does nothing itself, and decides from the answers and the time
that is left only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from .compare import ObjectState, compare, is_copy_wrong, is_layout_wrong, is_still_the_copy
from .errors import Failure, RequestError, is_throttling
from .multipart import (
    NOT_REPRODUCIBLE,
    Continuation,
    HandOn,
    Steps,
    Work,
    copy_in_parts,
    give_up,
    hand_on,
    learn_exact_layout,
)
from .options import ARCHIVES, KEEP, Options, storage_class_of
from .requests import Copied, CopyWhole, DeleteDestination, Exists, GetTags, Head, Pause, Side
from .strategy import InParts, Refuse, choose_strategy

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


_Round = Steps["Report | _LookAgain"]


def reconcile(
    key: str, options: Options, *, seconds_left: Callable[[], float], max_rounds: int = MAX_ROUNDS
) -> Steps[Report]:
    """Make the destination equal to the source as it is now.

    Ends when the destination was seen equal, or a copy was made of a source that afterwards was still the same.
    Failures are reported, not raised; rounds or time used up are a temporary failure.
    """
    work = Work(key, options, seconds_left)
    report = yield from _run_rounds(work, max_rounds)
    if report.outcome is Outcome.FAILED and work.upload:
        # The event does not name the upload, so no retry of it could go on: another invocation must, or nobody.
        if not (work.copied_parts and _is_temporary(report) and (yield from _is_handed_on(work))):
            yield from give_up(work)
        else:
            report = replace(report, outcome=Outcome.CONTINUED, failure=None, strategy=InParts.name, parts=_count(work))
    return replace(report, notes=work.notes)


def continue_copy(
    continuation: Continuation,
    options: Options,
    *,
    seconds_left: Callable[[], float],
    max_rounds: int = MAX_ROUNDS,
) -> Steps[Report]:
    """Go on with a copy that another invocation began; if its source or its upload is gone, start afresh.

    A temporary failure leaves the upload open: the retry of this continuation goes on with it.
    """
    asked = continuation.asked
    work = Work(asked.key, options, seconds_left, continuation.upload, hops=asked.hops + 1)
    report = yield from _run_rounds(work, max_rounds)
    if report.outcome is Outcome.FAILED and not _is_temporary(report):
        yield from give_up(work)
    return replace(report, notes=work.notes)


def _run_rounds(work: Work, max_rounds: int) -> Steps[Report]:
    verdict = _LookAgain(Failure("OutOfTime", "no time was left to look at this object"))
    rounds = busy = 0
    while rounds - busy < max_rounds and busy <= _MAX_BUSY_ROUNDS:
        left = work.seconds_left()
        if left <= _SECONDS_FOR_A_ROUND:
            # Better a failure with a name than to be stopped by Lambda without a word.
            break
        if rounds:
            yield Pause(min(_pause(verdict.why, rounds, busy), left - _SECONDS_FOR_A_ROUND))
        rounds += 1
        result = yield from _run_round(work)
        if isinstance(result, Report):
            return replace(result, rounds=rounds)
        verdict = result
        work.busy = is_throttling(verdict.why)
        busy += work.busy
    return Report(Outcome.FAILED, rounds, source=verdict.source, failure=verdict.why)


def _pause(why: Failure, rounds: int, busy: int) -> float:
    if is_throttling(why):
        return float(min(_FIRST_BUSY_PAUSE_SECONDS * 2 ** (busy - 1), _LONGEST_PAUSE_SECONDS))
    return float(_FIRST_PAUSE_SECONDS * 2 ** (rounds - busy - 1))


def _run_round(work: Work) -> _Round:
    key, options = work.key, work.options
    source = None
    try:
        source = yield Head(Side.SOURCE, key)
        if work.upload and work.upload.source != source:
            yield from give_up(work)
        if source is None:
            return (yield from _remove(key)) if options.propagate_deletes else Report(Outcome.SOURCE_MISSING)
        destination = yield Head(Side.DESTINATION, key)
        if destination is not None and (yield from _is_equal(key, options, source, destination)):
            yield from give_up(work)
            return Report(Outcome.ALREADY_EQUAL, source=source)
        return (yield from _copy(work, source, destination))
    except RequestError as error:
        failure = error.failure
        if failure.code == "NoSuchUpload":
            work.upload = None
        if failure.code == "ConditionalRequestConflict":
            # S3 wants a new upload after this one.
            yield from give_up(work)
        if failure.permanent:
            return Report(Outcome.FAILED, source=source, failure=failure)
        return _LookAgain(failure, source)


def _is_equal(key: str, options: Options, source: ObjectState, destination: ObjectState) -> Steps[bool]:
    if not compare(source, destination).equal or not _has_its_class(options, source, destination):
        return False
    # Tags cost two requests: they are read only where they decide.
    return bool((yield GetTags(Side.SOURCE, key)) == (yield GetTags(Side.DESTINATION, key)))


def _has_its_class(options: Options, source: ObjectState, destination: ObjectState) -> bool:
    # An archived source cannot be copied: one that went to the archive after its copy was made is no reason to fail.
    is_kept = options.storage_class == KEEP and source.storage_class not in ARCHIVES
    return not is_kept or source.storage_class == destination.storage_class


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


def _copy(work: Work, source: ObjectState, destination: ObjectState | None) -> _Round:
    strategy = choose_strategy(source)
    if isinstance(strategy, Refuse):
        return Report(Outcome.REFUSED, source=source, failure=strategy.failure)
    if isinstance(strategy, InParts):
        return (yield from _copy_in_parts(work, source, destination, strategy))
    tags = (yield GetTags(Side.SOURCE, work.key)) if work.options.sync_tags else None
    storage_class = storage_class_of(work.options, source.storage_class)
    copied: Copied = yield CopyWhole(work.key, source, destination, storage_class, tags)
    if is_copy_wrong(source, copied.etag, copied.encryption):
        message = f"the copy has ETag {copied.etag!a}, the source had {source.etag!a}"
        return _LookAgain(Failure("CopyDiffers", message, "CopyObject"), source)
    report = Report(Outcome.COPIED, strategy=strategy.name, parts=strategy.parts, source=source)
    return (yield from _if_source_rests(work, source, tags, report))


def _copy_in_parts(work: Work, source: ObjectState, destination: ObjectState | None, strategy: InParts) -> _Round:
    made = yield from copy_in_parts(work, source, destination, strategy.count)
    if isinstance(made, HandOn):
        parts = _count(work)
        failure = yield from hand_on(work)
        if failure:
            return Report(Outcome.FAILED, source=source, failure=failure)
        return Report(Outcome.CONTINUED, strategy=strategy.name, parts=parts, source=source)
    copied, upload = made.copied, made.upload
    if is_layout_wrong(source, copied.etag, copied.encryption):
        if (yield from learn_exact_layout(work, source, upload)):
            message = f"the copy has ETag {copied.etag!a}, the source {source.etag!a}: its parts have other sizes"
            return _LookAgain(Failure("LayoutDiffers", message, "CompleteMultipartUpload"), source)
        work.note(NOT_REPRODUCIBLE)
    # A write that came between the upload's beginning and its end may have taken precedence.
    # HEAD shows no tags: a write of the same bytes and headers shows by its tags only.
    is_ours = is_still_the_copy((yield Head(Side.DESTINATION, work.key)), copied.etag, source)
    if not is_ours or (yield GetTags(Side.DESTINATION, work.key)) != upload.tags:
        return _LookAgain(Failure("DestinationChanging", "the destination changed while it was written"), source)
    report = Report(Outcome.COPIED, strategy=strategy.name, parts=len(upload.layout), source=source)
    return (yield from _if_source_rests(work, source, upload.tags, report))


def _if_source_rests(work: Work, source: ObjectState, tags: Mapping[str, str] | None, report: Report) -> _Round:
    """Step 4: the report, if the source is still what was copied."""
    is_same = (yield Head(Side.SOURCE, work.key)) == source
    if is_same and work.options.sync_tags:
        is_same = (yield GetTags(Side.SOURCE, work.key)) == tags
    if is_same:
        return report
    # The event of that change may have been handled already, by an invocation that we have overtaken.
    return _LookAgain(Failure("SourceChanging", "the source changed while it was copied"), source)


def _is_handed_on(work: Work) -> Steps[bool]:
    try:
        return (yield from hand_on(work)) is None
    except RequestError as error:
        work.note(f"not handed on: {error.failure.code}")
        return False


def _is_temporary(report: Report) -> bool:
    return report.failure is not None and not report.failure.permanent


def _count(work: Work) -> int | None:
    return len(work.upload.layout) if work.upload else None
