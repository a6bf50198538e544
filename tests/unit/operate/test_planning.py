"""What is brought back, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from s3copy_cli.operate.events import Difference
from s3copy_cli.operate.planning import MAX_NAMED, Plan, iter_pages, plan_repair
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.results import ObjectResult

Make = Callable[..., ObjectResult]


@pytest.mark.parametrize(
    ("outcome", "copy_age", "propagate_deletes", "is_planned"),
    [
        (Outcome.MISSING, 0, False, True),
        (Outcome.DIFFERS, 0, False, True),
        (Outcome.EXTRA, 0, False, False),
        (Outcome.EXTRA, 0, True, True),
        (Outcome.PROVED, 0, True, False),
        (Outcome.UNPROVED, 0, True, False),
        # An ETag that says nothing, and a copy that is older than the source: it may be of an earlier state.
        (Outcome.UNPROVED, -1, False, True),
        (Outcome.ERROR, 0, True, False),
    ],
)
def test_what_the_function_can_change_is_planned(
    result: Make, outcome: Outcome, copy_age: int, propagate_deletes: bool, is_planned: bool
) -> None:
    planned = plan_repair(result("k", outcome, copy_age=copy_age), propagate_deletes=propagate_deletes)
    assert (planned is not None) == is_planned


def test_a_deletion_copies_no_bytes(result: Make) -> None:
    assert plan_repair(result("k", Outcome.EXTRA, size=9), propagate_deletes=True) == Difference(
        "k", Outcome.EXTRA, 0, "etag"
    )


def test_pages_are_made_as_they_are_asked_for(result: Make) -> None:
    taken = []

    def results() -> Iterator[ObjectResult]:
        for number in range(7):
            taken.append(number)
            yield result(str(number), Outcome.MISSING if number % 2 == 0 else Outcome.PROVED)

    plan = Plan()
    pages = iter_pages(results(), plan, propagate_deletes=False, page_size=2)
    assert [each.key for each in next(pages)] == ["0", "2"]
    assert taken == [0, 1, 2], "the walk has gone no further than the page"
    assert plan.total == 2
    assert [[each.key for each in page] for page in pages] == [["4", "6"]]
    assert plan.total == 4
    assert plan.size == 12


def test_a_plan_counts_everything_and_names_the_first(result: Make) -> None:
    plan = Plan()
    outcomes = [Outcome.MISSING] * MAX_NAMED + [Outcome.DIFFERS, Outcome.UNPROVED, Outcome.UNPROVED, Outcome.ERROR]
    found = [result(f"{number:03}", outcome) for number, outcome in enumerate(outcomes)]
    pages = list(iter_pages(found, plan, propagate_deletes=False))
    assert [len(page) for page in pages] == [MAX_NAMED + 1]
    assert plan.counts == {Outcome.MISSING: MAX_NAMED, Outcome.DIFFERS: 1}
    assert plan.left == {Outcome.UNPROVED: 2, Outcome.ERROR: 1}
    assert len(plan.first) == MAX_NAMED
