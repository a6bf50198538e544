"""Puts the figures of a run into docs/performance.md, and the curves next to it.

Run as `python -m tests.bench.plot build/bench.json docs`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from .table import Row, in_unit

# (client, level) -> how it is called and drawn.
_SERIES = {
    ("s3copy", "listing"): ("s3copy verify --level listing", "#0b6e4f", "o-"),
    ("s3copy", "metadata"): ("s3copy verify (HEAD of every object)", "#0b6e4f", "s--"),
    ("rclone check", "listing"): ("rclone check", "#c1440e", "^-"),
}
_GROUPS = frozenset({"listing, flat", "million, flat", "heads", "curve"})
Points = Sequence[tuple[int, float, float]]


def series(found: Mapping[str, Any]) -> dict[tuple[str, str], Points]:
    """Objects, seconds and MB for each client and level that is drawn, by the number of objects."""
    points: dict[tuple[str, str], dict[int, tuple[int, float, float]]] = {name: {} for name in _SERIES}
    for one in found["measurements"]:
        name = (one["client"], one["level"])
        if name in points and one["group"] in _GROUPS:
            # The first of several is the one with the most runs.
            points[name].setdefault(one["objects"], (one["objects"], one["wall"], one["peak_mb"]))
    return {name: [by_count[count] for count in sorted(by_count)] for name, by_count in points.items() if by_count}


def draw(found: Mapping[str, Any]) -> Figure:
    """Two panels, side by side."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    for name, points in series(found).items():
        label, colour, style = _SERIES[name]
        counts = [count for count, _, _ in points]
        time_axes.plot(counts, [wall for _, wall, _ in points], style, color=colour, label=label)
        memory_axes.plot(counts, [peak for _, _, peak in points], style, color=colour, label=label)
    _label(time_axes, "seconds, whole command")
    _label(memory_axes, "peak memory, MB")
    time_axes.legend(frameon=False, fontsize=8)
    return figure


def _label(axes: Axes, what: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="objects in each bucket", title=what)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="major", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)


def curve_table(found: Mapping[str, Any]) -> str:
    """The points of the picture, in Markdown."""
    drawn = series(found)
    columns = [{count: (wall, peak) for count, wall, peak in points} for points in drawn.values()]
    lines = [["objects in each bucket", *(_SERIES[name][0] for name in drawn)], ["---:"] * (len(drawn) + 1)]
    for count in sorted(set().union(*columns)):
        cells = [
            f"{column[count][0]:.1f} s, {column[count][1]:.0f} MB" if count in column else "" for column in columns
        ]
        lines.append([f"{count:,}", *cells])
    return _markdown(lines)


def rows_table(found: Mapping[str, Any]) -> str:
    """The rows that were measured, in Markdown."""
    lines = [["what", "ours", "peer", "factor", "by processor time", "expected", ""]]
    lines.append(["---", "---:", "---", "---:", "---:", "---", "---"])
    for row in (Row(**values) for values in found["rows"]):
        peer = row.peer and f"{row.peer}: {in_unit(row.theirs or 0, row.unit)}"
        factors = ["" if value is None else f"{value:.2f} x" for value in (row.factor, row.cpu_factor)]
        verdict = {None: "", True: "ok", False: "missed"}[row.is_met]
        lines.append([row.what, in_unit(row.ours, row.unit), peer, *factors, row.expected, verdict])
    return _markdown(lines)


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def surroundings(found: Mapping[str, Any]) -> str:
    """What it was measured with, and what the server could have done."""
    machine, server = found["machine"], found["server"]
    versions = ", ".join(f"{name} {_version(text)}" for name, text in found["versions"].items())
    return (
        f"Python {machine['python']} on {machine['system']}, {machine['processors']} processors, load "
        f"{found['load_before']:.1f} before it began; {versions}. The server could do {server['heads']:,.0f} HEAD/s, "
        f"{server['keys']:,.0f} keys/s and {server['upload_bytes'] / 1e6:,.0f} MB/s of uploads."
    )


def _version(text: str) -> str:
    """The number in what a program says of its version."""
    match = re.search(r"\d+(?:\.\d+)+", text)
    return match[0] if match else text


def fill_in(page: str, found: Mapping[str, Any]) -> str:
    """The page with everything between its marks, `<!-- name -->` and `<!-- end -->`, written anew."""
    parts = {"surroundings": surroundings(found), "curve": curve_table(found), "rows": rows_table(found)}
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->\n", "\n<!-- end -->"
        before, mark, rest = page.partition(begin)
        _, end_mark, after = rest.partition(end)
        if not (mark and end_mark):
            raise SystemExit(f"the page has no marks of the name {name}")
        page = before + mark + text + end_mark + after
    return page


def main() -> None:
    """`plot JSON FOLDER`."""
    source, folder = map(Path, sys.argv[1:])
    # The same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "s3copy", "font.family": "sans-serif"})
    found = json.loads(source.read_text())
    draw(found).savefig(folder / "performance.svg", metadata={"Date": None})
    page = folder / "performance.md"
    page.write_text(fill_in(page.read_text(), found))


if __name__ == "__main__":
    main()
