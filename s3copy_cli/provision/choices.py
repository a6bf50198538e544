"""Everything that a pipeline's owner chose: what a command line says, what the function records, what holds. Pure.

Order of precedence: option, variable, file (these three are a `GivenChoices`), what is recorded, default.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from s3copy_cli.deployed import ENV_SETTINGS
from s3copy_cli.errors import S3CopyError, UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.options import CopyOptions, GivenOptions, chosen_options, deployed_options, option_environment
from s3copy_cli.provision.resources import RemoteResource
from s3copy_cli.provision.settings import (
    GivenSettings,
    RecordError,
    Settings,
    record_text,
    recorded_settings,
    settings_record,
    with_given,
)

# Lambda: all variables of a function together.
ENVIRONMENT_MAX_BYTES = 4096


@dataclass(frozen=True)
class GivenChoices:
    """What one command line says.

    Attributes:
        options: about copying.
        settings: about what is built; only what was said is in it.
        reset_settings: forget the settings that are recorded: what is not given takes its default.
    """

    options: GivenOptions = field(default_factory=GivenOptions)
    settings: GivenSettings = field(default_factory=GivenSettings)
    reset_settings: bool = False


@dataclass(frozen=True)
class Choices:
    """What holds.

    Attributes:
        options: about copying; the function reads them.
        settings: about what is built; only setup reads them.
    """

    options: CopyOptions = field(default_factory=CopyOptions)
    settings: Settings = field(default_factory=Settings)


def recorded_choices(function: RemoteResource, *, reset_settings: bool = False) -> Choices:
    """What was chosen when the function was deployed; the defaults where there is none.

    Args:
        function: as it was read.
        reset_settings: take the settings' defaults, whatever is recorded.

    Raises:
        S3CopyError: the record cannot be read. Nothing is assumed then: it may have a role or a limit in it.
    """
    options = deployed_options(function)
    if reset_settings:
        return Choices(options)
    try:
        settings = recorded_settings(function.attributes.get(names.SETTINGS, {}))
    except RecordError as error:
        raise S3CopyError(
            f"reading what was chosen for the function {function.name}",
            f"its variable {ENV_SETTINGS} cannot be read: {error}",
            "If a newer s3copy wrote it, use that one. Else run setup with --reset-settings and with every setting "
            "that is not to have its default.",
            code="UnreadableSettings",
        ) from error
    return Choices(options, settings)


def resolve(given: GivenChoices, recorded: Choices) -> Choices:
    """What holds from now on: what is given, else what is recorded.

    Raises:
        UsageError: something that AWS would refuse, or that contradicts itself.
    """
    return Choices(
        options=chosen_options(given.options, recorded.options),
        settings=with_given(recorded.settings, given.settings),
    )


def choice_environment(choices: Choices) -> dict[str, str]:
    """The function's variables for these choices; a default has none."""
    record = settings_record(choices.settings)
    recorded = {ENV_SETTINGS: record_text(record)} if record else {}
    return {**option_environment(choices.options), **recorded}


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
