"""The result for a person: what matters first, at 80 columns, with or without colour."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from s3copy_cli.output.report_files import is_stdout
from s3copy_cli.output.safe import safe, shorten
from s3copy_cli.output.verify_summary import ABSENT, MEANINGS, iter_counted, iter_summary
from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome
from s3copy_cli.verify.next_steps import Commands, iter_next_steps
from s3copy_cli.verify.report import CauseReport, DeadLetterReport, Report
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.wording import human_size, plural

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from s3copy_cli.output.report_files import WrittenFile

_STYLES = {
    Outcome.PROVED: "green",
    Outcome.DIFFERS: "red",
    Outcome.MISSING: "red",
    Outcome.EXTRA: "yellow",
    Outcome.UNPROVED: "yellow",
    Outcome.ERROR: "red",
}
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
    return ABSENT if result.trouble == "absent" else MEANINGS[result.outcome]


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
    parts = [words for _, words in iter_counted(rest, absent)]
    return f"… and not shown: {', '.join(parts)} (--max-listed 0 shows all, --combined FILE writes all)"


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
    for name, line in iter_summary(report):
        table.add_row(name, Text(line))
    return table


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
