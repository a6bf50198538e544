"""Comparing two objects field by field: pure. What cannot be compared is said to be so, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from s3copy_cli.s3 import ListedObject, ObjectHead

Level = Literal["listing", "metadata"]

_MD5 = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_MULTIPART = re.compile(r"[0-9a-f]{32}-(\d{1,5})", re.IGNORECASE)
_COMPOSITE = re.compile(r".+-(\d{1,5})")
# S3 API Reference, Object.ETag: under these the ETag is not a digest of the content.
_OPAQUE_ENCRYPTIONS = frozenset({"aws:kms", "aws:kms:dsse", "SSE-C"})


class Outcome(Enum):
    """What is known about one key; the value is the stable name in JSON."""

    PROVED = "proved"
    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"
    UNPROVED = "unproved"
    ERROR = "error"

    @property
    def sigil(self) -> str:
        """One character for tables."""
        return _SIGILS[self]


_SIGILS = {
    Outcome.PROVED: "=",
    Outcome.DIFFERS: "*",
    Outcome.MISSING: "+",
    Outcome.EXTRA: "-",
    Outcome.UNPROVED: "?",
    Outcome.ERROR: "!",
}


class FieldVerdict(Enum):
    """The result for one field; the value is the stable name in JSON."""

    EQUAL = "equal"
    DIFFER = "differ"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True)
class FieldComparison:
    """One field of one object on both sides.

    Attributes:
        name: "size", "etag", a header's name, "x-amz-meta-…" or "checksum-…".
        verdict: equal, different, or not comparable.
        source: its value in the source, None where it is not set.
        destination: its value at the destination, None where it is not set.
        reason: why it cannot be compared; empty otherwise.
        proves_content: whether equality of this field proves equality of the bytes.
        is_required: whether the object can only be proved if this field is equal.
    """

    name: str
    verdict: FieldVerdict
    source: str | None
    destination: str | None
    reason: str = ""
    proves_content: bool = False
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two objects compared: the outcome and every field that led to it."""

    outcome: Outcome
    fields: tuple[FieldComparison, ...]

    @property
    def notable(self) -> tuple[FieldComparison, ...]:
        """The fields worth telling: those that are not equal."""
        return tuple(field for field in self.fields if field.verdict is not FieldVerdict.EQUAL)


def compare_heads(source: ObjectHead, destination: ObjectHead, level: Level = "metadata") -> Comparison:
    """Compare what HEAD told of both sides.

    Args:
        source: the original.
        destination: the copy.
        level: "listing" leaves headers and user metadata out.
    """
    fields = [_size(source.size, destination.size)]
    fields.append(_etag(source.etag, destination.etag, (source.encryption, destination.encryption)))
    fields.extend(_iter_checksums(source, destination))
    if level == "metadata":
        fields.extend(_iter_texts(source.headers, destination.headers, ""))
        fields.extend(_iter_texts(source.metadata, destination.metadata, "x-amz-meta-"))
        fields.extend(_iter_unreadable(source, destination))
    return _conclude(fields)


def compare_listed(source: ListedObject, destination: ListedObject) -> Comparison:
    """Compare two lines of listings.

    A listing does not show encryption. Two equal ETags are still taken as proof: where an ETag is no digest it is
    arbitrary, and two arbitrary ones are not equal by chance. Different ones say nothing until HEAD was asked.
    """
    fields = [_size(source.size, destination.size), _etag(source.etag, destination.etag, ("", ""))]
    return _conclude(fields)


def _conclude(fields: list[FieldComparison]) -> Comparison:
    verdicts = {field.verdict for field in fields}
    if FieldVerdict.DIFFER in verdicts:
        outcome = Outcome.DIFFERS
    elif all(field.verdict is FieldVerdict.EQUAL for field in fields if field.is_required) and any(
        field.proves_content and field.verdict is FieldVerdict.EQUAL for field in fields
    ):
        outcome = Outcome.PROVED
    else:
        outcome = Outcome.UNPROVED
    return Comparison(outcome, tuple(fields))


def _size(source: int, destination: int) -> FieldComparison:
    verdict = FieldVerdict.EQUAL if source == destination else FieldVerdict.DIFFER
    # Two empty objects have the same bytes, whatever their ETags look like.
    return FieldComparison("size", verdict, str(source), str(destination), proves_content=source == 0, is_required=True)


def _etag(source: str, destination: str, encryptions: tuple[str, str]) -> FieldComparison:
    reason = _etag_obstacle(source, destination, encryptions)
    if reason:
        return FieldComparison("etag", FieldVerdict.NOT_COMPARABLE, source, destination, reason)
    verdict = FieldVerdict.EQUAL if source == destination else FieldVerdict.DIFFER
    return FieldComparison("etag", verdict, source, destination, proves_content=True)


def _etag_obstacle(source: str, destination: str, encryptions: tuple[str, str]) -> str:
    """Why two ETags say nothing about the bytes; empty if they do."""
    opaque = sorted(set(encryptions) & _OPAQUE_ENCRYPTIONS)
    if opaque:
        return f"an ETag is not a digest of the bytes under {' and '.join(opaque)}"
    parts = [_MULTIPART.fullmatch(etag) for etag in (source, destination)]
    if parts[0] and parts[1]:
        if source == destination:
            return ""
        if parts[0][1] != parts[1][1]:
            return f"multipart ETags of {parts[0][1]} and {parts[1][1]} parts"
        return "two multipart ETags; the parts may be cut differently"
    if parts[0] or parts[1]:
        return "a multipart ETag on one side, a plain one on the other"
    if not (_MD5.fullmatch(source) and _MD5.fullmatch(destination)):
        return "an ETag that has not the form of an MD5"
    return ""


def _iter_checksums(source: ObjectHead, destination: ObjectHead) -> Iterator[FieldComparison]:
    for algorithm in _union(source.checksums, destination.checksums):
        values = source.checksums.get(algorithm), destination.checksums.get(algorithm)
        name = f"checksum-{algorithm}"
        if values[0] is None or values[1] is None:
            side = "source" if values[0] is None else "destination"
            yield FieldComparison(name, FieldVerdict.NOT_COMPARABLE, *values, f"the {side} has no such checksum")
            continue
        kinds = _checksum_kind(values[0], source.checksum_type), _checksum_kind(values[1], destination.checksum_type)
        if values[0] == values[1] and kinds[0] == kinds[1]:
            yield FieldComparison(name, FieldVerdict.EQUAL, *values, proves_content=True)
        elif kinds == ("FULL_OBJECT", "FULL_OBJECT"):
            yield FieldComparison(name, FieldVerdict.DIFFER, *values, proves_content=True)
        elif kinds[0] == kinds[1]:
            reason = "two checksums of parts; the parts may be cut differently"
            yield FieldComparison(name, FieldVerdict.NOT_COMPARABLE, *values, reason)
        else:
            reason = f"{kinds[0]} in the source, {kinds[1]} at the destination"
            yield FieldComparison(name, FieldVerdict.NOT_COMPARABLE, *values, reason)


def _checksum_kind(value: str, declared: str) -> str:
    """ "FULL_OBJECT", or "COMPOSITE" with its number of parts. Only a composite value ends in "-N"."""
    parts = _COMPOSITE.fullmatch(value)
    if parts:
        return f"COMPOSITE of {parts[1]} parts"
    return declared or "FULL_OBJECT"


def _iter_texts(source: Mapping[str, str], destination: Mapping[str, str], prefix: str) -> Iterator[FieldComparison]:
    for name in _union(source, destination):
        values = source.get(name), destination.get(name)
        verdict = FieldVerdict.EQUAL if values[0] == values[1] else FieldVerdict.DIFFER
        yield FieldComparison(f"{prefix}{name}", verdict, *values, is_required=True)


def _iter_unreadable(source: ObjectHead, destination: ObjectHead) -> Iterator[FieldComparison]:
    counts = source.missing_metadata, destination.missing_metadata
    if any(counts):
        yield FieldComparison(
            "x-amz-missing-meta",
            FieldVerdict.NOT_COMPARABLE,
            str(counts[0]),
            str(counts[1]),
            "S3 cannot return some metadata entries as headers",
            is_required=True,
        )


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return sorted({*first, *second})
