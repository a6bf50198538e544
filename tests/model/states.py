"""What the explorer counts: scopes, states, steps and results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lambda_handler.options import DEFAULT_OPTIONS, Options

from .fake_s3 import Flight
from .world import Delete, Object, Retag, Rules, Write

_ANY_S3 = Rules()


@dataclass(frozen=True)
class Scope:
    """What may happen.

    Attributes:
        begins: the object that both buckets hold at first; None for none.
        writes: to the source, in this order.
        duplicates: how many events may be delivered twice.
        crashes: how many invocations may die.
        lost_answers: how often a request's answer may get lost on its way.
        timeouts: how often an invocation's time may be nearly over.
        any_second: writes may follow one another within a second; otherwise each has a second of its own.
        harder: the request of a dead caller may be carried out at any later time, not only before its retry starts.
        thorough: take no short cut: look at everything in every order, crash at every request.
    """

    begins: Object | None
    writes: tuple[Write, ...]
    options: Options = DEFAULT_OPTIONS
    rules: Rules = _ANY_S3
    duplicates: int = 0
    crashes: int = 0
    lost_answers: int = 0
    timeouts: int = 0
    any_second: bool = False
    harder: bool = False
    thorough: bool = False


def is_event(change: Write, options: Options) -> bool:
    """Whether S3 tells the function of this write."""
    if isinstance(change, Delete):
        return options.propagate_deletes
    return options.sync_tags if isinstance(change, Retag) else True


class Process(NamedTuple):
    """One invocation: where it is, which of Lambda's attempts it is, and how far its request is.

    Attributes:
        is_dead: it crashed; its request may still be carried out before the retry starts.
    """

    node: int
    attempt: int
    flight: Flight
    is_dead: bool


class Step(NamedTuple):
    """What one invocation may do next. Numbers stand for worlds and processes."""

    world: int
    process: int | None
    parked: int
    crashes: int
    lost: int
    timeouts: int
    duplicates: int
    orphan: int | None
    started: tuple[int, ...]
    label: str


class State(NamedTuple):
    """One state of everything."""

    world: int
    written: int
    parked: int
    duplicates: int
    crashes: int
    lost: int
    timeouts: int
    running: tuple[int, ...]
    orphans: tuple[int, ...]


class Move(NamedTuple):
    """One step of the whole: the process that made it (None for a writer), what became of it, and what it started."""

    state: State
    process: int | None
    became: int | None
    started: tuple[int, ...]
    label: str
    is_orphan: bool = False


@dataclass
class Result:
    """What a search found.

    Attributes:
        endings: end states by verdict; see judge.py.
        pairs: every source and destination of an end state, with its verdict.
        asked: the names of all requests that were ever made.
        traces: for every verdict other than equal, the shortest way to it.
    """

    states: int
    steps: int
    endings: dict[str, int]
    pairs: set[tuple[Object | None, Object | None, str]]
    asked: frozenset[str]
    traces: dict[str, list[str]]

    def count(self, verdict: str) -> int:
        """End states of this verdict."""
        return self.endings.get(verdict, 0)
