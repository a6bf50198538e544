"""From what was read to the report: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from s3copy_cli.verify.explain import Evidence, explain, logged_by_key
from s3copy_cli.verify.findings import find_findings
from s3copy_cli.verify.health import Health, iter_obstacles
from s3copy_cli.verify.latency import CopyEstimates, report_latency
from s3copy_cli.verify.log_lines import ErrorKind
from s3copy_cli.verify.recovery import Recovery
from s3copy_cli.verify.remedies import remedy
from s3copy_cli.verify.report import (
    CauseReport,
    DeadLetterReport,
    LogsReport,
    ObjectsReport,
    ParkedReport,
    Report,
)
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.tally import Tally
from s3copy_cli.verify.verdict import find_latency_reasons, find_reasons

if TYPE_CHECKING:
    from s3copy_cli.deployed import DeployedPipeline
    from s3copy_cli.verify.dead_letter import DeadLetter
    from s3copy_cli.verify.log_fold import Cause
    from s3copy_cli.verify.logs import LogScan
    from s3copy_cli.verify.metrics import Metrics
    from s3copy_cli.verify.run import VerifyOptions

Explain = Callable[[ObjectResult], str]


@dataclass(frozen=True)
class Facts:
    """Everything that one run has read.

    Attributes:
        tally: the objects.
        estimates: what LastModified says of the copies.
        waited: seconds spent on copies under way.
        scan: the log group.
        kept_days: after so many days lines are gone, and that shortened the range; None if it did not.
        dead_letter: what is parked.
        metrics: what CloudWatch says.
        health: the pipeline's settings, as far as they were looked at.
        recovery: which old failures have healed.
    """

    tally: Tally
    estimates: CopyEstimates
    waited: float
    scan: LogScan
    kept_days: int | None
    dead_letter: DeadLetter
    metrics: Metrics
    health: Health
    recovery: Recovery


def make_explain(facts: Facts, deployed: DeployedPipeline, options: VerifyOptions) -> Explain:
    """What says why an object is not proved."""
    function_name = deployed.pipeline.function_name
    evidence = Evidence(
        logged=logged_by_key(facts.scan.causes, facts.dead_letter.events, facts.recovery.parked_requests),
        last_words=facts.scan.last_words,
        obstacles=tuple(iter_obstacles(facts.health, function_name, options.setup_command)),
        health=facts.health,
        since=facts.scan.since,
        incomplete=facts.scan.incomplete,
        created_at=deployed.created_at,
        dropped=facts.metrics.dropped_lately,
        propagate_deletes=deployed.propagate_deletes,
    )
    return lambda result: explain(result, evidence)


def conclude(facts: Facts, deployed: DeployedPipeline, options: VerifyOptions, explain: Explain) -> Report:
    """Come to a verdict."""
    objects = _objects(facts, options, explain)
    logs = LogsReport(
        facts.scan,
        tuple(_cause(cause, facts, options) for cause in facts.scan.causes),
        kept_days=facts.kept_days,
    )
    parked = DeadLetterReport(
        facts.dead_letter,
        tuple(ParkedReport(event, facts.recovery.of_event(event)) for event in facts.dead_letter.events),
    )
    latency = report_latency(
        facts.scan.copies, facts.estimates, limit=options.max_latency, incomplete=facts.scan.incomplete
    )
    reasons = find_reasons(objects, logs, facts.metrics, parked, strict=options.strict)
    return Report(
        pipeline=deployed.pipeline.name,
        source_bucket=deployed.source.name,
        destination_bucket=deployed.destination.name,
        level=options.level,
        objects=objects,
        logs=logs,
        metrics=facts.metrics,
        dead_letter=parked,
        reasons=(*reasons, *find_latency_reasons(latency)),
        latency=latency,
        findings=find_findings(
            objects,
            logs,
            facts.metrics,
            parked,
            facts.health,
            function_name=deployed.pipeline.function_name,
            setup_command=options.setup_command,
        ),
    )


def _objects(facts: Facts, options: VerifyOptions, explain: Explain) -> ObjectsReport:
    tally = facts.tally
    causes: Mapping[str, str] = {key: explain(result) for key, result in tally.open_results.items()}
    listed = tally.listed()[: options.max_listed]
    return ObjectsReport(
        counts=tally.counts,
        source_objects=tally.source_objects,
        source_bytes=tally.source_bytes,
        listed=tuple(replace(result, cause=explain(result)) for result in listed),
        causes=causes,
        waited_seconds=facts.waited,
        copied_in_range=facts.estimates.objects,
    )


def _cause(cause: Cause, facts: Facts, options: VerifyOptions) -> CauseReport:
    text = remedy(
        cause.kind,
        cause.code,
        options.setup_command,
        options.deploy_command,
        operation=cause.operation,
        message=cause.message if cause.has_one_message else "",
        health=facts.health,
        size=_largest(cause, facts) if cause.kind is ErrorKind.TIMEOUT else None,
    )
    return CauseReport(cause, facts.recovery.of_cause(cause), text)


def _largest(cause: Cause, facts: Facts) -> int | None:
    """The size of the largest object that is known to suffer from a cause."""
    requests = facts.recovery.parked_requests
    keys = (
        key
        for subject in cause.subjects
        for key in (requests.get(subject.request_id, ()) if subject.key is None else (subject.key,))
        if key is not None
    )
    results = (facts.tally.open_results.get(key) for key in keys)
    return max((result.size for result in results if result is not None and result.size is not None), default=None)
