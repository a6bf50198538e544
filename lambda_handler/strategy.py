"""How an object is to be copied, and in which parts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate

from .compare import ObjectState
from .errors import Failure

MAX_COPY_OBJECT_BYTES = 5 * 1024**3
MAX_PARTS = 10_000
MAX_PART_BYTES = 5 * 1024**3

_MIB = 1024**2
_OWN_PART_BYTES = 64 * _MIB
_MULTIPART_ETAG = re.compile(r'"?[0-9a-f]{32}-([1-9][0-9]*)"?')

Layout = tuple[int, ...]  # the sizes of an object's parts, in bytes


@dataclass(frozen=True)
class Whole:
    """One CopyObject: the whole object in one request."""

    name: str = "copy_object"
    parts: int = 1


@dataclass(frozen=True)
class InParts:
    """A multipart upload whose parts are copied.

    Attributes:
        count: how many parts the source was made of; None where it is of one piece, so that any parts will do.
    """

    count: int | None
    name: str = "multipart_copy"


@dataclass(frozen=True)
class Refuse:
    """This object cannot be copied; `failure` says why."""

    failure: Failure


def choose_strategy(source: ObjectState) -> Whole | InParts | Refuse:
    """What keeps the ETag: parts for what was made of parts, one CopyObject for the rest, up to its 5 GiB."""
    if source.size > MAX_PARTS * MAX_PART_BYTES:
        message = f"the object has {source.size} bytes, more than {MAX_PARTS} parts of {MAX_PART_BYTES} bytes can hold"
        return Refuse(Failure("ObjectTooLarge", message, permanent=True))
    found = _MULTIPART_ETAG.fullmatch(source.etag)
    if found and int(found[1]) <= MAX_PARTS:
        return InParts(int(found[1]))
    return Whole() if source.size <= MAX_COPY_OBJECT_BYTES else InParts(None)


def is_layout_of(layout: Layout | None, source: ObjectState, count: int) -> bool:
    """Whether these parts make the source's size, in the number that its ETag tells."""
    return layout is not None and len(layout) == count and sum(layout) == source.size


def uniform_layout(size: int, part_size: int) -> Layout:
    """Parts of one size, the last one as small as it comes; one empty part for an empty object."""
    if size <= part_size:
        return (size,)
    whole, rest = divmod(size, part_size)
    return (part_size,) * whole + ((rest,) if rest else ())


def own_layout(size: int) -> Layout:
    """Parts of our choice, where those of the source do not matter or cannot be learned."""
    smallest = -(-size // MAX_PARTS)
    return uniform_layout(size, max(_OWN_PART_BYTES, -(-smallest // _MIB) * _MIB))


def compact_layout(layout: Layout) -> Layout:
    """One size for uniform parts, else all of them; `expand_layout` undoes it."""
    size = sum(layout)
    return layout[:1] if uniform_layout(size, layout[0] or 1) == layout else layout


def expand_layout(layout: Layout, size: int) -> Layout:
    """The sizes of all parts of an object of this size (bytes)."""
    return uniform_layout(size, layout[0] or 1) if len(layout) == 1 else layout


def first_bytes(layout: Layout) -> Layout:
    """Where in the object each part begins."""
    return tuple(accumulate(layout[:-1], initial=0))
