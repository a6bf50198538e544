"""Report files: one line for each object, the forms of `rclone check` with our outcomes (docs/verify.md)."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from s3copy_cli.errors import S3CopyError, UsageError
from s3copy_cli.output.safe import escape_key
from s3copy_cli.output.streams import abandon
from s3copy_cli.verify.compare import Outcome

if TYPE_CHECKING:
    from s3copy_cli.verify.results import ObjectResult

STDOUT = "-"
_NAMES_OF_STDOUT = frozenset({STDOUT, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
# What is named by these is open already, e.g. by the shell for `--combined >(gzip >all.gz)`.
_OPEN_FILES = ("/dev/", "/proc/")
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
        self.outcome = KINDS[kind]
        self.lines = 0
        self.is_stdout = is_stdout(path)
        # Whoever read it went away, e.g. `--combined - | head`.
        self.is_unread = False
        self._stream = stdout
        self._temporary: Path | None = None
        if self.is_stdout:
            return
        given = Path(path)
        if given.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        mode = given.stat().st_mode if given.exists() else None
        if mode is not None and (path.startswith(_OPEN_FILES) or not stat.S_ISREG(mode)):
            # A pipe or a device: nothing may be renamed there.
            self._stream = given.open("a", encoding="utf-8", newline="\n")
            return
        # A link stays a link: what it points to is replaced.
        self._final = given.resolve()
        if mode is not None and not os.access(self._final, os.W_OK):
            raise PermissionError(errno.EACCES, "it may not be written")
        temporary = self._final.with_name(f"{self._final.name}.s3copy-{os.getpid()}")
        self._stream = temporary.open("x", encoding="utf-8", newline="\n")
        self._temporary = temporary
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))

    @property
    def is_replaced(self) -> bool:
        """Whether it is as it was before until it is complete."""
        return self._temporary is not None

    def write(self, line: str) -> None:
        if not self.is_unread:
            self._stream.write(line)
            self.lines += 1

    def complete(self) -> None:
        self._stream.flush()
        if self.is_stdout:
            return
        if self._temporary is not None:
            os.fsync(self._stream.fileno())
        self._stream.close()
        if self._temporary is not None:
            self._temporary.replace(self._final)
            self._temporary = None

    def stop(self, *, is_unread: bool) -> None:
        """Write no more to it: nobody reads it, or there is no room."""
        self.is_unread = is_unread
        abandon(self._stream)

    def abandon(self) -> None:
        if not self.is_stdout:
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
            name = STDOUT if is_stdout(path) else str(Path(path).resolve())
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
        return any(output.is_stdout for output in self._outputs)

    @property
    def wants_proved(self) -> bool:
        """Whether a file names the proved ones, too."""
        return any(output.outcome in (None, Outcome.PROVED) for output in self._outputs)

    def __bool__(self) -> bool:
        return bool(self._outputs)

    def on_final(self, result: ObjectResult) -> None:
        """Name one object in every file that it belongs to.

        Raises:
            S3CopyError: a file cannot be written any more.
        """
        line = ""
        for output in self._outputs:
            wanted = output.outcome
            if wanted is None or wanted is result.outcome:
                line = line or f"{report_line(result)}\n"
                try:
                    output.write(line if wanted is not None else f"{result.outcome.sigil} {line}")
                except OSError as error:
                    _stop(output, error)

    def complete(self) -> tuple[WrittenFile, ...]:
        """Put the files in their places: each is whole, or as it was before. What nobody read is not among them.

        Raises:
            S3CopyError: a file cannot be written any more.
        """
        for output in self._outputs:
            try:
                output.complete()
            except OSError as error:
                _stop(output, error)
        complete = [output for output in self._outputs if not output.is_unread]
        return tuple(WrittenFile(output.kind, output.path, output.lines) for output in complete)

    def _abandon(self) -> None:
        for output in self._outputs:
            output.abandon()


def is_stdout(path: str) -> bool:
    """Whether a report file's name means stdout."""
    return path in _NAMES_OF_STDOUT


def report_line(result: ObjectResult) -> str:
    """The key; for an object that is not proved also the fields that are not equal, and the cause, after tabs."""
    key = escape_key(result.key)
    if result.outcome is Outcome.PROVED:
        return key
    fields = ",".join(escape_key(field.name) for field in result.fields)
    return f"{key}\t{fields}\t{escape_key(result.cause or result.message)}"


def _stop(output: _Output, error: OSError) -> None:
    """End a file that could not be written.

    Raises:
        S3CopyError: for another reason than that its reader has gone.
    """
    if isinstance(error, BrokenPipeError):
        # The rest of the answer does not depend on who reads this.
        output.stop(is_unread=True)
        return
    name = "stdout" if output.is_stdout else Path(output.path).name
    state = "The file is as it was before." if output.is_replaced else "What was written there is incomplete."
    output.stop(is_unread=False)
    raise S3CopyError(
        f"writing the report {name}",
        error.strerror or str(error),
        f"{state} Make room, and run verify again.",
        code="ReportFile",
    ) from error
