"""Everything that a pipeline's owner chose: what a command line says, what the function records, what holds. Pure.

Order of precedence: option, variable, file (these three are a `GivenChoices`), what is recorded, default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from s3copy_cli.deployed import (
    DECRYPT_HINT,
    ENV_DESTINATION_BUCKET,
    ENV_EXPECTED_BUCKET_OWNER,
    ENV_PIPELINE,
    ENV_SETTINGS,
    ENV_SOURCE_BUCKET,
)
from s3copy_cli.errors import S3CopyError, UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.options import (
    OPTION_VARIABLES,
    CopyOptions,
    GivenOptions,
    chosen_options,
    deployed_options,
    option_attributes,
    option_environment,
)
from s3copy_cli.provision.resources import RemoteResource
from s3copy_cli.provision.settings import (
    GivenSettings,
    RecordError,
    Settings,
    read_record,
    record_text,
    recorded_settings,
    settings_record,
    with_given,
)

# Lambda: all variables of a function together.
ENVIRONMENT_MAX_BYTES = 4096
# What setup writes whatever was chosen: where one of these is missing, somebody has deleted more than that.
ALWAYS_RECORDED = (ENV_PIPELINE, ENV_SOURCE_BUCKET, ENV_DESTINATION_BUCKET, ENV_EXPECTED_BUCKET_OWNER)
# Variables of the function that a plan shows as attributes of their own.
_WORDED_VARIABLES = OPTION_VARIABLES | {ENV_SETTINGS}


@dataclass(frozen=True)
class GivenChoices:
    """What one command line says.

    Attributes:
        options: about copying.
        settings: about what is built; only what was said is in it.
        reset_settings: forget the settings that are recorded: what is not given takes its default.
        source_bucket: copy from this bucket; "" for the pipeline's own, None where nothing is said.
        destination_bucket: copy to this bucket; the same.
    """

    options: GivenOptions = field(default_factory=GivenOptions)
    settings: GivenSettings = field(default_factory=GivenSettings)
    reset_settings: bool = False
    source_bucket: str | None = None
    destination_bucket: str | None = None


@dataclass(frozen=True)
class Choices:
    """What holds.

    Attributes:
        options: about copying; the function reads them.
        settings: about what is built; only setup reads them.
        source_bucket: where files are copied from; "" for the pipeline's own.
        destination_bucket: where they are copied to; "" for the pipeline's own.
    """

    options: CopyOptions = field(default_factory=CopyOptions)
    settings: Settings = field(default_factory=Settings)
    source_bucket: str = ""
    destination_bucket: str = ""


def recorded_choices(function: RemoteResource, *, reset_settings: bool = False) -> Choices:
    """What was chosen when the function was deployed; the defaults where there is none.

    Args:
        function: as it was read.
        reset_settings: take the settings' defaults, whatever is recorded.

    Raises:
        S3CopyError: the record cannot be read, or is not there any more. Nothing is assumed then: it may have had
            buckets of the owner's, a role or a limit in it.
    """
    if function.exists and not function.is_ours:
        # Whatever somebody else's function has there is no choice of ours.
        return Choices()
    options = deployed_options(function)
    variables = function.attributes.get(names.ENVIRONMENT, {})
    buckets = variables.get(ENV_SOURCE_BUCKET, ""), variables.get(ENV_DESTINATION_BUCKET, "")
    if reset_settings:
        return Choices(options, Settings(), *buckets)
    if function.lacking:
        raise S3CopyError(
            _reading(function),
            function.problem,
            f"{DECRYPT_HINT} If the key is gone, run setup with --reset-settings and with every option that is not to "
            "have its default, --source-bucket and --destination-bucket among them.",
            code="UnreadableSettings",
        )
    missing = [name for name in ALWAYS_RECORDED if function.exists and name not in variables]
    if missing:
        raise lost_record(function, f"its variables {', '.join(missing)} are missing, which setup always writes")
    try:
        settings = recorded_settings(function.attributes.get(names.SETTINGS) or {})
    except RecordError as error:
        raise S3CopyError(
            _reading(function),
            f"its variable {ENV_SETTINGS} cannot be read: {error}",
            "If a newer s3copy wrote it, use that one. Else run setup with --reset-settings and with every setting "
            "that is not to have its default.",
            code="UnreadableSettings",
        ) from error
    return Choices(options, settings, *buckets)


def lost_record(function: RemoteResource, happened: str) -> S3CopyError:
    """The error for a function of ours from which somebody has deleted what was chosen.

    Args:
        function: the function.
        happened: by what that is seen.
    """
    return S3CopyError(
        _reading(function),
        f"{happened}; so what was chosen is not known any more",
        "Put its variables back, if you know them (aws lambda update-function-configuration). Else run setup with "
        "--reset-settings and with every option that is not to have its default: --source-bucket and "
        "--destination-bucket if the buckets are yours, --trigger, --prefix and the like.",
        code="UnreadableSettings",
    )


def _reading(function: RemoteResource) -> str:
    return f"reading what was chosen for the function {function.name}"


def resolve(given: GivenChoices, recorded: Choices) -> Choices:
    """What holds from now on: what is given, else what is recorded.

    Raises:
        UsageError: something that AWS would refuse, or that contradicts itself.
    """
    source_bucket = recorded.source_bucket if given.source_bucket is None else given.source_bucket
    destination_bucket = recorded.destination_bucket if given.destination_bucket is None else given.destination_bucket
    before = recorded.options
    if destination_bucket != recorded.destination_bucket:
        # What was accepted for one bucket was not accepted for another one.
        before = replace(before, accept_permanent_deletes=False)
    return Choices(
        options=chosen_options(given.options, before),
        settings=with_given(recorded.settings, given.settings),
        source_bucket=source_bucket,
        destination_bucket=destination_bucket,
    )


def choice_environment(choices: Choices) -> dict[str, str]:
    """The function's variables for these choices; an option's default has none, the settings are always there."""
    return {**option_environment(choices.options), ENV_SETTINGS: record_text(settings_record(choices.settings))}


def record_attributes(variables: Mapping[str, str]) -> dict[str, Any]:
    """The function's variables in the words of a plan."""
    return {
        names.ENVIRONMENT: {name: value for name, value in variables.items() if name not in _WORDED_VARIABLES},
        **option_attributes(variables),
        names.SETTINGS: read_record(variables[ENV_SETTINGS] or "{}") if ENV_SETTINGS in variables else None,
    }


def check_environment_size(environment: dict[str, str]) -> None:
    """Refuse what Lambda would.

    Raises:
        UsageError: the variables are larger than Lambda allows.
    """
    size = sum(len(name.encode()) + len(value.encode()) for name, value in environment.items())
    if size > ENVIRONMENT_MAX_BYTES:
        raise UsageError(
            "recording what was chosen",
            f"the function's variables would have {size:,} bytes, and Lambda allows {ENVIRONMENT_MAX_BYTES:,}",
            "Choose fewer or shorter tags or keys.",
        )
