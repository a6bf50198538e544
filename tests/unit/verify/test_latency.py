"""Latencies: exact percentiles up to a bound, then within 1 %; what is not known is said to be so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.verify import latency
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.latency import (
    ERROR_BOUND,
    CopyEstimates,
    CopyTimes,
    LatencyReport,
    Percentiles,
    Sketch,
    report_latency,
)
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.verdict import find_latency_reasons

MOMENT = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
UNKNOWN = (
    "it could not be proved that every copy took at most 1 min: for {} of the copied objects the logs do not tell how "
    "long the copy took"
)
SECONDS = st.floats(min_value=0, max_value=1e6, allow_nan=False)


def summary_of(values: Sequence[float], exact: int) -> Percentiles:
    sketch = Sketch(exact)
    for value in values:
        sketch.add(value)
    found = sketch.summary()
    assert found is not None
    return found


def nearest_rank(values: Sequence[float], percent: int) -> float:
    return sorted(values)[math.ceil(percent / 100 * len(values)) - 1]


@given(st.lists(SECONDS, min_size=1, max_size=200))
def test_percentiles_are_exact_up_to_the_bound(values: list[float]) -> None:
    found = summary_of(values, exact=200)
    assert found.is_exact
    expected = [nearest_rank(values, percent) for percent in (50, 95, 99)]
    assert [found.p50, found.p95, found.p99] == expected
    assert (found.count, found.max) == (len(values), max(values))


@given(st.lists(SECONDS, min_size=12, max_size=200))
def test_beyond_the_bound_they_are_off_by_at_most_one_percent(values: list[float]) -> None:
    found = summary_of(values, exact=10)
    assert not found.is_exact
    for value, percent in ((found.p50, 50), (found.p95, 95), (found.p99, 99)):
        expected = nearest_rank(values, percent)
        assert abs(value - expected) <= expected * ERROR_BOUND + 1e-5
    # The longest one is what a limit is held against: always exact.
    assert found.max == max(values)


def test_memory_has_a_bound() -> None:
    sketch = Sketch(exact=100)
    for number in range(200_000):
        sketch.add((number % 90_000) / 7)
    assert sketch.count == 200_000
    assert len(sketch._values) == 0
    assert len(sketch._classes) < 2_000


def test_clocks_that_disagree_make_nothing_negative() -> None:
    assert summary_of([-3.0, 1.0], exact=10).p50 == 0.0


def test_nothing_has_no_percentiles() -> None:
    assert Sketch().summary() is None


def copied(key: str, seconds: float = 2.0, at: datetime = MOMENT) -> ObjectResult:
    return ObjectResult(
        key, Outcome.PROVED, source_modified=at, destination_modified=at + timedelta(seconds=seconds), size=1
    )


def report_of(
    objects: int = 0, told: Sequence[tuple[str, float | None]] = (), limit: float | None = 60.0, incomplete: str = ""
) -> LatencyReport:
    times, estimates = CopyTimes(), CopyEstimates(MOMENT)
    for key, milliseconds in told:
        times.add(key, milliseconds)
    for number in range(objects):
        estimates.add(copied(f"k{number}"))
    return report_latency(times, estimates, limit=limit, incomplete=incomplete)


@pytest.mark.parametrize(
    ("report", "is_kept", "reasons"),
    [
        (report_of(2, [("k0", 1000.0), ("k1", 60_000.0)]), True, []),
        (report_of(0), True, []),
        (report_of(1, [("k0", 60_001.0)]), False, ["a copy took 1 min, longer than --max-latency 1 min"]),
        # Exceeded is exceeded, whatever else is unknown.
        (
            report_of(5, [("k0", 90_000.0)], incomplete="x"),
            False,
            ["a copy took 1 min 30 s, longer than --max-latency 1 min"],
        ),
        (
            report_of(3, [("k0", 1000.0)]),
            None,
            [UNKNOWN.format(2)],
        ),
        # Two copies of one key are no knowledge of another key.
        (
            report_of(2, [("k0", 1000.0), ("k0", 2000.0)]),
            None,
            [UNKNOWN.format(1)],
        ),
        (
            report_of(1, [("k0", None)]),
            None,
            [UNKNOWN.format(1)],
        ),
        (
            report_of(1, [("k0", 1.0)], incomplete="Lambda dropped 4 log lines"),
            None,
            ["it could not be proved that every copy took at most 1 min: Lambda dropped 4 log lines"],
        ),
        (
            report_of(3, [("k0", 1.0)], incomplete="Lambda dropped 4 log lines"),
            None,
            [f"{UNKNOWN.format(2)}; Lambda dropped 4 log lines"],
        ),
        (report_of(3, [("k0", 1e9)], limit=None), None, []),
    ],
)
def test_a_limit_is_kept_exceeded_or_not_known(report: LatencyReport, is_kept: bool | None, reasons: list[str]) -> None:
    assert report.is_kept is is_kept
    assert list(find_latency_reasons(report)) == reasons


def test_keys_beyond_the_bound_count_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "_MAX_KEYS", 2)
    times = CopyTimes()
    for key in ("a", "b", "a", "c", "d"):
        times.add(key, 1.0)
    assert times.keys == 4


def test_estimates_are_of_what_was_copied_in_the_range() -> None:
    estimates = CopyEstimates(MOMENT)
    estimates.add(copied("before", at=MOMENT - timedelta(hours=1)))
    estimates.add(copied("in it", 4.0))
    # The upload of a multipart object begins before its parts are there: no estimate, but an object.
    estimates.add(copied("multipart", -1.0, at=MOMENT + timedelta(minutes=1)))
    estimates.add(copied("unknown")._replace(source_modified=None))
    assert estimates.objects == 2
    found = estimates.sketch.summary()
    assert found is not None
    assert (found.count, found.max) == (1, 4.0)
