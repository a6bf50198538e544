"""Every combination of what can be seen, against the few sentences that must hold for all of them."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from s3copy_cli.local.decide import (
    Observation,
    StartPlan,
    StopPlan,
    ended_without_saving,
    is_alive,
    plan_start,
    plan_stop,
)
from s3copy_cli.local.probe import Probe
from s3copy_cli.local.process import Sight
from s3copy_cli.local.record import Phase, ServerRecord

MakeRecord = Callable[..., ServerRecord]


@pytest.mark.parametrize(
    ("phase", "is_locked", "sight", "probe", "has_data", "start", "stop"),
    [
        # Nothing has ever run here.
        (None, False, Sight.GONE, Probe.REFUSED, False, StartPlan.START, StopPlan.NOTHING),
        # Data, but nothing says that it was saved.
        (None, False, Sight.GONE, Probe.REFUSED, True, StartPlan.START_EMPTY, StopPlan.NOTHING),
        # A server that has not yet written its record, or writes it where we cannot read it.
        (None, True, Sight.GONE, Probe.REFUSED, False, StartPlan.WAIT_ELSEWHERE, StopPlan.REFUSE_ELSEWHERE),
        # Ended cleanly; what sits at its pid or its port by now is nobody we know.
        (Phase.STOPPED, False, Sight.GONE, Probe.REFUSED, True, StartPlan.START, StopPlan.NOTHING),
        (Phase.STOPPED, False, Sight.OTHER, Probe.FOREIGN, True, StartPlan.START, StopPlan.NOTHING),
        # Has saved, and is about to end.
        (Phase.STOPPED, True, Sight.SAME, Probe.REFUSED, True, StartPlan.WAIT, StopPlan.SIGNAL),
        (Phase.STOPPED, False, Sight.SAME, Probe.REFUSED, True, StartPlan.START, StopPlan.NOTHING),
        # Died before it served anything: the data is as the one before it saved it.
        (Phase.STARTING, False, Sight.GONE, Probe.REFUSED, True, StartPlan.START, StopPlan.NOTHING),
        (Phase.STARTING, True, Sight.SAME, Probe.SILENT, True, StartPlan.WAIT, StopPlan.SIGNAL),
        (Phase.STARTING, True, Sight.SAME, Probe.OURS, True, StartPlan.USE, StopPlan.SIGNAL),
        # Runs.
        (Phase.SERVING, True, Sight.SAME, Probe.OURS, True, StartPlan.USE, StopPlan.SIGNAL),
        # Runs, but its lock file was deleted by somebody.
        (Phase.SERVING, False, Sight.SAME, Probe.OURS, True, StartPlan.USE, StopPlan.SIGNAL),
        # Lives, but is too busy, or hangs.
        (Phase.SERVING, True, Sight.SAME, Probe.SILENT, True, StartPlan.WAIT, StopPlan.SIGNAL),
        (Phase.SERVING, False, Sight.SAME, Probe.SILENT, True, StartPlan.WAIT, StopPlan.SIGNAL),
        # Runs in another container with the same network: usable, not stoppable.
        (Phase.SERVING, True, Sight.GONE, Probe.OURS, True, StartPlan.USE, StopPlan.REFUSE_ELSEWHERE),
        # Runs on another machine that shares the folder.
        (Phase.SERVING, True, Sight.GONE, Probe.REFUSED, True, StartPlan.WAIT_ELSEWHERE, StopPlan.REFUSE_ELSEWHERE),
        (Phase.SERVING, True, Sight.OTHER, Probe.FOREIGN, True, StartPlan.WAIT_ELSEWHERE, StopPlan.REFUSE_ELSEWHERE),
        # Died without saving; its pid and port may be another's by now.
        (Phase.SERVING, False, Sight.GONE, Probe.REFUSED, True, StartPlan.START_EMPTY, StopPlan.NOTHING),
        (Phase.SERVING, False, Sight.GONE, Probe.REFUSED, False, StartPlan.START_EMPTY, StopPlan.NOTHING),
        (Phase.SERVING, False, Sight.OTHER, Probe.FOREIGN, True, StartPlan.START_EMPTY, StopPlan.NOTHING),
    ],
)
def test_what_to_do(
    make_record: MakeRecord,
    phase: Phase | None,
    is_locked: bool,
    sight: Sight,
    probe: Probe,
    has_data: bool,
    start: StartPlan,
    stop: StopPlan,
) -> None:
    record = None if phase is None else make_record(phase=phase)
    seen = Observation(record=record, is_locked=is_locked, sight=sight, probe=probe, has_data=has_data)
    assert plan_start(seen) is start
    assert plan_stop(seen) is stop


def _everything(make_record: MakeRecord) -> Iterator[Observation]:
    records = [None, *(make_record(phase=phase) for phase in Phase)]
    for record, is_locked, sight, probe, has_data in itertools.product(
        records, (False, True), Sight, Probe, (False, True)
    ):
        yield Observation(record=record, is_locked=is_locked, sight=sight, probe=probe, has_data=has_data)


def test_never_a_signal_to_a_process_that_is_not_the_recorded_one(make_record: MakeRecord) -> None:
    for seen in _everything(make_record):
        if plan_stop(seen) is StopPlan.SIGNAL:
            assert seen.sight is Sight.SAME


def test_never_a_use_of_a_server_that_did_not_say_our_token(make_record: MakeRecord) -> None:
    for seen in _everything(make_record):
        if plan_start(seen) is StartPlan.USE:
            assert seen.probe is Probe.OURS


def test_never_a_second_server_while_the_first_lives(make_record: MakeRecord) -> None:
    for seen in _everything(make_record):
        if seen.is_locked:
            assert is_alive(seen)
            assert plan_start(seen) not in (StartPlan.START, StartPlan.START_EMPTY)


def test_unsaved_data_is_never_started_on_and_saved_data_never_left(make_record: MakeRecord) -> None:
    for seen in _everything(make_record):
        plan = plan_start(seen)
        if ended_without_saving(seen):
            assert plan in (StartPlan.START_EMPTY, StartPlan.USE)
        if plan is StartPlan.START_EMPTY:
            assert seen.record is None or seen.record.phase is Phase.SERVING
