"""One run of repair: walk, invoke, follow, clean the queue, verify."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.operate.dispatch import Dispatcher, Job, in_flight_for, start_thread
from s3copy_cli.operate.events import MAX_RECORDS, Batch, event_payload
from s3copy_cli.operate.invoking import Answer, invoke
from s3copy_cli.operate.notes import Note, Notebook, NoteError
from s3copy_cli.operate.pacing import Pace
from s3copy_cli.operate.planning import PAGE_SIZE, Plan, iter_pages
from s3copy_cli.operate.queue_cleaning import Cleaned, QueueCleaner
from s3copy_cli.operate.repairing import MAX_REMEMBERED, Fate, Repairer, Repairs, fate_of
from s3copy_cli.verify.objects import ObjectEngine
from s3copy_cli.verify.report import Report
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.run import Listener, Services, VerifyOptions, open_engine, rules_for, verify_pipeline

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# Where something has failed for good, the last verification waits only for the log lines of the last copies.
_WAIT_AFTER_FAILURE = 5.0


@dataclass(frozen=True)
class RepairOptions:
    """What the person asked for.

    Attributes:
        verify: how to verify, before and after; its `wait` is how long copies may still be under way at the end.
        rate: objects in a second.
        dry_run: plan only.
    """

    verify: VerifyOptions
    rate: float = 50.0
    dry_run: bool = False


@dataclass(frozen=True)
class RepairReport:
    """What repair did, and what is left.

    Attributes:
        plan: what the walk found.
        repairs: what has become of it; None for a dry run.
        cleaned: what has become of the parked events; None for a dry run.
        verification: the whole verification afterwards; None for a dry run.
    """

    plan: Plan
    repairs: Repairs | None = None
    cleaned: Cleaned | None = None
    verification: Report | None = None


class RepairListener(Listener, Protocol):
    """Is told how far the run has come."""

    def on_planned(self, plan: Plan, *, is_all: bool) -> None:
        """So much is to be brought back, as far as the walk has come."""

    def on_looked(self) -> None:
        """One more key was looked at after the function had run."""


def repair_pipeline(
    deployed: DeployedPipeline,
    services: Services,
    lambda_client: LambdaClient,
    options: RepairOptions,
    listener: RepairListener,
    *,
    page_size: int = PAGE_SIZE,
    start: Callable[[Job], None] = start_thread,
) -> RepairReport:
    """Find what is missing or different, have the function look at it, and verify.

    Args:
        deployed: what to repair.
        services: what verify asks.
        lambda_client: one that waits as long as the function may run, and does not repeat requests.
        options: what the person asked for.
        listener: is told how far the run has come.
        page_size: how many differences are remembered at a time.
        start: runs an invocation elsewhere, i.e. in a thread.

    Raises:
        S3CopyError: something that had to be asked could not be asked.
    """
    plan = Plan()
    run = _Run(deployed, services, lambda_client, options, listener, start)
    with run.engine(options.verify) as engine:
        results = _told(engine.iter_all(), listener)
        repairer = run.repairer(engine)
        pages = iter_pages(results, plan, propagate_deletes=deployed.propagate_deletes, page_size=page_size)
        for page in pages:
            listener.on_planned(plan, is_all=len(page) < page_size)
            if not options.dry_run:
                repairer.bring_back(page)
        if options.dry_run:
            return RepairReport(plan)
        repairs = repairer.repairs
        repairer.follow(options.verify.wait, services.clock)
    cleaned = run.clean()
    listener.on_step("verifying what is there now")
    return RepairReport(plan, repairs, cleaned, run.verify(repairs))


class _Run:
    """What the steps of one run have in common."""

    def __init__(
        self,
        deployed: DeployedPipeline,
        services: Services,
        lambda_client: LambdaClient,
        options: RepairOptions,
        listener: RepairListener,
        start: Callable[[Job], None],
    ) -> None:
        self._deployed = deployed
        self._services = services
        self._lambda_client = lambda_client
        self._options = options
        self._listener = listener
        self._start = start
        pipeline = deployed.pipeline
        self._notebook = Notebook(services.logs, pipeline.log_group, pipeline.name, services.clock)
        # Keys of failed requests, also where they could not be written down.
        self._noted: dict[str, tuple[str, ...]] = {}

    def engine(self, options: VerifyOptions) -> ObjectEngine:
        return open_engine(self._deployed, self._services, options, self._listener)

    def repairer(self, engine: ObjectEngine) -> Repairer:
        rate, clock = self._options.rate, self._services.clock
        dispatcher = Dispatcher(
            self._invoke,
            Pace(rate, clock),
            clock,
            max_in_flight=in_flight_for(rate),
            start=self._start,
            on_busy=lambda why: self._listener.on_step(f"Lambda does not run the function now, trying again ({why})"),
        )
        return Repairer(
            dispatcher.iter_answers,
            engine.iter_again,
            self,
            propagate_deletes=self._deployed.propagate_deletes,
            max_records=max(1, min(MAX_RECORDS, int(rate))),
        )

    def clean(self) -> Cleaned:
        """Take what is in order out of the dead-letter queue."""
        self._listener.on_step("cleaning the dead-letter queue")
        asked = self._options.verify
        # An event may be about headers alone: key, size and ETag are not enough to let it go.
        level = "metadata" if asked.level == "listing" else asked.level
        # With named keys, the engine would take one that is gone for a mistake.
        options = replace(asked, level=level, scope=replace(asked.scope, keys=None))
        with self.engine(options) as engine:
            cleaner = QueueCleaner(
                self._services.sqs,
                self._deployed.pipeline.queue_name,
                self._deployed.source.name,
                are_in_order=partial(self._are_in_order, engine),
                write_notes=self._notebook.write,
                are_tags_compared=rules_for(self._deployed, options).tags,
                clock=self._services.clock,
            )
            return cleaner.clean(self._deployed.queue_url)

    def verify(self, repairs: Repairs) -> Report:
        """The whole verification, as `verify` does it."""
        options = self._options.verify
        if repairs.failed:
            options = replace(options, wait=min(options.wait, _WAIT_AFTER_FAILURE))
        noted = {**self._noted, **self._notebook.written}
        return verify_pipeline(self._deployed, self._services, options, self._listener, noted_requests=noted)

    def on_looked(self) -> None:
        self._listener.on_looked()

    def on_pending(self, pending: int) -> None:
        self._listener.on_pending(pending)

    def on_failure(self, batch: Batch, answer: Answer) -> None:
        if answer.names_its_keys or not answer.request_id:
            return
        # Nothing of ours will ever be parked for it, so the log would never tell which objects this was about.
        keys = tuple(difference.key for difference in batch)
        if len(self._noted) < MAX_REMEMBERED:
            self._noted[answer.request_id] = keys
        try:
            self._notebook.write([Note(answer.request_id, keys, "invocation by s3copy repair failed")])
        except NoteError as error:
            self._listener.on_step(str(error))

    def _invoke(self, batch: Batch) -> Answer:
        pipeline = self._deployed.pipeline
        now = self._services.clock.now()
        payload = event_payload(batch, self._deployed.source.name, pipeline.region, now)
        return invoke(self._lambda_client, pipeline.function_name, payload)

    def _are_in_order(self, engine: ObjectEngine, keys: Iterable[str]) -> dict[str, bool]:
        settled = (Fate.PROVED, Fate.GONE)
        propagate_deletes = self._deployed.propagate_deletes
        return {
            key: fate_of(result, propagate_deletes=propagate_deletes) in settled
            for key, result in engine.iter_again(filter(self._options.verify.scope.covers, keys))
        }


def _told(results: Iterable[ObjectResult], listener: RepairListener) -> Iterator[ObjectResult]:
    for result in results:
        listener.on_object()
        yield result
