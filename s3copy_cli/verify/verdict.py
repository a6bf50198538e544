"""From everything that was found to a verdict: pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.latency import LatencyReport, describe_unknown
from s3copy_cli.verify.report import DeadLetterReport, LogsReport, ObjectsReport
from s3copy_cli.verify.scope import EVERYTHING, Scope
from s3copy_cli.wording import human_duration, plural

if TYPE_CHECKING:
    from s3copy_cli.verify.metrics import Metrics

_OBJECT_REASONS = (
    (Outcome.MISSING, "missing at the destination"),
    (Outcome.DIFFERS, "different at the destination"),
    (Outcome.UNPROVED, "that could not be proved equal"),
)


def find_reasons(
    objects: ObjectsReport,
    logs: LogsReport,
    metrics: Metrics,
    dead_letter: DeadLetterReport,
    *,
    strict: bool,
    propagate_deletes: bool = False,
    scope: Scope = EVERYTHING,
) -> tuple[str, ...]:
    """Every reason why this is not a proof, in the order of importance; none means that it is one.

    Args:
        objects: what is known of the objects.
        logs: what the log group says.
        metrics: what CloudWatch says.
        dead_letter: what is parked.
        strict: whether objects that only the destination has are a reason too.
        propagate_deletes: whether deletes are carried over, so that they are one in any case.
        scope: which keys were asked about. If only some, the objects themselves answer that: what failed elsewhere, or
            names no object, is no reason then. That there was nothing to look at is one, and so is a log or a queue
            that could not be read: nobody knows whether it names one of them.
    """
    about_objects = tuple(_object_reasons(objects, strict=strict, propagate_deletes=propagate_deletes))
    if scope.is_partial:
        nothing = () if objects.total else (f"nothing was proved: {describe_nothing(scope)}",)
        return (*about_objects, *nothing, *_unread_log_reasons(logs), *_unread_queue_reasons(dead_letter))
    reasons = (
        *about_objects,
        *_log_reasons(logs),
        *_parked_reasons(dead_letter),
        *_metric_reasons(metrics),
    )
    # A lost event names no object. Where nothing else is wrong, its object is proved or gone: it has recovered. The
    # same holds for errors in lines that are gone.
    return (*reasons, *_lost_reasons(metrics, dead_letter), *_gone_reasons(logs)) if reasons else ()


def describe_nothing(scope: Scope) -> str:
    """That neither bucket has an object in scope, in words."""
    words = ["no object"]
    if scope.source_prefix:
        words.append(f"under {scope.source_prefix!r}")
    if scope.suffix:
        words.append(f"ending in {scope.suffix!r}")
    return f"{' '.join(words)} in either bucket"


def find_latency_reasons(latency: LatencyReport) -> Iterator[str]:
    """Why it is not shown that every copy kept the limit; nothing if nobody asked for one."""
    if latency.limit is None:
        return
    limit = human_duration(latency.limit)
    if latency.is_exceeded and latency.told is not None:
        yield f"a copy took {human_duration(latency.told.max)}, longer than --max-latency {limit}"
    elif latency.is_kept is None:
        why = "; ".join(describe_unknown(latency))
        yield f"it could not be proved that every copy took at most {limit}: {why}"


def _object_reasons(objects: ObjectsReport, *, strict: bool, propagate_deletes: bool) -> Iterator[str]:
    for outcome, what in _OBJECT_REASONS:
        if objects.counts[outcome]:
            yield f"{plural(objects.counts[outcome], 'object')} {what}"
    if objects.absent:
        yield f"{plural(objects.absent, 'object')} in neither bucket"
    errors = objects.counts[Outcome.ERROR] - objects.absent
    if errors:
        yield f"{plural(errors, 'object')} that could not be looked at"
    if (strict or propagate_deletes) and objects.counts[Outcome.EXTRA]:
        why = "deletes are propagated" if propagate_deletes else "--strict"
        yield f"{plural(objects.counts[Outcome.EXTRA], 'object')} only at the destination ({why})"
    if not objects.is_complete:
        yield "verify stopped there (--fail-fast): the rest was not looked at"


def _log_reasons(logs: LogsReport) -> Iterator[str]:
    if logs.unrecovered:
        yield f"{plural(logs.unrecovered, 'unrecovered error')} in the logs"
    yield from _unread_log_reasons(logs)


def _unread_log_reasons(logs: LogsReport) -> Iterator[str]:
    if logs.scan.incomplete:
        yield f"the logs could not be read completely: {logs.scan.incomplete}"


def _parked_reasons(dead_letter: DeadLetterReport) -> Iterator[str]:
    unread = dead_letter.queue.unread
    known = dead_letter.unrecovered - unread
    if known:
        yield f"{plural(known, 'unrecovered event')} in the dead-letter queue"
    if unread:
        yield f"{plural(unread, 'message')} in the dead-letter queue that could not be looked at"
    yield from _unread_queue_reasons(dead_letter)


def _unread_queue_reasons(dead_letter: DeadLetterReport) -> Iterator[str]:
    if dead_letter.queue.unreadable:
        yield dead_letter.queue.unreadable


def _lost_reasons(metrics: Metrics, dead_letter: DeadLetterReport) -> Iterator[str]:
    failures = metrics.value("destination_delivery_failures")
    if failures:
        yield f"{plural(failures, 'event')} that Lambda could not park"
    # CloudWatch also counts an event as dropped when it was parked on the way out.
    lost = metrics.dropped_lately - dead_letter.queue.depth
    if lost > 0:
        yield f"{plural(lost, 'event')} dropped by Lambda that are not in the dead-letter queue"


def _gone_reasons(logs: LogsReport) -> Iterator[str]:
    if logs.kept_days:
        kept = plural(logs.kept_days, "day")
        yield f"the logs could not be read from their beginning: lines older than {kept} are gone"


def _metric_reasons(metrics: Metrics) -> Iterator[str]:
    if metrics.unreadable:
        yield metrics.unreadable
