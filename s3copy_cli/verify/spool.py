"""Results that are too many to remember: in memory while they are few, else in a temporary file without a name."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from s3copy_cli.errors import S3CopyError
from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome
from s3copy_cli.verify.results import ObjectResult

# Some 30,000 results.
IN_MEMORY = 8 * 1024 * 1024


class Entry(NamedTuple):
    """A result, and when its key was first found in this state or another (monotonic clock, seconds)."""

    result: ObjectResult
    seen_at: float


class Sink(Protocol):
    """Takes final results in key order: every one that is not proved, however many there are.

    Attributes:
        wants_proved: whether it takes the proved ones, too. They cost disk space while verify runs.
    """

    @property
    def wants_proved(self) -> bool:
        """See the class."""

    def on_final(self, result: ObjectResult) -> None:
        """One key's final result, with its cause where that is known."""


class Spool:
    """A sequence of results: written first, then read, as often as one likes. Use as a context manager.

    Args:
        in_memory: bytes that are kept in memory before a file is made of it.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        # Unlinked at once by the system, readable by nobody else.
        self._file = tempfile.SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, entry: Entry) -> None:
        """Add one at the end; not while somebody reads.

        Raises:
            S3CopyError: the disk is full.
        """
        with _translated():
            self._file.write(encode(entry))

    def __iter__(self) -> Iterator[Entry]:
        """All of them from the beginning; only one reader at a time."""
        with _translated():
            self._file.seek(0)
        while True:
            with _translated():
                line = self._file.readline()
            if not line:
                return
            yield decode(line)

    def close(self) -> None:
        """Give the memory or the file back."""
        self._file.close()


def encode(entry: Entry) -> bytes:
    """One line of ASCII."""
    result = entry.result
    fields = [
        (
            field.name,
            field.verdict.value,
            field.source,
            field.destination,
            field.reason,
            field.proves_content,
            field.is_required,
        )
        for field in result.fields
    ]
    values = (
        result.key,
        result.outcome.value,
        result.size,
        result.etag,
        fields,
        result.message,
        _text(result.source_modified),
        _text(result.destination_modified),
        result.cause,
        result.trouble,
        entry.seen_at,
    )
    return json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> Entry:
    """What `encode` was given."""
    key, outcome, size, etag, fields, message, source_modified, destination_modified, cause, trouble, seen_at = (
        json.loads(line)
    )
    result = ObjectResult(
        key,
        Outcome(outcome),
        size,
        etag,
        tuple(_field(*field) for field in fields),
        message,
        _moment(source_modified),
        _moment(destination_modified),
        cause,
        trouble,
    )
    return Entry(result, seen_at)


def _field(name: str, verdict: str, *rest: Any) -> FieldComparison:
    return FieldComparison(name, FieldVerdict(verdict), *rest)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise S3CopyError(
            "keeping the results in a temporary file",
            f"{error.strerror or error} in {tempfile.gettempdir()}",
            "Make room there, or name another folder with the environment variable TMPDIR.",
            code="TemporaryFile",
        ) from error
