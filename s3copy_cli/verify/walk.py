"""The lock-step walk of two listings: pure, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3copy_cli.errors import S3CopyError

if TYPE_CHECKING:
    from s3copy_cli.s3 import ListedObject


@dataclass(frozen=True, slots=True)
class Pair:
    """One key that at least one of the two listings has.

    Attributes:
        key: the object's key.
        source: its line in the source's listing, None if it is only at the destination.
        destination: its line in the destination's listing, None if it is only in the source.
    """

    key: str
    source: ListedObject | None
    destination: ListedObject | None


def key_order(key: str) -> bytes:
    """What S3 sorts listings by: the key's UTF-8 bytes (a lone surrogate, which S3 cannot hold, sorts as itself)."""
    return key.encode("utf-8", "surrogatepass")


def iter_pairs(source: Iterable[ListedObject], destination: Iterable[ListedObject]) -> Iterator[Pair]:
    """Every key of either listing once, in key order; only one line of each is held.

    Raises:
        S3CopyError: a listing is not strictly sorted, so that nothing could be proved by walking it.
    """
    sources = _iter_sorted(source, "source")
    destinations = _iter_sorted(destination, "destination")
    left, right = next(sources, None), next(destinations, None)
    while left is not None or right is not None:
        if left is not None and (right is None or left[0] < right[0]):
            yield Pair(left[1].key, left[1], None)
            left = next(sources, None)
        elif right is not None and (left is None or right[0] < left[0]):
            yield Pair(right[1].key, None, right[1])
            right = next(destinations, None)
        elif left is not None and right is not None:
            yield Pair(left[1].key, left[1], right[1])
            left, right = next(sources, None), next(destinations, None)


def _iter_sorted(listing: Iterable[ListedObject], which: str) -> Iterator[tuple[bytes, ListedObject]]:
    previous: bytes | None = None
    for entry in listing:
        order = key_order(entry.key)
        if previous is not None and order <= previous:
            raise S3CopyError(
                f"walking the listing of the {which} bucket",
                f"it is not sorted by key: {entry.key!r} came after {previous.decode('utf-8', 'surrogatepass')!r}",
                "Nothing can be proved from such a listing. General purpose buckets on AWS are sorted; directory "
                "buckets and some S3-compatible stores are not.",
                code="ListingNotSorted",
            )
        previous = order
        yield order, entry
