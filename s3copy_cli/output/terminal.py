"""The two streams: stdout takes results, stderr takes everything said along the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from s3copy_cli.output.safe import safe
from s3copy_cli.output.streams import write_line

if TYPE_CHECKING:
    from rich.console import Console

# Columns of what is no terminal: no line is folded there, because programs and files take lines as they are.
_ENDLESS = 100_000


class ProgressBar(Protocol):
    """Something that shows how far a long step has come."""

    def advance(self, amount: int) -> None:
        """Add to the work done, in the unit that the bar was opened with."""

    def total(self, amount: int) -> None:
        """Set the whole amount of work, once it is known."""

    def step(self, what: str, total: int) -> None:
        """Begin with another piece of work, with its own label and amount."""


class _NoBar:
    def advance(self, amount: int) -> None:
        pass

    def total(self, amount: int) -> None:
        pass

    def step(self, what: str, total: int) -> None:
        pass


@dataclass(frozen=True)
class Terminal:
    """Where a command talks.

    Attributes:
        quiet: say nothing but results and errors.
        verbose: say more, e.g. each AWS call.
        color: whether colour may be used; None decides by the stream.
    """

    quiet: bool = False
    verbose: bool = False
    color: bool | None = None

    def say(self, text: str) -> None:
        """A line of conversation on stderr; nothing with --quiet."""
        if not self.quiet:
            write_line(text)

    def warn(self, text: str) -> None:
        """A line on stderr that also --quiet shows: something was lost or is not as it seems."""
        write_line(text)

    def detail(self, text: str) -> None:
        """A line of conversation that only --verbose shows."""
        if self.verbose:
            write_line(text)

    def console(self, *, stderr: bool = False) -> Console:
        """A rich console on stdout (or stderr); markup off, because the text may be anybody's."""
        return self._console(stderr=stderr)

    @property
    def is_interactive(self) -> bool:
        """Whether live output can be shown: stderr is a terminal and --quiet is off."""
        return sys.stderr.isatty() and not self.quiet

    @contextmanager
    def bar(self, what: str, total: int | None, *, is_bytes: bool = False) -> Iterator[ProgressBar]:
        """A progress bar on stderr, for terminals only.

        Args:
            what: the label.
            total: how much there is to do; None while unknown.
            is_bytes: the unit is bytes; otherwise pieces.
        """
        if not self.is_interactive:
            yield _NoBar()
            return
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TransferSpeedColumn,
        )

        columns = (DownloadColumn(), TransferSpeedColumn()) if is_bytes else (MofNCompleteColumn(),)
        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *columns,
            TimeElapsedColumn(),
            console=self._console(stderr=True),
            transient=True,
        )
        with progress:
            task = progress.add_task(safe(what), total=total)

            class _Bar:
                def advance(self, amount: int) -> None:
                    progress.advance(task, amount)

                def total(self, amount: int) -> None:
                    progress.update(task, total=amount)

                def step(self, what: str, total: int) -> None:
                    progress.reset(task, total=total, description=safe(what))

            yield _Bar()

    def _console(self, *, stderr: bool) -> Console:
        from rich.console import Console

        class OurConsole(Console):
            def on_broken_pipe(self) -> None:
                # rich would exit; what the command has found still decides about the exit code.
                # rich calls this while it handles the BrokenPipeError.
                raise

        stream = sys.stderr if stderr else sys.stdout
        return OurConsole(
            stderr=stderr,
            # rich finds out the width of a terminal, and takes COLUMNS.
            width=None if stream.isatty() or "COLUMNS" in os.environ else _ENDLESS,
            markup=False,
            emoji=False,
            highlight=False,
            no_color=self.color is False or None,
            soft_wrap=False,
        )
