"""A page of differences: invoked, looked at, tried again alone, followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.operate.events import Batch, Difference
from s3copy_cli.operate.invoking import Answer, Said
from s3copy_cli.operate.repairing import Fate, Repairer, fate_of
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.results import ObjectResult

TIMED_OUT = Answer(Said.FAILED, "Task timed out", "r-1")
COPY_FAILED = Answer(Said.FAILED, "CopyFailed: 1 of 2", "r-1", names_its_keys=True)


@dataclass
class World:
    """A function and a destination. `kills` end the function at that key, `refused` are logged and passed over."""

    kills: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    continued: set[str] = field(default_factory=set)
    unanswered: bool = False
    copied: set[str] = field(default_factory=set)
    batches: list[list[str]] = field(default_factory=list)
    failures: list[tuple[str, ...]] = field(default_factory=list)
    looked: int = 0
    pending: list[int] = field(default_factory=list)
    looks: int = 0
    arrives_at_look: int = 0

    def send(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Answer]]:
        for batch in batches:
            self.batches.append([each.key for each in batch])
            yield batch, self.run([each.key for each in batch])

    def run(self, keys: list[str]) -> Answer:
        failed = False
        for key in keys:
            if key in self.kills:
                return TIMED_OUT
            if key in self.refused:
                failed = True
            elif key not in self.continued:
                self.copied.add(key)
        if self.unanswered:
            return Answer(Said.NOTHING, goes_on=True)
        return COPY_FAILED if failed else Answer(Said.DONE, goes_on=not self.continued.isdisjoint(keys))

    def look_again(self, keys: Iterable[str]) -> Iterator[tuple[str, ObjectResult | None]]:
        self.looks += 1
        if self.looks == self.arrives_at_look:
            self.copied |= self.continued
        for key in keys:
            yield key, ObjectResult(key, Outcome.PROVED if key in self.copied else Outcome.MISSING)

    def on_looked(self) -> None:
        self.looked += 1

    def on_pending(self, pending: int) -> None:
        self.pending.append(pending)

    def on_failure(self, batch: Batch, answer: Answer) -> None:
        assert answer.said is Said.FAILED
        self.failures.append(tuple(each.key for each in batch))


def repairer(world: World, max_records: int = 3) -> Repairer:
    return Repairer(world.send, world.look_again, world, propagate_deletes=False, max_records=max_records)


def page(*keys: str) -> list[Difference]:
    return [Difference(key, Outcome.MISSING, 1, "") for key in keys]


def test_everything_is_brought_back() -> None:
    world = World()
    engine = repairer(world)
    engine.bring_back(page(*"abcd"))
    assert world.batches == [["a", "b", "c"], ["d"]]
    assert engine.repairs.fates == {Fate.PROVED: 4}
    assert engine.repairs.in_order == 4
    assert world.looked == 4


def test_what_kills_the_function_keeps_no_other_from_being_copied() -> None:
    world = World(kills={"b"})
    engine = repairer(world, max_records=4)
    engine.bring_back(page(*"abcd"))
    assert world.batches == [["a", "b", "c", "d"], ["b"], ["c"], ["d"]]
    assert world.copied == {"a", "c", "d"}
    assert engine.repairs.failures == {"b": "Task timed out"}
    assert engine.repairs.failed == 1
    assert world.failures == [("a", "b", "c", "d"), ("b",)]
    assert world.looked == 4


def test_what_the_function_says_it_cannot_copy_is_not_asked_for_again() -> None:
    world = World(refused={"a"})
    engine = repairer(world)
    engine.bring_back(page(*"abc"))
    assert world.batches == [["a", "b", "c"]]
    assert engine.repairs.failures == {"a": "CopyFailed: 1 of 2"}
    assert engine.repairs.fates == {Fate.PROVED: 2}


def test_what_ran_without_an_error_and_still_differs_is_said() -> None:
    world = World()
    world.run = lambda _: Answer(Said.DONE)  # type: ignore[method-assign]
    engine = repairer(world)
    engine.bring_back(page("a"))
    assert "without an error" in engine.repairs.failures["a"]
    assert not engine.repairs.under_way


@pytest.mark.parametrize("unanswered", [True, False])
def test_what_goes_on_is_followed(fake_time: Any, unanswered: bool) -> None:
    world = World(continued={"b"}, unanswered=unanswered, arrives_at_look=5)
    engine = repairer(world)
    engine.bring_back(page(*"abc"))
    assert engine.repairs.under_way == {"b"}
    engine.follow(60, fake_time.clock())
    assert engine.repairs.under_way == set()
    assert engine.repairs.fates == {Fate.PROVED: 3}
    assert fake_time.sleeps == pytest.approx([0.2, 0.32, 0.512])
    assert world.pending[-1] == 0


def test_following_ends_with_the_time(fake_time: Any) -> None:
    world = World(continued={"b"})
    engine = repairer(world)
    engine.bring_back(page("b"))
    engine.follow(30, fake_time.clock())
    assert engine.repairs.under_way == {"b"}
    assert fake_time.seconds == pytest.approx(30)
    engine.follow(0, fake_time.clock())
    assert fake_time.seconds == pytest.approx(30)


@given(
    keys=st.integers(1, 20),
    kills=st.sets(st.integers(0, 19)),
    refused=st.sets(st.integers(0, 19)),
    records=st.integers(1, 10),
)
def test_whatever_fails_all_others_are_copied_and_each_key_has_one_fate(
    keys: int, kills: set[int], refused: set[int], records: int
) -> None:
    everything = [f"{number:02}" for number in range(keys)]
    bad = {f"{number:02}" for number in kills | refused} & set(everything)
    world = World(kills={f"{n:02}" for n in kills}, refused={f"{n:02}" for n in refused - kills})
    engine = repairer(world, records)
    engine.bring_back(page(*everything))
    assert world.copied == set(everything) - bad
    assert set(engine.repairs.failures) == bad
    assert engine.repairs.in_order + engine.repairs.failed == keys
    assert world.looked == keys
    assert sum(keys_sent.count(key) for key in everything for keys_sent in world.batches) <= 2 * keys


@pytest.mark.parametrize(
    ("outcome", "propagate_deletes", "copy_age", "fate"),
    [
        (Outcome.PROVED, False, 0, Fate.PROVED),
        (Outcome.EXTRA, False, 0, Fate.GONE),
        (Outcome.EXTRA, True, 0, Fate.OPEN),
        (Outcome.UNPROVED, False, 0, Fate.UNPROVED),
        (Outcome.UNPROVED, False, -1, Fate.OPEN),
        (Outcome.MISSING, False, 0, Fate.OPEN),
        (Outcome.DIFFERS, False, 0, Fate.OPEN),
        (Outcome.ERROR, False, 0, Fate.OPEN),
    ],
)
def test_fates(
    result: Callable[..., ObjectResult], outcome: Outcome, propagate_deletes: bool, copy_age: int, fate: Fate
) -> None:
    assert fate_of(result("k", outcome, copy_age=copy_age), propagate_deletes=propagate_deletes) is fate


def test_what_neither_side_has_is_gone() -> None:
    assert fate_of(None, propagate_deletes=True) is Fate.GONE
