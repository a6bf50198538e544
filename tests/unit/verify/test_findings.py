"""What metrics, dead letters and settings say next to what the objects say."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.dead_letter import DeadLetter
from s3copy_cli.verify.findings import find_findings
from s3copy_cli.verify.health import Health
from s3copy_cli.verify.log_causes import Cause
from s3copy_cli.verify.log_executions import Executions
from s3copy_cli.verify.log_lines import ErrorKind
from s3copy_cli.verify.logs import LogScan
from s3copy_cli.verify.metrics import METRICS, Measure, Metrics
from s3copy_cli.verify.parked import ParkedEvent
from s3copy_cli.verify.report import CauseReport, DeadLetterReport, LogsReport, ObjectsReport, ParkedReport

NO_HEALTH = Health()
FOREIGN = CauseReport(
    Cause("WrongBucket", ErrorKind.HANDLED, "WrongBucket", "", True, "", 0, 0, count=3, is_harmless=True),
    3,
    "Remove it.",
)
SINCE = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def codes(
    *,
    missing: int = 0,
    copied: int = 0,
    aged: int = 0,
    age_ms: float | None = None,
    lately: int = 0,
    throttled: int = 0,
    health: Health = NO_HEALTH,
    causes: tuple[CauseReport, ...] = (),
    **numbers: int,
) -> list[str]:
    counts = {**dict.fromkeys(Outcome, 0), Outcome.MISSING: missing, Outcome.PROVED: copied}
    objects = ObjectsReport(counts, missing + copied, 0, (), {}, 0.0, copied_in_range=copied)
    scan = LogScan("g", SINCE, SINCE, "", (), 0, 0, Executions(), (), frozenset())
    values = {**dict.fromkeys(METRICS, 0), "invocations": missing + copied, **numbers}
    metrics = Metrics(
        {name: Measure(value, "cloudwatch") for name, value in values.items()},
        dropped_lately=lately,
        event_age_ms=age_ms,
        throttled_lately=throttled,
    )
    events = tuple(ParkedReport(ParkedEvent("k", "EventAgeExceeded", ""), False) for _ in range(aged))
    parked = DeadLetterReport(DeadLetter("q", aged, tuple(each.event for each in events), 0), events)
    found = find_findings(
        objects, LogsReport(scan, causes), metrics, parked, health, function_name="f", setup_command="SETUP"
    )
    return [finding.code for finding in found]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"missing": 3}, []),
        ({"missing": 3, "lately": 2}, ["events_dropped"]),
        # Where nothing is missing, nothing needs an explanation.
        ({"copied": 3, "lately": 2, "throttles": 5}, []),
        ({"missing": 1, "aged": 1}, ["events_aged_out"]),
        ({"missing": 1, "age_ms": 21_600_000.0}, ["events_aged_out"]),
        ({"missing": 1, "age_ms": 21_599_999.0}, []),
        ({"missing": 1, "destination_delivery_failures": 1}, ["events_not_parked"]),
        ({"missing": 1, "recursion_dropped": 1}, ["recursion_dropped"]),
        ({"missing": 1, "throttled": 1}, ["throttled"]),
        # What is long over explains nothing, and what holds now explains more than what was.
        ({"missing": 1, "throttles": 1}, []),
        ({"missing": 1, "throttled": 1, "health": Health(reserved_concurrency=0)}, ["concurrency_zero"]),
        ({"missing": 1, "throttled": 1, "health": Health(reserved_concurrency=5)}, ["throttled"]),
        ({"copied": 1, "causes": (FOREIGN,)}, ["foreign_events"]),
        ({"copied": 5, "invocations": 4}, ["fewer_invocations_than_copies"]),
        ({"copied": 5, "invocations": 5}, []),
    ],
)
def test_numbers_that_explain_something(facts: dict[str, Any], expected: list[str]) -> None:
    assert codes(**facts) == expected


def test_an_unknown_number_says_nothing() -> None:
    objects = ObjectsReport(dict.fromkeys(Outcome, 9), 9, 0, (), {}, 0.0, copied_in_range=9)
    scan = LogScan("g", SINCE, SINCE, "", (), 0, 0, Executions(), (), frozenset())
    metrics = Metrics({name: Measure(None, None) for name in METRICS})
    nothing = DeadLetterReport(DeadLetter("q", 0, (), 0), ())
    found = find_findings(
        objects, LogsReport(scan, ()), metrics, nothing, Health(), function_name="f", setup_command="SETUP"
    )
    assert found == ()
