"""From what was read to the report: pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3copy_cli.verify.explain import Evidence, Logged, explain
from s3copy_cli.verify.findings import find_findings
from s3copy_cli.verify.health import Health, iter_obstacles
from s3copy_cli.verify.latency import CopyEstimates, report_latency
from s3copy_cli.verify.log_lines import ErrorKind
from s3copy_cli.verify.recovery import Recovery
from s3copy_cli.verify.remedies import remedy, restoring_command
from s3copy_cli.verify.report import (
    CauseReport,
    DeadLetterReport,
    LogsReport,
    ObjectsReport,
    ParkedReport,
    Report,
)
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.verdict import find_latency_reasons, find_reasons

if TYPE_CHECKING:
    from s3copy_cli.deployed import DeployedPipeline
    from s3copy_cli.verify.dead_letter import DeadLetter
    from s3copy_cli.verify.log_causes import Cause
    from s3copy_cli.verify.logs import LogScan
    from s3copy_cli.verify.metrics import Metrics
    from s3copy_cli.verify.run import VerifyOptions

Explain = Callable[[ObjectResult], str]


@dataclass(frozen=True)
class Facts:
    """Everything that one run has read, besides the objects.

    Attributes:
        estimates: what LastModified says of the copies.
        scan: the log group, as far as it is about the objects that were asked for.
        kept_days: after so many days lines are gone, and that shortened the range; None if it did not.
        dead_letter: what is parked, likewise.
        metrics: what CloudWatch says.
        health: the pipeline's settings, as far as they were looked at.
        recovery: which old failures have healed.
        logged: what went wrong, by key.
        watched: the keys whose last word was looked for.
        events_waiting: how many events the event queue holds, where there is one.
    """

    estimates: CopyEstimates
    scan: LogScan
    kept_days: int | None
    dead_letter: DeadLetter
    metrics: Metrics
    health: Health
    recovery: Recovery
    logged: Mapping[str, Logged]
    watched: Container[str]
    events_waiting: int = 0


class Sizes:
    """The size of the largest object that suffers from each cause that size has to do with."""

    def __init__(self, facts: Facts) -> None:
        self._causes: dict[str, list[str]] = {}
        self._largest: dict[str, int] = {}
        requests = facts.recovery.parked_requests
        for cause in facts.scan.causes:
            if cause.kind is not ErrorKind.TIMEOUT:
                continue
            for subject in cause.subjects:
                for key in requests.get(subject.request_id, ()) if subject.key is None else (subject.key,):
                    if key is not None:
                        self._causes.setdefault(key, []).append(cause.name)

    def add(self, result: ObjectResult) -> None:
        """Take in one final result."""
        for name in self._causes.get(result.key, ()):
            self._largest[name] = max(self._largest.get(name, 0), result.size or 0)

    def of(self, cause: Cause) -> int | None:
        """Bytes; None if they are not known."""
        return self._largest.get(cause.name)


def make_explain(facts: Facts, deployed: DeployedPipeline, options: VerifyOptions) -> Explain:
    """What says why an object is not proved."""
    function_name = deployed.pipeline.function_name
    evidence = Evidence(
        logged=facts.logged,
        last_words=facts.scan.last_words,
        watched=facts.watched,
        obstacles=tuple(iter_obstacles(facts.health, function_name, options.setup_command)),
        health=facts.health,
        since=facts.scan.since,
        incomplete=facts.scan.incomplete,
        created_at=deployed.created_at,
        dropped=facts.metrics.dropped_lately,
        propagate_deletes=deployed.propagate_deletes,
        events_waiting=facts.events_waiting,
        sync_tags=deployed.sync_tags,
    )
    return lambda result: explain(result, evidence)


def conclude(
    facts: Facts,
    objects: ObjectsReport,
    sizes: Sizes,
    deployed: DeployedPipeline,
    options: VerifyOptions,
    *,
    compared: tuple[str, ...],
) -> Report:
    """Come to a verdict.

    Args:
        facts: what was read.
        objects: what is known of the objects.
        sizes: of those that suffer from a cause.
        deployed: the pipeline.
        options: what the person asked for.
        compared: what was compared, in words.
    """
    causes = tuple(_cause(cause, facts, sizes, options) for cause in facts.scan.causes)
    logs = LogsReport(facts.scan, causes, kept_days=facts.kept_days)
    events = facts.dead_letter.events
    parked = DeadLetterReport(
        facts.dead_letter, tuple(ParkedReport(event, facts.recovery.of_event(event)) for event in events)
    )
    latency = report_latency(
        facts.scan.copies, facts.estimates, limit=options.max_latency, incomplete=facts.scan.incomplete
    )
    reasons = find_reasons(
        objects,
        logs,
        facts.metrics,
        parked,
        strict=options.strict,
        propagate_deletes=deployed.propagate_deletes,
        scope=options.scope,
    )
    findings = find_findings(
        objects,
        logs,
        facts.metrics,
        parked,
        facts.health,
        function_name=deployed.pipeline.function_name,
        setup_command=options.setup_command,
        events_waiting=facts.events_waiting,
    )
    return Report(
        pipeline=deployed.pipeline.name,
        source_bucket=deployed.source.name,
        destination_bucket=deployed.destination.name,
        level=options.level,
        compared=compared,
        scope=options.scope,
        objects=objects,
        logs=logs,
        metrics=facts.metrics,
        dead_letter=parked,
        reasons=(*reasons, *find_latency_reasons(latency)),
        latency=latency,
        findings=findings,
        strict=options.strict,
        propagate_deletes=deployed.propagate_deletes,
    )


def _cause(cause: Cause, facts: Facts, sizes: Sizes, options: VerifyOptions) -> CauseReport:
    text = remedy(
        cause.kind,
        cause.code,
        options.setup_command,
        options.deploy_command,
        operation=cause.operation,
        message=cause.message if cause.has_one_message else "",
        health=facts.health,
        size=sizes.of(cause),
    )
    command = restoring_command(cause.kind, cause.code, options.setup_command, options.deploy_command, facts.health)
    return CauseReport(cause, facts.recovery.of_cause(cause), text, command)
