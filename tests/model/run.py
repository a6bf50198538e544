"""The large search: `make model`. Prints a table, and ends with 1 if anything was found that is not documented.

Run as a module from the project's root: `python -m tests.model.run --writes 3 --invocations 3 --crashes 2`.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable

from lambda_handler.options import Options

from .explorer import TooManyStates
from .histories import (
    ANY_SECOND,
    IN_PARTS,
    LATE,
    LATE_OLD_SDK,
    LOST_ANSWER,
    OLD_SDK,
    SECONDS_APART,
    THREE_WRITES,
    TIME_OUT,
    TWO_WRITES,
    VERSIONED,
    History,
    Mode,
    iter_all,
)
from .judge import VIOLATION
from .programs import Program, convergent, looks_once, obeys_the_event, tags_by_themselves, without_second_look
from .table import Row, render, search

Make = Callable[[Options], Program]


def main() -> int:
    """The table on stdout, progress and traces on stderr."""
    asked = _arguments()
    histories = TWO_WRITES if asked.writes == 2 else THREE_WRITES
    every = tuple(iter_all(asked.writes))
    few = min(asked.crashes, asked.fault_crashes)
    plans: list[tuple[str, Make, tuple[History, ...], Mode, int, bool]] = [
        ("named", convergent, histories, SECONDS_APART, asked.crashes, False),
        ("named", convergent, histories, OLD_SDK, asked.crashes, False),
        ("named", convergent, histories, ANY_SECOND, few, False),
        ("named", convergent, histories, VERSIONED, few, False),
        ("named", convergent, histories, LATE, few, False),
        ("named", convergent, histories, LATE_OLD_SDK, few, False),
        ("named", convergent, histories, LOST_ANSWER, 0, False),
        ("parts", convergent, IN_PARTS, SECONDS_APART, asked.crashes, False),
        ("parts", convergent, IN_PARTS, LATE, few, False),
        ("parts", convergent, IN_PARTS, TIME_OUT, few, False),
        ("every", convergent, every, SECONDS_APART, few, False),
        ("named", without_second_look, histories, SECONDS_APART, few, True),
        ("named", obeys_the_event, histories, SECONDS_APART, few, True),
        ("named", looks_once, histories, SECONDS_APART, few, True),
        ("named", tags_by_themselves, histories, LATE, few, True),
    ]
    rows: list[Row] = []
    is_sound = True
    for kind, make, chosen, mode, crashes, is_caught in plans:
        if kind not in asked.only:
            continue
        invocations = 2 if kind == "parts" and mode is SECONDS_APART else 0 if kind == "parts" else asked.invocations
        try:
            row = search(make, chosen, mode, invocations=invocations, crashes=crashes, max_states=asked.max_states)
        except TooManyStates as error:
            sys.stderr.write(f"{mode.name}: {error}\n")
            return 1
        row.mode = f"{mode.name}; crashes: {crashes}{'' if kind == 'named' else f' ({kind})'}"
        sys.stderr.write(f"{row.program}: {row.mode}: {row.states:,} states in {row.seconds:.0f} s\n")
        sys.stderr.flush()
        rows.append(row)
        if is_caught:
            is_sound = is_sound and row.endings[VIOLATION] > 0
        elif row.unexpected:
            is_sound = False
            sys.stderr.write("\n".join([*row.unexpected, ""]))
    sys.stdout.write(render(rows))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    total = f"{sum(row.states for row in rows):,} states in {sum(row.seconds for row in rows):.0f} s, {megabytes:,} MB"
    sys.stdout.write(f"\n\n{asked.writes} writes, {asked.invocations} invocations: {total}\n")
    return 0 if is_sound else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Search every interleaving of writers, invocations and crashes.")
    parser.add_argument("--writes", type=int, choices=(2, 3), default=3)
    parser.add_argument("--invocations", type=int, default=3)
    parser.add_argument("--crashes", type=int, default=2)
    parser.add_argument("--fault-crashes", type=int, default=1, help="crashes where something else may happen as well")
    parser.add_argument("--max-states", type=int, default=20_000_000, help="of one history, before giving up")
    parser.add_argument("--only", nargs="+", choices=("named", "parts", "every"), default=("named", "parts", "every"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
