"""The process's own streams when whoever reads them has gone, or their disk is full."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from s3copy_cli.output.safe import safe


def write_line(text: str) -> None:
    """A line on stderr. Nobody there to read it is no reason to stop, e.g. in `s3copy setup 2>&1 | head`."""
    try:
        # One call for the whole line: several threads may talk at once.
        sys.stderr.write(safe(text) + "\n")
        sys.stderr.flush()
    except OSError:
        abandon(sys.stderr)


def abandon(stream: TextIO) -> None:
    """Point a stream at nothing: what is still in its buffer would make Python complain at exit."""
    # A stream that is no file (in tests) has no buffer to lose.
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)


def abandon_unwritable() -> None:
    """Point stdout and stderr at nothing, each only if it can no longer be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            abandon(stream)
