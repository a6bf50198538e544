"""Draws time and memory over the number of objects: `python -m tests.bench.plot JSON SVG`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

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
    axes.grid(visible=True, which="major", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """`plot JSON SVG`."""
    source, destination = map(Path, sys.argv[1:])
    # The same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "s3copy", "font.family": "sans-serif"})
    draw(json.loads(source.read_text())).savefig(destination, metadata={"Date": None})


if __name__ == "__main__":
    main()
