"""What is known about one key: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from s3copy_cli.verify.compare import (
    FieldComparison,
    Outcome,
    Rules,
    are_plainly_equal,
    compare_heads,
    compare_tags,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from s3copy_cli.s3 import ObjectHead


# Why a key could not be looked at: neither bucket has it; S3 was out of order, and may be well again in a minute;
# anything else.
Trouble = Literal["absent", "passing", ""]


class ObjectResult(NamedTuple):
    """What is known about one key; a tuple, because there are millions of them.

    Attributes:
        key: the object's key.
        outcome: the verdict for this key.
        size: bytes in the source (at the destination for an extra object); None if HEAD failed.
        etag: of the same side; None if HEAD failed.
        fields: the compared fields that are not equal.
        message: what went wrong, for an error; empty otherwise.
        source_modified: when S3 says the source was written.
        destination_modified: when S3 says the destination was written.
        cause: what explains it, from the logs or the dead-letter queue; only in final results, empty if unknown.
        trouble: of what kind an error is; empty if it is none of these kinds, or no error.
    """

    key: str
    outcome: Outcome
    size: int | None = None
    etag: str | None = None
    fields: tuple[FieldComparison, ...] = ()
    message: str = ""
    source_modified: datetime | None = None
    destination_modified: datetime | None = None
    cause: str = ""
    trouble: Trouble = ""

    def may_be_under_way(self, *, propagate_deletes: bool) -> bool:
        """Whether a copy that is still running would explain it, or a deletion where deletes are carried over."""
        if self.outcome in (Outcome.MISSING, Outcome.DIFFERS):
            return True
        if self.outcome is Outcome.EXTRA:
            return propagate_deletes
        if self.outcome is not Outcome.UNPROVED or self.source_modified is None or self.destination_modified is None:
            return False
        return self.destination_modified < self.source_modified


@dataclass(frozen=True, slots=True)
class Seen:
    """One side of a key as it was found.

    Attributes:
        head: what HEAD told; None if there is no object.
        tags: its tags, where they were asked for; a text says why they could not be read.
    """

    head: ObjectHead | None
    tags: Mapping[str, str] | str | None = None


def judge_at_a_glance(key: str, source: ObjectHead, destination: ObjectHead, rules: Rules) -> ObjectResult | None:
    """The result, if two HEADs show at once that everything is equal; None says nothing. Pure."""
    if rules.tags or rules.prove_all or not are_plainly_equal(source, destination, rules):
        return None
    return _result(key, source, destination, Outcome.PROVED, ())


def judge(
    key: str, source: Seen, destination: Seen, rules: Rules, content: FieldComparison | None = None
) -> tuple[ObjectResult | None, bool]:
    """The result for one key by what was found on both sides: pure.

    Args:
        key: the key in the source.
        source: the original.
        destination: the copy.
        rules: how closely to compare.
        content: what comparing the bytes came to, where that was done.

    Returns:
        The result, None if neither side has the key; and whether comparing the bytes is still to be done.
    """
    if source.head is None:
        if destination.head is None:
            return None, False
        head = destination.head
        return ObjectResult(key, Outcome.EXTRA, head.size, head.etag, destination_modified=head.last_modified), False
    if destination.head is None:
        head = source.head
        return ObjectResult(key, Outcome.MISSING, head.size, head.etag, source_modified=head.last_modified), False
    comparison = compare_heads(
        source.head, destination.head, rules, more=_iter_more(source, destination, rules, content)
    )
    is_content_due = (
        rules.level == "content"
        and content is None
        and source.head.size == destination.head.size > 0
        and (rules.prove_all or comparison.is_content_open)
    )
    return _result(key, source.head, destination.head, comparison.outcome, comparison.notable), is_content_due


def _iter_more(
    source: Seen, destination: Seen, rules: Rules, content: FieldComparison | None
) -> Iterable[FieldComparison]:
    if source.tags is not None and destination.tags is not None:
        yield from compare_tags(source.tags, destination.tags)
    if content is not None:
        # Who asked for every byte is not content with less.
        yield replace(content, is_required=rules.prove_all)


def _result(
    key: str, source: ObjectHead, destination: ObjectHead, outcome: Outcome, fields: tuple[FieldComparison, ...]
) -> ObjectResult:
    return ObjectResult(
        key,
        outcome,
        source.size,
        source.etag,
        fields,
        source_modified=source.last_modified,
        destination_modified=destination.last_modified,
    )
