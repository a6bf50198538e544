"""Hostile text becomes harmless, ordinary text stays."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.output.safe import safe, shorten


@pytest.mark.parametrize(
    "text", ["report.csv", "a b/c+d%2F", "données/été.csv", "日本語.txt", "😀.png", "[red]not markup[/red]"]
)
def test_ordinary_text_stays(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x07bell", "\\x07bell"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\x9b31m", "\\x9b31m"),
        ("lone\ud800", "lone\\ud800"),
        ("line\u2028separator", "line\\u2028separator"),
    ],
)
def test_what_could_act_on_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text())
def test_nothing_unprintable_is_left(text: str) -> None:
    assert all(unicodedata.category(char)[0] != "C" for char in safe(text))


@given(text=st.text(), limit=st.integers(min_value=3, max_value=50))
def test_shortened_text_fits_and_keeps_both_ends(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    if len(text) > limit:
        assert short[0] == text[0]
        assert short[-1] == text[-1]
    else:
        assert short == text
