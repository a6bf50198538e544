"""What metrics, dead letters and settings say next to what the objects say: pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.health import Finding, Health, iter_obstacles
from s3copy_cli.verify.remedies import AGAIN
from s3copy_cli.wording import plural

if TYPE_CHECKING:
    from s3copy_cli.verify.metrics import Metrics
    from s3copy_cli.verify.report import DeadLetterReport, LogsReport, ObjectsReport

# Lambda's default, and the highest that can be set.
_MAX_EVENT_AGE = 21_600
_AGED_OUT = "EventAgeExceeded"


def aged_out(dead_letter: DeadLetterReport) -> int:
    """How many parked events Lambda gave up because they had become too old."""
    return sum(parked.event.condition == _AGED_OUT for parked in dead_letter.parked)


def find_findings(
    objects: ObjectsReport,
    logs: LogsReport,
    metrics: Metrics,
    dead_letter: DeadLetterReport,
    health: Health,
    *,
    function_name: str,
    setup_command: str,
    events_waiting: int = 0,
) -> tuple[Finding, ...]:
    """Everything about the whole pipeline that explains what was found; the most probable cause first.

    Args:
        objects: what is known of the objects.
        logs: what the log group says.
        metrics: what CloudWatch says.
        dead_letter: what is parked.
        health: the pipeline's settings; nothing is known of them where everything is proved.
        function_name: the function.
        setup_command: the command line that restores settings.
        events_waiting: how many events the event queue holds.
    """
    absent = objects.counts[Outcome.MISSING] + objects.counts[Outcome.DIFFERS]
    found = list(iter_obstacles(health, function_name, setup_command))
    if absent and events_waiting:
        found.append(
            Finding(
                "events_waiting",
                f"{plural(events_waiting, 'event')} still wait in the event queue or are being followed",
                "Run verify again in a while, or with a longer --wait.",
            )
        )
    if absent:
        found.extend(_iter_losses(absent, metrics, dead_letter, health))
    found.extend(_iter_odd_numbers(objects, logs, metrics))
    found.extend(_iter_foreign(logs))
    return tuple(found)


def _iter_losses(absent: int, metrics: Metrics, dead_letter: DeadLetterReport, health: Health) -> Iterator[Finding]:
    """Numbers that explain why objects are missing or stale."""
    dropped = metrics.dropped_lately
    again = f"Once the cause is gone, {AGAIN}."
    objects = plural(absent, "object") + (" is" if absent == 1 else " are") + " missing or different"
    if dropped:
        yield Finding(
            "events_dropped",
            f"Lambda dropped {plural(dropped, 'event')} and {objects}: probably those",
            again,
        )
    limit = health.max_event_age or _MAX_EVENT_AGE
    expired = aged_out(dead_letter)
    if expired:
        yield Finding(
            "events_aged_out", f"{plural(expired, 'event')} waited longer than {limit:,} s and expired", again
        )
    elif metrics.event_age_ms is not None and metrics.event_age_ms >= limit * 1000:
        yield Finding(
            "events_aged_out",
            f"an event waited {metrics.event_age_ms / 1000:,.0f} s, and Lambda gives up after {limit:,} s",
            again,
        )
    if metrics.value("destination_delivery_failures"):
        yield Finding(
            "events_not_parked",
            f"{plural(metrics.value('destination_delivery_failures'), 'event')} could not be parked and left no trace",
            "The role needs sqs:SendMessage, and the dead-letter queue must be there. " + again,
        )
    if metrics.rule_failed:
        yield Finding(
            "rule_failed",
            f"EventBridge could not hand {plural(metrics.rule_failed, 'event')} to the function",
            "Those that it gave up are in the dead-letter queue. " + again,
        )
    if metrics.value("recursion_dropped"):
        yield Finding(
            "recursion_dropped",
            f"Lambda ended a loop of invocations {plural(metrics.value('recursion_dropped'), 'time')}",
            "See that the destination bucket starts nothing that writes to the source bucket. " + again,
        )
    # A reserved concurrency of 0 throttles every event: then that is the cause, and waiting does not help.
    if metrics.throttled_lately and health.reserved_concurrency != 0:
        yield Finding(
            "throttled",
            f"{plural(metrics.throttled_lately, 'execution')} could not start in the last hours because too many ran "
            "at the same time",
            "Lambda retries these events by itself, for hours: run verify again later, or with a longer --wait.",
        )


def _iter_odd_numbers(objects: ObjectsReport, logs: LogsReport, metrics: Metrics) -> Iterator[Finding]:
    """Numbers that do not fit together."""
    copied = objects.copied_in_range
    invocations = metrics.measures["invocations"].value
    # One execution may copy several objects, and says so.
    told = logs.scan.copies.sketch.count + logs.scan.copies.untold
    if invocations is not None and logs.scan.since is not None and max(invocations, told) < copied:
        yield Finding(
            "fewer_invocations_than_copies",
            f"{plural(copied, 'object')} came to the destination since {logs.scan.since:%Y-%m-%d %H:%M} UTC, and the "
            f"function ran {plural(invocations, 'time')}: others were copied by something else, or metrics are late",
        )


def _iter_foreign(logs: LogsReport) -> Iterator[Finding]:
    """Events that the function refuses because they are about another bucket."""
    for report in logs.causes:
        if report.cause.is_harmless:
            yield Finding(
                "foreign_events",
                f"the function refused {plural(report.cause.count, 'event')} about another bucket, the last one at "
                f"{_time(report.cause.last_ms)}; nothing of this pipeline was lost",
                report.remedy,
            )


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc):%Y-%m-%d %H:%M} UTC"
