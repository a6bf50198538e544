"""Rows of the result: what was measured, against what, and what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .measure import Measured


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        what: what was done.
        unit: of the two values: "s", "MB" or "/s".
        ours: our median.
        peer: what it is compared with; "" for an expectation without one.
        theirs: the peer's median.
        factor: how many times better ours is (faster, smaller); below 1 it is worse. None without a peer.
        cpu_factor: the same for processor time, which suffers less from what else the machine does; where the peer
            uses several processors and we one, wall time is in its favour. None where it is not about time.
        expected: what was promised, in words; "" where nothing is.
        is_met: whether the promise was kept; None where nothing is promised.
    """

    what: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    factor: float | None = None
    cpu_factor: float | None = None
    expected: str = ""
    is_met: bool | None = None


def faster(what: str, ours: Measured, peer: Measured, at_least: float | None = None) -> Row:
    """Wall times: ours is to be so many times faster."""
    row = _factor(what, "s", ours.wall, peer.client, peer.wall, peer.wall / ours.wall, at_least)
    return replace(row, cpu_factor=peer.cpu / ours.cpu)


def smaller(what: str, ours: Measured, peer: Measured, at_least: float | None = None) -> Row:
    """Peak memory: ours is to be so many times smaller."""
    return _factor(what, "MB", ours.peak_mb, peer.client, peer.peak_mb, peer.peak_mb / ours.peak_mb, at_least)


def rate(what: str, ours: float, peer: str, theirs: float, at_least: float | None = None) -> Row:
    """Things done in a second: ours is to be so many times higher."""
    return _factor(what, "/s", ours, peer, theirs, ours / theirs, at_least)


def at_least(what: str, unit: str, value: float, limit: float) -> Row:
    """A value that is to reach a limit."""
    return Row(what, unit, value, expected=f">= {limit:,.0f} {unit}", is_met=value >= limit)


def at_most(what: str, unit: str, value: float, limit: float) -> Row:
    """A value that is to stay within a limit."""
    return Row(what, unit, value, expected=f"<= {limit:,.0f} {unit}", is_met=value <= limit)


def _factor(what: str, unit: str, ours: float, peer: str, theirs: float, factor: float, wanted: float | None) -> Row:
    expected = "" if wanted is None else f">= {wanted:.3g} x"
    is_met = None if wanted is None else factor >= wanted
    return Row(what, unit, ours, peer, theirs, factor, expected=expected, is_met=is_met)


def render(rows: Sequence[Row]) -> str:
    """The rows as a table for a terminal."""
    lines = [("what", "ours", "peer", "theirs", "factor", "by cpu", "expected", "")]
    for row in rows:
        theirs = "" if row.theirs is None else in_unit(row.theirs, row.unit)
        factor, cpu = ("" if value is None else f"{value:.2f} x" for value in (row.factor, row.cpu_factor))
        verdict = {None: "", True: "ok", False: "missed"}[row.is_met]
        lines.append((row.what, in_unit(row.ours, row.unit), row.peer, theirs, factor, cpu, row.expected, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(8)]
    right = {1, 3, 4, 5}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def in_unit(value: float, unit: str) -> str:
    """A value with its unit: seconds to the millisecond, everything else whole."""
    return f"{value:.3f} s" if unit == "s" else f"{value:,.0f} {unit}"
