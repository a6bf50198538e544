"""`s3copy repair`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import Number, command
from s3copy_cli.commands.verify import NextWords, check_usage
from s3copy_cli.errors import ExitCode
from s3copy_cli.output.result import Problem, Result
from s3copy_cli.wording import human_size, plural

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.operate.planning import Plan
    from s3copy_cli.operate.run import RepairReport
    from s3copy_cli.output.terminal import ProgressBar, Terminal
    from s3copy_cli.verify.compare import Level


@command(
    "repair",
    "s3copy repair                          # bring back what is missing or different; then verify",
    "s3copy repair --dry-run                # show what would be brought back",
    "s3copy repair --prefix 2026/           # only these",
    "s3copy repair --rate 500 --wait 600    # many or large objects",
)
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--prefix", default="", metavar="P", help="Look only at keys that begin with P.")
@click.option("--dry-run", is_flag=True, help="Show what would be brought back; do nothing.")
@click.option(
    "--rate",
    type=Number(0.1, 1_000, "objects a second"),
    default=50.0,
    show_default=True,
    metavar="N",
    help="Ask for at most N objects a second.",
)
@click.option(
    "--wait",
    type=Number(0, 86_400, "seconds"),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long copies may still be under way after the function has been asked for all.",
)
@click.option(
    "--since", metavar="WHEN", help="Judge logs and metrics from here: 30m, 2h, 1d or a date. [default: deployment]"
)
@click.option(
    "--level",
    type=click.Choice(["listing", "metadata", "content"]),
    default="metadata",
    show_default=True,
    help="How closely to compare, as for verify.",
)
@click.option("--tags", is_flag=True, help="Compare tags, too (always with setup --sync-tags).")
def repair(
    app: App,
    keys: tuple[str, ...],
    prefix: str,
    dry_run: bool,
    rate: float,
    wait: float,
    since: str | None,
    level: Level,
    tags: bool,
) -> Result:
    """Bring back what is missing or different at the destination.

    Compares the buckets, has the pipeline's own function copy each difference, takes parked events out of
    the dead-letter queue whose objects are in order by then, and verifies everything. Exit code 0 means that
    everything is proved, 3 that something is not. It may be interrupted at any time and run again.
    """
    check_usage(keys, prefix, level, prove_all=False, tags=tags)
    app.announce("Repairing" + (" (dry run)" if dry_run else ""))
    from s3copy_cli.deployed import find_deployed
    from s3copy_cli.operate.run import RepairOptions, repair_pipeline
    from s3copy_cli.operate.to_json import to_json
    from s3copy_cli.operate.trigger import require_running, require_trigger
    from s3copy_cli.output.repair_text import write_plan, write_text
    from s3copy_cli.verify.clock import Clock
    from s3copy_cli.verify.look_around import read_health
    from s3copy_cli.verify.next_steps import Commands
    from s3copy_cli.verify.run import Services, VerifyOptions
    from s3copy_cli.verify.scope import scope_of
    from s3copy_cli.verify.since import parse_since

    clock = Clock()
    words = NextWords(keys, prefix, tags=tags, level=level)
    verify_options = VerifyOptions(
        level=level,
        tags=tags,
        wait=wait,
        since=parse_since(since, clock.now()) if since else None,
        setup_command=app.command("setup"),
        deploy_command=app.command("deploy"),
    )
    deployed = find_deployed(app.aws, app.pipeline, app.command("setup"))
    verify_options = replace(verify_options, scope=scope_of(deployed, keys, prefix))
    require_trigger(app.aws.s3, deployed, app.command("setup"))
    require_running(read_health(app.aws.lambda_, app.aws.s3, deployed, app.aws.events), deployed, app.command("setup"))
    services = Services(
        store=app.store,
        logs=app.aws.logs,
        cloudwatch=app.aws.cloudwatch,
        sqs=app.aws.sqs,
        clock=clock,
        s3=app.aws.s3,
        look_around=lambda deployed: read_health(app.aws.lambda_, app.aws.s3, deployed, app.aws.events),
    )
    with app.terminal.bar("Objects", None) as bar:
        report = repair_pipeline(
            deployed,
            services,
            app.aws.lambda_invoke,
            RepairOptions(verify_options, rate=rate, dry_run=dry_run),
            _Progress(app.terminal, bar, dry_run=dry_run),
        )

    def text(console: Console) -> None:
        if dry_run:
            write_plan(
                report.plan,
                console,
                source=deployed.source.name,
                repair_command=app.command(f"repair{words.same}"),
                prove_command=app.command(f"verify{words.prove}"),
                verify_command=app.command(f"verify{words.same}"),
                scope=verify_options.scope,
            )
            return
        write_text(
            report,
            console,
            propagate_deletes=deployed.propagate_deletes,
            commands=Commands(
                setup=app.command("setup"),
                repair=app.command(f"repair{words.same}"),
                verify=app.command(f"verify{words.same}"),
                prove=app.command(f"verify{words.prove}"),
            ),
        )

    return Result(
        data=to_json(report, deployed, level),
        text=text,
        exit_code=_exit_code(report, is_partial=verify_options.scope.is_partial),
        problems=_problems(report, app.command(f"repair{words.same}")),
    )


def _exit_code(report: RepairReport, *, is_partial: bool) -> ExitCode:
    if report.verification is None:
        # As for verify, nothing at all under a prefix is no proof.
        is_nothing_there = not report.plan.looked_at and is_partial
        found = report.plan.total or report.plan.left or is_nothing_there
        return ExitCode.DIFFERENCES if found else ExitCode.OK
    if not report.verification.is_proved:
        return ExitCode.DIFFERENCES
    return ExitCode.FAILED if report.cleaned and report.cleaned.problem else ExitCode.OK


def _problems(report: RepairReport, repair_command: str) -> list[Problem]:
    if report.cleaned is None or not report.cleaned.problem:
        return []
    return [
        Problem(
            "DeadLetters",
            f"taking parked events out of the dead-letter queue: {report.cleaned.problem}",
            f"Put that right and run it again: {repair_command}",
        )
    ]


class _Progress:
    """Tells the person how far repair has come, on stderr."""

    def __init__(self, terminal: Terminal, bar: ProgressBar, *, dry_run: bool) -> None:
        self._terminal = terminal
        self._bar = bar
        self._dry_run = dry_run
        self._looked = 0
        self._told_at = 0
        self._planned = 0
        self._pending = 0

    def on_object(self) -> None:
        self._bar.advance(1)

    def on_planned(self, plan: Plan, *, is_all: bool) -> None:
        if self._dry_run:
            return
        so_far = "" if is_all else " so far, and the walk goes on"
        self._planned = plan.total
        self._terminal.say(f"bringing back {plural(plan.total, 'object')}, {human_size(plan.size)}{so_far}")

    def on_looked(self) -> None:
        self._looked += 1
        if self._looked == self._planned or self._looked >= self._told_at + 1_000:
            self._told_at = self._looked
            self._terminal.say(f"  {self._looked:,} of {self._planned:,}")

    def on_pending(self, pending: int) -> None:
        if pending != self._pending:
            self._terminal.say(f"  {pending:,} still under way" if pending else "  all have arrived")
        self._pending = pending

    def on_step(self, doing: str) -> None:
        self._terminal.say(doing)
