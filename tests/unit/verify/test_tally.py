"""What the walk found: counts that stay right, results in key order, memory that has a bound."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.errors import S3CopyError
from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.spool import Entry, Spool, decode, encode
from s3copy_cli.verify.tally import Showcase, Tally

MakeTally = Callable[..., Tally]


@pytest.fixture
def make_tally() -> Iterator[MakeTally]:
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Tally(*arguments, **options))


def fill(tally: Tally, results: Iterable[ObjectResult]) -> None:
    for number, result in enumerate(results):
        tally.add(result, float(number))


def keys(results: Iterable[ObjectResult]) -> list[str]:
    return [result.key for result in results]


def look(found: dict[str, ObjectResult | None]) -> Callable[..., Iterator[tuple[Entry, ObjectResult | None]]]:
    """What an engine would say: each key that is due has become what `found` says."""

    def run(entries: Iterable[Entry], is_due: Callable[[Entry], bool]) -> Iterator[tuple[Entry, ObjectResult | None]]:
        for entry in entries:
            yield entry, found[entry.result.key] if is_due(entry) else entry.result

    return run


def result(key: str, outcome: Outcome, size: int = 10, **more: Any) -> ObjectResult:
    return ObjectResult(key, outcome, size, **more)


MIXED = [
    result("a", Outcome.PROVED),
    result("b", Outcome.MISSING),
    result("c", Outcome.EXTRA, 7),
    result("d", Outcome.ERROR),
    result("e", Outcome.DIFFERS),
    result("f", Outcome.PROVED),
]


def test_what_is_not_proved_comes_out_in_key_order_and_as_many_proved_as_are_kept(make_tally: MakeTally) -> None:
    for keep, expected in ((0, "bcde"), (1, "abcde"), (None, "abcdef")):
        tally = make_tally(keep)
        fill(tally, MIXED)
        assert "".join(keys(tally.iter_final({}))) == expected
        assert (tally.source_objects, tally.source_bytes) == (5, 50)
        assert {outcome: count for outcome, count in tally.counts.items() if count} == {
            Outcome.PROVED: 2,
            Outcome.MISSING: 1,
            Outcome.EXTRA: 1,
            Outcome.ERROR: 1,
            Outcome.DIFFERS: 1,
        }


def test_the_cause_comes_with_the_result_but_not_with_what_is_proved(make_tally: MakeTally) -> None:
    tally = make_tally(None)
    fill(tally, [*MIXED, result("g", Outcome.ERROR, message="refused")])
    causes = dict.fromkeys("abg", "the log says so")
    assert {final.key: final.cause for final in tally.iter_final(causes)} == {
        **dict.fromkeys("acdef", ""),
        "b": "the log says so",
        "g": "refused",
    }


def test_only_pending_and_due_results_are_looked_at_again(make_tally: MakeTally) -> None:
    tally = make_tally(None)
    fill(tally, MIXED)
    assert tally.pending == 2
    assert tally.last_pending_at == 4.0
    told: list[int] = []
    found = {"b": result("b", Outcome.PROVED), "e": None}
    tally.revise(look(found), lambda entry: entry.seen_at > 3, told.append)
    assert (tally.pending, tally.last_pending_at, told) == (1, 1.0, [2, 2, 1])
    tally.revise(look(found), lambda _: True, told.append)
    assert (tally.pending, tally.last_pending_at) == (0, 0.0)
    assert keys(tally.iter_final({})) == ["a", "b", "c", "d", "f"]
    assert tally.counts[Outcome.PROVED] == 3
    assert (tally.source_objects, tally.source_bytes) == (4, 40)


def test_what_became_equal_while_waiting_is_kept_as_far_as_asked_for(make_tally: MakeTally) -> None:
    tally = make_tally(1)
    fill(tally, [result(key, Outcome.MISSING) for key in "abc"])
    found = {key: result(key, Outcome.PROVED) for key in "abc"}
    tally.revise(look(found), lambda _: True, lambda _: None)
    assert keys(tally.iter_final({})) == ["a"]
    assert tally.counts[Outcome.PROVED] == 3


def test_a_deletion_under_way_is_pending_where_deletes_are_propagated(make_tally: MakeTally) -> None:
    for propagate_deletes in (False, True):
        tally = make_tally(0, propagate_deletes=propagate_deletes)
        fill(tally, MIXED)
        assert keys(tally.iter_pending()) == (["b", "c", "e"] if propagate_deletes else ["b", "e"])
        assert tally.pending == len(keys(tally.iter_pending()))


@pytest.mark.parametrize("keep", [0, 1, None])
@pytest.mark.parametrize("key", ["p0", "p4", "q"])
def test_a_later_look_corrects_the_counts(make_tally: MakeTally, keep: int | None, key: str) -> None:
    tally = make_tally(keep)
    fill(tally, [*(result(f"p{number}", Outcome.PROVED) for number in range(5)), result("q", Outcome.DIFFERS)])
    tally.correct(key, result(key, Outcome.MISSING))
    assert key in keys(tally.iter_final({}))
    assert (tally.source_objects, tally.source_bytes) == (6, 60)
    assert tally.counts[Outcome.MISSING] == 1


@pytest.mark.parametrize("keep", [0, None])
def test_corrections_of_keys_that_the_walk_has_not_seen(make_tally: MakeTally, keep: int | None) -> None:
    tally = make_tally(keep)
    fill(tally, MIXED)
    tally.correct("gone", None)
    tally.correct("z-new", result("z-new", Outcome.MISSING))
    tally.correct("z-equal", result("z-equal", Outcome.PROVED))
    tally.correct("z-extra", result("z-extra", Outcome.EXTRA))
    assert keys(final for final in tally.iter_final({}) if final.outcome is not Outcome.PROVED) == [
        *"bcde",
        "z-extra",
        "z-new",
    ]
    assert (tally.counts[Outcome.PROVED], tally.counts[Outcome.EXTRA]) == (2, 2)
    assert tally.source_objects == 6


def test_a_new_key_is_not_taken_for_a_proved_one_that_is_remembered(make_tally: MakeTally) -> None:
    """Two of five proved objects were not kept: at most two keys that nobody remembers can have been proved."""
    for keep, proved in ((5, 5), (3, 3)):
        tally = make_tally(keep)
        fill(tally, [result(f"p{number}", Outcome.PROVED) for number in range(5)])
        for key in ("p0-new", "p1-new", "p2-new"):
            tally.correct(key, result(key, Outcome.MISSING))
        assert len(keys(tally.iter_final({}))) == keep + 3
        assert (tally.counts[Outcome.PROVED], tally.counts[Outcome.MISSING]) == (proved, 3)


@pytest.mark.parametrize("keep", [0, 1, None])
def test_a_proved_object_whose_source_was_deleted_meanwhile_is_extra(make_tally: MakeTally, keep: int | None) -> None:
    tally = make_tally(keep)
    fill(tally, [result(f"p{number}", Outcome.PROVED) for number in range(3)])
    tally.correct("p1", result("p1", Outcome.EXTRA))
    assert "p1" in keys(tally.iter_final({}))
    assert (tally.counts[Outcome.PROVED], tally.counts[Outcome.EXTRA]) == (2, 1)
    assert (tally.source_objects, tally.source_bytes) == (2, 20)


def test_an_open_result_that_is_gone_or_equal_by_now(make_tally: MakeTally) -> None:
    tally = make_tally(None, propagate_deletes=True)
    fill(tally, MIXED)
    tally.correct("b", None)
    tally.correct("c", None)
    tally.correct("e", result("e", Outcome.PROVED))
    tally.correct("a", result("a", Outcome.EXTRA))
    outcomes = {final.key: final.outcome.sigil for final in tally.iter_final({})}
    assert outcomes == {"a": "-", "d": "!", "e": "=", "f": "="}
    assert (tally.source_objects, tally.source_bytes) == (3, 30)


def test_what_a_walk_that_stopped_has_not_reached_is_not_counted(make_tally: MakeTally) -> None:
    tally = make_tally(0)
    fill(tally, MIXED[:2])
    tally.is_complete = False
    tally.correct("z", result("z", Outcome.MISSING))
    assert keys(tally.iter_final({})) == ["b"]


def test_the_newest_copy_is_remembered(make_tally: MakeTally) -> None:
    tally = make_tally(0)
    moments = [datetime(2026, 3, 1, second, tzinfo=timezone.utc) for second in (3, 5, 4)]
    fill(tally, [result(str(n), Outcome.PROVED, destination_modified=at) for n, at in enumerate(moments)])
    assert tally.newest_copy == moments[1]


def test_the_most_important_is_shown_first() -> None:
    showcase = Showcase(2)
    for number in range(5):
        showcase.add(result(f"d{number}", Outcome.DIFFERS))
        showcase.add(result(f"p{number}", Outcome.PROVED))
        showcase.add(result(f"x{number}", Outcome.EXTRA))
    assert keys(showcase.results) == ["d0", "d1"]
    wide = Showcase(None)
    for shown in [result("p", Outcome.PROVED), result("x", Outcome.EXTRA), result("d", Outcome.UNPROVED)]:
        wide.add(shown)
    assert keys(wide.results) == ["d", "x", "p"]


MOMENTS = st.none() | st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(timezone.utc)
)
TEXTS = st.text(st.characters(codec=None), max_size=5)
FIELDS = st.builds(
    FieldComparison,
    TEXTS,
    st.sampled_from(FieldVerdict),
    st.none() | TEXTS,
    st.none() | TEXTS,
    TEXTS,
    st.booleans(),
    st.booleans(),
)
RESULTS = st.builds(
    ObjectResult,
    TEXTS,
    st.sampled_from(Outcome),
    st.none() | st.integers(0, 50 * 1024**4),
    st.none() | TEXTS,
    st.lists(FIELDS, max_size=2).map(tuple),
    TEXTS,
    MOMENTS,
    MOMENTS,
    TEXTS,
    st.sampled_from(["", "absent", "passing"]),
)


@given(st.lists(st.builds(Entry, RESULTS, st.floats(0, 1e9)), max_size=3))
def test_spooled_results_come_back_as_they_were(entries: list[Entry]) -> None:
    assert list(decode(encode(entries))) == entries


@pytest.mark.parametrize("in_memory", [1, 100_000])
@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 512, 1_000])
def test_a_spool_can_be_read_again_and_added_to(in_memory: int, count: int) -> None:
    entries = [Entry(result(f"{number}", Outcome.MISSING), float(number)) for number in range(count)]
    with Spool(in_memory) as spool:
        for entry in entries:
            spool.append(entry)
        for _ in range(2):
            assert list(spool) == entries
        spool.append(Entry(result("more", Outcome.EXTRA), 0.0))
        assert list(spool) == [*entries, Entry(result("more", Outcome.EXTRA), 0.0)]


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None: ...

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda **_: Full())
    with Spool() as spool:
        spool.append(Entry(result("a", Outcome.MISSING), 0.0))
        with pytest.raises(S3CopyError, match="No space left on device") as caught:
            next(iter(spool))
    assert "TMPDIR" in caught.value.hint


def test_memory_does_not_grow_with_the_differences(make_tally: MakeTally) -> None:
    """Three times the differences, with a walk, a round of waiting and the final pass: no more memory."""

    def unchanged(entries: Iterable[Entry], _: object) -> Iterator[tuple[Entry, ObjectResult]]:
        return ((entry, entry.result) for entry in entries)

    def peak(count: int) -> int:
        tally = make_tally(50, in_memory=50_000)
        tracemalloc.start()
        try:
            for number in range(count):
                tally.add(result(f"{number:0100}", Outcome.MISSING), 0.0)
            tally.revise(unchanged, lambda _: True, lambda _: None)
            assert sum(1 for _ in tally.iter_final({})) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # What the first run loads stays.
    peak(2_000)
    assert peak(6_000) < 1.1 * peak(2_000)


def test_memory_does_not_grow_with_the_proved_ones_that_are_kept(make_tally: MakeTally) -> None:
    def peak(count: int) -> int:
        tally = make_tally(None, in_memory=50_000)
        tracemalloc.start()
        try:
            for number in range(count):
                tally.add(result(f"{number:0100}", Outcome.PROVED), 0.0)
            assert sum(1 for _ in tally.iter_final({})) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2_000)
    assert peak(6_000) < 1.1 * peak(2_000)


def test_only_the_first_open_keys_are_told(make_tally: MakeTally) -> None:
    tally = make_tally(0)
    fill(tally, MIXED)
    assert tally.open_keys(2) == {"b", "c"}
    assert tally.open_keys(9) == {"b", "c", "d", "e"}


def test_what_stays_pending_is_counted_one_by_one(make_tally: MakeTally) -> None:
    tally = make_tally(0)
    fill(tally, [result(key, Outcome.MISSING) for key in "abc"])
    found = {"a": result("a", Outcome.DIFFERS), "b": result("b", Outcome.DIFFERS), "c": result("c", Outcome.PROVED)}
    tally.revise(look(found), lambda _: True, lambda _: None)
    assert tally.pending == 2


def test_of_what_became_equal_as_many_are_kept_as_asked_for_and_the_rest_can_be_corrected(
    make_tally: MakeTally,
) -> None:
    tally = make_tally(2)
    fill(tally, [result(key, Outcome.MISSING) for key in "abcde"])
    found = {key: result(key, Outcome.PROVED) for key in "abcde"}
    tally.revise(look(found), lambda _: True, lambda _: None)
    # Three of the five are known by their number only: the fourth of these is new since the walk.
    for key in ("bb", "c", "d", "dd"):
        tally.correct(key, result(key, Outcome.DIFFERS))
    assert keys(tally.iter_final({})) == ["a", "b", "bb", "c", "d", "dd"]
    assert (tally.counts[Outcome.PROVED], tally.counts[Outcome.DIFFERS]) == (2, 4)


def test_what_could_not_be_looked_at_has_no_bytes(make_tally: MakeTally) -> None:
    tally = make_tally(0)
    fill(tally, [ObjectResult("a", Outcome.ERROR), result("b", Outcome.MISSING, 7)])
    assert tally.source_bytes == 7
    tally.correct("a", None)
    assert keys(tally.iter_final({})) == ["b"]
    assert tally.source_bytes == 7


def test_waiting_begins_with_the_newest_pending_result(make_tally: MakeTally) -> None:
    tally = make_tally(0)
    old = datetime(2026, 3, 1, tzinfo=timezone.utc)
    stale = result("a", Outcome.UNPROVED, source_modified=old, destination_modified=old - timedelta(seconds=1))
    tally.add(stale, 5.0)
    tally.add(result("b", Outcome.UNPROVED), 9.0)
    assert (tally.pending, tally.last_pending_at) == (1, 5.0)


def test_what_came_after_a_walk_that_found_nothing_counts(make_tally: MakeTally) -> None:
    tally = make_tally(0)
    tally.correct("a", result("a", Outcome.MISSING))
    assert keys(tally.iter_final({})) == ["a"]
    assert tally.counts[Outcome.MISSING] == 1
