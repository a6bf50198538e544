"""What a person does next, where something is not proved: pure. Each step is one that can change the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3copy_cli.verify.compare import Outcome

if TYPE_CHECKING:
    from s3copy_cli.verify.report import Report


@dataclass(frozen=True)
class Commands:
    """Command lines for the same pipeline, and the same objects where that matters.

    Attributes:
        setup: puts trigger, role, function, log group and queue right.
        repair: brings back what is missing or different.
        verify: this verification again.
        prove: the same, reading the bytes where nothing else proves them.
    """

    setup: str
    repair: str
    verify: str
    prove: str


def iter_next_steps(
    report: Report, commands: Commands, *, after_repair: bool = False, is_under_way: bool = False
) -> Iterator[str]:
    """The steps in order; none if all is proved.

    Args:
        report: what was found.
        commands: how to call what.
        after_repair: whether repair has just done what it can.
        is_under_way: whether some copies that it asked for may still be running.
    """
    if report.is_proved:
        return
    restoring = list(_restoring(report, commands))
    if is_under_way:
        to_copy = f"{commands.verify} --wait 600 (waits for what is still being copied), and if that is not enough "
    elif after_repair and not restoring:
        to_copy = "put right what is named above as the cause, and then "
    else:
        to_copy = ""
    of_objects = list(_of_objects(report, commands, before_repair=to_copy))
    yield from restoring
    yield from of_objects
    yield from _of_reading(report, commands, after_repair=after_repair)
    if not of_objects:
        yield from _of_the_past(report, commands)


def _restoring(report: Report, commands: Commands) -> Iterator[str]:
    """What has to be put right before anything else helps."""
    why: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.command:
            why.setdefault(finding.command, []).append(finding.message)
    if report.logs.scan.is_missing:
        why.setdefault(commands.setup, []).append("the log group is missing")
    if _is_queue_missing(report):
        why.setdefault(commands.setup, []).append("the dead-letter queue is missing")
    for cause in report.logs.causes:
        # Setup may have been run since: then it changes nothing, and what comes next helps.
        if cause.unrecovered and cause.command:
            why.setdefault(cause.command, []).append(f"if not done since the last {cause.cause.name}")
    for command, reasons in why.items():
        yield f"{command} ({'; '.join(reasons)})"


def _is_queue_missing(report: Report) -> bool:
    return report.dead_letter.queue.unreadable.endswith(" is missing")


def _of_objects(report: Report, commands: Commands, *, before_repair: str) -> Iterator[str]:
    counts = report.objects.counts
    to_copy = counts[Outcome.MISSING] + counts[Outcome.DIFFERS]
    to_delete = counts[Outcome.EXTRA] if report.propagate_deletes else 0
    if to_copy or to_delete:
        what = "copy those objects again" if to_copy else "delete those objects at the destination"
        yield f"{before_repair}{commands.repair} (has the function {what}, and verifies)"
    if counts[Outcome.UNPROVED] and report.level != "content":
        yield f"{commands.prove} (reads the bytes where nothing else proves them)"
    elif counts[Outcome.UNPROVED]:
        yield f"make readable what could not be compared (the causes above name it), and then {commands.verify}"
    if report.objects.absent or (report.scope.is_partial and not report.objects.total):
        yield (
            f"ask for names as the source bucket {report.source_bucket} has them: without the bucket, with their case, "
            "and usually without a slash in front"
        )
    if counts[Outcome.ERROR] > report.objects.absent:
        yield f"see the causes above of what S3 does not show (permissions), and then {commands.verify}"
    if counts[Outcome.EXTRA] and report.strict and not report.propagate_deletes:
        yield (
            f"aws s3 rm s3://{report.destination_bucket}/KEY for what nobody needs there (s3copy deletes nothing that "
            "only the destination has), or verify without --strict"
        )


def _of_reading(report: Report, commands: Commands, *, after_repair: bool) -> Iterator[str]:
    """What keeps verify from seeing everything, though it is there."""
    queue = report.dead_letter.queue
    counts = report.objects.counts
    is_repair_due = counts[Outcome.MISSING] + counts[Outcome.DIFFERS] > 0
    if queue.unread and not (is_repair_due or after_repair):
        yield f"{commands.repair} (takes the parked events out of the queue whose objects are in order, and verifies)"
    is_queue_shut = bool(queue.unreadable) and not _is_queue_missing(report)
    if report.logs.scan.is_denied or is_queue_shut or report.metrics.unreadable:
        yield f"give yourself the permissions that are named above, and then {commands.verify}"
    foreign = sum(not parked.is_recovered and parked.event.key is None for parked in report.dead_letter.parked)
    if foreign:
        yield (
            f"look at the parked events in the queue {queue.queue} that name no object of the source bucket, and "
            "delete them there if nobody needs them (aws sqs receive-message, delete-message): s3copy does not"
        )


def _of_the_past(report: Report, commands: Commands) -> Iterator[str]:
    """Where only old lines of the log stand in the way."""
    is_unread = report.logs.scan.is_missing or report.logs.scan.is_denied
    if report.logs.unrecovered or (report.logs.scan.incomplete and not is_unread):
        yield f"when it is mended, leave what is old out with: {commands.verify} --since 10m"
