"""The convergence loop: look, copy on the condition that nothing changed, look again.

An event is only a hint; what counts is the source as it is now. So duplicate, late and reordered events are
harmless. docs/function.md gives the argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from .compare import ObjectState, compare, is_copy_wrong
from .errors import Failure, RequestError
from .strategy import Refuse, choose_strategy

MAX_ROUNDS = 5
_FIRST_PAUSE_SECONDS = 0.1
_SECONDS_FOR_A_ROUND = 2.0


class Outcome(str, Enum):
    """What became of one key."""

    COPIED = "copied"
    ALREADY_EQUAL = "already_equal"
    SOURCE_MISSING = "source_missing"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Copied:
    """What S3 answered to a copy: the new object's ETag and encryption."""

    etag: str
    encryption: str | None


class Objects(Protocol):
    """The S3 requests that the loop needs. Every one of them may raise RequestError."""

    def head_source(self, key: str) -> ObjectState | None:
        """The source object as it is now; None if there is none."""

    def head_destination(self, key: str) -> ObjectState | None:
        """The destination object as it is now; None if there is none."""

    def source_tags(self, key: str) -> Mapping[str, str]:
        """The source object's tags."""

    def destination_tags(self, key: str) -> Mapping[str, str]:
        """The destination object's tags."""

    def copy(self, key: str, source: ObjectState, destination: ObjectState | None) -> Copied:
        """Copy the source, only if both objects still are as given here."""


@dataclass(frozen=True)
class Report:
    """How one key ended.

    Attributes:
        rounds: how often source and destination were looked at.
        strategy: how the object was copied, None if it was not.
        parts: in how many parts it was copied, None if it was not.
        source: the source as it was last seen in a round's first step.
        failure: present if, and only if, the outcome is FAILED or REFUSED.
    """

    outcome: Outcome
    rounds: int = 0
    strategy: str | None = None
    parts: int | None = None
    source: ObjectState | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class _LookAgain:
    """The round did not settle it; `why` is reported if no round does."""

    why: Failure
    source: ObjectState | None = None


def reconcile(
    key: str,
    objects: Objects,
    *,
    sleep: Callable[[float], object],
    seconds_left: Callable[[], float],
    max_rounds: int = MAX_ROUNDS,
) -> Report:
    """Make the destination equal to the source as it is now.

    Ends when the destination was seen equal, or a copy was made of a source that afterwards was still the same.
    Failures are reported, not raised; rounds or time used up are a temporary failure.
    """
    verdict = _LookAgain(Failure("OutOfTime", "no time was left to look at this object"))
    for number in range(1, max_rounds + 1):
        if number > 1:
            sleep(_FIRST_PAUSE_SECONDS * 2 ** (number - 2))
        if seconds_left() < _SECONDS_FOR_A_ROUND:
            # Better a failure with a name than to be stopped by Lambda without a word.
            return Report(Outcome.FAILED, number - 1, source=verdict.source, failure=verdict.why)
        result = _run_round(key, objects)
        if isinstance(result, Report):
            return replace(result, rounds=number)
        verdict = result
    return Report(Outcome.FAILED, max_rounds, source=verdict.source, failure=verdict.why)


def _run_round(key: str, objects: Objects) -> Report | _LookAgain:
    source = None
    try:
        source = objects.head_source(key)
        if source is None:
            return Report(Outcome.SOURCE_MISSING)
        destination = objects.head_destination(key)
        if destination is not None and _is_equal(key, objects, source, destination):
            return Report(Outcome.ALREADY_EQUAL, source=source)
        return _copy(key, objects, source, destination)
    except RequestError as error:
        if error.failure.permanent:
            return Report(Outcome.FAILED, source=source, failure=error.failure)
        return _LookAgain(error.failure, source)


def _is_equal(key: str, objects: Objects, source: ObjectState, destination: ObjectState) -> bool:
    # Tags cost two requests: they are read only where they decide.
    return compare(source, destination).equal and objects.source_tags(key) == objects.destination_tags(key)


def _copy(key: str, objects: Objects, source: ObjectState, destination: ObjectState | None) -> Report | _LookAgain:
    strategy = choose_strategy(source)
    if isinstance(strategy, Refuse):
        return Report(Outcome.REFUSED, source=source, failure=strategy.failure)
    copied = objects.copy(key, source, destination)
    if is_copy_wrong(source, copied.etag, copied.encryption):
        message = f"the copy has ETag {copied.etag!a}, the source had {source.etag!a}"
        return _LookAgain(Failure("CopyDiffers", message, "CopyObject"), source)
    if objects.head_source(key) != source:
        # The event of that change may have been handled already, by an invocation that we have overtaken.
        return _LookAgain(Failure("SourceChanging", "the source changed while it was copied"), source)
    return Report(Outcome.COPIED, strategy=strategy.name, parts=strategy.parts, source=source)
