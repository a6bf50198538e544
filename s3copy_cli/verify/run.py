"""One run of verify, from the first listing to the verdict."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import is_denied, translate_errors
from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.queues import read_load
from s3copy_cli.s3 import ObjectStore
from s3copy_cli.verify.clock import Clock
from s3copy_cli.verify.compare import Level, Outcome, Rules
from s3copy_cli.verify.conclude import Facts, Sizes, conclude, make_explain
from s3copy_cli.verify.dead_letter import DeadLetter, peek
from s3copy_cli.verify.encryption import find_etag_obstacle
from s3copy_cli.verify.explain import logged_by_key
from s3copy_cli.verify.health import Health
from s3copy_cli.verify.latency import CopyEstimates
from s3copy_cli.verify.log_causes import MAX_SUBJECTS
from s3copy_cli.verify.logs import LogScan, scan_logs
from s3copy_cli.verify.metrics import read_metrics
from s3copy_cli.verify.objects import ObjectEngine
from s3copy_cli.verify.recovery import Recovery, causes_within, events_within, named_keys, parked_requests
from s3copy_cli.verify.report import ObjectsReport, Report
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.scope import EVERYTHING, Scope
from s3copy_cli.verify.spool import Entry, Sink
from s3copy_cli.verify.tally import Showcase, Tally
from s3copy_cli.verify.waiting import Movement, Settling, wait_for_copies

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# How long log lines usually take at most from the function to where they can be read.
_INGESTION_LAG = timedelta(seconds=5)
_INGESTION_INTERVAL = 1.0


@dataclass(frozen=True)
class VerifyOptions:
    """What the person asked for.

    Attributes:
        level: how closely to look at the objects.
        prove_all: whether to compare the bytes of every object, at the level "content".
        tags: whether to compare the tags also where the pipeline does not carry a change of tags alone.
        scope: which objects to look at.
        fail_fast: whether to stop at the first object that is not proved in the end.
        wait: seconds for copies that may be under way.
        since: read logs and metrics from here on; None for the pipeline's deployment.
        max_latency: seconds from an event to its copy that no copy may exceed; None for no limit.
        max_listed: how many objects to list; None for all.
        strict: whether objects that only the destination has are a failure.
        setup_command: the command line that rebuilds the pipeline.
        deploy_command: the command line that updates the function.
    """

    level: Level = "metadata"
    prove_all: bool = False
    tags: bool = False
    scope: Scope = EVERYTHING
    fail_fast: bool = False
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
        s3: the buckets' settings. Without it nothing is known of their encryption, and the level "listing" asks HEAD.
        look_around: reads the settings that decide whether an event reaches the function.
    """

    store: ObjectStore
    logs: CloudWatchLogsClient
    cloudwatch: CloudWatchClient
    sqs: SQSClient
    clock: Clock
    s3: S3Client | None = None
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
    *,
    noted_requests: Mapping[str, tuple[str, ...]] | None = None,
) -> Report:
    """Compare the buckets, read the logs, the metrics and the dead-letter queue, and come to a verdict.

    Args:
        deployed: the pipeline.
        services: what to ask.
        options: what the person asked for.
        listener: told how far the run has come.
        sink: given the final results, once nothing changes them any more.
        noted_requests: the keys of failed requests, where they were noted so lately that the log may not tell yet.

    Raises:
        S3CopyError: something that had to be asked could not be asked.
    """
    clock = services.clock
    rules = rules_for(deployed, options)
    estimates = CopyEstimates(_begin(deployed, options))
    wants_proved = sink is not None and sink.wants_proved
    is_all_kept = options.max_listed is None or wants_proved
    tally = Tally(None if is_all_kept else options.max_listed, propagate_deletes=deployed.propagate_deletes)
    with (
        tally,
        open_engine(deployed, services, options, listener) as engine,
        open_engine(deployed, services, _looking_closely(options), listener) as close_engine,
    ):
        waited = _walk(engine, tally, estimates, deployed, services, options, listener)
        listener.on_step("reading the logs, the metrics and the dead-letter queue")
        watched = tally.open_keys(MAX_SUBJECTS)
        scan = everything = _scan_settled(deployed, services, options, tally.newest_copy, watched)
        dead_letter = parked = _peek(deployed, services)
        requests: Mapping[str, tuple[str | None, ...]] = {
            **scan.noted_requests,
            **(noted_requests or {}),
            **parked_requests(parked.events),
        }
        if not options.scope.is_everything:
            # What names no object is about the whole pipeline.
            keeps_unnamed = not options.scope.is_partial
            causes = causes_within(scan.causes, options.scope.covers, keeps_unnamed=keeps_unnamed)
            events = events_within(dead_letter.events, options.scope.covers, keeps_unnamed=keeps_unnamed)
            scan, dead_letter = replace(scan, causes=causes), replace(dead_letter, events=events)
        # An object may have changed since the walk: what a failure names is looked at once more.
        healed: set[str] = set()
        names = named_keys(scan.causes, dead_letter.events, requests)
        # Where deletes are carried over, what is left at the destination is a deletion that has failed.
        harmless = {Outcome.PROVED} if deployed.propagate_deletes else {Outcome.PROVED, Outcome.EXTRA}
        for key, again in close_engine.iter_again(names):
            tally.correct(key, again)
            if again is None or again.outcome in harmless:
                healed.add(key)

        now = clock.now()
        begin = _begin(deployed, options) or now
        # Where all is well nobody needs an explanation, and nothing more is asked.
        is_odd = bool(scan.causes) or tally.counts[Outcome.PROVED] != tally.source_objects
        facts = Facts(
            estimates=estimates,
            scan=scan,
            kept_days=_kept_days(deployed, options, scan),
            dead_letter=dead_letter,
            metrics=read_metrics(
                services.cloudwatch,
                deployed.pipeline.function_name,
                begin,
                now,
                scan.executions,
                deployed.pipeline.rule_name if deployed.trigger == "eventbridge" else "",
            ),
            health=services.look_around(deployed) if is_odd else Health(),
            recovery=Recovery(frozenset(healed), scan.succeeded_requests, requests),
            logged=logged_by_key(everything.causes, parked.events, requests),
            watched=watched,
            events_waiting=(_events_waiting(deployed, services) or 0) if is_odd else 0,
        )
        explain = make_explain(facts, deployed, options)
        showcase, sizes, absent = Showcase(options.max_listed), Sizes(facts), 0
        for provisional in tally.iter_final({}):
            cause = explain(provisional)
            result = provisional._replace(cause=cause) if cause != provisional.cause else provisional
            showcase.add(result)
            sizes.add(result)
            absent += result.trouble == "absent"
            if sink is not None and (wants_proved or result.outcome is not Outcome.PROVED):
                sink.on_final(result)

    objects = ObjectsReport(
        counts=tally.counts,
        source_objects=tally.source_objects,
        source_bytes=tally.source_bytes,
        listed=showcase.results,
        causes={key: logged.text for key, logged in facts.logged.items()},
        waited_seconds=waited,
        is_complete=tally.is_complete,
        copied_in_range=estimates.objects,
        absent=absent,
    )
    return conclude(facts, objects, sizes, deployed, options, compared=rules.compared)


def rules_for(deployed: DeployedPipeline, options: VerifyOptions) -> Rules:
    """How closely to compare: as the person asked, and at least what the pipeline was set up to keep."""
    # A listing shows no tags.
    tags = options.tags or (deployed.sync_tags and options.level != "listing")
    return Rules(options.level, options.prove_all, tags, deployed.keeps_storage_class)


def _looking_closely(options: VerifyOptions) -> VerifyOptions:
    """How to look at what a failure names: it may have been about headers or tags alone, which a listing leaves out."""
    return replace(options, level="metadata") if options.level == "listing" else options


def open_engine(
    deployed: DeployedPipeline, services: Services, options: VerifyOptions, listener: Listener
) -> ObjectEngine:
    """What looks at the objects as the person asked; a context manager."""
    rules = rules_for(deployed, options)
    obstacle = ""
    if rules.level == "listing":
        obstacle = "nothing is known of the buckets' encryption"
        if deployed.kms_key_id:
            obstacle = "the copies are encrypted with a KMS key"
        elif services.s3 is not None:
            obstacle = find_etag_obstacle(services.s3, (deployed.source, deployed.destination))
        if obstacle:
            listener.on_step(f"asking for each object, because ETags may not be digests: {obstacle}")
    return ObjectEngine(
        services.store,
        deployed.source,
        deployed.destination,
        rules,
        options.scope,
        trusts_listed_etags=not obstacle,
    )


def _walk(
    engine: ObjectEngine,
    tally: Tally,
    estimates: CopyEstimates,
    deployed: DeployedPipeline,
    services: Services,
    options: VerifyOptions,
    listener: Listener,
) -> float:
    """Look at every object, and again at those that are pending; returns the seconds spent on waiting."""
    clock = services.clock

    def parked_at() -> dict[str, datetime]:
        return _parked_at(_peek(deployed, services))

    if options.fail_fast:
        waiting = Settling(engine.look, parked_at, tally.is_pending, options.wait, clock, listener.on_pending)
        for result in engine.iter_all():
            listener.on_object()
            settled = waiting.settle(result)
            if settled is not None:
                tally.add(settled, clock.monotonic())
                estimates.add(settled)
                if _fails(settled, deployed, options):
                    tally.is_complete = False
                    break
        return waiting.seconds
    for result in engine.iter_all():
        tally.add(result, clock.monotonic())
        estimates.add(result)
        listener.on_object()

    def look_again(
        entries: Iterable[Entry], is_due: Callable[[Entry], bool]
    ) -> Iterator[tuple[Entry, ObjectResult | None]]:
        for entry, latest in engine.iter_revised(entries, is_due):
            if latest is not None and latest is not entry.result:
                estimates.add(latest)
            yield entry, latest

    return wait_for_copies(
        tally,
        look_again,
        parked_at,
        wait=options.wait,
        clock=clock,
        on_pending=listener.on_pending,
        is_moving=Movement(lambda: _events_waiting(deployed, services)),
    )


def _events_waiting(deployed: DeployedPipeline, services: Services) -> int | None:
    """How many events wait in the event queue; None where there is none, or nobody may look."""
    if deployed.trigger != "sqs":
        return None
    with translate_errors(f"looking at the event queue {deployed.pipeline.event_queue_name}"):
        try:
            load = read_load(services.sqs, deployed.pipeline.event_queue_name)
        except ClientError as error:
            if not is_denied(error):
                raise
            return None
    return load.total if load else None


def _fails(result: ObjectResult, deployed: DeployedPipeline, options: VerifyOptions) -> bool:
    if result.outcome is Outcome.EXTRA:
        return options.strict or deployed.propagate_deletes
    return result.outcome is not Outcome.PROVED


def _scan_settled(
    deployed: DeployedPipeline,
    services: Services,
    options: VerifyOptions,
    newest_copy: datetime | None,
    watched: Container[str],
) -> LogScan:
    """Read the logs; where a copy is only seconds old, again until its lines are there or must have been."""
    clock = services.clock
    group = deployed.pipeline.log_group
    lag = min(_INGESTION_LAG, timedelta(seconds=options.wait))
    while True:
        now = clock.now()
        since = _begin_of_logs(deployed, options, now)
        scan = scan_logs(services.logs, group, since, now, watched, options.scope.covers)
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
