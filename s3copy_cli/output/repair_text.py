"""What repair did and what is left, for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from s3copy_cli.operate.planning import Plan
from s3copy_cli.operate.queue_cleaning import Cleaned
from s3copy_cli.operate.repairing import Fate, Repairs
from s3copy_cli.operate.run import RepairReport
from s3copy_cli.output.safe import safe, shorten
from s3copy_cli.output.verify_text import describe_proof, describe_reasons, hanging, meaning
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.next_steps import Commands, iter_next_steps
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.scope import Scope
from s3copy_cli.verify.verdict import describe_nothing
from s3copy_cli.wording import human_size, plural

if TYPE_CHECKING:
    from rich.console import Console

_LEFT = frozenset({Outcome.DIFFERS, Outcome.MISSING, Outcome.UNPROVED, Outcome.ERROR})
_MAX_KEY = 120
_MAX_CAUSE = 600
_MAX_FIELDS = 5


def write_plan(
    plan: Plan,
    console: Console,
    *,
    source: str,
    repair_command: str,
    prove_command: str,
    verify_command: str,
    scope: Scope,
) -> None:
    """Write what a dry run found.

    Args:
        plan: what the walk found.
        console: where to write.
        source: the source bucket's name.
        repair_command: the command line that does it.
        prove_command: the command line that proves what neither ETags nor checksums prove.
        verify_command: the command line that says why an object cannot be looked at.
        scope: which objects were asked about.
    """
    for difference in plan.first:
        what = "delete at the destination" if difference.outcome is Outcome.EXTRA else human_size(difference.size)
        _line(console, f"{difference.outcome.sigil} {_key(difference.key)}  {what}")
    if plan.total > len(plan.first):
        _line(console, f"… and {plural(plan.total - len(plan.first), 'more object')}", "dim")
    for line in _left_alone(plan):
        _line(console, line, "yellow")
    if plan.total:
        _line(console, f"would bring back {_amount(plan)} of {source}; nothing was done", "bold")
        _line(console, f"Next: {repair_command}")
    else:
        is_nothing_there = not plan.looked_at and scope.is_partial
        what = f": {describe_nothing(scope)}" if is_nothing_there else ""
        _line(console, f"nothing to bring back{what}", "bold")
        if plan.left[Outcome.ERROR] > plan.absent:
            _line(console, f"Next: {verify_command}")
        elif plan.left[Outcome.UNPROVED]:
            _line(console, f"Next: {prove_command}")


def write_text(report: RepairReport, console: Console, *, propagate_deletes: bool, commands: Commands) -> None:
    """Write what was done, what is left and why, and the verdict.

    Args:
        report: the result; not of a dry run.
        console: where to write.
        propagate_deletes: whether an object that only the destination has is a failure.
        commands: the command lines for the next steps.
    """
    if report.repairs is None or report.cleaned is None or report.verification is None:
        raise ValueError("a dry run has a plan only")
    _line(console, f"Repair        {_done(report.plan, report.repairs)}")
    _line(console, f"Dead letters  {_cleaned(report.cleaned)}")
    verification = report.verification
    kinds = _LEFT | ({Outcome.EXTRA} if propagate_deletes else set())
    left = [result for result in verification.objects.listed if result.outcome in kinds]
    for result in left:
        _write_left(result, report.repairs, console)
    hidden = sum(verification.objects.counts[kind] for kind in kinds) - len(left)
    if hidden > 0:
        _line(console, f"… and {plural(hidden, 'more object')} ({commands.verify} --max-listed 0 lists all)", "dim")
    if verification.objects.counts[Outcome.UNPROVED]:
        # `?` is no work for the function: the copy is there.
        _line(console, "? is copied already, and copying it again proves no more")
    for cause in verification.logs.causes:
        if cause.unrecovered:
            _line(console, f"! {safe(cause.cause.name)}: {plural(cause.unrecovered, 'unrecovered error')}", "red")
            _indented(console, cause.remedy, "bold")
    console.print()
    if verification.is_proved:
        _line(console, describe_proof(verification), "bold green")
    else:
        _line(console, describe_reasons(verification), "bold red")
        is_under_way = bool(report.repairs.under_way)
        steps = iter_next_steps(verification, commands, after_repair=True, is_under_way=is_under_way)
        for number, step in enumerate(steps):
            _line(console, f"{'      then ' if number else 'Next: '}{safe(step)}")


def _done(plan: Plan, repairs: Repairs) -> str:
    if not plan.total:
        return "nothing to bring back"
    gone = repairs.fates[Fate.GONE]
    parts = [f"{repairs.in_order:,} of {_amount(plan)} in order by {plural(repairs.invocations, 'invocation')}"]
    parts += [f"{gone:,} of them not in the source (any more)"] if gone else []
    if repairs.fates[Fate.UNPROVED]:
        parts.append(f"{repairs.fates[Fate.UNPROVED]:,} copied, but not provably equal (?)")
    parts += [f"{len(repairs.under_way):,} still under way"] if repairs.under_way else []
    parts += [f"{repairs.failed:,} not brought back"] if repairs.failed else []
    return ", ".join(parts)


def _cleaned(cleaned: Cleaned) -> str:
    if not cleaned.removed and not cleaned.kept:
        text = f"none ({cleaned.queue})"
    else:
        text = f"{plural(cleaned.removed, 'parked event')} removed, {cleaned.kept:,} kept ({cleaned.queue})"
    return f"{text}; {safe(cleaned.problem)}" if cleaned.problem else text


def _amount(plan: Plan) -> str:
    kinds = ", ".join(f"{count:,} {outcome.sigil}" for outcome, count in plan.counts.items())
    return f"{plural(plan.total, 'object')} ({kinds}; {human_size(plan.size)})"


def _left_alone(plan: Plan) -> Iterator[str]:
    if plan.left[Outcome.UNPROVED]:
        yield (
            f"? {plural(plan.left[Outcome.UNPROVED], 'object')} could not be proved: copied already, so repair does "
            "not help; verify --level content reads both sides"
        )
    if plan.absent:
        yield f"! {plural(plan.absent, 'object')} in neither bucket"
    errors = plan.left[Outcome.ERROR] - plan.absent
    if errors:
        yield f"! {plural(errors, 'object')} could not be looked at: verify says why"


def _write_left(result: ObjectResult, repairs: Repairs, console: Console) -> None:
    style = "yellow" if result.outcome is Outcome.UNPROVED else "red"
    _line(console, f"{result.outcome.sigil} {_key(result.key)}: {meaning(result)}", style)
    if result.fields:
        more = f" and {len(result.fields) - _MAX_FIELDS} more" if len(result.fields) > _MAX_FIELDS else ""
        named = ", ".join(safe(field.name) for field in result.fields[:_MAX_FIELDS])
        word = "not comparable" if result.outcome is Outcome.UNPROVED else "not equal"
        _indented(console, f"{word}: {named}{more}")
    cause = result.message or result.cause or repairs.failures.get(result.key, "")
    if not cause and result.key in repairs.under_way:
        cause = "its copy may still be running"
    if cause and result.outcome is not Outcome.UNPROVED:
        shown = safe(cause)
        _indented(console, f"why: {shown if len(shown) <= _MAX_CAUSE else shown[:_MAX_CAUSE] + '…'}")


def _key(key: str) -> str:
    return shorten(safe(key), _MAX_KEY)


def _line(console: Console, text: str, style: str = "") -> None:
    from rich.text import Text

    console.print(Text(hanging(text, console.width), style=style))


def _indented(console: Console, text: str, style: str = "") -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style=style), (0, 0, 0, 4), expand=False))
