"""Global options for every command, and the step from click's arguments to a `Result`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from s3copy_cli.commands.app import App, GlobalOptions
from s3copy_cli.config import DEFAULT_PIPELINE_NAME
from s3copy_cli.errors import OptionError
from s3copy_cli.output.result import Result

_META = "s3copy.global_options"
_FILE = "s3copy.config_file"
_OWN = "Options"
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


# Newer versions of click have made its base generic, older ones cannot be told of what.
class Number(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A number between two bounds. click's own ranges speak of "0<=x<=86400", and let "nan" pass.

    Args:
        least: the least that is allowed.
        most: the most that is allowed; None for no limit.
        unit: what is counted, for the message, e.g. "seconds".
        is_whole: whether only whole numbers are allowed.
    """

    name = "number"

    def __init__(self, least: float, most: float | None = None, unit: str = "", *, is_whole: bool = False) -> None:
        self._least, self._most, self._unit, self._is_whole = least, most, unit, is_whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number.

        Raises:
            click.BadParameter: it is none, or out of bounds.
        """
        what = ("a whole number" if self._is_whole else "a number") + (f" of {self._unit}" if self._unit else "")
        try:
            number: float = int(value) if self._is_whole else float(value)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            self.fail(f"{str(value)!r} is not {what}.", param, ctx)
        if number < self._least or number > (math.inf if self._most is None else self._most):
            self.fail(f"{value} is not {what} {self._bounds}.", param, ctx)
        return number

    @property
    def _bounds(self) -> str:
        least = f"{self._least:,g}"
        return f"from {least} on" if self._most is None else f"between {least} and {self._most:,g}"


class _NamedByOrigin(click.Option):
    """An option whose value may come from a variable or a file; click would name the option all the same."""

    def get_error_hint(self, ctx: Any) -> str:
        """What is called wrong: the variable, if the value came from there."""
        is_variable = ctx is not None and ctx.get_parameter_source(str(self.name)) is ParameterSource.ENVIRONMENT
        return f"'{self.envvar}'" if is_variable else super().get_error_hint(ctx)


class GlobalOption(_NamedByOrigin):
    """An option that every command accepts; the help lists these apart."""


class PipelineOption(_NamedByOrigin):
    """An option that chooses what a pipeline is like.

    Attributes:
        section: the heading under which the help shows it.
    """

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section


class ConfiguredContext(click.Context):
    """A command's context, in which what nobody gave is looked up in the configuration file."""

    def lookup_default(self, name: str, call: bool = True) -> Any:  # noqa: ARG002
        """What the file says of an option of a pipeline or of every command; None where it says nothing."""
        option = next((each for each in self.command.params if each.name == name), None)
        is_in_file = isinstance(option, (GlobalOption, PipelineOption)) and name != "config"
        found = _file_values(self, is_name=name == "name").get(name) if is_in_file else None
        return super().lookup_default(name) if found is None else found


class SectionedCommand(click.Command):
    """A command whose help shows its own options first, by section, and last those that every command has."""

    context_class = ConfiguredContext

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for what is this command's only, those of the pipeline's options, and everybody's."""
        sections: dict[str, list[tuple[str, str]]] = {_OWN: []}
        for parameter in sorted(self.get_params(ctx), key=lambda each: isinstance(each, GlobalOption)):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(_section_of(parameter), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def _section_of(option: click.Option) -> str:
    if isinstance(option, GlobalOption):
        return "Global options"
    return option.section if isinstance(option, PipelineOption) else _OWN


def _file_values(ctx: click.Context, *, is_name: bool) -> Mapping[str, Any]:
    """What the configuration file says for the pipeline that is meant; of that name itself, for all of them."""
    if _FILE not in ctx.meta:
        from s3copy_cli.commands.config_file import file_to_read, read_config
        from s3copy_cli.commands.pipeline_options import file_options

        path = file_to_read(ctx.meta.get(_META, {}).get("config"), Path())
        known = [*file_options(), *(each for each in ctx.command.params if isinstance(each, GlobalOption))]
        ctx.meta[_FILE] = read_config(path, known) if path else None
        if path:
            ctx.meta.setdefault(_META, {})["config"] = str(path)
    found = ctx.meta[_FILE]
    if found is None:
        return {}
    name = ctx.meta.get(_META, {}).get("name", DEFAULT_PIPELINE_NAME)
    values: Mapping[str, Any] = found.common if is_name else found.values(name)
    return values


def _origin(ctx: click.Context, long: str) -> str:
    """Where the value of an option was read, as a person finds it."""
    option = next((each for each in ctx.command.params if long in each.opts), None)
    source = ctx.get_parameter_source(str(option.name)) if option else None
    if isinstance(option, click.Option) and source is ParameterSource.ENVIRONMENT:
        return str(option.envvar)
    if isinstance(option, click.Option) and source is ParameterSource.DEFAULT_MAP:
        name = ctx.meta.get(_META, {}).get("name", DEFAULT_PIPELINE_NAME)
        return str(ctx.meta[_FILE].place_of(option, name))
    return long


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep a global option if it was really given; the one nearest to the end of the line wins."""
    name = str(param.name)
    source = ctx.get_parameter_source(name)
    if source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
        ctx.meta.setdefault(_META, {})[name] = value
    elif source is ParameterSource.DEFAULT_MAP:
        # From the file; what was given before the command's name counts first.
        ctx.meta.setdefault(_META, {}).setdefault(name, value)


def global_options(*, from_environment: bool) -> Callable[[Decorated], Decorated]:
    """The options that stand on the group and on every command.

    Args:
        from_environment: read the `S3COPY_…` variables too (on the group; what a command is given overrides them).
    """

    def variable(name: str) -> dict[str, Any]:
        return {"envvar": f"S3COPY_{name}"} if from_environment else {}

    def shared(name: str) -> dict[str, Any]:
        return {"cls": GlobalOption, "expose_value": False, "callback": _remember, **variable(name)}

    options = [
        # These two first: which file counts, and which part of it.
        click.option(
            "--config",
            metavar="FILE",
            is_eager=True,
            help='Read options from this file instead of ./s3copy.toml; "" from none.',
            **shared("CONFIG"),
        ),
        click.option(
            "--name",
            metavar="NAME",
            is_eager=True,
            help="Name of the pipeline (default: s3copy).",
            **shared("NAME"),
        ),
        click.option("--profile", metavar="PROFILE", help="AWS profile to use.", **shared("PROFILE")),
        click.option("--region", metavar="REGION", help="AWS Region to work in.", **shared("REGION")),
        click.option(
            "--endpoint-url",
            metavar="URL",
            help="Endpoint of an AWS-compatible service.",
            **shared("ENDPOINT_URL"),
        ),
        click.option(
            "--local/--no-local",
            default=False,
            help="Work on the embedded AWS: no account needed.",
            **shared("LOCAL"),
        ),
        click.option("--json", is_flag=True, help="Print one JSON object on stdout.", **shared("JSON")),
        click.option("--quiet", is_flag=True, help="Say nothing but results and errors.", **shared("QUIET")),
        click.option("--verbose", is_flag=True, help="Show each AWS call.", **shared("VERBOSE")),
        click.option("--no-color", is_flag=True, help="No colours.", **shared("NO_COLOR")),
        click.option("--debug", is_flag=True, help="Show the traceback of an error.", **shared("DEBUG")),
    ]

    def decorate(function: Decorated) -> Decorated:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def current_options(ctx: click.Context | None) -> GlobalOptions:
    """The global options as far as they have been read."""
    return GlobalOptions(**ctx.meta.get(_META, {})) if ctx is not None else GlobalOptions()


def examples(*lines: str) -> str:
    """The help's epilog: commands to copy, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def command(
    name: str, *example_lines: str, group: click.Group | None = None
) -> Callable[[Callable[..., Result]], click.Command]:
    """Make a click command of a function `(app, **options) -> Result`.

    Args:
        name: what the person types.
        example_lines: runnable examples for the help.
        group: the group to add it to, if it is not one of the top-level commands.
    """

    def decorate(function: Callable[..., Result]) -> click.Command:
        @functools.wraps(function)
        @click.pass_context
        def run(ctx: click.Context, /, **parameters: Any) -> Result:
            app = App(options=current_options(ctx))
            try:
                return function(app, **parameters)
            except OptionError as error:
                # The layers below know what was said, and not where.
                raise error.read_from(_origin(ctx, error.option)) from error

        wrapped = global_options(from_environment=False)(run)
        make = group.command if group is not None else click.command
        settings = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}
        return make(name, cls=SectionedCommand, epilog=examples(*example_lines), context_settings=settings)(wrapped)

    return decorate
