"""One run of verify, from the first listing to the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Protocol

from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.s3 import ObjectStore
from s3copy_cli.verify.clock import Clock
from s3copy_cli.verify.compare import Level, Outcome
from s3copy_cli.verify.conclude import Facts, conclude, make_explain
from s3copy_cli.verify.dead_letter import DeadLetter, peek
from s3copy_cli.verify.health import Health
from s3copy_cli.verify.latency import CopyEstimates
from s3copy_cli.verify.logs import LogScan, scan_logs
from s3copy_cli.verify.metrics import read_metrics
from s3copy_cli.verify.objects import ObjectEngine
from s3copy_cli.verify.recovery import Recovery, named_keys, parked_requests
from s3copy_cli.verify.report import Report
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.spool import Sink, Spool
from s3copy_cli.verify.tally import Tally
from s3copy_cli.verify.waiting import wait_for_copies

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sqs import SQSClient

# How long log lines usually take at most from the function to where they can be read.
_INGESTION_LAG = timedelta(seconds=5)
_INGESTION_INTERVAL = 1.0


@dataclass(frozen=True)
class VerifyOptions:
    """What the person asked for.

    Attributes:
        level: how closely to look at the objects.
        wait: seconds for copies that may be under way.
        since: read logs and metrics from here on; None for the pipeline's deployment.
        max_latency: seconds from an event to its copy that no copy may exceed; None for no limit.
        max_listed: how many objects to list; None for all.
        strict: whether objects that only the destination has are a failure.
        setup_command: the command line that rebuilds the pipeline.
        deploy_command: the command line that updates the function.
    """

    level: Level = "metadata"
    wait: float = 30.0
    since: datetime | None = None
    max_latency: float | None = None
    max_listed: int | None = 50
    strict: bool = False
    setup_command: str = "s3copy setup"
    deploy_command: str = "s3copy deploy"


@dataclass(frozen=True)
class Services:
    """What verify asks.

    Attributes:
        store: the data plane.
        logs: CloudWatch Logs.
        cloudwatch: CloudWatch metrics.
        sqs: SQS.
        clock: time.
        look_around: reads the settings that decide whether an event reaches the function.
    """

    store: ObjectStore
    logs: CloudWatchLogsClient
    cloudwatch: CloudWatchClient
    sqs: SQSClient
    clock: Clock
    look_around: Callable[[DeployedPipeline], Health] = lambda _: Health()


class Listener(Protocol):
    """Is told how far the run has come."""

    def on_object(self) -> None:
        """One more key was looked at."""

    def on_pending(self, pending: int) -> None:
        """So many objects may still be on their way."""

    def on_step(self, doing: str) -> None:
        """A new step begins."""


def verify_pipeline(
    deployed: DeployedPipeline,
    services: Services,
    options: VerifyOptions,
    listener: Listener,
    sink: Sink | None = None,
) -> Report:
    """Compare the buckets, read the logs, the metrics and the dead-letter queue, and come to a verdict.

    Args:
        deployed: the pipeline.
        services: what is asked.
        options: what the person asked for.
        listener: is told how far the run has come.
        sink: is told what is finally known of every key, in key order.

    Raises:
        S3CopyError: something that had to be asked could not be asked.
    """
    clock = services.clock
    estimates = CopyEstimates(_begin(deployed, options))
    with (
        ObjectEngine(services.store, deployed.source, deployed.destination, options.level) as engine,
        Spool() if sink else nullcontext() as spool,
    ):
        tally = Tally(options.max_listed)
        for result in engine.iter_all():
            tally.add(result, clock.monotonic())
            _note(result, estimates)
            if spool:
                spool.add(result)
            listener.on_object()

        def look_again(keys: Iterable[str]) -> Iterator[tuple[str, ObjectResult | None]]:
            for key, again in engine.iter_again(keys):
                if again is not None and key in tally.open_results:
                    _note(again, estimates)
                if spool:
                    spool.correct(key, again)
                yield key, again

        waited = wait_for_copies(
            tally,
            look_again,
            lambda: _parked_at(_peek(deployed, services)),
            wait=options.wait,
            clock=clock,
            on_pending=listener.on_pending,
        )
        listener.on_step("reading the logs, the metrics and the dead-letter queue")
        scan = _scan_settled(deployed, services, options, tally)
        dead_letter = _peek(deployed, services)
        # An object may have changed since the walk: what a failure names is looked at once more.
        healed: set[str] = set()
        names = named_keys(scan.causes, dead_letter.events)
        for key, again in look_again(names):
            tally.correct(key, again)
            if again is None or again.outcome in (Outcome.PROVED, Outcome.EXTRA):
                healed.add(key)

        now = clock.now()
        begin = _begin(deployed, options) or now
        function_name = deployed.pipeline.function_name
        # Where all is well nobody needs an explanation, and nothing more is asked.
        is_odd = bool(tally.open_results or scan.causes)
        facts = Facts(
            tally=tally,
            estimates=estimates,
            waited=waited,
            scan=scan,
            kept_days=_kept_days(deployed, options, scan),
            dead_letter=dead_letter,
            metrics=read_metrics(services.cloudwatch, function_name, begin, now, scan.executions),
            health=services.look_around(deployed) if is_odd else Health(),
            recovery=Recovery(frozenset(healed), scan.succeeded_requests, parked_requests(dead_letter.events)),
        )
        explain = make_explain(facts, deployed, options)
        if sink and spool:
            for result in spool.iter_final():
                sink.on_final(replace(result, cause=explain(result)))
    return conclude(facts, deployed, options, explain)


def _note(result: ObjectResult, estimates: CopyEstimates) -> None:
    if result.outcome is Outcome.PROVED:
        estimates.add(result)


def _scan_settled(deployed: DeployedPipeline, services: Services, options: VerifyOptions, tally: Tally) -> LogScan:
    """Read the logs; where a copy is only seconds old, again until its lines are there or must have been."""
    clock, newest_copy = services.clock, tally.newest_copy
    group = deployed.pipeline.log_group
    lag = min(_INGESTION_LAG, timedelta(seconds=options.wait))
    while True:
        now = clock.now()
        since = _begin_of_logs(deployed, options, now)
        scan = scan_logs(services.logs, group, since, now, tally.open_results)
        if scan.incomplete or newest_copy is None or not timedelta(0) <= now - newest_copy < lag:
            return scan
        if _has_lines_after(scan, newest_copy):
            return scan
        clock.sleep(_INGESTION_INTERVAL)


def _has_lines_after(scan: LogScan, moment: datetime) -> bool:
    newest_ms = scan.executions.newest_ms
    if newest_ms is None:
        return False
    # LastModified has whole seconds.
    return datetime.fromtimestamp(newest_ms / 1000, tz=timezone.utc) >= moment.replace(microsecond=0)


def _begin(deployed: DeployedPipeline, options: VerifyOptions) -> datetime | None:
    return options.since or deployed.created_at


def _begin_of_logs(deployed: DeployedPipeline, options: VerifyOptions, now: datetime) -> datetime | None:
    # A log group that is missing is said to be so, whatever --since says.
    begin = None if deployed.created_at is None else _begin(deployed, options)
    if begin is None or not deployed.log_retention_days:
        return begin
    return max(begin, now - timedelta(days=deployed.log_retention_days))


def _kept_days(deployed: DeployedPipeline, options: VerifyOptions, scan: LogScan) -> int | None:
    begin = _begin(deployed, options)
    is_shortened = scan.since is not None and begin is not None and begin < scan.since
    return deployed.log_retention_days if is_shortened else None


def _peek(deployed: DeployedPipeline, services: Services) -> DeadLetter:
    return peek(
        services.sqs,
        deployed.pipeline.queue_name,
        deployed.queue_url,
        deployed.source.name,
        clock=services.clock.monotonic,
    )


def _parked_at(dead_letter: DeadLetter) -> dict[str, datetime]:
    latest: dict[str, datetime] = {}
    for event in dead_letter.events:
        if event.key is not None and event.event_time is not None:
            latest[event.key] = max(event.event_time, latest.get(event.key, event.event_time))
    return latest
