"""`s3copy local`: start, stop and inspect the embedded AWS."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command, examples, global_options
from s3copy_cli.errors import UsageError
from s3copy_cli.local import ensure_running, export_variables, local_paths
from s3copy_cli.local import export_lines as export_lines_for
from s3copy_cli.local import reset as reset_embedded
from s3copy_cli.local import status as status_of_embedded
from s3copy_cli.local import stop as stop_embedded
from s3copy_cli.output.result import Result
from s3copy_cli.output.safe import safe
from s3copy_cli.wording import human_size

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.local import LocalAws, LocalStatus, StopReport


@click.group(
    epilog=examples(
        "s3copy local start",
        'eval "$(s3copy local env)"           # other AWS tools work on the same buckets',
        "s3copy local reset --yes",
    )
)
@global_options(from_environment=False)
def local() -> None:
    """Start, stop and inspect the embedded AWS.

    It is a server of yours on this machine only; every command with --local starts it when it is needed. What it holds
    is kept from one start to the next, until it is reset.
    """


@command("start", "s3copy local start", group=local)
def start(app: App) -> Result:
    """Start the embedded AWS, or find the one that runs."""
    aws = _ensure_running(app)

    def text(console: Console) -> None:
        _line(console, f"{'Started' if aws.started_now else 'Running'}: {aws.endpoint_url} (process {aws.pid})")
        _line(console, f"State:   {aws.state_dir}")
        if aws.started_now:
            _line(console, 'For other AWS tools: eval "$(s3copy local env)"')

    return Result(
        data={
            "started_now": aws.started_now,
            "endpoint_url": aws.endpoint_url,
            "region": aws.region,
            "pid": aws.pid,
            "state_dir": str(aws.state_dir),
            "notices": list(aws.notices),
        },
        text=text,
    )


@command("stop", "s3copy local stop", group=local)
def stop(app: App) -> Result:
    """Stop the embedded AWS; what it holds is kept for the next start."""
    report = stop_embedded(local_paths(app.environ))
    for notice in report.notices:
        app.terminal.say(notice)

    def text(console: Console) -> None:
        if not report.was_running:
            _line(console, "It was not running.")
        elif report.is_saved:
            _line(console, f"Stopped; its state is kept in {report.state_dir}")
        else:
            _line(console, "Stopped, but its state is not saved.")

    return Result(data=_stop_data(report), text=text)


@command("status", "s3copy local status", group=local)
def status(app: App) -> Result:
    """Show whether the embedded AWS runs, where, and what it occupies."""
    found = status_of_embedded(local_paths(app.environ))

    def text(console: Console) -> None:
        for name, value in _status_lines(found):
            _line(console, f"{name + ':':<10} {value}")

    return Result(
        data={
            "running": found.is_running,
            "answering": found.is_answering,
            "unsaved": found.is_unsaved,
            "pid": found.pid,
            "endpoint_url": found.endpoint_url,
            "started_at": found.started_at,
            "ministack_version": found.version,
            "state_dir": str(found.state_dir),
            "size_bytes": found.size_bytes,
            "log_file": str(found.log_file) if found.log_file else None,
            "crashed_dir": str(found.crashed_dir) if found.crashed_dir else None,
        },
        text=text,
    )


@command("reset", "s3copy local reset --yes", group=local)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(app: App, yes: bool) -> Result:
    """Stop the embedded AWS and delete everything it holds: buckets, functions, logs."""
    paths = local_paths(app.environ)
    if not yes:
        if app.options.json or not sys.stdin.isatty():
            raise UsageError(
                "resetting the embedded AWS",
                "it deletes everything that the embedded AWS holds, and nobody can be asked here",
                "Pass --yes if that is meant.",
            )
        click.confirm(f"Delete everything in {safe(str(paths.state_dir))}?", abort=True, err=True)
    report = reset_embedded(paths)

    def text(console: Console) -> None:
        if not report.stopped.was_running and not report.deleted_bytes:
            _line(console, "There was nothing to delete.")
            return
        stopped = "Stopped, and deleted" if report.stopped.was_running else "Deleted"
        _line(console, f"{stopped} {human_size(report.deleted_bytes)} in {report.state_dir}")

    return Result(
        data={"deleted_bytes": report.deleted_bytes, **_stop_data(report.stopped)},
        text=text,
    )


@command("env", 'eval "$(s3copy local env)"', "aws s3 ls", group=local)
def env(app: App) -> Result:
    """Print shell lines that point other AWS tools at the embedded AWS, which is started if it does not run."""
    aws = _ensure_running(app)

    def text(console: Console) -> None:
        for line in export_lines_for(aws):
            _line(console, line)

    return Result(data={"variables": export_variables(aws), "notices": list(aws.notices)}, text=text)


def _ensure_running(app: App) -> LocalAws:
    aws = ensure_running(local_paths(app.environ))
    for notice in aws.notices:
        app.terminal.say(notice)
    return aws


def _stop_data(report: StopReport) -> dict[str, object]:
    return {
        "was_running": report.was_running,
        "pid": report.pid,
        "saved": report.is_saved,
        "killed": report.was_killed,
        "state_dir": str(report.state_dir),
        "notices": list(report.notices),
    }


def _status_lines(found: LocalStatus) -> list[tuple[str, str]]:
    if not found.is_running:
        running = "not running"
    else:
        running = "running" if found.is_answering else "running, but it does not answer"
    lines = [("Server", running)]
    if found.is_running and found.endpoint_url:
        lines.append(("Endpoint", found.endpoint_url))
        lines.append(("Process", f"{found.pid}, since {found.started_at}, ministack {found.version}"))
    if found.is_unsaved:
        lines.append(("Unsaved", "it ended without saving its state; the next start begins empty"))
    lines.append(("State", f"{found.state_dir} ({human_size(found.size_bytes)})"))
    if found.log_file:
        lines.append(("Log", str(found.log_file)))
    if found.crashed_dir:
        lines.append(("Crashed", f"{found.crashed_dir} (moved aside when it had ended without saving)"))
    return lines


def _line(console: Console, text: str) -> None:
    # Whole lines: they are read by shells, and a path broken at the terminal's edge cannot be copied.
    console.print(safe(text), soft_wrap=True)
