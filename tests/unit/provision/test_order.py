"""Which steps wait for which, and that they do, in whatever order things end."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Condition, Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3copy_cli.errors import AwsError, CredentialsError, SeveralFailuresError
from s3copy_cli.provision.execute import WRITERS
from s3copy_cli.provision.order import (
    BUILD_NEEDS,
    EVENT_SOURCES,
    REMOVAL_NEEDS,
    Needs,
    all_needs,
    needs_of,
)
from s3copy_cli.provision.parallel import Outcome, StoppedError, raise_failures, stoppable, take_in_parallel
from s3copy_cli.provision.plan import TEARDOWN_ORDER, Action, Step
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.removal import REMOVERS
from s3copy_cli.provision.resources import Kind

# What setup does not make, because it is what a change of buckets leaves behind.
LEFT_BEHIND = {Kind.FORMER_TRIGGER, Kind.UNUSED_SOURCE_BUCKET, Kind.UNUSED_DESTINATION_BUCKET}
BUILDING = st.sampled_from([Action.CREATE, Action.UPDATE])


def step(kind: Kind, action: Action = Action.CREATE) -> Step:
    return Step(kind, kind.value, action)


# The tables


def test_every_kind_is_built_and_written() -> None:
    assert set(BUILD_NEEDS) == set(Kind) - LEFT_BEHIND == set(WRITERS)


def test_every_kind_that_teardown_names_can_be_removed_in_its_order() -> None:
    assert set(REMOVAL_NEEDS) == set(TEARDOWN_ORDER) == set(REMOVERS)


@pytest.mark.parametrize("kind", [Kind.TRIGGER, Kind.RULE, Kind.EVENTBRIDGE_SWITCH, Kind.EVENT_SOURCE_MAPPING])
def test_no_event_comes_before_the_function_knows_what_to_do_with_it(kind: Kind) -> None:
    assert Kind.FUNCTION in all_needs(kind, BUILD_NEEDS)


@pytest.mark.parametrize("table", [BUILD_NEEDS, REMOVAL_NEEDS])
def test_nothing_waits_for_itself(table: Needs) -> None:
    for kind in table:
        assert kind not in all_needs(kind, table)


def test_the_order_in_which_plans_are_shown_is_one_of_those_that_are_allowed() -> None:
    for table, shown in (
        (BUILD_NEEDS, [one for one in Kind if one in BUILD_NEEDS]),
        (REMOVAL_NEEDS, list(TEARDOWN_ORDER)),
    ):
        for place, kind in enumerate(shown):
            assert all_needs(kind, table) <= set(shown[:place])


def test_nothing_is_copied_before_everything_is_there() -> None:
    assert all_needs(Kind.TRIGGER, BUILD_NEEDS) == set(BUILD_NEEDS) - {Kind.TRIGGER, Kind.HANDOVER}
    assert all_needs(Kind.HANDOVER, BUILD_NEEDS) == set(BUILD_NEEDS) - {Kind.HANDOVER}


def test_teardown_empties_nothing_while_something_may_copy_and_takes_the_log_group_last() -> None:
    for bucket in (Kind.SOURCE_BUCKET, Kind.DESTINATION_BUCKET):
        assert {Kind.FUNCTION, *EVENT_SOURCES} <= all_needs(bucket, REMOVAL_NEEDS)
    assert all_needs(Kind.LOG_GROUP, REMOVAL_NEEDS) == set(REMOVAL_NEEDS) - {Kind.LOG_GROUP}
    for source in EVENT_SOURCES:
        assert all_needs(source, REMOVAL_NEEDS) <= EVENT_SOURCES


def test_what_is_kept_passes_its_needs_on() -> None:
    # The role policy stands between the two, and is kept.
    assert needs_of([step(Kind.FUNCTION, Action.UPDATE), step(Kind.ROLE)]) == (frozenset({1}), frozenset())


def test_a_plan_that_builds_and_removes_removes_last() -> None:
    steps = [step(Kind.PERMISSION, Action.DELETE), step(Kind.LOG_GROUP), step(Kind.TRIGGER, Action.UPDATE)]
    assert needs_of(steps) == (frozenset({1, 2}), frozenset(), frozenset({1}))


# Any interleaving


class Puppets:
    """Steps that end one after the other, in the order that a test wants among those that run."""

    def __init__(self, steps: list[Step], priorities: list[int]) -> None:
        self.steps = steps
        self.needs = needs_of(steps)
        self.priorities = priorities
        self.begun: set[int] = set()
        self.ended: set[int] = set()
        self._changed = Condition()

    def take(self, one: Step) -> None:
        place = next(place for place, other in enumerate(self.steps) if other is one)
        with self._changed:
            assert self.needs[place] <= self.ended, f"{one} began too early"
            self.begun.add(place)
            self._changed.notify_all()
            # Everything that may run is to run; then the one whose turn it is ends.
            assert self._changed.wait_for(lambda: self._next() == place, 30)
            self.ended.add(place)
            self._changed.notify_all()

    def _next(self) -> int | None:
        ready = {place for place, needs in enumerate(self.needs) if needs <= self.ended} - self.ended
        return max(ready, key=self.priorities.__getitem__) if ready <= self.begun else None


@given(
    kinds=st.lists(st.tuples(st.sampled_from(list(BUILD_NEEDS)), BUILDING), unique_by=lambda one: one[0]),
    removals=st.lists(st.sampled_from(TEARDOWN_ORDER), unique=True),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_a_step_begins_only_after_all_that_it_needs_in_any_interleaving(
    kinds: list[tuple[Kind, Action]], removals: list[Kind], data: Any
) -> None:
    building = [step(kind, action) for kind, action in kinds]
    steps = data.draw(st.permutations([*building, *(step(kind, Action.DELETE) for kind in removals)]))
    puppets = Puppets(steps, data.draw(st.permutations(range(len(steps)))))
    outcomes = take_in_parallel(steps, puppets.take, lambda _: None, Event(), goes_on=lambda _: False)
    raise_failures(outcomes)
    assert puppets.ended == set(range(len(steps)))


def test_what_needs_nothing_of_each_other_runs_at_the_same_time() -> None:
    steps = [step(Kind.SOURCE_BUCKET), step(Kind.DESTINATION_BUCKET), step(Kind.ROLE)]
    met: list[Step] = []
    all_there = Event()

    def take(one: Step) -> None:
        met.append(one)
        if len(met) == len(steps):
            all_there.set()
        assert all_there.wait(30)

    raise_failures(take_in_parallel(steps, take, lambda _: None, Event(), goes_on=lambda _: False))


# Failures


@pytest.fixture
def stop() -> Iterator[Event]:
    event = Event()
    yield event
    event.set()


def failing(kinds: set[Kind], taken: list[Kind]) -> Any:
    def take(one: Step) -> None:
        taken.append(one.kind)
        if one.kind in kinds:
            raise AwsError(f"creating {one.kind.value}", "no")

    return take


def test_the_first_failure_keeps_what_has_not_begun_from_beginning(stop: Event) -> None:
    taken: list[Kind] = []
    said: list[Outcome] = []
    outcomes = take_in_parallel(
        [step(Kind.ROLE), step(Kind.ROLE_POLICY), step(Kind.FUNCTION)],
        failing({Kind.ROLE}, taken),
        said.append,
        stop,
        goes_on=lambda _: False,
    )
    assert taken == [Kind.ROLE]
    assert outcomes == said
    with pytest.raises(AwsError, match="creating role"):
        raise_failures(outcomes)


def test_what_has_begun_is_waited_for_and_all_failures_are_told(stop: Event) -> None:
    failed, taken = Event(), []

    def take(one: Step) -> None:
        taken.append(one.kind)
        if one.kind is Kind.SOURCE_BUCKET:
            failed.set()
        assert failed.wait(30)
        raise AwsError(f"creating {one.kind.value}", "no")

    steps = [step(Kind.SOURCE_BUCKET), step(Kind.ROLE), step(Kind.ROLE_POLICY)]
    with pytest.raises(SeveralFailuresError) as caught:
        raise_failures(take_in_parallel(steps, take, lambda _: None, stop, goes_on=lambda _: False))
    assert {error.doing for error in caught.value.errors} == {"creating source bucket", "creating role"}
    assert sorted(taken) == sorted([Kind.SOURCE_BUCKET, Kind.ROLE])


def test_where_it_goes_on_also_what_needed_the_failed_one_is_taken(stop: Event) -> None:
    taken: list[Kind] = []
    steps = [step(kind, Action.DELETE) for kind in (Kind.FUNCTION, Kind.ROLE_POLICY, Kind.ROLE)]
    outcomes = take_in_parallel(steps, failing({Kind.FUNCTION}, taken), lambda _: None, stop, goes_on=lambda _: True)
    assert taken == [Kind.FUNCTION, Kind.ROLE_POLICY, Kind.ROLE]
    assert [outcome.step.kind for outcome in outcomes if outcome.error] == [Kind.FUNCTION]


def test_refused_credentials_are_told_once() -> None:
    refused = CredentialsError("creating", "ExpiredToken")
    outcomes = [Outcome(step(Kind.ROLE), AwsError("creating", "no")), Outcome(step(Kind.LOG_GROUP), refused)] * 2
    with pytest.raises(CredentialsError):
        raise_failures(outcomes)


def test_what_nobody_foresaw_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        raise_failures([Outcome(step(Kind.ROLE), AwsError("a", "b")), Outcome(step(Kind.ROLE), ZeroDivisionError())])


# Interruptions


def test_an_interruption_ends_those_that_wait_and_begins_nothing(stop: Event) -> None:
    begun, ended = [], Event()

    def sleep(seconds: float) -> None:
        assert stop.wait(30)

    patience = stoppable(Patience(clock=lambda: 0.0, sleep=sleep), stop)

    def take(one: Step) -> None:
        begun.append(one.kind)
        if one.kind is Kind.ROLE:
            raise KeyboardInterrupt
        try:
            patience.until(lambda: False)
        except StoppedError:
            ended.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        take_in_parallel(
            [step(Kind.LOG_GROUP), step(Kind.ROLE), step(Kind.ROLE_POLICY)],
            take,
            lambda _: None,
            stop,
            goes_on=lambda _: True,
        )
    assert ended.is_set(), "it is waited for"
    assert Kind.ROLE_POLICY not in begun


def test_an_interruption_does_not_wait_for_what_hangs(stop: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3copy_cli.provision.parallel.GRACE_SECONDS", 0.05)
    hangs = Event()

    def take(one: Step) -> None:
        if one.kind is Kind.ROLE:
            raise KeyboardInterrupt
        hangs.wait(30)

    with pytest.raises(KeyboardInterrupt):
        take_in_parallel([step(Kind.LOG_GROUP), step(Kind.ROLE)], take, lambda _: None, stop, goes_on=lambda _: True)
    assert stop.is_set()
    hangs.set()
