"""Side by side, and in order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.verify.ordered import Begun, Known, iter_in_order


@given(st.lists(st.tuples(st.integers(), st.booleans())), st.integers(1, 5))
def test_results_come_in_the_order_of_the_items(items: list[tuple[int, bool]], window: int) -> None:
    with ThreadPoolExecutor(3) as executor:

        def begin(item: tuple[int, bool]) -> Begun[int]:
            return executor.submit(int, item[0]) if item[1] else Known(item[0])

        assert list(iter_in_order(items, begin, window)) == [(item, item[0]) for item in items]


@given(st.lists(st.tuples(st.integers(), st.booleans())), st.integers(1, 5))
def test_what_is_known_is_not_begun_and_keeps_its_place(items: list[tuple[int, bool]], window: int) -> None:
    begun: list[tuple[int, bool]] = []

    def begin(item: tuple[int, bool]) -> Begun[int]:
        begun.append(item)
        return Known(item[0])

    found = list(iter_in_order(items, begin, window, lambda item: item[0] if item[1] else None))
    assert found == [(item, item[0]) for item in items]
    assert begun == [item for item in items if not item[1]]


def test_no_more_are_begun_than_the_window_allows() -> None:
    futures: list[Future[int]] = []

    def begin(_: int) -> Future[int]:
        futures.append(Future())
        # The third one is done at once, and still has to wait for the first.
        if len(futures) == 3:
            futures[0].set_result(0)
        return futures[-1]

    results = iter_in_order(range(100), begin, 3)
    assert next(results) == (0, 0)
    assert len(futures) == 3
    results.close()


def test_what_is_done_is_handed_out_at_once() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    results = iter_in_order(items(), Known, 5)
    assert next(results) == (0, 0)
    assert taken == [0]


def test_an_error_cancels_what_was_begun() -> None:
    futures: list[Future[int]] = []

    def begin(_: int) -> Future[int]:
        futures.append(Future())
        if len(futures) == 3:
            futures[0].set_exception(OSError("broken"))
        return futures[-1]

    with pytest.raises(OSError, match="broken"):
        list(iter_in_order(range(9), begin, 3))
    assert [future.cancelled() for future in futures] == [False, True, True]


def test_the_rest_that_nobody_wants_is_cancelled() -> None:
    futures: list[Future[int]] = []

    def begin(_: int) -> Future[int]:
        futures.append(Future())
        if len(futures) == 2:
            futures[0].set_result(0)
        return futures[-1]

    with closing(iter_in_order(range(9), begin, 2)) as results:
        next(results)
    assert [future.cancelled() for future in futures] == [False, True]
