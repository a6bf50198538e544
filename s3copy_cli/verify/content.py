"""Comparing the bytes of two objects: in ranges, side by side, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from s3copy_cli.errors import AwsError
from s3copy_cli.s3.store import PASSING_CODES
from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, not_comparable
from s3copy_cli.verify.ordered import iter_in_order

if TYPE_CHECKING:
    from s3copy_cli.s3 import Bucket, ObjectHead

# Each range in work holds this much of both sides: 8 of them are 8 MiB, however many objects are compared at a time.
RANGE_SIZE = 512 * 1024
RANGES_IN_WORK = 8
# S3's answers to a read of an object that is no longer as HEAD saw it.
_CHANGED = frozenset({"PreconditionFailed", "412", "NoSuchKey", "NoSuchVersion", "404", "InvalidRange", "416"})


# Where two objects differ, and the byte of each there.
Difference = tuple[int, bytes, bytes]


class ReadRange(Protocol):
    """`ObjectStore.read_range`."""

    def __call__(self, bucket: Bucket, key: str, first_byte: int, size: int, *, etag: str) -> bytes: ...


class ContentChanged(Exception):  # noqa: N818  (it is an event, and never leaves this package)
    """An object changed while it was read."""


class ContentComparer:
    """Compares bytes.

    Args:
        read_range: reads some bytes of an object, on the condition that its ETag is still the same.
        executor: does the reading; its number of threads times twice `range_size` bounds memory.
        range_size: bytes of each side that are compared at a time.
    """

    def __init__(self, read_range: ReadRange, executor: Executor, range_size: int = RANGE_SIZE) -> None:
        self._read_range = read_range
        self._executor = executor
        self._range_size = range_size

    def compare(
        self, source_bucket: Bucket, source: ObjectHead, destination_bucket: Bucket, destination: ObjectHead
    ) -> FieldComparison:
        """The field "content": equal, different from an offset on, or not comparable because S3 refuses to show it.

        Args:
            source_bucket: where the original is.
            source: the original, as HEAD told.
            destination_bucket: where the copy is.
            destination: the copy, of the same size, under whatever key it has there.

        Raises:
            ContentChanged: one of the two is no longer what HEAD told.
            AwsError: S3 cannot be reached at all, or is out of order for a while (PASSING_CODES).
            CredentialsError: the credentials ceased to be good.
        """

        def begin(first_byte: int) -> Future[Difference | None]:
            size = min(self._range_size, source.size - first_byte)
            return self._executor.submit(
                self._difference, source_bucket, source, destination_bucket, destination, first_byte, size
            )

        ranges = iter_in_order(range(0, source.size, self._range_size), begin, 2 * RANGES_IN_WORK)
        try:
            with closing(ranges):
                difference = next((found for _, found in ranges if found is not None), None)
        except AwsError as error:
            if error.code in _CHANGED:
                raise ContentChanged from error
            if not error.operation or error.code in PASSING_CODES:
                raise
            return not_comparable("content", f"{error.doing}: {error.happened}")
        if difference is None:
            return FieldComparison("content", FieldVerdict.EQUAL, None, None, proves_content=True)
        offset, ours, theirs = difference
        return FieldComparison(
            "content",
            FieldVerdict.DIFFER,
            f"0x{ours.hex()} at byte {offset}",
            f"0x{theirs.hex()} at byte {offset}",
            proves_content=True,
        )

    def _difference(
        self,
        source_bucket: Bucket,
        source: ObjectHead,
        destination_bucket: Bucket,
        destination: ObjectHead,
        first_byte: int,
        size: int,
    ) -> Difference | None:
        """Where a range differs first, counted from the object's beginning, and the two bytes there."""
        ours = self._read_range(source_bucket, source.key, first_byte, size, etag=source.etag)
        theirs = self._read_range(destination_bucket, destination.key, first_byte, size, etag=destination.etag)
        if len(ours) != size or len(theirs) != size:
            raise ContentChanged
        if ours == theirs:
            return None
        position = first_difference(ours, theirs)
        return first_byte + position, ours[position : position + 1], theirs[position : position + 1]


def first_difference(first: bytes, second: bytes) -> int:
    """The first position where two different byte strings differ; where one ends, if it begins the other."""
    shorter = min(len(first), len(second))
    return next(_iter_differences(first, second, shorter), shorter)


def _iter_differences(first: bytes, second: bytes, length: int) -> Iterator[int]:
    return (position for position in range(length) if first[position] != second[position])
