"""The real loop, and naive handlers, in every order of short histories: two writes, two invocations, one crash."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from lambda_handler.options import Options

from .explorer import Explorer, TooManyStates
from .histories import (
    ANY_SECOND,
    IN_PARTS,
    LATE,
    LATE_OLD_SDK,
    LOST_ANSWER,
    NOT_ASKED_FOR,
    OLD_SDK,
    SECONDS_APART,
    THREE_WRITES,
    TIME_OUT,
    TWO_WRITES,
    VERSIONED,
    Mode,
    iter_all,
)
from .judge import (
    EQUAL,
    LATE_REQUEST,
    LATE_REQUEST_ABSENT,
    PARKED,
    SAME_SECOND,
    TAGS_NOT_SYNCED,
    VIOLATION,
)
from .programs import convergent, looks_once, obeys_the_event, tags_by_themselves, without_second_look
from .states import Scope
from .table import Row, render, search
from .world import Object, Put


def _show(row: Row, record_property: object) -> Row:
    """Counts for the report (`pytest -rP` or `-s` shows them); a violation shows how it came about."""
    sys.stdout.write(render([row]))
    assert callable(record_property)
    record_property("states", row.states)
    record_property("endings", dict(row.endings))
    return row


@pytest.mark.parametrize(
    "mode", [SECONDS_APART, ANY_SECOND, VERSIONED, OLD_SDK, LOST_ANSWER], ids=lambda mode: mode.name
)
def test_two_writes_two_invocations_one_crash(mode: Mode, record_property: object) -> None:
    row = _show(search(convergent, TWO_WRITES, mode, invocations=2, crashes=1), record_property)
    assert row.unexpected == []
    assert row.endings.keys() == {EQUAL}
    assert row.histories == 12
    assert row.states > 4_000
    assert row.endings[EQUAL] > row.histories, "the source's writes were never seen in two different orders"


def test_every_history_of_two_writes(record_property: object) -> None:
    row = _show(search(convergent, iter_all(2), SECONDS_APART, invocations=2, crashes=1), record_property)
    assert row.unexpected == []
    assert row.histories == 72
    assert row.endings.keys() == {EQUAL}


@pytest.mark.parametrize("history", THREE_WRITES, ids=lambda history: history.name)
def test_three_writes_without_a_crash(history: object, record_property: object) -> None:
    assert history in THREE_WRITES
    row = _show(
        search(convergent, [h for h in THREE_WRITES if h is history], SECONDS_APART, invocations=3, crashes=0),
        record_property,
    )
    assert row.unexpected == []
    assert row.states > 50
    assert row.endings.keys() == {EQUAL}


def test_late_requests_do_only_what_is_documented(record_property: object) -> None:
    row = _show(search(convergent, TWO_WRITES, LATE, invocations=2, crashes=1), record_property)
    assert row.unexpected == []
    assert row.endings[LATE_REQUEST] > 0
    assert row.endings[LATE_REQUEST_ABSENT] > 0


def test_without_conditions_late_requests_do_more(record_property: object) -> None:
    row = _show(search(convergent, TWO_WRITES, LATE_OLD_SDK, invocations=2, crashes=1), record_property)
    assert row.endings[VIOLATION] > 0


def test_bytes_and_headers_that_return_within_a_second_are_documented(record_property: object) -> None:
    returning = [h for h in THREE_WRITES if h.name == "new, metadata changed and put back"]
    row = _show(search(convergent, returning, ANY_SECOND, invocations=3, crashes=0), record_property)
    assert row.unexpected == []
    assert row.histories == 1
    assert row.endings[SAME_SECOND] > 0
    versioned = _show(search(convergent, returning, VERSIONED, invocations=3, crashes=0), record_property)
    assert versioned.endings.keys() == {EQUAL}


def test_what_was_not_asked_for(record_property: object) -> None:
    accepting = replace(SECONDS_APART, accepts=SECONDS_APART.accepts | {TAGS_NOT_SYNCED})
    row = _show(search(convergent, NOT_ASKED_FOR, accepting, invocations=2, crashes=1), record_property)
    assert row.unexpected == []
    assert row.endings[TAGS_NOT_SYNCED] > 0


@pytest.mark.parametrize("mode", [SECONDS_APART, LATE], ids=lambda mode: mode.name)
def test_copies_in_parts(mode: Mode, record_property: object) -> None:
    row = _show(search(convergent, IN_PARTS, mode, invocations=0, crashes=1), record_property)
    assert row.unexpected == []
    assert row.asked >= {"BeginUpload", "CopyPart", "CompleteUpload"}


def test_copies_in_parts_that_go_on_in_another_invocation(record_property: object) -> None:
    row = _show(search(convergent, IN_PARTS, TIME_OUT, invocations=0, crashes=0), record_property)
    assert row.unexpected == []
    assert row.asked >= {"Continue", "ListParts", "AbortUpload", "CompleteUpload"}
    twice = _show(search(convergent, IN_PARTS[:1], TIME_OUT, invocations=2, crashes=1), record_property)
    assert twice.unexpected == []


def test_an_event_whose_retries_all_die_is_parked() -> None:
    scope = Scope(Object("A"), (Put("B"),), crashes=3)
    result = Explorer(convergent(Options()), scope).run()
    assert result.count(PARKED) > 0
    assert result.count(VIOLATION) == 0
    assert "the event is parked" in "\n".join(result.traces[PARKED])
    twice = Explorer(convergent(Options()), replace(scope, crashes=2)).run()
    assert twice.endings.keys() == {EQUAL}


@pytest.mark.parametrize("naive", [obeys_the_event, looks_once, without_second_look], ids=lambda make: make.__name__)
def test_naive_handlers_are_caught(naive: object, record_property: object) -> None:
    assert callable(naive)
    row = _show(search(naive, TWO_WRITES, SECONDS_APART, invocations=2, crashes=1), record_property)
    assert row.endings[VIOLATION] > 0
    assert row.endings[EQUAL] > 0, "it is wrong in some orders only, or the model is"
    # Without a crash as well: these handlers are wrong by themselves.
    assert search(naive, TWO_WRITES, SECONDS_APART, invocations=2, crashes=0).endings[VIOLATION] > 0


def test_tags_put_by_themselves_are_caught_when_requests_are_late(record_property: object) -> None:
    row = _show(search(tags_by_themselves, TWO_WRITES, LATE, invocations=2, crashes=1), record_property)
    assert row.endings[VIOLATION] > 0
    assert any(line.startswith("VIOLATION: puts tags by themselves, tagged, then over") for line in row.unexpected)
    in_time = _show(search(tags_by_themselves, TWO_WRITES, SECONDS_APART, invocations=2, crashes=1), record_property)
    assert in_time.endings.keys() == {EQUAL}


def test_deletes_need_the_second_look() -> None:
    deletes = [history for history in TWO_WRITES if history.options.propagate_deletes]
    assert len(deletes) == 3
    row = search(without_second_look, deletes, SECONDS_APART, invocations=2, crashes=1)
    assert row.endings[VIOLATION] > 0


def test_a_violation_tells_how_it_came_about() -> None:
    history = next(history for history in TWO_WRITES if history.name == "overwritten and put back")
    result = Explorer(looks_once(history.options), history.scope(2, 0)).run()
    trace = result.traces[VIOLATION]
    assert trace[0] == "at first: source A/h1, destination A/h1"
    assert trace[-1] == "at last: source A/h1, destination B/h1"
    assert [line for line in trace if line.startswith("writer")] == [
        "writer: PUT B/h1 in second 1",
        "writer: PUT A/h1 in second 2",
    ]
    assert "invocation 1: CopyWhole: reads B/h1" in trace
    assert "invocation 1: CopyWhole of B/h1 commits: destination is B/h1; done" in trace


@pytest.mark.parametrize("mode", [SECONDS_APART, ANY_SECOND, LATE], ids=lambda mode: mode.name)
@pytest.mark.parametrize("make", [convergent, looks_once], ids=lambda make: make.__name__)
def test_the_short_cuts_of_the_search_lose_nothing(make: object, mode: Mode) -> None:
    assert callable(make)
    for history in TWO_WRITES:
        scope = mode.of(history.scope(2, 1))
        quick = Explorer(make(history.options), scope).run()
        thorough = Explorer(make(history.options), replace(scope, thorough=True)).run()
        assert thorough.pairs == quick.pairs
        assert thorough.states > quick.states


def test_the_short_cuts_lose_nothing_of_copies_in_parts() -> None:
    for history in IN_PARTS[:5]:
        scope = TIME_OUT.of(history.scope(0, 0))
        quick = Explorer(convergent(history.options), scope).run()
        thorough = Explorer(convergent(history.options), replace(scope, thorough=True)).run()
        assert thorough.pairs == quick.pairs
        assert thorough.states >= quick.states


def test_a_search_that_grows_too_large_is_given_up() -> None:
    with pytest.raises(TooManyStates, match="more than 100"):
        Explorer(convergent(Options()), TWO_WRITES[0].scope(2, 1)).run(max_states=100)
