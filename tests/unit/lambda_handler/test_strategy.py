from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_handler.strategy import (
    InParts,
    Refuse,
    Whole,
    choose_strategy,
    compact_layout,
    expand_layout,
    first_bytes,
    is_layout_of,
    own_layout,
    uniform_layout,
)

MIB = 1024**2
FIVE_GIB = 5_368_709_120
WHOLE_ETAG = '"' + "0" * 32 + '"'


@pytest.mark.parametrize("size", [0, 1, FIVE_GIB])
@pytest.mark.parametrize("etag", [WHOLE_ETAG, '"opaque"', '"opaque-3"', '"' + "0" * 32 + '-0"'])
def test_what_was_uploaded_in_one_piece_is_copied_by_one_request(state, size: int, etag: str) -> None:
    assert choose_strategy(state(size=size, etag=etag)) == Whole("copy_object", 1)


@pytest.mark.parametrize("size", [0, 1, FIVE_GIB, 50 * 1024**4])
@pytest.mark.parametrize("count", [1, 2, 10_000])
def test_what_was_uploaded_in_parts_is_copied_in_as_many(state, size: int, count: int) -> None:
    etag = f'"{"0" * 32}-{count}"'
    assert choose_strategy(state(size=min(size, 10_000 * FIVE_GIB), etag=etag)) == InParts(count)


def test_a_large_object_of_one_piece_is_copied_in_parts_of_our_choice(state) -> None:
    assert choose_strategy(state(size=FIVE_GIB + 1)) == InParts(None)


def test_more_than_s3_has_parts_for_is_refused_for_good(state) -> None:
    strategy = choose_strategy(state(size=10_000 * FIVE_GIB + 1))
    assert isinstance(strategy, Refuse)
    assert strategy.failure.code == "ObjectTooLarge"
    assert strategy.failure.permanent
    assert "53687091200001 bytes" in strategy.failure.message


@pytest.mark.parametrize(
    ("size", "part_size", "layout"),
    [(0, 5, (0,)), (1, 5, (1,)), (5, 5, (5,)), (6, 5, (5, 1)), (10, 5, (5, 5)), (11, 5, (5, 5, 1))],
)
def test_uniform_parts(size: int, part_size: int, layout: tuple[int, ...]) -> None:
    assert uniform_layout(size, part_size) == layout


@given(st.integers(0, 10_000 * FIVE_GIB))
def test_parts_of_our_choice_are_such_as_s3_takes(size: int) -> None:
    layout = own_layout(size)
    assert sum(layout) == size
    assert 1 <= len(layout) <= 10_000
    assert all(5 * MIB <= part <= FIVE_GIB for part in layout[:-1])


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6).map(tuple))
def test_a_compacted_layout_comes_back(layout: tuple[int, ...]) -> None:
    assert expand_layout(compact_layout(layout), sum(layout)) == layout


def test_uniform_parts_are_told_by_one_size() -> None:
    assert compact_layout((8,) * 9_999 + (3,)) == (8,)
    assert compact_layout((8, 8, 0)) == (8, 8, 0)
    assert compact_layout((8, 9)) == (8, 9)


def test_parts_follow_each_other() -> None:
    assert first_bytes((5, 6, 1)) == (0, 5, 11)


def test_a_layout_makes_up_its_object(state) -> None:
    source = state(size=11)
    assert is_layout_of((5, 6), source, 2)
    assert not is_layout_of((5, 6), source, 3)
    assert not is_layout_of((5, 5), source, 2)
    assert not is_layout_of(None, source, 2)
