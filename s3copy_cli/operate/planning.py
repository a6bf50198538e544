"""What is to be brought back, and what is left alone and why: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from s3copy_cli.operate.events import Difference
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.results import ObjectResult

# How many differences are remembered at a time; beyond, they are brought back before the walk goes on.
PAGE_SIZE = 10_000
# How many of them a plan names.
MAX_NAMED = 50


@dataclass
class Plan:
    """What a walk found that is not as it ought to be. Grows as the walk goes on.

    Attributes:
        counts: the keys to bring back, by what was found.
        size: bytes to copy for them.
        first: the first few of them.
        left: keys that the function cannot help, by outcome.
        absent: those of them that neither bucket has.
        looked_at: how many keys the walk found, those included that are in order.
    """

    counts: Counter[Outcome] = field(default_factory=Counter)
    size: int = 0
    first: list[Difference] = field(default_factory=list)
    left: Counter[Outcome] = field(default_factory=Counter)
    absent: int = 0
    looked_at: int = 0

    @property
    def total(self) -> int:
        """How many keys are to be brought back."""
        return self.counts.total()

    def add(self, difference: Difference) -> None:
        """One more key to bring back."""
        self.counts[difference.outcome] += 1
        self.size += difference.size
        if len(self.first) < MAX_NAMED:
            self.first.append(difference)


def plan_repair(result: ObjectResult, *, propagate_deletes: bool) -> Difference | None:
    """What the function is to be asked for, None where asking it cannot change anything.

    An object that could not be proved is copied already, unless the source is newer than its copy.
    """
    if not result.may_be_under_way(propagate_deletes=propagate_deletes):
        return None
    size = 0 if result.outcome is Outcome.EXTRA else result.size or 0
    return Difference(result.key, result.outcome, size, result.etag or "")


def iter_pages(
    results: Iterable[ObjectResult], plan: Plan, *, propagate_deletes: bool, page_size: int = PAGE_SIZE
) -> Iterator[list[Difference]]:
    """The differences in pages, in key order; `plan` is brought up to date with each result.

    The results are taken as the pages are asked for, so that memory does not grow with their number.
    """
    page: list[Difference] = []
    for result in results:
        plan.looked_at += 1
        difference = plan_repair(result, propagate_deletes=propagate_deletes)
        if difference is None:
            if result.outcome in (Outcome.UNPROVED, Outcome.ERROR):
                plan.left[result.outcome] += 1
                plan.absent += result.trouble == "absent"
            continue
        plan.add(difference)
        page.append(difference)
        if len(page) >= page_size:
            yield page
            page = []
    if page:
        yield page
