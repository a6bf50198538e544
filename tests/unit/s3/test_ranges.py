"""Listing by ranges, against a bucket in memory that answers in any order, and changes meanwhile."""

from __future__ import annotations

import random
from bisect import bisect_right, insort
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3copy_cli.s3 import ListedObject
from s3copy_cli.s3.ranges import FREE_MISSES, MAX_CUTS, MAX_IN_FLIGHT, MAX_PAGES, MISSES_PER_PAGE, ListingPlan, cuts
from s3copy_cli.s3.xml import MalformedAnswerError, ObjectPage

MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)


class FakeBucket:
    """Keys in order, listed a page at a time."""

    def __init__(self, keys: list[str], page_size: int) -> None:
        self.keys = sorted(set(keys))
        self.page_size = page_size
        self.requests = 0
        self.rounds = 0
        self.most_pages = 0

    def page(self, after: str) -> ObjectPage:
        first = bisect_right(self.keys, after)
        keys = self.keys[first : first + self.page_size]
        is_truncated = first + self.page_size < len(self.keys)
        return ObjectPage(
            [ListedObject(key, 1, "e", MOMENT) for key in keys],
            is_truncated,
            f"after {keys[-1]}" if is_truncated else "",
        )

    def list_all(
        self,
        prefix: str = "",
        choose: Callable[[int], int] = lambda _: 0,
        between: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Walk a plan to its end; `choose` picks which of so many answers comes next."""
        plan = ListingPlan(prefix)
        asked: list[tuple[object, ObjectPage]] = []
        found: list[str] = []
        while not plan.is_finished:
            for stretch in plan.iter_to_ask():
                after = max(stretch.after, stretch.token.removeprefix("after "))
                asked.append((stretch, self.page(after)))
                self.requests += 1
            assert len(asked) <= MAX_IN_FLIGHT
            between()
            objects = plan.take()
            if objects is not None:
                found.extend(entry.key for entry in objects)
                continue
            assert asked, "waiting for an answer that nobody asked for"
            stretch, page = asked.pop(choose(len(asked)))
            if not plan.forget(stretch):  # type: ignore[arg-type]
                plan.settle(stretch, page)  # type: ignore[arg-type]
            self.most_pages = max(self.most_pages, sum(bool(one.objects) for one in plan._row))
        return found

    def list_in_rounds(self) -> list[str]:
        """All that is asked for is answered at once: one round is one round trip."""
        plan = ListingPlan()
        found: list[str] = []
        waiting: list[object] = []
        while not plan.is_finished:
            new = list(plan.iter_to_ask())
            self.requests += len(new)
            waiting += new
            objects = plan.take()
            if objects is not None:
                found.extend(entry.key for entry in objects)
                continue
            self.rounds += 1
            for stretch in waiting:
                if not plan.forget(stretch):  # type: ignore[arg-type]
                    plan.settle(stretch, self.page(stretch.after))  # type: ignore[attr-defined,arg-type]
            waiting = []
        return found


plain_keys = st.text("01289aez/-", min_size=1, max_size=6)
any_keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
counted_keys = st.builds(
    "{}{:04}{}".format, st.sampled_from(["", "a/", "b/c-"]), st.integers(0, 400), st.sampled_from(["", ".x"])
)
key_lists = st.one_of(st.lists(keys, max_size=150) for keys in (plain_keys, any_keys, counted_keys))


@settings(max_examples=300, deadline=None)
@given(keys=key_lists, page_size=st.integers(1, 12), seed=st.integers())
def test_every_key_once_and_in_order_whatever_the_keys_and_the_order_of_answers(
    keys: list[str], page_size: int, seed: int
) -> None:
    order = random.Random(seed)  # noqa: S311
    bucket = FakeBucket(keys, page_size)
    assert bucket.list_all(choose=lambda count: order.randrange(count)) == sorted(set(keys))
    pages = max(-(-len(bucket.keys) // page_size), 1)
    assert bucket.requests <= 2 * pages + FREE_MISSES + MAX_IN_FLIGHT


@settings(max_examples=200, deadline=None)
@given(keys=key_lists, prefix=st.sampled_from(["a/", "b/", "0", "1"]), page_size=st.integers(1, 7))
def test_with_a_prefix(keys: list[str], prefix: str, page_size: int) -> None:
    below = sorted({prefix + key for key in keys})
    assert FakeBucket(below, page_size).list_all(prefix) == below


@settings(max_examples=300, deadline=None)
@given(keys=key_lists, coming=key_lists, page_size=st.integers(1, 12), seed=st.integers())
def test_what_is_there_all_the_time_is_listed_while_the_bucket_changes(
    keys: list[str], coming: list[str], page_size: int, seed: int
) -> None:
    order = random.Random(seed)  # noqa: S311
    lasting = set(keys[::2])
    bucket = FakeBucket(keys, page_size)
    arrivals = list(coming)

    def change() -> None:
        if arrivals and order.random() < 0.5:
            key = arrivals.pop()
            if key not in bucket.keys:
                insort(bucket.keys, key)
        leaving = [key for key in bucket.keys if key not in lasting]
        if leaving and order.random() < 0.5:
            bucket.keys.remove(order.choice(leaving))

    found = bucket.list_all(choose=lambda count: order.randrange(count), between=change)
    assert lasting <= set(found)
    assert set(found) <= {*keys, *coming}
    assert all(one < other for one, other in pairwise(found))


LAYOUTS = {
    "counted": [f"key-{number:09}" for number in range(60_000)],
    "random": [f"{random.Random(number).getrandbits(64):016x}" for number in range(60_000)],  # noqa: S311
    "in folders": [f"data/{number // 10_000:03}/{number:06}.csv" for number in range(60_000)],
    "by date": [f"log/2026/{n // 28_000 + 1:02}/{n // 1_000 % 28 + 1:02}/{n % 1000:04}" for n in range(60_000)],
    "one character": ["a" * (number + 1) for number in range(700)],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_few_requests_are_in_vain_and_memory_is_bounded(layout: str) -> None:
    keys = LAYOUTS[layout]
    bucket = FakeBucket(keys, 1000)
    assert bucket.list_all() == sorted(keys)
    pages = -(-len(keys) // 1000)
    assert bucket.requests <= pages * (1.25 + MISSES_PER_PAGE) + FREE_MISSES + MAX_IN_FLIGHT
    assert bucket.most_pages <= MAX_PAGES + 1


@pytest.mark.parametrize(("layout", "factor"), [("counted", 4), ("random", 4)])
def test_many_pages_come_at_the_same_time(layout: str, factor: int) -> None:
    keys = LAYOUTS[layout]
    bucket = FakeBucket(keys, 1000)
    assert bucket.list_in_rounds() == sorted(keys)
    assert bucket.rounds * factor < len(keys) / 1000


@pytest.mark.parametrize("count", [0, 1, 999, 1000])
def test_a_small_bucket_is_one_request(count: int) -> None:
    bucket = FakeBucket([f"{number:04}" for number in range(count)], 1000)
    assert len(bucket.list_all()) == count
    assert bucket.requests == 1


@given(keys=st.lists(plain_keys, min_size=1, unique=True), until=st.none() | plain_keys)
def test_cuts_ascend_beyond_the_page(keys: list[str], until: str | None) -> None:
    keys.sort()
    found = cuts(keys, until, "")
    assert found == sorted(set(found))
    assert len(found) <= MAX_CUTS
    assert all(keys[-1] < cut and (until is None or cut < until) for cut in found)


def listed(*keys: str) -> list[ListedObject]:
    return [ListedObject(key, 1, "e", MOMENT) for key in keys]


def test_a_store_that_does_not_sort_is_followed_from_page_to_page() -> None:
    plan = ListingPlan()
    (first,) = plan.iter_to_ask()
    plan.settle(first, ObjectPage(listed("b", "a"), True, "t1"))
    assert plan.take() == listed("b", "a")
    (second,) = plan.iter_to_ask()
    assert (second.token, second.until) == ("t1", None)
    plan.settle(second, ObjectPage(listed("c", "d"), True, "t2"))
    assert plan.take() == listed("c", "d")
    (third,) = plan.iter_to_ask()
    assert third.token == "t2"
    plan.settle(third, ObjectPage(listed("a"), False))
    assert plan.take() == listed("a")
    assert plan.is_finished


def test_a_page_that_leads_to_itself_is_refused() -> None:
    plan = ListingPlan()
    (first,) = plan.iter_to_ask()
    plan.settle(first, ObjectPage([], True, "t"))
    (again,) = plan.iter_to_ask()
    with pytest.raises(MalformedAnswerError):
        plan.settle(again, ObjectPage([], True, "t"))
