"""What is known about one key: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from s3copy_cli.verify.compare import FieldComparison, Level, Outcome, compare_heads

if TYPE_CHECKING:
    from s3copy_cli.s3 import ObjectHead


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """What is known about one key.

    Attributes:
        key: the object's key.
        outcome: the verdict for this key.
        size: bytes in the source (at the destination for an extra object); None if HEAD failed.
        etag: of the same side; None if HEAD failed.
        fields: the compared fields that are not equal.
        message: what went wrong, for an error; empty otherwise.
        source_modified: when S3 says the source was written.
        destination_modified: when S3 says the destination was written.
        cause: why it is not proved, as far as that was looked for; empty otherwise.
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

    @property
    def may_be_under_way(self) -> bool:
        """Whether a copy that is still running would explain it."""
        if self.outcome in (Outcome.MISSING, Outcome.DIFFERS):
            return True
        if self.outcome is not Outcome.UNPROVED or self.source_modified is None or self.destination_modified is None:
            return False
        return self.destination_modified < self.source_modified


def judge(source: ObjectHead | None, destination: ObjectHead | None, level: Level) -> ObjectResult | None:
    """The result for one key by what HEAD found on both sides; None if neither side has it. Pure."""
    if source is None:
        if destination is None:
            return None
        return ObjectResult(
            destination.key,
            Outcome.EXTRA,
            destination.size,
            destination.etag,
            destination_modified=destination.last_modified,
        )
    if destination is None:
        return ObjectResult(source.key, Outcome.MISSING, source.size, source.etag, source_modified=source.last_modified)
    comparison = compare_heads(source, destination, level)
    return ObjectResult(
        source.key,
        comparison.outcome,
        source.size,
        source.etag,
        comparison.notable,
        source_modified=source.last_modified,
        destination_modified=destination.last_modified,
    )
