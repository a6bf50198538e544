"""Lines are folded for people only."""

from __future__ import annotations

import io

import pytest

from s3copy_cli.output.terminal import Terminal

LINE = "word " * 100 + "end"


class Screen(io.StringIO):
    """A terminal, to those who ask."""

    def isatty(self) -> bool:
        return True


def written(stdout: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("sys.stdout", stdout)
    Terminal().console().print(LINE)
    return stdout.getvalue().splitlines()


def test_a_pipe_gets_lines_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert written(io.StringIO(), monkeypatch) == [LINE]


def test_who_asks_for_a_width_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = written(io.StringIO(), monkeypatch)
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines).split()) == LINE


def test_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    assert max(map(len, written(Screen(), monkeypatch))) <= 60
