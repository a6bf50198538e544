"""The lock-step walk against operations on sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.errors import S3CopyError
from s3copy_cli.s3 import ListedObject
from s3copy_cli.verify.walk import iter_pairs

# Few characters, so that keys meet and share prefixes; and any text that UTF-8 can hold.
FEW = st.text(alphabet="aAé\U0001f600\uffff /+%\x00z", min_size=1, max_size=4)
ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
KEYS = st.sets(FEW | ANY, max_size=30)


def listing(keys: Iterable[str]) -> list[ListedObject]:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return [ListedObject(key, len(key), "e", moment) for key in sorted(keys, key=str.encode)]


def in_pages(entries: list[ListedObject], cuts: list[int]) -> Iterator[ListedObject]:
    """The same entries, as pages that end anywhere, also empty ones."""
    ends = sorted(min(cut, len(entries)) for cut in cuts)
    start = 0
    for end in [*ends, len(entries)]:
        yield from entries[start:end]
        start = end


@given(KEYS, KEYS, st.lists(st.integers(0, 30), max_size=5))
def test_every_key_comes_once_with_the_sides_that_have_it(
    source: set[str], destination: set[str], cuts: list[int]
) -> None:
    pairs = list(iter_pairs(in_pages(listing(source), cuts), in_pages(listing(destination), cuts)))
    assert [pair.key for pair in pairs] == sorted(source | destination, key=str.encode)
    assert {pair.key for pair in pairs if pair.destination is None} == source - destination
    assert {pair.key for pair in pairs if pair.source is None} == destination - source
    both = {pair.key for pair in pairs if pair.source and pair.destination}
    assert both == source & destination
    assert all(entry is None or entry.key == pair.key for pair in pairs for entry in (pair.source, pair.destination))


def test_order_is_that_of_utf8_bytes_not_of_utf16_units() -> None:
    # In UTF-16 the emoji (a surrogate pair, D83D…) would come before U+FFFF.
    pairs = list(iter_pairs(listing(["￿", "\U0001f600"]), listing(["\U0001f600"])))
    assert [pair.key for pair in pairs] == ["￿", "\U0001f600"]


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"]])
@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_listing_that_is_not_sorted_proves_nothing(keys: list[str], side: str) -> None:
    entries = [listing([key])[0] for key in keys]
    sides = (entries, []) if side == "source" else ([], entries)
    with pytest.raises(S3CopyError, match=f"listing of the {side} bucket: it is not sorted") as caught:
        list(iter_pairs(*sides))
    assert caught.value.code == "ListingNotSorted"


@given(KEYS, KEYS, st.lists(st.tuples(st.booleans(), FEW | ANY), max_size=10), st.integers(1, 3))
def test_a_listing_that_changes_while_it_is_walked(
    source: set[str], destination: set[str], changes: list[tuple[bool, str]], page_size: int
) -> None:
    """Whatever comes or goes meanwhile: what is there all the time comes once, on the sides that have it."""
    changing = {key for _, key in changes}

    def pages(keys: set[str]) -> Iterator[ListedObject]:
        # S3 answers each page from the state at that moment, beginning after the last key of the page before.
        now, left, last = set(keys), list(changes), ""
        while page := listing(key for key in now if key > last)[:page_size]:
            yield from page
            last = page[-1].key
            if left:
                is_put, key = left.pop()
                now = now | {key} if is_put else now - {key}

    pairs = list(iter_pairs(pages(source), pages(destination)))
    found = [pair.key for pair in pairs]
    assert found == sorted(set(found), key=str.encode)
    constant = (source | destination) - changing
    assert constant <= set(found) <= source | destination | changing
    for pair in pairs:
        if pair.key in constant:
            assert (pair.source is not None) == (pair.key in source)
            assert (pair.destination is not None) == (pair.key in destination)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5)))
def test_the_order_of_texts_is_that_of_their_utf8_bytes(keys: list[str]) -> None:
    assert sorted(keys) == sorted(keys, key=str.encode)


def test_no_more_than_one_line_ahead_is_taken() -> None:
    taken = 0

    def endless() -> Iterator[ListedObject]:
        nonlocal taken
        for number in range(10**9):
            taken += 1
            yield listing([f"{number:012}"])[0]

    pairs = iter_pairs(endless(), endless())
    for _ in range(10):
        next(pairs)
    assert taken <= 22
