"""`s3copy verify`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import Number, command
from s3copy_cli.errors import ExitCode, UsageError
from s3copy_cli.output.result import Result

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.output.report_files import ReportFiles
    from s3copy_cli.output.terminal import ProgressBar, Terminal
    from s3copy_cli.verify.clock import Clock
    from s3copy_cli.verify.compare import Level
    from s3copy_cli.verify.run import VerifyOptions


_REPORTS = {
    "combined": "a line for every object: sigil, space, key",
    "proved": "the keys of the objects that are proved",
    "differs": "the keys of those that differ",
    "missing": "the keys of those that the destination does not have",
    "extra": "the keys of those that only the destination has",
    "unproved": "the keys of those that could not be proved",
    "errors": "the keys of those that could not be looked at",
}


def _report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for name, what in reversed(_REPORTS.items()):
        text = f"Write {what} to FILE (- is stdout)."
        function = click.option(f"--{name}", f"{name}_file", metavar="FILE", help=text)(function)
    return function


# A bar moves with each of the first objects, and then with so many at a time.
_OBJECTS_TOLD_SINGLY = 1000
_OBJECTS_TOLD_TOGETHER = 100


@command(
    "verify",
    "s3copy verify                          # everything proved? exit code 0; else 3",
    "s3copy verify --wait 120               # give large copies two minutes",
    "s3copy verify sample.csv               # one object; a few by their keys",
    "s3copy verify --prefix 2026/ --tags    # some objects, tags too",
    "s3copy verify --since 2h --json        # for machines; logs of the last two hours",
    "s3copy verify --level listing          # fast: key, size and ETag only",
    "s3copy verify --max-latency 15m        # 3 if a copy took longer than a quarter of an hour",
    "s3copy verify --combined report.txt    # every object with its outcome, and why",
    "s3copy verify --level content          # read the bytes where nothing else proves them",
)
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--prefix", default="", metavar="P", help="Look only at keys that begin with P.")
@click.option(
    "--wait",
    type=Number(0, 86_400, "seconds"),
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
    type=click.Choice(["listing", "metadata", "content"]),
    help="listing: key, size, ETag. metadata: also headers, user metadata and checksums. "
    "content: also the bytes, where nothing else proves them. [default: metadata]",
)
@click.option("--prove-all", is_flag=True, help="Compare the bytes of every object (level content).")
@click.option("--tags", is_flag=True, help="Compare tags, too (always with setup --sync-tags).")
@click.option(
    "--max-listed",
    type=Number(0, is_whole=True),
    default=50,
    show_default=True,
    metavar="N",
    help="List at most N objects; 0 lists all.",
)
@click.option("--strict", is_flag=True, help="Objects that only the destination has are a failure, too.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first object that is not proved.")
@click.option(
    "--max-latency", metavar="DURATION", help="A copy that took longer, e.g. than 15m, is a failure (event to copy)."
)
@_report_options
def verify(
    app: App,
    keys: tuple[str, ...],
    prefix: str,
    wait: float,
    since: str | None,
    level: Level | None,
    prove_all: bool,
    tags: bool,
    max_listed: int,
    strict: bool,
    fail_fast: bool,
    max_latency: str | None,
    **report_files: str | None,
) -> Result:
    """Prove that the destination equals the source, and explain what does not.

    Compares every object (or only those named by KEY or --prefix), scans the function's log streams for errors,
    and reads its metrics and its dead-letter queue. Exit code 0 means that everything is proved, 3 that something
    is not.
    """
    check_usage(keys, prefix, level, prove_all=prove_all, tags=tags)
    app.announce("Verifying")
    from s3copy_cli.output.report_files import ReportFiles
    from s3copy_cli.verify.clock import Clock
    from s3copy_cli.verify.run import VerifyOptions
    from s3copy_cli.verify.since import parse_duration, parse_since

    clock = Clock()
    options = VerifyOptions(
        level=level or ("content" if prove_all else "metadata"),
        prove_all=prove_all,
        tags=tags,
        fail_fast=fail_fast,
        wait=wait,
        since=parse_since(since, clock.now()) if since else None,
        max_latency=parse_duration(max_latency, "--max-latency") if max_latency else None,
        max_listed=max_listed or None,
        strict=strict,
        setup_command=app.command("setup"),
        deploy_command=app.command("deploy"),
    )
    # Opened first: nobody should wait for an answer that cannot be written down.
    with ReportFiles(_paths(report_files, wants_json=app.options.json)) as files:
        words = NextWords(keys, prefix, tags=tags, level=options.level)
        return _verify(app, clock, options, files, keys, prefix, words)


class NextWords:
    """How the next commands ask for the same objects: options and keys, with a space before them, or "".

    Attributes:
        same: looking as closely as this time.
        prove: for verify, looking at the bytes.
    """

    def __init__(self, keys: tuple[str, ...], prefix: str, *, tags: bool, level: Level) -> None:
        self.same = _same_objects(keys, prefix, tags=tags, level=level)
        self.prove = _same_objects(keys, prefix, tags=tags, level="content")


def _same_objects(keys: tuple[str, ...], prefix: str, *, tags: bool, level: Level) -> str:
    words = ["--tags"] if tags else []
    if level != "metadata":
        words.append(f"--level {level}")
    if prefix:
        words.append(f"--prefix {shlex.quote(prefix)}")
    if any(key.startswith("-") for key in keys):
        words.append("--")
    return "".join(f" {word}" for word in [*words, *map(shlex.quote, keys)])


def _paths(report_files: Mapping[str, str | None], *, wants_json: bool) -> Mapping[str, str]:
    """The names of the report files by kind."""
    from s3copy_cli.output.report_files import is_stdout

    paths = {kind: report_files[f"{kind}_file"] for kind in _REPORTS}
    named = {kind: path for kind, path in paths.items() if path}
    if wants_json and any(map(is_stdout, named.values())):
        raise UsageError(
            "opening a report file",
            "with --json, stdout takes the JSON object and nothing else",
            "Name a file instead of -.",
        )
    return named


def _verify(
    app: App,
    clock: Clock,
    options: VerifyOptions,
    files: ReportFiles,
    keys: tuple[str, ...],
    prefix: str,
    words: NextWords,
) -> Result:
    from s3copy_cli.deployed import find_deployed
    from s3copy_cli.output.verify_text import write_text
    from s3copy_cli.verify.look_around import read_health
    from s3copy_cli.verify.run import Services, verify_pipeline
    from s3copy_cli.verify.scope import scope_of
    from s3copy_cli.verify.to_json import to_json

    deployed = find_deployed(app.aws, app.pipeline, app.command("setup"))
    options = replace(options, scope=scope_of(deployed, keys, prefix))
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
        report = verify_pipeline(
            deployed, services, options, _Progress(app.terminal, bar, options.wait), files if files else None
        )
    written = files.complete()

    def text(console: Console) -> None:
        if files.uses_stdout and app.terminal.quiet:
            return
        write_text(
            report,
            # Where stdout takes a list of objects, everything else is conversation.
            app.terminal.console(stderr=True) if files.uses_stdout else console,
            written=written,
            setup_command=app.command("setup"),
            upload_command=app.command("upload FILE"),
            repair_command=app.command(f"repair{words.same}"),
            verify_command=app.command(f"verify{words.same}"),
            prove_command=app.command(f"verify{words.prove}"),
        )

    return Result(
        data={
            **to_json(report),
            "report_files": [{"kind": file.kind, "file": file.path, "objects": file.lines} for file in written],
        },
        text=text,
        exit_code=ExitCode.OK if report.is_proved else ExitCode.DIFFERENCES,
    )


def check_usage(keys: tuple[str, ...], prefix: str, level: Level | None, *, prove_all: bool, tags: bool) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: they do.
    """
    if keys and prefix:
        raise UsageError("reading KEY and --prefix", "they exclude each other", "Name keys, or a prefix.")
    for word in (*keys, prefix):
        try:
            word.encode()
        except UnicodeEncodeError as error:
            doing = "reading --prefix" if prefix else "reading KEY"
            raise UsageError(
                doing, f"{word!r} is no UTF-8, as every key of S3 is", "Write it in a terminal that speaks UTF-8."
            ) from error
    if "" in keys:
        raise UsageError("reading KEY", "no key is empty", "Leave KEY out to verify everything.")
    if prove_all and level not in (None, "content"):
        raise UsageError(
            "reading --prove-all", f"--level {level} reads no bytes", "Leave --level out, or pass --level content."
        )
    if tags and level == "listing":
        raise UsageError("reading --tags", "a listing shows no tags", "Pass --level metadata or content.")


class _Progress:
    """Tells the person how far verify has come, on stderr."""

    def __init__(self, terminal: Terminal, bar: ProgressBar, wait: float) -> None:
        self._terminal = terminal
        self._bar = bar
        self._wait = wait
        self._objects = 0
        self._pending = 0
        self._told = 0

    def on_object(self) -> None:
        # A display that is told of every single object takes longer than the objects.
        self._objects += 1
        if self._objects <= _OBJECTS_TOLD_SINGLY or self._objects % _OBJECTS_TOLD_TOGETHER == 0:
            self._bar.advance(1 if self._objects <= _OBJECTS_TOLD_SINGLY else _OBJECTS_TOLD_TOGETHER)

    def on_pending(self, pending: int) -> None:
        if pending and not self._pending:
            self._bar.step(f"Waiting up to {self._wait:g} s", pending)
            self._terminal.say(f"waiting up to {self._wait:g} s for what may be under way: {pending:,} pending")
            self._told = pending
        elif pending < self._pending:
            self._bar.advance(self._pending - pending)
            # On a terminal the bar shows each; lines only tell of every tenth part.
            if not self._terminal.is_interactive and (not pending or pending <= self._told * 0.9):
                self._terminal.say(f"  {pending:,} left")
                self._told = pending
        self._pending = pending

    def on_step(self, doing: str) -> None:
        self._terminal.detail(doing)
