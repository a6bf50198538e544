"""Short histories of a source, and what they are run with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from lambda_handler.options import Options

from .judge import EQUAL, LATE_REQUEST, LATE_REQUEST_ABSENT, PARKED, SAME_SECOND, VIOLATION
from .states import Scope, is_event
from .world import TWO_PARTS, UNEVEN_PARTS, Delete, Object, Put, Retag, Rules, Write

_PLAIN = Options()
_DELETES = Options(propagate_deletes=True)
_TAGS = Options(sync_tags=True)
_BOTH = Options(propagate_deletes=True, sync_tags=True)
_A = Object("A")


@dataclass(frozen=True)
class History:
    """A source's first object (the destination has it as well), and the writes that follow."""

    name: str
    begins: Object | None
    writes: tuple[Write, ...]
    options: Options = _PLAIN

    def scope(self, invocations: int, crashes: int) -> Scope:
        """This history with so many invocations: what is left over after each event's own are duplicates."""
        events = sum(is_event(change, self.options) for change in self.writes)
        return Scope(self.begins, self.writes, self.options, duplicates=max(0, invocations - events), crashes=crashes)


TWO_WRITES = (
    History("overwritten twice", _A, (Put("B"), Put("C"))),
    History("overwritten and put back", _A, (Put("B"), Put("A"))),
    History("new, then overwritten", None, (Put("A"), Put("B"))),
    History("same content again", _A, (Put("A"), Put("A"))),
    History("metadata changed and put back", _A, (Put("A", "h2"), Put("A", "h1"))),
    History("overwritten, then other metadata", _A, (Put("B"), Put("B", "h2"))),
    History("new, then deleted", None, (Put("A"), Delete()), _DELETES),
    History("deleted and put back", _A, (Delete(), Put("A")), _DELETES),
    History("overwritten, then deleted", _A, (Put("B"), Delete()), _DELETES),
    History("tags changed and put back", _A, (Retag("t2"), Retag("")), _TAGS),
    History("overwritten, then tagged", _A, (Put("B", tags="t1"), Retag("t2")), _TAGS),
    History("tagged, then overwritten", _A, (Retag("t1"), Put("B")), _TAGS),
)

# Tags that change alone, and deletes, are not brought over unless asked for.
NOT_ASKED_FOR = (
    History("overwritten, then tagged, not synced", _A, (Put("B", tags="t1"), Retag("t2"))),
    History("deleted and put back, not propagated", _A, (Delete(), Put("A"))),
)

THREE_WRITES = (
    History("overwritten thrice", _A, (Put("B"), Put("C"), Put("D"))),
    History("overwritten, put back, again", _A, (Put("B"), Put("A"), Put("B"))),
    History("new, overwritten, put back", None, (Put("A"), Put("B"), Put("A"))),
    History("same content, same again, other", _A, (Put("A"), Put("A"), Put("B"))),
    History("new, metadata changed and put back", None, (Put("A", "h1"), Put("A", "h2"), Put("A", "h1"))),
    History("metadata, bytes, metadata", _A, (Put("A", "h2"), Put("B", "h2"), Put("B", "h1"))),
    History("new, deleted, put back", None, (Put("A"), Delete(), Put("A")), _DELETES),
    History("deleted, put back, deleted", _A, (Delete(), Put("A"), Delete()), _DELETES),
    History("overwritten, deleted, put back", _A, (Put("B"), Delete(), Put("B")), _DELETES),
    History("tags changed, again, put back", _A, (Retag("t1"), Retag("t2"), Retag("t1")), _TAGS),
    History("tagged, overwritten, put back", _A, (Retag("t1"), Put("B"), Put("A")), _TAGS),
    History("new, other tags, first tags", None, (Put("A", tags="t1"), Put("A", tags="t2"), Put("A", tags="t1"))),
    History("new, tagged, deleted", None, (Put("A", tags="t1"), Retag("t2"), Delete()), _BOTH),
)

_ONE_BY_ONE = Options(part_concurrency=1)
IN_PARTS = (
    History("new in parts", _A, (Put("B", parts=TWO_PARTS),), _ONE_BY_ONE),
    History("new in parts of odd sizes", _A, (Put("B", parts=UNEVEN_PARTS),), _ONE_BY_ONE),
    History("new in parts, then whole", _A, (Put("B", parts=TWO_PARTS), Put("C")), _ONE_BY_ONE),
    History("new in parts, then put back", _A, (Put("B", parts=TWO_PARTS), Put("A")), _ONE_BY_ONE),
    History(
        "new in parts, then deleted",
        _A,
        (Put("B", parts=TWO_PARTS), Delete()),
        replace(_ONE_BY_ONE, propagate_deletes=True),
    ),
    History(
        "new in parts, then tagged", _A, (Put("B", parts=TWO_PARTS), Retag("t1")), replace(_ONE_BY_ONE, sync_tags=True)
    ),
    History(
        "new in parts, then with other tags",
        None,
        (Put("B", tags="t1", parts=TWO_PARTS), Put("B", tags="t2", parts=TWO_PARTS)),
        _ONE_BY_ONE,
    ),
    History(
        "new in parts, then other metadata",
        None,
        (Put("B", parts=TWO_PARTS), Put("B", "h2", parts=TWO_PARTS)),
        _ONE_BY_ONE,
    ),
)


def iter_all(writes: int) -> Iterator[History]:
    """Every history of so many writes over a small alphabet, with deletes and tags brought over."""
    alphabet: tuple[Write, ...] = (Put("A"), Put("B"), Put("A", "h2"), Put("A", tags="t1"), Retag("t2"), Delete())
    for begins in (None, _A):
        for changes in product(alphabet, repeat=writes):
            yield History(", ".join(str(change) for change in changes), begins, changes, _BOTH)


@dataclass(frozen=True)
class Mode:
    """What else may happen in a search.

    Attributes:
        accepts: the verdicts that an end state may have; see judge.py.
    """

    name: str
    changes: dict[str, object]
    accepts: frozenset[str] = frozenset({EQUAL, PARKED})

    def of(self, scope: Scope) -> Scope:
        """The scope with this in it."""
        return replace(scope, **self.changes)  # type: ignore[arg-type]


_LATE_ONES = frozenset({EQUAL, PARKED, LATE_REQUEST, LATE_REQUEST_ABSENT})

SECONDS_APART = Mode("each write in its own second", {})
ANY_SECOND = Mode("writes within one second", {"any_second": True}, frozenset({EQUAL, PARKED, SAME_SECOND}))
VERSIONED = Mode("one second, versioned source", {"any_second": True, "rules": Rules(versioned_source=True)})
OLD_SDK = Mode("no destination conditions", {"rules": Rules(destination_conditions=False)})
LOST_ANSWER = Mode("an answer gets lost", {"lost_answers": 1})
TIME_OUT = Mode("a time-out", {"timeouts": 1})
LATE = Mode("harder: late requests", {"harder": True}, _LATE_ONES)
LATE_OLD_SDK = Mode(
    "harder, no destination conditions",
    {"harder": True, "rules": Rules(destination_conditions=False)},
    _LATE_ONES | {VIOLATION},
)
