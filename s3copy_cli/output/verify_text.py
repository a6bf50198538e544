"""The result for a person: what matters first, at 80 columns, with or without colour."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from s3copy_cli.output.report_files import is_stdout
from s3copy_cli.output.safe import safe, shorten
from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome
from s3copy_cli.verify.next_steps import Commands, iter_next_steps
from s3copy_cli.verify.report import CauseReport, DeadLetterReport, LogsReport, Report
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.wording import human_duration, human_size, plural

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from s3copy_cli.output.report_files import WrittenFile
    from s3copy_cli.verify.latency import LatencyReport

_STYLES = {
    Outcome.PROVED: "green",
    Outcome.DIFFERS: "red",
    Outcome.MISSING: "red",
    Outcome.EXTRA: "yellow",
    Outcome.UNPROVED: "yellow",
    Outcome.ERROR: "red",
}
_MEANINGS = {
    Outcome.PROVED: "proved",
    Outcome.DIFFERS: "differs",
    Outcome.MISSING: "missing at the destination",
    Outcome.EXTRA: "only at the destination",
    Outcome.UNPROVED: "could not be proved",
    Outcome.ERROR: "could not be looked at",
}
_ABSENT = "in neither bucket"
# Of several objects.
_MEANINGS_OF_MANY = {**_MEANINGS, Outcome.DIFFERS: "differ"}
_MAX_STREAMS = 5
_MAX_KEYS_OF_CAUSE = 3
_MAX_PARKED = 10
_MAX_VALUE = 120
_MAX_FIELDS = 8
_MAX_CAUSE = 600


def write_text(
    report: Report,
    console: Console,
    *,
    setup_command: str,
    upload_command: str,
    repair_command: str,
    verify_command: str,
    prove_command: str,
    written: Sequence[WrittenFile] = (),
) -> None:
    """Write the whole result.

    Args:
        report: what was found.
        console: where to write.
        written: the report files.
        setup_command: a command line that puts trigger, role and function right.
        upload_command: a command line that puts files into the source, for the next step.
        repair_command: a command line that brings back what is missing or different.
        verify_command: the command line of this run, for the next step.
        prove_command: the same, reading the bytes where nothing else proves them.
    """
    from rich.text import Text

    console.print(Text(f"source       {safe(report.source_bucket)}"))
    console.print(Text(f"destination  {safe(report.destination_bucket)}"))
    if report.objects.listed:
        console.print()
        console.print(_objects_table(report, console))
        hidden = report.objects.total - len(report.objects.listed)
        if hidden:
            console.print(Text(_hidden(report), style="dim"))
        _write_details(report, console)
    if report.logs.causes:
        console.print()
        for cause in report.logs.causes:
            _write_cause(cause, console)
    if report.dead_letter.parked:
        console.print()
        _write_parked(report.dead_letter, console)
    if report.findings:
        console.print()
        _write_findings(report, console)
    console.print()
    console.print(_summary(report))
    for file in written:
        named = "stdout" if is_stdout(file.path) else safe(file.path)
        console.print(Text(f"{plural(file.lines, 'object')} ({file.kind}) written to {named}", style="dim"))
    console.print()
    commands = Commands(setup_command, repair_command, verify_command, prove_command)
    for line, style in _verdict(report, commands, upload_command):
        console.print(Text(hanging(line, console.width), style=style))


def describe_proof(report: Report) -> str:
    """What is proved, and what that is not about: the rest of the buckets, and what only the destination has."""
    objects = report.objects
    amount = f"{plural(objects.source_objects, 'object')}, {human_size(objects.source_bytes)}"
    extra = objects.counts[Outcome.EXTRA]
    more = f"; {plural(extra, 'other object')} only at the destination (-)" if extra else ""
    part = "" if not report.scope.is_partial else " (of those asked for; the rest was not looked at)"
    return f"proved: {amount}, destination equals source{more}{part}"


def describe_reasons(report: Report) -> str:
    """Why this is no proof."""
    reasons = "; ".join(safe(reason) for reason in report.reasons)
    return f"not shown equal: {reasons}" if report.objects.total or not report.scope.is_partial else reasons


def meaning(result: ObjectResult) -> str:
    """What a result's outcome means, in words."""
    return _ABSENT if result.trouble == "absent" else _MEANINGS[result.outcome]


def hanging(line: str, width: int) -> str:
    """A next step, so that what does not fit in the line goes on below its text; other lines stay as they are."""
    indent = "      "
    if not line.startswith(("Next: ", indent)):
        return line
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _hidden(report: Report) -> str:
    """What is not shown, by outcome."""
    shown = Counter(result.outcome for result in report.objects.listed)
    rest = {outcome: report.objects.counts[outcome] - shown[outcome] for outcome in Outcome}
    absent = report.objects.absent - sum(result.trouble == "absent" for result in report.objects.listed)
    parts = [words for _, words in _iter_counted(rest, absent)]
    return f"… and not shown: {', '.join(parts)} (--max-listed 0 shows all, --combined FILE writes all)"


def _iter_counted(counts: Mapping[Outcome, int], absent: int) -> Iterator[tuple[Outcome, str]]:
    """How many have each outcome, where there are any; of the errors, those apart that are in neither bucket."""
    for outcome in Outcome:
        count = counts[outcome] - (absent if outcome is Outcome.ERROR else 0)
        if count > 0:
            yield outcome, f"{count:,} {(_MEANINGS if count == 1 else _MEANINGS_OF_MANY)[outcome]}"
    if absent > 0:
        yield Outcome.ERROR, f"{absent:,} {_ABSENT}"


def _write_findings(report: Report, console: Console) -> None:
    from rich.text import Text

    for finding in report.findings:
        console.print(Text(f"! {safe(finding.message)}", style="yellow"))
        if finding.remedy:
            console.print(_indented(finding.remedy, style="bold"))


def _key(key: str, console: Console) -> str:
    """A key within a line: short for a person, whole for a program or a file."""
    return shorten(safe(key), _MAX_VALUE) if console.is_terminal else safe(key)


def _objects_table(report: Report, console: Console) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("", width=1)
    table.add_column("Key", overflow="fold", ratio=1)
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("ETag", overflow="fold", min_width=10, max_width=38 if console.is_terminal else None)
    for result in report.objects.listed:
        style = _STYLES[result.outcome]
        cells: list[RenderableType] = [
            Text(result.outcome.sigil, style=f"bold {style}"),
            Text(safe(result.key)),
            "" if result.size is None else human_size(result.size),
            Text(safe(result.etag or ""), style="dim"),
        ]
        table.add_row(*cells)
    return table


def _write_details(report: Report, console: Console) -> None:
    """What is wrong with each listed object that is not proved."""
    from rich.text import Text

    for result in report.objects.listed:
        lines = list(_details(result)) if result.outcome is not Outcome.PROVED else []
        if not lines:
            continue
        console.print()
        title = f"{result.outcome.sigil} {_key(result.key, console)}: {meaning(result)}"
        console.print(Text(title, style=_STYLES[result.outcome]))
        for line in lines:
            console.print(_indented(line))
    open_fields = Counter(
        f"{safe(field.name)}: not comparable, {field.reason}"
        for result in report.objects.listed
        if result.outcome is Outcome.PROVED
        for field in result.fields
    )
    if open_fields:
        console.print()
    for line, count in open_fields.items():
        console.print(Text(f"= {plural(count, 'listed object')} proved by other fields; {line}", style="dim"))


def _details(result: ObjectResult) -> Iterator[str]:
    for field in result.fields[:_MAX_FIELDS]:
        yield _field(field)
    if len(result.fields) > _MAX_FIELDS:
        yield f"… and {plural(len(result.fields) - _MAX_FIELDS, 'more field')} (--json has all)"
    cause = result.cause or result.message
    if cause and result.outcome is not Outcome.PROVED:
        # Cut at the end only: from the middle, "is not authorized" could lose its "not".
        shown = safe(cause)
        yield f"cause: {shown if len(shown) <= _MAX_CAUSE else shown[:_MAX_CAUSE] + '…'}"


def _field(field: FieldComparison) -> str:
    name = safe(field.name)
    if field.verdict is FieldVerdict.NOT_COMPARABLE:
        return f"{name}: not comparable, {field.reason}"
    return f"{name}: {_value(field.source)} -> {_value(field.destination)}"


def _value(value: str | None, limit: int = _MAX_VALUE) -> str:
    return "(not set)" if value is None else shorten(safe(value), limit)


def _summary(report: Report) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    table.add_column("", style="bold", no_wrap=True)
    table.add_column("", overflow="fold")
    table.add_row("Objects", Text(_objects_line(report)))
    table.add_row("Logs", Text(_logs_line(report.logs)))
    table.add_row("Streams", Text(_streams_line(report.logs)))
    table.add_row("Executions", Text(_executions_line(report)))
    table.add_row("Latency", Text(_latency_line(report)))
    table.add_row("Dead letters", Text(_dead_letter_line(report.dead_letter)))
    return table


def _objects_line(report: Report) -> str:
    counts = report.objects.counts
    parts = [f"{counts[Outcome.PROVED]:,} proved"]
    parts += [
        f"{words} ({outcome.sigil})"
        for outcome, words in _iter_counted(counts, report.objects.absent)
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


def _write_cause(report: CauseReport, console: Console) -> None:
    from rich.text import Text

    cause = report.cause
    if report.unrecovered:
        state = f", {report.recovered:,} recovered" if report.recovered else ""
        title = Text(f"! {safe(cause.name)}: {plural(cause.count, 'error')}{state}", style="red")
    else:
        title = Text(f"~ {safe(cause.name)}: {plural(cause.count, 'error')}, recovered", style="dim")
    console.print(title)
    if cause.message:
        console.print(_indented(_value(cause.message, _MAX_CAUSE)))
    keys = [subject.key for subject in cause.subjects if subject.key is not None]
    if keys:
        named = ", ".join(_key(key, console) for key in keys[:_MAX_KEYS_OF_CAUSE])
        more = f" and {len(keys) - _MAX_KEYS_OF_CAUSE:,} more" if len(keys) > _MAX_KEYS_OF_CAUSE else ""
        console.print(_indented(f"keys: {named}{more}"))
    if report.unrecovered:
        console.print(_indented(report.remedy, style="bold"))


def _indented(text: str, style: str = "") -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(text, style=style), (0, 0, 0, 4), expand=False)


def _write_parked(dead_letter: DeadLetterReport, console: Console) -> None:
    from rich.text import Text

    ordered = sorted(dead_letter.parked, key=lambda parked: parked.is_recovered)
    for parked in ordered[:_MAX_PARKED]:
        key = _key(parked.event.key, console) if parked.event.key is not None else "(no key of the source bucket)"
        detail = f": {_value(parked.event.error)}" if parked.event.error else ""
        if parked.is_recovered:
            console.print(Text(f"~ parked, recovered: {key}", style="dim"))
        else:
            console.print(Text(f"! parked ({safe(parked.event.condition)}): {key}{detail}", style="red"))
    hidden = len(ordered) - _MAX_PARKED
    if hidden > 0:
        console.print(Text(f"  … and {plural(hidden, 'more parked event')} (--json has them)", style="dim"))


def _verdict(report: Report, commands: Commands, upload_command: str) -> Iterator[tuple[str, str]]:
    objects = report.objects
    if report.is_proved and not objects.source_objects:
        if not report.scope.is_partial:
            yield "nothing to prove yet: the source bucket is empty", "bold yellow"
            yield f"Next: {upload_command}", ""
        else:
            where = "the source bucket has no such object, only the destination has (-)"
            yield f"nothing to prove: {where if objects.total else 'neither bucket has such an object'}", "bold yellow"
        return
    if report.is_proved:
        yield describe_proof(report), "bold green"
        return
    yield describe_reasons(report), "bold red"
    for number, step in enumerate(iter_next_steps(report, commands)):
        yield f"{'      then ' if number else 'Next: '}{safe(step)}", ""
