"""The program's first module, also `python -m s3copy_cli`: what is interrupted while it loads ends like the rest."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Load the program and run it."""
    try:
        from s3copy_cli.cli import main as run

        run()
    except KeyboardInterrupt:
        # Between the places that answer an interruption better: while modules load, or while it is reported.
        sys.exit(_say_interrupted())


def _say_interrupted() -> int:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from s3copy_cli.config import is_yes
    from s3copy_cli.errors import ExitCode
    from s3copy_cli.output.result import Problem, error_envelope
    from s3copy_cli.output.streams import write_line

    if "--json" in sys.argv or is_yes(os.environ.get("S3COPY_JSON", "")):
        problem = Problem("Interrupted", "starting: interrupted", "To go on, run the same command again.")
        sys.stdout.write(error_envelope("", ExitCode.INTERRUPTED, [problem]))
    write_line("Error: interrupted; run the same command again.")
    return int(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
