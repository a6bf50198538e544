"""The program: a lazy group of commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from s3copy_cli import __version__
from s3copy_cli.commands.app import App, GlobalOptions
from s3copy_cli.commands.common import current_options, examples, global_options
from s3copy_cli.config import is_yes
from s3copy_cli.errors import ExitCode, S3CopyError, SeveralFailuresError, UsageError
from s3copy_cli.output.result import Problem, Result, envelope, error_envelope
from s3copy_cli.output.streams import abandon, abandon_unwritable, write_line

# name -> (module, attribute, one line for --help). A table, so that --help imports no command and no SDK.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "setup": (
        "s3copy_cli.commands.setup",
        "setup",
        "Build the pipeline: buckets, role, queue, function, trigger.",
    ),
    "plan": ("s3copy_cli.commands.plan", "plan", "Show what setup would change; exit code 3 if anything."),
    "deploy": ("s3copy_cli.commands.deploy", "deploy", "Update the function's code and settings."),
    "upload": ("s3copy_cli.commands.upload", "upload", "Put files into the source bucket."),
    "verify": ("s3copy_cli.commands.verify", "verify", "Prove that the destination equals the source."),
    "repair": ("s3copy_cli.commands.repair", "repair", "Bring back what is missing or different at the destination."),
    "list": ("s3copy_cli.commands.list_pipelines", "list_pipelines", "Show the pipelines in the account."),
    "teardown": ("s3copy_cli.commands.teardown", "teardown", "Remove everything that setup built."),
    "local": ("s3copy_cli.commands.local", "local", "Start, stop and inspect the embedded AWS."),
}


_HELP_HINT = "See s3copy --help."
_OPTIONS_WITH_VALUE = frozenset({"--config", "--name", "--profile", "--region", "--endpoint-url"})


# What is raised when a server goes away in the middle.
_LOST_CONNECTION = frozenset(
    {"EndpointConnectionError", "ConnectionClosedError", "ConnectionError", "HTTPClientError", "ReadTimeoutError"}
)
_EMBEDDED_HINT = (
    "Run the command again: it is started anew. Where its log is: s3copy local status. If it did not end by "
    "itself but was killed, it begins empty, and s3copy setup builds the pipeline again."
)


class LazyGroup(click.Group):
    """A group that imports a command only when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order in which a pipeline lives."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, attribute, _ = entry
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in --help, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, _, short) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples(
        "s3copy --local setup                  # build it on the embedded AWS, no account needed",
        "s3copy --local upload sample.csv --wait",
        "s3copy --local verify",
        "s3copy --local teardown",
        "s3copy setup --region eu-west-1       # the same on your AWS account",
    ),
)
@click.version_option(__version__, prog_name="s3copy")
@global_options(from_environment=True)
def cli() -> None:
    """Copy every file that lands in a source S3 bucket to a destination bucket, and prove it.

    An upload triggers a Lambda function, which has S3 copy the object. s3copy builds that
    pipeline, uses it, proves its work, and takes it down again.
    """


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> None:
    """The console script: run, report, exit."""
    _guard_streams()
    # Millions of small objects that die at once and refer to nothing: looking for cycles among them every 700 costs a
    # quarter of the time of a verification (docs/performance.md). Memory grows by a megabyte or two.
    gc.set_threshold(200_000, 20, 100)
    line = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(int(run(line, os.environ if environ is None else environ)))


def _guard_streams() -> None:
    """Make the three streams usable: one that the shell closed is None, and an encoding may not hold every key."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (for the process's life)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: list[str], environ: Mapping[str, str]) -> ExitCode:
    """Run one command line and report it on stdout and stderr.

    Returns:
        The exit code; nothing but a request to exit is raised.
    """
    boundary = _Boundary(arguments, environ)
    try:
        with cli.make_context("s3copy", list(arguments)) as ctx:
            boundary.context = ctx
            outcome = cli.invoke(ctx)
        return boundary.report(outcome)
    except click.exceptions.Exit as done:
        return ExitCode(done.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        if boundary.wants_json:
            return boundary.fail(UsageError("reading the command line", "no command was given", _HELP_HINT), error)
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.UsageError as error:
        return boundary.fail(_from_click(error), error)
    except (KeyboardInterrupt, click.Abort) as error:
        write_line("")
        return boundary.fail(_InterruptedError(), error)
    except S3CopyError as error:
        return boundary.fail(error, error)
    except Exception as error:  # noqa: BLE001  (the boundary: what nobody foresaw is still three parts and an exit code)
        if isinstance(error, OSError) and boundary.asks_for_help:
            return boundary.fail_to_help(error)
        return boundary.fail(_unforeseen(error), error)


class _InterruptedError(S3CopyError):
    exit_code = ExitCode.INTERRUPTED
    default_code = "Interrupted"

    def __init__(self) -> None:
        super().__init__(
            "working",
            "interrupted",
            "To go on, run the same command again.",
        )


class _Boundary:
    """Reports results and errors, in the form that the command line asked for."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str]) -> None:
        self.arguments = arguments
        self.environ = environ
        self.context: click.Context | None = None

    @property
    def options(self) -> GlobalOptions:
        return current_options(self.context)

    @property
    def wants_json(self) -> bool:
        # A line that cannot be parsed still deserves its envelope.
        from_environment = is_yes(self.environ.get("S3COPY_JSON", ""))
        return self.options.json or "--json" in self._before_dashes or (self.context is None and from_environment)

    @property
    def asks_for_help(self) -> bool:
        """Whether the line is answered by click itself, which writes to stdout."""
        return not {"--help", "-h", "--version"}.isdisjoint(self._before_dashes)

    @property
    def _before_dashes(self) -> list[str]:
        return self.arguments[: self.arguments.index("--")] if "--" in self.arguments else self.arguments

    @property
    def command(self) -> str:
        skip = False
        words = []
        for word in self.arguments:
            if skip:
                skip = False
            elif word in _OPTIONS_WITH_VALUE:
                skip = True
            elif not word.startswith("-"):
                words.append(word)
        if not words or words[0] not in COMMANDS:
            return ""
        return " ".join(words[:2]) if words[0] == "local" else words[0]

    def report(self, outcome: Any) -> ExitCode:
        if not isinstance(outcome, Result):
            return ExitCode.OK
        try:
            self._write(outcome)
        except BrokenPipeError:
            # The reader went away, e.g. `s3copy verify | head -1`. Whether that is noticed depends on who is faster,
            # so the exit code does not: what was found or done decides.
            abandon_unwritable()
        except OSError as error:
            abandon_unwritable()
            _say_error(
                Problem("Stdout", f"writing the result: {error.strerror}", "The command itself was carried out.")
            )
            return ExitCode.FAILED
        if not self.wants_json:
            for problem in outcome.problems:
                _say_error(problem)
        return outcome.exit_code

    def _write(self, outcome: Result) -> None:
        if self.wants_json:
            sys.stdout.write(envelope(self.command, outcome))
        else:
            from s3copy_cli.output.terminal import Terminal

            outcome.text(Terminal(color=False if self.options.no_color else None).console())
        sys.stdout.flush()

    def fail_to_help(self, error: OSError) -> ExitCode:
        """Help that cannot be written, which is no harm where its reader went away."""
        abandon(sys.stdout)
        if isinstance(error, BrokenPipeError):
            return ExitCode.OK
        _say_error(Problem("Stdout", f"writing the help: {error.strerror}", "Nothing was done."))
        return ExitCode.FAILED

    def fail(self, error: S3CopyError, cause: BaseException) -> ExitCode:
        lost = error.code in _LOST_CONNECTION and self.options.local
        if lost:
            # Nobody but the embedded AWS was talked to, so the network is not what to check.
            error = S3CopyError(
                error.doing, f"the embedded AWS ended ({error.happened})", _EMBEDDED_HINT, code=error.code
            )
        errors = error.errors if isinstance(error, SeveralFailuresError) else (error,)
        for one in errors:
            # The layers below know nothing of the options that this run was given.
            one.hint = App(self.options, self.environ).complete(one.hint)
        problems = [Problem.from_error(one) for one in errors]
        if self.wants_json:
            try:
                sys.stdout.write(error_envelope(self.command, error.exit_code, problems))
                sys.stdout.flush()
            except OSError:
                abandon(sys.stdout)
        else:
            for problem in problems:
                _say_error(problem)
        if self.options.debug or "--debug" in self.arguments:
            import traceback

            traceback.print_exception(type(cause), cause, cause.__traceback__)
        return error.exit_code


def _say_error(problem: Problem) -> None:
    write_line(f"Error: {problem.message}")
    if problem.hint:
        write_line(f"       {problem.hint}")


def _from_click(error: click.UsageError) -> UsageError:
    path = error.ctx.command_path if error.ctx is not None else "s3copy"
    return UsageError(f"reading the {_place(error)}", error.format_message(), f"See {path} --help.")


def _place(error: click.UsageError) -> str:
    """Where the words stand that click does not take."""
    param = error.param if isinstance(error, click.BadParameter) else None
    source = error.ctx.get_parameter_source(str(param.name)) if error.ctx and param else None
    return "environment" if source is ParameterSource.ENVIRONMENT else "command line"


def _unforeseen(error: Exception) -> S3CopyError:
    return S3CopyError(
        "working",
        f"something that s3copy did not foresee: {type(error).__name__}: {error}",
        "Run again with --debug and report what it prints. Running the command again is safe.",
        code="Unforeseen",
    )
