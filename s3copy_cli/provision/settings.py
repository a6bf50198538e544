"""What only setup has to remember about a pipeline: the values, their limits, and their record. Pure.

The record is one variable of the function, which the function does not read. Only what differs from the default is in
it. To add a setting: a field of `Settings` and of `GivenSettings`, and a line in `_CHECKS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypedDict

from s3copy_cli.errors import OptionError
from s3copy_cli.provision.tags import tags_problem

DAY_SECONDS = 86_400
NO_BOUNDARY = "none"
# A role's inline policies may have 10,240 characters (IAM quotas), a function's variables 4 KB.
MAX_SOURCE_KEYS = 10
# What CloudWatch Logs takes (PutRetentionPolicy, retentionInDays).
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


@dataclass(frozen=True)
class Settings:
    """What setup remembers.

    Attributes:
        runtime: the function's runtime.
        architecture: the function's processor.
        timeout_seconds: how long one invocation may take; 15 minutes is Lambda's most, and what a large copy needs.
        memory_mb: the function's memory (MB), which on Lambda also buys processor time.
        reserved_concurrency: how many executions are kept for the function, which are also its most; None for none.
        permissions_boundary: the ARN of the policy that bounds the role; NO_BOUNDARY that there is none; "" whatever.
        role_arn: the role that the function has instead of one that setup makes; "" for that one.
        tags: keys and values on every resource, by key.
        source_kms_keys: ARNs of the keys that source objects may be encrypted with, besides the bucket's own.
        source_versioning: the source bucket keeps versions; False leaves its versioning as it is.
        destination_versioning: so for the destination bucket.
        log_retention_days: how long log lines are kept; None for ever.
        trigger: what starts the function: "s3", "sqs" or "eventbridge".
    """

    runtime: str = "python3.13"
    architecture: str = "arm64"
    timeout_seconds: int = 900
    memory_mb: int = 256
    log_retention_days: int | None = 30
    reserved_concurrency: int | None = None
    permissions_boundary: str = ""
    role_arn: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    source_kms_keys: tuple[str, ...] = ()
    source_versioning: bool = False
    destination_versioning: bool = False
    trigger: str = "s3"


class GivenSettings(TypedDict, total=False):
    """What one command line says about settings; what it does not say is not there."""

    runtime: str
    architecture: str
    timeout_seconds: int
    memory_mb: int
    log_retention_days: int | None
    reserved_concurrency: int | None
    permissions_boundary: str
    role_arn: str
    tags: tuple[tuple[str, str], ...]
    source_kms_keys: tuple[str, ...]
    source_versioning: bool
    destination_versioning: bool
    trigger: str


class RecordError(ValueError):
    """A record that cannot be read, in words."""


@dataclass(frozen=True)
class _Check:
    """How a setting is called, and what is wrong with a value, in words; "" where nothing is."""

    option: str
    problem: Callable[[Any], str]


def _whole(low: int, high: int, unit: str) -> Callable[[Any], str]:
    def problem(value: Any) -> str:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if is_whole and low <= value <= high else f"{value!r} is not between {low:,} and {high:,} {unit}"

    return problem


def _one_of(*words: str) -> Callable[[Any], str]:
    return lambda value: "" if value in words else f"{value!r} is none of {', '.join(words)}"


def _runtime(value: Any) -> str:
    found = re.fullmatch(r"python3\.(\d{1,2})", value) if isinstance(value, str) else None
    # Older ones cannot be created any more, and the function is written for 3.10 and newer.
    if found and int(found[1]) >= 10:
        return ""
    return f"{value!r} is not a runtime of Python 3.10 or newer, such as python3.13"


def _concurrency(value: Any) -> str:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return ""
    return f"{value!r} is not a number of executions, 1 or more (0 would stop the pipeline)"


def _boundary(value: Any) -> str:
    return "" if value in ("", NO_BOUNDARY) else _arn("policy", "a policy's ARN")(value)


def _arn(resource: str, words: str) -> Callable[[Any], str]:
    pattern = re.compile(rf"arn:[a-z-]+:iam::(?:\d{{12}}|aws):{resource}/[\w+=,.@/-]{{1,512}}", re.ASCII)
    return lambda value: "" if isinstance(value, str) and pattern.fullmatch(value) else f"{value!r} is not {words}"


def _role(value: Any) -> str:
    return "" if value == "" else _arn("role", "a role's ARN")(value)


def _keys(value: Any) -> str:
    if (
        isinstance(value, tuple)
        and all(isinstance(key, str) and key for key in value)
        and len(value) <= MAX_SOURCE_KEYS
    ):
        return ""
    return f"{value!r} is not a list of at most {MAX_SOURCE_KEYS} keys"


def _switch(value: Any) -> str:
    return "" if isinstance(value, bool) else f"{value!r} is neither true nor false"


def _retention(value: Any) -> str:
    if value is None or (value in RETENTION_DAYS and not isinstance(value, bool)):
        return ""
    return f"CloudWatch Logs keeps lines {', '.join(map(str, RETENTION_DAYS))} days or for ever, not {value!r}"


_CHECKS: Mapping[str, _Check] = {
    "runtime": _Check("--runtime", _runtime),
    "architecture": _Check("--architecture", _one_of("arm64", "x86_64")),
    "timeout_seconds": _Check("--timeout", _whole(1, 900, "seconds")),
    "memory_mb": _Check("--memory", _whole(128, 10_240, "MB")),
    "log_retention_days": _Check("--log-retention", _retention),
    "reserved_concurrency": _Check("--reserved-concurrency", _concurrency),
    "permissions_boundary": _Check("--permissions-boundary", _boundary),
    "role_arn": _Check("--role-arn", _role),
    "tags": _Check("--tag", tags_problem),
    "source_kms_keys": _Check("--source-kms-key-id", _keys),
    "source_versioning": _Check("--source-versioning", _switch),
    "destination_versioning": _Check("--destination-versioning", _switch),
    "trigger": _Check("--trigger", _one_of("s3", "sqs", "eventbridge")),
}


def with_given(settings: Settings, given: GivenSettings) -> Settings:
    """The settings that hold from now on.

    Raises:
        OptionError: AWS would refuse one of them.
    """
    for name, value in given.items():
        check = _CHECKS[name]
        problem = check.problem(value)
        if problem:
            raise OptionError(check.option, problem, "See s3copy setup --help.")
    return replace(settings, **given)


def settings_record(settings: Settings) -> dict[str, Any]:
    """What is to be remembered: all that differs from the defaults, in JSON types, by name."""
    default = Settings()
    values = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    return {name: _to_json(value) for name, value in sorted(values.items()) if value != getattr(default, name)}


def option_of(name: str) -> str:
    """The option that chooses a setting, e.g. "--memory"."""
    return _CHECKS[name].option


def record_text(record: Mapping[str, Any]) -> str:
    """The record as the function's variable has it."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def read_record(text: str) -> dict[str, Any] | str:
    """The record that such a variable holds, by name; the text itself if it is not one."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict) else text


def recorded_settings(record: Mapping[str, Any] | str) -> Settings:
    """The settings behind a record.

    Raises:
        RecordError: it is not a record, or has a name or a value that this version does not know.
    """
    if isinstance(record, str):
        raise RecordError("it is not a JSON object")
    values = {}
    for name, stored in record.items():
        if name not in _CHECKS:
            raise RecordError(f"this version of s3copy knows no setting {name!r}")
        value = _from_json(stored)
        problem = _CHECKS[name].problem(value)
        if problem:
            raise RecordError(f"{name}: {problem}")
        values[name] = value
    return replace(Settings(), **values)


def _to_json(value: Any) -> Any:
    return [_to_json(one) for one in value] if isinstance(value, tuple) else value


def _from_json(value: Any) -> Any:
    return tuple(_from_json(one) for one in value) if isinstance(value, list) else value
