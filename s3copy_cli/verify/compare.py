"""Comparing two objects field by field: pure. What cannot be compared is said to be so, never guessed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from s3copy_cli.s3 import ListedObject, ObjectHead

Level = Literal["listing", "metadata", "content"]

_MD5 = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_MULTIPART = re.compile(r"[0-9a-f]{32}-(\d{1,5})", re.IGNORECASE)
# Both cases spelled out: for every pair of a listing, and four times as fast as re.IGNORECASE.
_DIGEST = re.compile(r"[0-9a-fA-F]{32}(-\d{1,5})?")
_COMPOSITE = re.compile(r".+-(\d{1,5})")
# S3 API Reference, Object.ETag: under these the ETag is not a digest of the content.
OPAQUE_ENCRYPTIONS = frozenset({"aws:kms", "aws:kms:dsse", "SSE-C"})
# Objects in these cannot be read before they are restored, so the function does not copy them for their class alone.
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class Rules:
    """How closely to compare.

    Attributes:
        level: "listing": size, ETag and checksums; "metadata": headers and user metadata as well; "content": also the
            bytes, where nothing else proves them.
        prove_all: at the level "content", compare the bytes of every object.
        tags: compare the tags.
        storage_class: compare the storage classes.
    """

    level: Level = "metadata"
    prove_all: bool = False
    tags: bool = False
    storage_class: bool = False

    @property
    def compared(self) -> tuple[str, ...]:
        """What these rules compare, in words."""
        words = ["size", "ETag"]
        if self.level != "listing":
            words += ["checksums", "headers", "metadata"]
        if self.storage_class:
            words.append("storage class")
        if self.tags:
            words.append("tags")
        if self.level == "content":
            words.append("every byte" if self.prove_all else "the bytes where nothing else proves them")
        return tuple(words)


class Outcome(Enum):
    """What is known about one key; the value is the stable name in JSON."""

    PROVED = "proved"
    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"
    UNPROVED = "unproved"
    ERROR = "error"

    # Every object is counted by it, and Enum's own is a call into Python.
    __hash__ = object.__hash__

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
        name: "size", "etag", "checksum-…", a header's name, "x-amz-meta-…", "storage-class", "tag-…" or "content".
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

    @property
    def is_content_open(self) -> bool:
        """Whether nothing is different, and comparing the bytes would prove the object."""
        return (
            self.outcome is Outcome.UNPROVED
            and not any(field.proves_content and field.verdict is FieldVerdict.EQUAL for field in self.fields)
            and all(field.verdict is FieldVerdict.EQUAL for field in self.fields if field.is_required)
        )


DEFAULT_RULES = Rules()


def are_plainly_equal(source: ObjectHead, destination: ObjectHead, rules: Rules) -> bool:
    """Whether two HEADs are so much alike that every field is equal and the ETag proves the bytes.

    The short cut for the usual case; false says nothing. Tags and bytes are not looked at.
    """
    return (
        source.etag == destination.etag
        and source.size == destination.size
        and source.metadata == destination.metadata
        and source.headers == destination.headers
        and source.checksums == destination.checksums
        and source.checksum_type == destination.checksum_type
        and (not rules.storage_class or source.storage_class == destination.storage_class)
        and not source.missing_metadata
        and not destination.missing_metadata
        and not _etag_obstacle(source.etag, destination.etag, (source.encryption, destination.encryption))
    )


def compare_heads(
    source: ObjectHead,
    destination: ObjectHead,
    rules: Rules = DEFAULT_RULES,
    *,
    more: Iterable[FieldComparison] = (),
) -> Comparison:
    """Compare what HEAD told of both sides.

    Args:
        source: the original.
        destination: the copy.
        rules: which fields to compare.
        more: fields that HEAD does not tell: tags, content.
    """
    fields = [_size(source.size, destination.size)]
    fields.append(_etag(source.etag, destination.etag, (source.encryption, destination.encryption)))
    fields.extend(_iter_checksums(source, destination))
    if rules.level != "listing":
        fields.extend(_iter_texts(source.headers, destination.headers, ""))
        fields.extend(_iter_texts(source.metadata, destination.metadata, "x-amz-meta-"))
        fields.extend(_iter_unreadable(source, destination))
    if rules.storage_class:
        fields.append(_storage_class(source.storage_class, destination.storage_class))
    fields.extend(more)
    return _conclude(fields)


def compare_tags(source: Mapping[str, str] | str, destination: Mapping[str, str] | str) -> list[FieldComparison]:
    """Compare the tags of both sides; a text in their place says why they could not be read."""
    if isinstance(source, str) or isinstance(destination, str):
        # Not sets of reasons: the order of the sides is the order of the words.
        reasons = dict.fromkeys(side for side in (source, destination) if isinstance(side, str))
        return [not_comparable("tags", "; ".join(reasons), is_required=True)]
    return list(_iter_texts(source, destination, "tag-"))


def not_comparable(name: str, reason: str, *, is_required: bool = False) -> FieldComparison:
    """A field of which neither side's value can be told."""
    return FieldComparison(name, FieldVerdict.NOT_COMPARABLE, None, None, reason, is_required=is_required)


def are_proved_by_listing(source: ListedObject, destination: ListedObject, *, rules: Rules) -> bool:
    """Whether two lines of listings prove that the bytes are equal, if no ETag here is opaque.

    A listing does not show encryption: ask only where the ETags are known to be digests (see `encryption.py`).
    False says nothing: HEAD tells more.
    """
    if source.size != destination.size or (
        rules.storage_class and not _is_class_kept(source.storage_class, destination.storage_class)
    ):
        return False
    return source.size == 0 or (source.etag == destination.etag and _DIGEST.fullmatch(source.etag) is not None)


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
    is_equal = source == destination or _as_one_part(source) == _as_one_part(destination)
    verdict = FieldVerdict.EQUAL if is_equal else FieldVerdict.DIFFER
    return FieldComparison("etag", verdict, source, destination, proves_content=True)


def _as_one_part(etag: str) -> str:
    """What a plain ETag would be, had the same bytes been uploaded in one part; others as they are."""
    if _MULTIPART.fullmatch(etag):
        return etag.lower()
    return hashlib.md5(bytes.fromhex(etag), usedforsecurity=False).hexdigest() + "-1"


def _etag_obstacle(source: str, destination: str, encryptions: tuple[str, str]) -> str:
    """Why two ETags say nothing about the bytes; empty if they do."""
    if encryptions[0] in OPAQUE_ENCRYPTIONS or encryptions[1] in OPAQUE_ENCRYPTIONS:
        opaque = sorted(OPAQUE_ENCRYPTIONS.intersection(encryptions))
        return f"an ETag is not a digest of the bytes under {' and '.join(opaque)}"
    if source == destination and _DIGEST.fullmatch(source):
        return ""
    parts = [_MULTIPART.fullmatch(etag) for etag in (source, destination)]
    counts = [match and match[1] for match in parts]
    if parts[0] and parts[1]:
        if counts[0] != counts[1]:
            return f"multipart ETags of {counts[0]} and {counts[1]} parts"
        # One part can be cut in one way only.
        return "" if counts[0] == "1" else "two multipart ETags; the parts may be cut differently"
    if (parts[0] or parts[1]) and "1" not in counts:
        return "a multipart ETag on one side, a plain one on the other"
    if "1" in counts:
        plain = source if parts[1] else destination
        return "" if _MD5.fullmatch(plain) else "an ETag that has not the form of an MD5"
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


def _storage_class(source: str, destination: str) -> FieldComparison:
    if source in _ARCHIVES:
        reason = f"the source is archived ({source}); nothing is copied again for that"
        return FieldComparison("storage-class", FieldVerdict.NOT_COMPARABLE, source, destination, reason)
    verdict = FieldVerdict.EQUAL if source == destination else FieldVerdict.DIFFER
    return FieldComparison("storage-class", verdict, source, destination, is_required=True)


def _is_class_kept(source: str, destination: str) -> bool:
    return source in _ARCHIVES or source == destination


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
