"""Short histories of a source, and what they are run with."""

from __future__ import annotations

from dataclasses import dataclass

from lambda_handler.options import Options

from .fake_s3 import Delete, Object, Put, Retag, Write

_PLAIN = Options()
_DELETES = Options(propagate_deletes=True)
_TAGS = Options(sync_tags=True)
_BOTH = Options(propagate_deletes=True, sync_tags=True)
A, B = Object("A"), Object("B")


@dataclass(frozen=True)
class History:
    """A source's first object (the destination has it as well), and the writes that follow."""

    name: str
    begins: Object | None
    writes: tuple[Write, ...]
    options: Options = _PLAIN


TWO_WRITES = (
    History("overwritten twice", A, (Put("B"), Put("C"))),
    History("overwritten and put back", A, (Put("B"), Put("A"))),
    History("new, then overwritten", None, (Put("A"), Put("B"))),
    History("same content again", A, (Put("A"), Put("A"))),
    History("metadata changed and put back", A, (Put("A", "h2"), Put("A", "h1"))),
    History("overwritten, then other metadata", A, (Put("B"), Put("B", "h2"))),
    History("new, then deleted", None, (Put("A"), Delete()), _DELETES),
    History("deleted and put back", A, (Delete(), Put("A")), _DELETES),
    History("overwritten, then deleted", A, (Put("B"), Delete()), _DELETES),
    History("tags changed and put back", A, (Retag("t2"), Retag("")), _TAGS),
    History("overwritten, then tagged", A, (Put("B", tags="t1"), Retag("t2")), _TAGS),
)
