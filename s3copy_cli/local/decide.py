"""What to do about a server, given what was seen of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from s3copy_cli.local.probe import Probe
from s3copy_cli.local.process import Sight
from s3copy_cli.local.record import Phase, ServerRecord


@dataclass(frozen=True)
class Observation:
    """Everything that can be seen of the server of a state folder.

    Attributes:
        record: what it said about itself; None if it said nothing legible.
        is_locked: whether a living process holds the server's lock, on whatever machine or in whatever container.
        sight: what stands at the recorded pid.
        probe: who answers at the recorded port.
        has_data: whether the folder holds data of an earlier run.
    """

    record: ServerRecord | None
    is_locked: bool
    sight: Sight
    probe: Probe
    has_data: bool


class StartPlan(Enum):
    """How to come to a running server."""

    USE = "use the one that runs"
    WAIT = "it lives but does not answer yet: wait"
    WAIT_ELSEWHERE = "something out of sight holds the folder: wait a little, then refuse"
    START = "start one on the data that is there"
    START_EMPTY = "the last one did not save: move its data aside and start empty"


class StopPlan(Enum):
    """How to come to no running server."""

    NOTHING = "none runs"
    SIGNAL = "ask its process to end"
    REFUSE_ELSEWHERE = "it lives where it cannot be signalled"


def is_alive(seen: Observation) -> bool:
    """Whether the folder's server lives, as far as can be known."""
    if seen.record is None or seen.record.phase is Phase.STOPPED:
        return seen.is_locked
    return seen.is_locked or seen.probe is Probe.OURS or seen.sight is Sight.SAME


def ended_without_saving(seen: Observation) -> bool:
    """Whether the folder's data is that of a server which did not come to save it.

    Object bodies are written at once, everything else on a clean stop: such data does not fit together.
    """
    if is_alive(seen):
        return False
    if seen.record is None:
        return seen.has_data
    return seen.record.phase is Phase.SERVING


def plan_start(seen: Observation) -> StartPlan:
    """How to come to a running server from here."""
    if seen.record is not None and seen.probe is Probe.OURS:
        return StartPlan.USE
    if is_alive(seen):
        return StartPlan.WAIT if seen.sight is Sight.SAME else StartPlan.WAIT_ELSEWHERE
    return StartPlan.START_EMPTY if ended_without_saving(seen) else StartPlan.START


def plan_stop(seen: Observation) -> StopPlan:
    """How to come to no running server from here."""
    if not is_alive(seen):
        return StopPlan.NOTHING
    return StopPlan.SIGNAL if seen.sight is Sight.SAME else StopPlan.REFUSE_ELSEWHERE
