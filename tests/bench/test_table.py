"""What a row says of two measurements."""

from __future__ import annotations

import os
import sys

import pytest

from .measure import CommandFailedError, Measured, Sample, Trial, alternate, run_once
from .table import at_least, at_most, faster, rate, render, smaller

OURS = Measured("s3copy", (Sample(1.0, 0.5, 50.0), Sample(3.0, 0.5, 70.0), Sample(2.0, 0.5, 60.0)))
PEER = Measured("peer", (Sample(4.0, 1.0, 900.0),))


def test_factors_say_how_much_better_we_are() -> None:
    assert (faster("x", OURS, PEER, 2.0).factor, faster("x", OURS, PEER, 2.0).is_met) == (2.0, True)
    assert faster("x", OURS, PEER, 2.5).is_met is False
    assert faster("x", OURS, PEER).is_met is None
    assert smaller("x", OURS, PEER, 10.0).factor == 15.0
    assert rate("x", 3_000, "peer", 400, 8.0).is_met is False
    assert at_least("x", "/s", 3_000, 3_000).is_met
    assert not at_most("x", "MB", 201, 200).is_met


def test_the_table_has_a_verdict_where_something_is_promised() -> None:
    lines = render([faster("one", OURS, PEER, 2.5), faster("two", OURS, PEER)]).splitlines()
    assert lines[1].split() == [
        "one",
        "2.000",
        "s",
        "peer",
        "4.000",
        "s",
        "2.00",
        "x",
        "2.00",
        "x",
        ">=",
        "2.5",
        "x",
        "missed",
    ]
    assert lines[2].split() == ["two", "2.000", "s", "peer", "4.000", "s", "2.00", "x", "2.00", "x"]


def trial(code: str, client: str = "python", runs: int = 1_000) -> Trial:
    return Trial(client, lambda number: [sys.executable, "-c", code, str(number)], dict(os.environ), runs)


def test_a_run_has_its_peak_memory() -> None:
    assert run_once(trial("b'x' * 500_000_000"), 0).peak_mb > 500


def test_a_command_that_fails_has_no_time() -> None:
    with pytest.raises(CommandFailedError, match="oh no"):
        run_once(trial("import sys; sys.exit('oh no')"), 0)


def test_slow_clients_run_less_often() -> None:
    found = alternate([trial("pass", "fast"), trial("pass", "slow", runs=1)], 2, lambda _: None)
    assert {client: len(measured.samples) for client, measured in found.items()} == {"fast": 2, "slow": 1}
