"""The lock-step walk of two listings: pure, in constant memory.

Keys are compared as Python compares texts, by code points. That is the order of their UTF-8 bytes, in which S3 lists
(a lone surrogate, which S3 cannot hold, sorts as itself).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from s3copy_cli.errors import S3CopyError

if TYPE_CHECKING:
    from s3copy_cli.s3 import ListedObject


class Pair(NamedTuple):
    """One key that at least one of the two listings has.

    Attributes:
        key: the object's key.
        source: its line in the source's listing, None if it is only at the destination.
        destination: its line in the destination's listing, None if it is only in the source.
    """

    key: str
    source: ListedObject | None
    destination: ListedObject | None


def iter_pairs(source: Iterable[ListedObject], destination: Iterable[ListedObject]) -> Iterator[Pair]:
    """Every key of either listing once, in key order; only one line of each is held.

    Raises:
        S3CopyError: a listing is not strictly sorted, so that nothing could be proved by walking it.
    """
    sources = _iter_sorted(source, "source")
    destinations = _iter_sorted(destination, "destination")
    left, right = next(sources, None), next(destinations, None)
    while left is not None and right is not None:
        if left.key == right.key:
            yield Pair(left.key, left, right)
            left, right = next(sources, None), next(destinations, None)
        elif left.key < right.key:
            yield Pair(left.key, left, None)
            left = next(sources, None)
        else:
            yield Pair(right.key, None, right)
            right = next(destinations, None)
    while left is not None:
        yield Pair(left.key, left, None)
        left = next(sources, None)
    while right is not None:
        yield Pair(right.key, None, right)
        right = next(destinations, None)


def _iter_sorted(listing: Iterable[ListedObject], which: str) -> Iterator[ListedObject]:
    # No key is empty, so that the first one is greater.
    previous = ""
    for entry in listing:
        key = entry.key
        if key <= previous:
            raise S3CopyError(
                f"walking the listing of the {which} bucket",
                f"it is not sorted by key: {key!r} came after {previous!r}",
                "Nothing can be proved from such a listing. General purpose buckets on AWS are sorted; directory "
                "buckets and some S3-compatible stores are not.",
                code="ListingNotSorted",
            )
        previous = key
        yield entry
