"""Report files: one line for each object, the forms of `rclone check` with our outcomes (docs/verify.md)."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from s3copy_cli.errors import S3CopyError, UsageError
from s3copy_cli.output.safe import escape_key
from s3copy_cli.verify.compare import Outcome

if TYPE_CHECKING:
    from s3copy_cli.verify.results import ObjectResult

STDOUT = "-"
COMBINED = "combined"
# The option's name -> which objects its file names.
KINDS: Mapping[str, Outcome | None] = {
    COMBINED: None,
    "proved": Outcome.PROVED,
    "differs": Outcome.DIFFERS,
    "missing": Outcome.MISSING,
    "extra": Outcome.EXTRA,
    "unproved": Outcome.UNPROVED,
    "errors": Outcome.ERROR,
}


@dataclass(frozen=True)
class WrittenFile:
    """A report file that is complete.

    Attributes:
        kind: the option's name without dashes.
        path: as it was given; "-" for stdout.
        lines: how many objects it names.
    """

    kind: str
    path: str
    lines: int


class _Output:
    """One file: written beside its name, and renamed when it is complete."""

    def __init__(self, kind: str, path: str, stdout: TextIO) -> None:
        self.kind, self.path = kind, path
        self.lines = 0
        self._stream = stdout
        self._temporary: Path | None = None
        if path == STDOUT:
            return
        # A link stays a link: what it points to is replaced.
        self._final = Path(path).resolve()
        if self._final.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        mode = self._final.stat().st_mode if self._final.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            # A pipe or a device: nothing may be renamed there.
            self._stream = self._final.open("w", encoding="utf-8", newline="\n")
            return
        if mode is not None and not os.access(self._final, os.W_OK):
            raise PermissionError(errno.EACCES, "it may not be written")
        temporary = self._final.with_name(f"{self._final.name}.s3copy-{os.getpid()}")
        self._stream = temporary.open("x", encoding="utf-8", newline="\n")
        self._temporary = temporary
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))

    def write(self, line: str) -> None:
        self._stream.write(line)
        self.lines += 1

    def complete(self) -> None:
        self._stream.flush()
        if self.path == STDOUT:
            return
        if self._temporary is not None:
            os.fsync(self._stream.fileno())
        self._stream.close()
        if self._temporary is not None:
            self._temporary.replace(self._final)
            self._temporary = None

    def abandon(self) -> None:
        if self.path != STDOUT:
            with contextlib.suppress(OSError):
                self._stream.close()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink()


class ReportFiles:
    """Writes the files while results come in. A context manager: without `complete`, no file is left or changed.

    Args:
        paths: file names by kind (see `KINDS`); "-" is stdout.
        stdout: where "-" goes.

    Raises:
        UsageError: a file cannot be written, or two options name the same one.
    """

    def __init__(self, paths: Mapping[str, str], stdout: TextIO | None = None) -> None:
        self._outputs: list[_Output] = []
        names: dict[str, str] = {}
        for kind, path in paths.items():
            name = path if path == STDOUT else str(Path(path).resolve())
            if name in names:
                self._abandon()
                raise UsageError(
                    f"opening --{kind} {path!r}", f"--{names[name]} names the same file", "Give each its own file."
                )
            names[name] = kind
            try:
                self._outputs.append(_Output(kind, path, stdout or sys.stdout))
            except OSError as error:
                self._abandon()
                raise UsageError(
                    f"opening --{kind} {path!r}",
                    f"it cannot be written: {error.strerror or error}",
                    "Name a file in a folder that exists and may be written to. Nothing has been verified yet.",
                ) from error

    def __enter__(self) -> ReportFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandon()

    @property
    def uses_stdout(self) -> bool:
        """Whether a file goes to stdout, so that nothing else may."""
        return any(output.path == STDOUT for output in self._outputs)

    @property
    def wants_proved(self) -> bool:
        """Whether a file names the proved ones, too."""
        return any(KINDS[output.kind] in (None, Outcome.PROVED) for output in self._outputs)

    def __bool__(self) -> bool:
        return bool(self._outputs)

    def on_final(self, result: ObjectResult) -> None:
        """Name one object in every file that it belongs to.

        Raises:
            S3CopyError: a file cannot be written any more.
        """
        for output in self._outputs:
            outcome = KINDS[output.kind]
            if outcome is None or outcome is result.outcome:
                prefix = f"{result.outcome.sigil} " if outcome is None else ""
                with _writing(output):
                    output.write(f"{prefix}{report_line(result)}\n")

    def complete(self) -> tuple[WrittenFile, ...]:
        """Put the files in their places: each is whole, or as it was before.

        Raises:
            S3CopyError: a file cannot be written any more.
        """
        for output in self._outputs:
            with _writing(output):
                output.complete()
        return tuple(WrittenFile(output.kind, output.path, output.lines) for output in self._outputs)

    def _abandon(self) -> None:
        for output in self._outputs:
            output.abandon()


def report_line(result: ObjectResult) -> str:
    """The key; for an object that is not proved also the fields that are not equal, and the cause, after tabs."""
    key = escape_key(result.key)
    if result.outcome is Outcome.PROVED:
        return key
    fields = ",".join(escape_key(field.name) for field in result.fields)
    return f"{key}\t{fields}\t{escape_key(result.cause or result.message)}"


@contextlib.contextmanager
def _writing(output: _Output) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "stdout" if output.path == STDOUT else Path(output.path).name
        raise S3CopyError(
            f"writing the report {name}",
            str(error),
            "The file is as it was before. Make room, and run verify again.",
            code="ReportFile",
        ) from error
