"""The options by which a pipeline is chosen, the same for `setup` and `plan`, and their way into a `GivenChoices`.

To add one: a line in `_OPTIONS`, and what it means in `given_choices`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from s3copy_cli.commands.common import Number, PipelineOption
from s3copy_cli.errors import OptionError

if TYPE_CHECKING:
    from s3copy_cli.provision.choices import GivenChoices

# Those of general purpose buckets that a copy may name (CopyObject, StorageClass).
_STORAGE_CLASSES = (
    "keep",
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY",
)
_COPYING, _TRIGGER, _FUNCTION, _BUCKETS = "Copying", "Trigger", "Function and logs", "Buckets"
_ACCESS = "Role and tags"
_RESET = "reset_settings"


class _Cleared:
    """What a person writes to have something no more, e.g. "never"."""


CLEARED = _Cleared()


class _Tag(click.ParamType):  # type: ignore[type-arg]
    """KEY=VALUE, as a pair."""

    name = "KEY=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        from s3copy_cli.provision.tags import parse_tag

        try:
            return parse_tag(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _WholeOr(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.2
    """A whole number, or one word that takes it away."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.name = f"number or {word}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, int | _Cleared):
            return value
        if value == self.word:
            return CLEARED
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor {self.word!r}", param, ctx)


def _option(section: str, *declarations: str, **settings: Any) -> Callable[[Any], Any]:
    """An option of a pipeline, with its variable."""
    long = next(word for word in declarations if word.startswith("--")).split("/")[0]
    variable = "S3COPY_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*declarations, cls=PipelineOption, section=section, envvar=variable, **settings)


_OPTIONS = (
    _option(
        _COPYING,
        "--propagate-deletes/--no-propagate-deletes",
        default=None,
        help="Delete at the destination what is deleted, or expires, in the source.",
    ),
    _option(
        _COPYING,
        "--accept-permanent-deletes",
        is_flag=True,
        help="Propagate deletes also to a bucket that keeps no versions.",
    ),
    _option(_COPYING, "--sync-tags/--no-sync-tags", default=None, help="Copy changes of tags alone."),
    _option(
        _COPYING,
        "--storage-class",
        type=click.Choice(_STORAGE_CLASSES),
        metavar="keep|CLASS",
        help="Storage class of the copies: the source object's, or e.g. STANDARD_IA.",
    ),
    _option(
        _COPYING,
        "--kms-key-id",
        metavar="KEY",
        help='Encrypt the copies with this KMS key (id, alias or ARN); "" as the bucket does by default.',
    ),
    _option(_COPYING, "--prefix", metavar="P", help='Copy only keys that begin with P; "" for all again.'),
    _option(_COPYING, "--suffix", metavar="S", help='Copy only keys that end with S; "" for all again.'),
    _option(
        _COPYING,
        "--destination-prefix",
        metavar="P",
        help='Put P before the whole key at the destination; "" for the same key again.',
    ),
    _option(
        _TRIGGER,
        "--trigger",
        type=click.Choice(["s3", "sqs", "eventbridge"]),
        help="What starts the function: S3 itself, a queue of events, or a rule of EventBridge.",
    ),
    _option(
        _TRIGGER,
        "--handover-wait",
        "handover_seconds",
        type=Number(0, 3600, "seconds"),
        metavar="SECONDS",
        help="How long both triggers stay when one replaces the other. [default: 300]",
    ),
    _option(
        _COPYING,
        "--source-kms-key-id",
        "source_kms_keys",
        metavar="KEY",
        multiple=True,
        help='Let the function read source objects encrypted with this KMS key; may be repeated; "" for none.',
    ),
    _option(
        _BUCKETS,
        "--source-bucket",
        metavar="BUCKET",
        help='Copy from this bucket of yours, which stays as it is; "" from the pipeline\'s own.',
    ),
    _option(
        _BUCKETS,
        "--destination-bucket",
        metavar="BUCKET",
        help='Copy to this bucket of yours, in any Region; "" to the pipeline\'s own.',
    ),
    _option(
        _BUCKETS,
        "--source-versioning/--no-source-versioning",
        default=None,
        help="Have the source bucket keep versions; no: leave its versioning alone.",
    ),
    _option(
        _BUCKETS,
        "--destination-versioning/--no-destination-versioning",
        default=None,
        help="Have the destination bucket keep versions; no: leave its versioning alone.",
    ),
    _option(_FUNCTION, "--memory", "memory_mb", type=int, metavar="MB", help="Memory, and with it processor time."),
    _option(_FUNCTION, "--timeout", "timeout_seconds", type=int, metavar="SECONDS", help="Of one invocation."),
    _option(_FUNCTION, "--runtime", metavar="RUNTIME", help="E.g. python3.13."),
    _option(_FUNCTION, "--architecture", metavar="ARCH", help="arm64 or x86_64."),
    _option(
        _FUNCTION,
        "--log-retention",
        "log_retention_days",
        type=_WholeOr("never"),
        metavar="DAYS|never",
        help="How long log lines are kept; never: for ever.",
    ),
    _option(
        _FUNCTION,
        "--reserved-concurrency",
        type=_WholeOr("none"),
        metavar="N|none",
        help="Executions kept for the function, which are also its most.",
    ),
    _option(
        _ACCESS,
        "--permissions-boundary",
        metavar="ARN|none",
        help="Bound the function's role by this policy.",
    ),
    _option(
        _ACCESS,
        "--role-arn",
        metavar="ARN",
        help='Use this role and make none (s3copy plan --show-policy says what it needs); "" to make one again.',
    ),
    _option(
        _ACCESS,
        "--tag",
        "tags",
        metavar="KEY=VALUE",
        type=_Tag(),
        multiple=True,
        help="Tag every resource; may be repeated: these and no others.",
    ),
    _option(_ACCESS, "--no-tags", is_flag=True, help="Remove the tags that --tag set."),
    click.option(
        "--reset-settings",
        is_flag=True,
        help="Forget what was chosen about function, logs and buckets: defaults for what is not given.",
    ),
)
_COPY_NAMES = (
    *("propagate_deletes", "accept_permanent_deletes", "sync_tags", "storage_class", "kms_key_id"),
    *("prefix", "suffix", "destination_prefix"),
)


def pipeline_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all of them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def file_options() -> list[click.Option]:
    """The options themselves, for whoever reads them from a file."""
    made = pipeline_options(lambda: None)
    return [each for each in getattr(made, "__click_params__", []) if isinstance(each, PipelineOption)]


def options_on_the_line() -> list[str]:
    """Those of these options that the command line itself has, as words to be copied into another command line."""
    ctx = click.get_current_context()
    words: list[str] = []
    for option in ctx.command.params:
        name = str(option.name)
        is_told = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not is_told or not (isinstance(option, PipelineOption) or name == _RESET):
            continue
        value = ctx.params[name]
        if isinstance(value, bool):
            words.append(option.opts[0] if value else option.secondary_opts[0])
            continue
        for one in value if isinstance(value, tuple) else [value]:
            words += [option.opts[0], shlex.quote(_typed(option.type, one))]
    return words


def _typed(kind: Any, value: Any) -> str:
    """What a person types to get this value."""
    if isinstance(kind, _WholeOr) and value is CLEARED:
        return kind.word
    if isinstance(value, tuple):
        return "=".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def given_choices(parameters: dict[str, Any]) -> GivenChoices:
    """What a command line says, from the values of all these options."""
    from s3copy_cli.provision.choices import GivenChoices
    from s3copy_cli.provision.options import GivenOptions
    from s3copy_cli.provision.settings import GivenSettings

    left = dict(parameters)
    options = GivenOptions(**{name: left.pop(name) for name in _COPY_NAMES})
    reset_settings = left.pop(_RESET)
    buckets = {name: left.pop(name) for name in ("source_bucket", "destination_bucket")}
    left.pop("handover_seconds")  # about this run, and not about the pipeline
    settings: dict[str, Any] = {
        name: None if value is CLEARED else value for name, value in left.items() if value not in (None, ())
    }
    if settings.pop("no_tags"):
        # On the command line it takes back what the file says.
        is_from_file = click.get_current_context().get_parameter_source("tags") is ParameterSource.DEFAULT_MAP
        if "tags" in settings and not is_from_file:
            raise OptionError("--no-tags", "--tag is there as well", "Give one of them.")
        settings["tags"] = ()
    if "tags" in settings:
        settings["tags"] = tuple(sorted(settings["tags"]))
    if "source_kms_keys" in settings:
        settings["source_kms_keys"] = tuple(key for key in settings["source_kms_keys"] if key)
    given = GivenSettings(**settings)  # type: ignore[typeddict-item]
    return GivenChoices(options, given, reset_settings=reset_settings, **buckets)
