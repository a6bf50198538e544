"""`s3copy verify`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.errors import ExitCode, UsageError
from s3copy_cli.output.result import Result

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.output.terminal import ProgressBar, Terminal
    from s3copy_cli.verify.compare import Level


@command(
    "verify",
    "s3copy verify                          # everything proved? exit code 0; else 3",
    "s3copy verify --wait 120               # give large copies two minutes",
    "s3copy verify --since 2h --json        # for machines; logs of the last two hours",
    "s3copy verify --level listing          # fast: key, size and ETag only",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0, max=86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long copies may still be under way.",
)
@click.option(
    "--since", metavar="WHEN", help="Read logs and metrics from here: 30m, 2h, 1d or a date. [default: deployment]"
)
@click.option(
    "--level",
    type=click.Choice(["listing", "metadata"]),
    default="metadata",
    show_default=True,
    help="listing: key, size, ETag. metadata: also headers, user metadata and checksums.",
)
@click.option(
    "--max-listed",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    metavar="N",
    help="List at most N objects; 0 lists all.",
)
@click.option("--strict", is_flag=True, help="Objects that only the destination has are a failure, too.")
def verify(app: App, wait: float, since: str | None, level: Level, max_listed: int, strict: bool) -> Result:
    """Prove that the destination equals the source, and explain what does not.

    Compares every object, scans the function's log streams for errors, and reads its metrics and its
    dead-letter queue. Exit code 0 means that everything is proved, 3 that something is not.
    """
    if not math.isfinite(wait):
        raise UsageError("reading --wait", f"{wait} is not a number of seconds", "Pass e.g. --wait 60.")
    app.announce("Verifying")
    from s3copy_cli.deployed import find_deployed
    from s3copy_cli.output.verify_text import write_text
    from s3copy_cli.verify.clock import Clock
    from s3copy_cli.verify.run import Services, VerifyOptions, verify_pipeline
    from s3copy_cli.verify.since import parse_since
    from s3copy_cli.verify.to_json import to_json

    clock = Clock()
    options = VerifyOptions(
        level=level,
        wait=wait,
        since=parse_since(since, clock.now()) if since else None,
        max_listed=max_listed or None,
        strict=strict,
        setup_command=app.command("setup"),
        deploy_command=app.command("deploy"),
    )
    deployed = find_deployed(app.aws, app.pipeline, app.command("setup"))
    # Where deletes are carried over, an object that only the destination has is a difference.
    options = replace(options, strict=strict or deployed.propagate_deletes)
    services = Services(
        store=app.store,
        logs=app.aws.logs,
        cloudwatch=app.aws.cloudwatch,
        sqs=app.aws.sqs,
        clock=clock,
    )
    with app.terminal.bar("Objects", None) as bar:
        report = verify_pipeline(deployed, services, options, _Progress(app.terminal, bar, wait))

    def text(console: Console) -> None:
        write_text(
            report,
            console,
            setup_command=app.command("setup"),
            upload_command=app.command("upload FILE"),
            verify_command=app.command("verify"),
        )

    return Result(
        data=to_json(report),
        text=text,
        exit_code=ExitCode.OK if report.is_proved else ExitCode.DIFFERENCES,
    )


class _Progress:
    """Tells the person how far verify has come, on stderr."""

    def __init__(self, terminal: Terminal, bar: ProgressBar, wait: float) -> None:
        self._terminal = terminal
        self._bar = bar
        self._wait = wait
        self._pending: int | None = None

    def on_object(self) -> None:
        self._bar.advance(1)

    def on_pending(self, pending: int) -> None:
        if pending == self._pending:
            return
        if self._pending is None:
            self._terminal.say(f"waiting up to {self._wait:g} s for copies under way: {pending} missing or different")
        else:
            self._terminal.say(f"  {pending} left")
        self._pending = pending

    def on_step(self, doing: str) -> None:
        self._terminal.detail(doing)
