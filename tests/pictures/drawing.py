"""What a command wrote to a terminal, as an SVG picture."""

from __future__ import annotations

import os
import re

from rich.console import Console
from rich.text import Text

COLUMNS = 100
# rich's own form loads a font from a CDN, and draws a window; a picture in the docs needs neither. Spaces are kept,
# because some programs take those away that a text begins with, also no-break ones.
SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">{matrix}</g></g>
</svg>
"""


def screen(written: str) -> str:
    """What stays on a terminal, without what a progress bar wrote and took back."""
    written = re.sub(r"\x1b\[\?25[lh]", "", written).replace("\r\n", "\n")
    lines: list[str] = []
    for line in written.split("\n"):
        ups = len(re.findall(r"\x1b\[1A", line))
        if ups:
            del lines[len(lines) - ups :]
        lines.append(re.split(r"\r|\x1b\[2K|\x1b\[1A", line)[-1])
    return "\n".join(lines).strip("\n")


def draw(command: str, written: str, exit_code: int) -> str:
    """An SVG picture of one command and what it wrote."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, highlight=False, markup=False)
        console.print(Text(command, style="bold"))
        console.print(Text.from_ansi(screen(written)))
        console.print(Text(f"exit code {exit_code}", style="dim"))
        svg = console.export_svg(title="", code_format=SVG, unique_id="t")
    return re.sub(r"[ \t]+\n", "\n", svg)
