"""Searches over many histories, added up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lambda_handler.options import Options

from .explorer import Explorer
from .histories import History, Mode
from .judge import DOCUMENTED, EQUAL, PARKED, VIOLATION
from .programs import Program


@dataclass
class Row:
    """One program in one mode.

    Attributes:
        endings: end states by verdict.
        asked: the names of all requests made.
        unexpected: the shortest way to every verdict that the mode does not accept, and to what it shows.
    """

    program: str
    mode: str
    histories: int = 0
    states: int = 0
    steps: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    asked: frozenset[str] = frozenset()
    unexpected: list[str] = field(default_factory=list)
    seconds: float = 0.0


def search(
    make_program: Callable[[Options], Program],
    histories: Iterable[History],
    mode: Mode,
    *,
    invocations: int,
    crashes: int,
    max_states: int | None = None,
) -> Row:
    """Search every history in this mode.

    Raises:
        TooManyStates: a history has more than `max_states`.
    """
    row = Row("", mode.name)
    started = time.monotonic()
    for history in histories:
        program = make_program(history.options)
        result = Explorer(program, mode.of(history.scope(invocations, crashes))).run(max_states)
        row.program = program.name
        row.histories += 1
        row.states += result.states
        row.steps += result.steps
        row.endings.update(result.endings)
        row.asked |= result.asked
        for verdict, trace in result.traces.items():
            if verdict not in mode.accepts:
                title = f"{verdict}: {program.name}, {history.name}, {mode.name}"
                row.unexpected.append("\n    ".join([title, *trace]))
    row.seconds = time.monotonic() - started
    return row


def render(rows: Iterable[Row]) -> str:
    """A table in Markdown; end states that are not equal are named in the last column."""
    lines = [
        "| handler | mode | histories | states | steps | end states | equal | violations | parked | documented cases |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        documented = "; ".join(f"{name}: {row.endings[name]:,}" for name in DOCUMENTED if row.endings[name])
        numbers = (
            row.histories,
            row.states,
            row.steps,
            row.endings.total(),
            row.endings[EQUAL],
            row.endings[VIOLATION],
            row.endings[PARKED],
        )
        cells = " | ".join(f"{number:,}" for number in numbers)
        lines.append(f"| {row.program} | {row.mode} | {cells} | {documented} |")
    return "\n".join(lines)
