"""The last lines of a verification: each part of it in one line. Text only, no console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from s3copy_cli.output.safe import safe
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.report import DeadLetterReport, LogsReport, Report
from s3copy_cli.wording import human_duration, plural

if TYPE_CHECKING:
    from s3copy_cli.verify.latency import LatencyReport

MEANINGS = {
    Outcome.PROVED: "proved",
    Outcome.DIFFERS: "differs",
    Outcome.MISSING: "missing at the destination",
    Outcome.EXTRA: "only at the destination",
    Outcome.UNPROVED: "could not be proved",
    Outcome.ERROR: "could not be looked at",
}
ABSENT = "in neither bucket"
# Of several objects.
_MEANINGS_OF_MANY = {**MEANINGS, Outcome.DIFFERS: "differ"}
_MAX_STREAMS = 5


def iter_summary(report: Report) -> Iterator[tuple[str, str]]:
    """What was looked at, and what was found there, in the order in which it is shown."""
    yield "Objects", _objects_line(report)
    yield "Logs", _logs_line(report.logs)
    yield "Streams", _streams_line(report.logs)
    yield "Executions", _executions_line(report)
    yield "Latency", _latency_line(report)
    yield "Dead letters", _dead_letter_line(report.dead_letter)


def iter_counted(counts: Mapping[Outcome, int], absent: int) -> Iterator[tuple[Outcome, str]]:
    """How many have each outcome, where there are any; of the errors, those apart that are in neither bucket."""
    for outcome in Outcome:
        count = counts[outcome] - (absent if outcome is Outcome.ERROR else 0)
        if count > 0:
            yield outcome, f"{count:,} {(MEANINGS if count == 1 else _MEANINGS_OF_MANY)[outcome]}"
    if absent > 0:
        yield Outcome.ERROR, f"{absent:,} {ABSENT}"


def _objects_line(report: Report) -> str:
    counts = report.objects.counts
    parts = [f"{counts[Outcome.PROVED]:,} proved"]
    parts += [
        f"{words} ({outcome.sigil})"
        for outcome, words in iter_counted(counts, report.objects.absent)
        if outcome is not Outcome.PROVED
    ]
    waited = f"; waited {report.objects.waited_seconds:.0f} s" if report.objects.waited_seconds >= 1 else ""
    return f"{', '.join(parts)} (compared: {', '.join(report.compared)}{waited})"


def _logs_line(logs: LogsReport) -> str:
    scan = logs.scan
    errors = plural(logs.unrecovered, "error")
    if logs.recovered:
        errors += f", {logs.recovered:,} recovered"
    since = f" since {scan.since:%Y-%m-%d %H:%M:%S} UTC" if scan.since else ""
    if logs.kept_days:
        since += f" (older lines are gone: the group keeps {plural(logs.kept_days, 'day')})"
    incomplete = f"; INCOMPLETE: {safe(scan.incomplete)}" if scan.incomplete else ""
    streams = plural(scan.streams_read, "stream")
    return f"{errors} in {plural(scan.events_read, 'event')} of {streams} of {scan.group}{since}{incomplete}"


def _streams_line(logs: LogsReport) -> str:
    names = [safe(name) for name in logs.scan.streams[-_MAX_STREAMS:]]
    hidden = logs.scan.streams_read - len(names)
    more = [f"… and {hidden:,} more (--json names them)"] if hidden else []
    return "\n".join([*names, *more]) or "none yet"


def _executions_line(report: Report) -> str:
    measures = report.metrics.measures
    parts = []
    for name, noun in (("invocations", "invocation"), ("errors", "failed execution"), ("throttles", "throttle")):
        measure = measures[name]
        if measure.value is not None:
            parts.append(f"{plural(measure.value, noun)} ({_origin(measure.source)})")
    for name, before, after in (("dropped", "dropped ", ""), ("destination_delivery_failures", "", " not parked")):
        lost = measures[name]
        if lost.value:
            recovered = ", recovered" if report.is_proved else ""
            parts.append(f"{plural(lost.value, f'{before}event')}{after}{recovered} ({_origin(lost.source)})")
    executions = report.logs.scan.executions
    if executions.unknown and measures["errors"].source != "cloudwatch":
        parts.append(f"{plural(executions.unknown, 'execution')} without a word of how it ended (log)")
    if executions.timed:
        average = executions.duration_sum_ms / executions.timed
        parts.append(f"duration {average:,.0f} ms on average, {executions.duration_max_ms:,.0f} ms at most")
    if executions.max_memory_mb:
        parts.append(f"{executions.max_memory_mb:,} MB at most")
    return ", ".join(parts) or "unknown"


def _latency_line(report: Report) -> str:
    latency = report.latency
    if latency is None or (latency.told is None and latency.estimated is None):
        return "unknown: no copy in the range of the logs"
    if latency.told is None:
        return f"not told by the logs; {_estimate(latency)}"
    told = latency.told
    about = "" if told.is_exact else "about "
    parts = [f"{name} {human_duration(value)}" for name, value in (("p50", told.p50), ("p95", told.p95))]
    parts.append(f"p99 {human_duration(told.p99)}")
    copies = "1 copy" if told.count == 1 else f"{told.count:,} copies"
    unknown = f"; unknown for {plural(latency.unknown, 'object')}" if latency.unknown else ""
    kept = {True: f"; within {human_duration(latency.limit or 0)}", False: "; TOO LONG", None: ""}[latency.is_kept]
    at_most = human_duration(told.max)
    return f"{about}{', '.join(parts)}, at most {at_most}, from event to copy ({copies} in the log{unknown}{kept})"


def _estimate(latency: LatencyReport) -> str:
    found = latency.estimated
    if found is None:
        return "no estimate"
    return f"estimated from LastModified: p50 {human_duration(found.p50)}, at most {human_duration(found.max)}"


def _origin(source: str | None) -> str:
    return "CloudWatch" if source == "cloudwatch" else "log"


def _dead_letter_line(dead_letter: DeadLetterReport) -> str:
    queue = dead_letter.queue
    if queue.unreadable:
        return safe(queue.unreadable)
    if not queue.depth:
        return f"none ({queue.queue})"
    recovered = f", {dead_letter.recovered:,} recovered" if dead_letter.recovered else ""
    return f"{plural(queue.depth, 'parked event')}{recovered} ({queue.queue})"
