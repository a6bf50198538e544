"""Results that are too many to remember: in memory while they are few, else in a temporary file without a name."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from s3copy_cli.errors import S3CopyError
from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome
from s3copy_cli.verify.results import ObjectResult

# Some 60,000 results.
IN_MEMORY = 8 * 1024 * 1024
# Results that are encoded together: one by one, the calls alone take longer than the work.
_TOGETHER = 256
_LENGTH_BYTES = 4
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_VALUES = {outcome: value for value, outcome in _OUTCOMES.items()}


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
        # The last ones, not written yet.
        self._last: list[Entry] = []

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
        self._last.append(entry)
        if len(self._last) == _TOGETHER:
            self._write()

    def _write(self) -> None:
        block = encode(self._last)
        with _translated():
            self._file.write(len(block).to_bytes(_LENGTH_BYTES, "big"))
            self._file.write(block)
        self._last.clear()

    def __iter__(self) -> Iterator[Entry]:
        """All of them from the beginning; only one reader at a time.

        Raises:
            S3CopyError: the disk is full, or does not give back what was written.
        """
        if self._last:
            self._write()
        with _translated():
            self._file.seek(0)
        while True:
            with _translated():
                length = int.from_bytes(self._file.read(_LENGTH_BYTES), "big")
                block = self._file.read(length)
            if not block:
                return
            yield from decode(block)

    def close(self) -> None:
        """Give the memory or the file back."""
        self._file.close()


def encode(entries: Sequence[Entry]) -> bytes:
    """Entries as bytes that only this program reads, and only in this run."""
    return marshal.dumps([_plain(entry) for entry in entries])


def decode(block: bytes) -> Iterator[Entry]:
    """What `encode` was given."""
    for key, outcome, size, etag, fields, message, source_modified, destination_modified, cause, trouble, seen_at in (
        # Our own words, from a file that nobody else can open. JSON takes ten times as long.
        marshal.loads(block)  # noqa: S302
    ):
        result = ObjectResult(
            key,
            _OUTCOMES[outcome],
            size,
            etag,
            tuple(_field(*field) for field in fields) if fields else (),
            message,
            _moment(source_modified),
            _moment(destination_modified),
            cause,
            trouble,
        )
        yield Entry(result, seen_at)


def _plain(entry: Entry) -> tuple[Any, ...]:
    result, seen_at = entry
    key, outcome, size, etag, fields, message, source_modified, destination_modified, cause, trouble = result
    return (
        key,
        _VALUES[outcome],
        size,
        etag,
        tuple(_plain_field(field) for field in fields) if fields else (),
        message,
        _number(source_modified),
        _number(destination_modified),
        cause,
        trouble,
        seen_at,
    )


def _plain_field(field: FieldComparison) -> tuple[Any, ...]:
    return (
        field.name,
        field.verdict.value,
        field.source,
        field.destination,
        field.reason,
        field.proves_content,
        field.is_required,
    )


def _field(name: str, verdict: str, *rest: Any) -> FieldComparison:
    return FieldComparison(name, FieldVerdict(verdict), *rest)


def _number(moment: datetime | None) -> float | str | None:
    if moment is None:
        return None
    # HEAD tells whole seconds, which a number holds exactly.
    return moment.isoformat() if moment.microsecond else moment.timestamp()


def _moment(number: float | str | None) -> datetime | None:
    if number is None:
        return None
    return datetime.fromisoformat(number) if isinstance(number, str) else datetime.fromtimestamp(number, timezone.utc)


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
