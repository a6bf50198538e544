"""`s3copy teardown`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.errors import ExitCode, UsageError
from s3copy_cli.output.result import Problem, Result

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.config import Pipeline
    from s3copy_cli.output.terminal import ProgressBar, Terminal
    from s3copy_cli.provision.drain import Drained
    from s3copy_cli.provision.plan import Plan
    from s3copy_cli.provision.removal import Removed
    from s3copy_cli.provision.resources import RemoteState
    from s3copy_cli.s3 import Bucket


@command(
    "teardown",
    "s3copy --local teardown --yes",
    "s3copy teardown --dry-run           # what would go",
    "s3copy teardown --keep-data         # everything but the two buckets",
)
@click.option("--yes", is_flag=True, help="Do not ask for the pipeline's name.")
@click.option("--keep-data", is_flag=True, help="Leave the buckets and the objects in them.")
@click.option("--no-drain", is_flag=True, help="Do not wait for copies that are under way.")
@click.option("--dry-run", is_flag=True, help="Show what would go and change nothing.")
@click.option(
    "--source-bucket",
    metavar="BUCKET",
    help="Take the pipeline's trigger out of this bucket of yours, if no function says so any more.",
)
def teardown(app: App, yes: bool, keep_data: bool, no_drain: bool, dry_run: bool, source_bucket: str | None) -> Result:
    """Remove everything that setup built, with all objects in both buckets.

    Takes away the trigger first, so that nothing starts any more, waits for the copies that are under way,
    and removes the function, then the buckets and the rest. What does not carry the pipeline's tag is left
    alone and named.
    """
    app.announce("Tearing down" + (" (dry run)" if dry_run else ""))
    from s3copy_cli.bucket_names import validate_bucket_name
    from s3copy_cli.commands.provisioning import read_pipeline
    from s3copy_cli.output.plan_text import plan_data
    from s3copy_cli.provision.plan import plan_teardown
    from s3copy_cli.provision.refusals import refuse_unknown_source
    from s3copy_cli.provision.remote import read_remote_state
    from s3copy_cli.provision.unseen import describe_unseen, find_unseen, unseen_error

    pipeline, function = read_pipeline(app)
    if source_bucket:
        validate_bucket_name(source_bucket, "--source-bucket")
        pipeline = pipeline.joining(source_bucket, pipeline.destination_bucket, pipeline.destination_region)
    state = read_remote_state(app.aws, pipeline, function)
    if not source_bucket:
        refuse_unknown_source(state, app.command("teardown"))
    plan = plan_teardown(state, keep_data=keep_data)
    unseen = find_unseen(state)
    outcomes: list[Removed] = []
    drained: list[Drained] = []
    if plan.pending and not dry_run:
        if not yes:
            _confirm(app, plan)
        outcomes = _execute(app, pipeline, plan, lambda: None if no_drain else drained.append(_drain(app, state)))
    if unseen.others:
        app.terminal.warn(f"Not looked at: {describe_unseen(unseen.others)}. {unseen.why_not_expected}")
    failures = [outcome for outcome in outcomes if outcome.error is not None]
    problems = [Problem.from_error(outcome.error) for outcome in failures if outcome.error]
    if unseen.expected:
        problems.append(Problem.from_error(unseen_error(pipeline, unseen.expected)))
    remaining = _remaining(plan, outcomes)
    is_known = not unseen.expected
    data = {
        "pipeline": app.pipeline.name,
        "dry_run": dry_run,
        "steps": plan_data(plan),
        "drain": _drain_data(drained),
        "removed": [
            {"resource": outcome.step.kind.value, "name": outcome.step.name}
            for outcome in outcomes
            if outcome.error is None
        ],
        "remaining": [{"resource": kind, "name": name, "reason": why} for kind, name, why in remaining],
        "not_looked_at": [
            {"resource": one.kind.value, "name": one.name, "permission": one.lacking}
            for one in (*unseen.expected, *unseen.others)
        ],
    }
    return Result(
        data=data,
        text=lambda console: _text(
            console, app, plan, remaining, dry_run=dry_run, removed=len(outcomes) - len(failures), is_known=is_known
        ),
        exit_code=ExitCode.FAILED if problems else ExitCode.OK,
        problems=problems,
    )


def _confirm(app: App, plan: Plan) -> None:
    """Show what will go, and have the pipeline's name typed."""
    from s3copy_cli.output.plan_text import confirmation_lines

    name = app.pipeline.name
    if app.options.json or not sys.stdin.isatty():
        raise UsageError(
            f"removing pipeline {name}",
            "nobody is there to confirm it",
            f"Add --yes: {app.command('teardown --yes')}",
        )
    for line in confirmation_lines(plan):
        click.echo(line, err=True)
    answer = click.prompt(f"Type the pipeline's name ({name}) to go on", default="", show_default=False, err=True)
    if answer.strip() != name:
        raise UsageError(f"removing pipeline {name}", "the name was not typed", "Nothing was removed.")


def _drain(app: App, state: RemoteState) -> Drained:
    """Wait, visibly, until the copies that are under way have ended."""
    import time

    from s3copy_cli.aws import LONGEST_INVOCATION
    from s3copy_cli.aws_errors import translate_errors
    from s3copy_cli.provision.drain import EMBEDDED_LIMITS, DrainLimits, Watch, drain
    from s3copy_cli.provision.resources import TIMEOUT, Kind

    queue = state[Kind.EVENT_QUEUE]
    limits = EMBEDDED_LIMITS if app.aws.is_embedded else DrainLimits()
    watch = Watch(
        aws=app.aws,
        log_group=app.pipeline.log_group,
        queue_name=queue.name if queue.exists and queue.is_ours else "",
        longest_seconds=float(state[Kind.FUNCTION].attributes.get(TIMEOUT) or LONGEST_INVOCATION),
        limits=limits,
        now=time.time,
    )
    with translate_errors("looking whether copies are under way", region=app.aws.region):
        drained = drain(
            watch, limits, clock=time.monotonic, sleep=time.sleep, say=lambda line: app.terminal.say(f"    {line}")
        )
    if drained.problem:
        app.terminal.warn(
            f"Not waited for all copies: {drained.problem}. What they still write is removed if it comes in time."
        )
    return drained


def _drain_data(drained: list[Drained]) -> dict[str, Any] | None:
    return {"waited_seconds": round(drained[0].waited_seconds, 1), "problem": drained[0].problem} if drained else None


def _execute(app: App, pipeline: Pipeline, plan: Plan, drain: Callable[[], None]) -> list[Removed]:
    from s3copy_cli.commands.provisioning import patience
    from s3copy_cli.output.plan_text import step_line
    from s3copy_cli.provision.parallel import StoppedError
    from s3copy_cli.provision.removal import Remover
    from s3copy_cli.transfer.empty_bucket import empty_bucket

    store, stop = app.store, Event()
    bar = _SharedBar(app.terminal, "removing objects")

    def empty(bucket: Bucket) -> list[str]:
        def advance(amount: int) -> None:
            if stop.is_set():
                raise StoppedError
            bar.advance(amount)

        with bar:
            report = empty_bucket(store, bucket, advance)
        return [f"{failure.key!r}: {failure.code} {failure.message}" for failure in report.failures]

    def on_removed(outcome: Removed) -> None:
        if outcome.error is None:
            app.terminal.say(step_line(outcome.step))
        else:
            app.terminal.say(f"  ! {outcome.step.kind.value} {outcome.step.name}: {outcome.error.happened}")

    remover = Remover(
        aws=app.aws,
        pipeline=pipeline,
        patience=patience(),
        empty_bucket=empty,
        on_removed=on_removed,
        drain=drain,
        stop=stop,
    )
    return remover.execute(plan)


class _SharedBar:
    """One progress bar for buckets that are emptied side by side: there while one of them is."""

    def __init__(self, terminal: Terminal, label: str) -> None:
        self._terminal, self._label = terminal, label
        self._lock, self._users, self._open = Lock(), 0, ExitStack()
        self._bar: ProgressBar | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._bar = self._open.enter_context(self._terminal.bar(self._label, None))
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._bar = None
                self._open.close()

    def advance(self, amount: int) -> None:
        """Add to the number of removed objects."""
        with self._lock:
            if self._bar is not None:
                self._bar.advance(amount)


def _remaining(plan: Plan, outcomes: list[Removed]) -> list[tuple[str, str, str]]:
    from s3copy_cli.provision.plan import Action

    left = [(step.kind.value, step.name, step.reason) for step in plan.steps if step.action is Action.LEAVE]
    failed = [
        (outcome.step.kind.value, outcome.step.name, outcome.error.happened)
        for outcome in outcomes
        if outcome.error is not None
    ]
    return [*left, *failed]


def _text(
    console: Console,
    app: App,
    plan: Plan,
    remaining: list[tuple[str, str, str]],
    *,
    dry_run: bool,
    removed: int,
    is_known: bool,
) -> None:
    from s3copy_cli.output.plan_text import counts_line, print_plan
    from s3copy_cli.output.safe import safe

    name = app.pipeline.name
    if not plan.steps:
        if is_known:
            console.print(f"There is nothing of pipeline {name} in {app.pipeline.region}: nothing to remove.")
        return
    if dry_run:
        print_plan(console, plan)
        console.print(f"\nPlan: {counts_line(plan.counts())}. Nothing was removed.")
        return
    if removed:
        console.print(f"Removed {removed} resources of pipeline {name}.")
    if not remaining:
        if is_known:
            console.print("Nothing of it is left.")
        return
    console.print("Still there:")
    for kind, resource, why in remaining:
        console.print(f"  ! {kind} {safe(resource)}: {safe(why)}", soft_wrap=True)
