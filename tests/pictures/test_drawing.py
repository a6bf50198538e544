"""A picture shows what stays on the terminal, and loads nothing from anywhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .drawing import draw, screen

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> str:
    texts = ElementTree.fromstring(svg).iter(f"{SVG}text")  # noqa: S314  (our own)
    return " ".join("".join(text.itertext()) for text in texts).replace("\xa0", " ")


def test_a_progress_bar_leaves_nothing() -> None:
    bar = "\x1b[?25lObjects \x1b[35m━━━\x1b[0m 1/?\r\x1b[2KObjects ━━━ 2/?\r\x1b[2K\x1b[?25hfirst\r\nsecond\r\n"
    assert screen("said\r\n" + bar) == "said\nfirst\nsecond"


def test_command_text_and_exit_code_are_drawn() -> None:
    svg = draw("$ s3copy verify", "\x1b[1;31mnot shown equal\x1b[0m: <a> & b\r\n", 3)
    drawn = words(svg)
    assert "$ s3copy verify" in drawn
    assert "not shown equal" in drawn
    assert "<a> & b" in drawn
    assert "exit code 3" in drawn


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_loads_nothing(path: Path) -> None:
    svg = path.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\s\"<)]+", svg)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in svg
    assert "url(" not in svg.replace("url(#", "")
    assert len(svg) < 60_000
    assert f"$ s3copy {path.stem.split('-')[0]}" in words(svg)


def test_every_picture_is_shown_in_the_docs() -> None:
    pages = "".join(
        page.read_text(encoding="utf-8") for page in [*PICTURES.parent.glob("*.md"), PICTURES.parents[1] / "README.md"]
    )
    missing = [path.name for path in PICTURES.glob("*.svg") if f"pictures/{path.name}" not in pages]
    assert not missing
