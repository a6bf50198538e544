"""Whether the pipeline can work at all, by its settings: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

_CREATED = "s3:ObjectCreated:"


@dataclass(frozen=True)
class Health:
    """The settings that decide whether an event reaches the function; None is what could not be read.

    Attributes:
        has_function: whether the function is there.
        state: Lambda's word for its state, e.g. "Active", "Inactive", "Failed"; empty if unknown.
        state_reason: why, in Lambda's words.
        timeout: seconds that an execution may last.
        memory_mb: what an execution may use.
        reserved_concurrency: executions reserved; None also if none are.
        has_trigger: whether the source bucket tells the function of new objects.
        is_trigger_allowed: whether S3 may invoke the function.
        max_event_age: seconds after which Lambda gives an event up.
        unreadable: what could not be read, and why.
        invoker: whose permission `is_trigger_allowed` is about.
        gaps: what else stands between the source bucket and the function, and does not work: code and words.
    """

    has_function: bool | None = None
    state: str = ""
    state_reason: str = ""
    timeout: int | None = None
    memory_mb: int | None = None
    reserved_concurrency: int | None = None
    has_trigger: bool | None = None
    is_trigger_allowed: bool | None = None
    max_event_age: int | None = None
    unreadable: tuple[str, ...] = ()
    gaps: tuple[tuple[str, str], ...] = ()
    invoker: str = "S3"


@dataclass(frozen=True)
class Finding:
    """Something about the whole pipeline that explains what was found.

    Attributes:
        code: a stable name.
        message: what it is, for people.
        remedy: what to do about it; empty if nothing needs to be done.
        command: the command line that does it; empty if none does.
    """

    code: str
    message: str
    remedy: str = ""
    command: str = ""


def iter_obstacles(health: Health, function_name: str, setup_command: str) -> Iterator[Finding]:
    """Why no event reaches the function, or none is carried out; the most fundamental first.

    Args:
        health: the settings.
        function_name: the function.
        setup_command: the command line that puts them right.
    """
    restore = f"Run '{setup_command}' to restore it."
    if health.has_function is False:
        yield Finding("function_missing", "the function has been deleted", restore, setup_command)
        return
    reason = f": {health.state_reason}" if health.state_reason else ""
    if health.state == "Failed":
        yield Finding("function_failed", f"the function's state is Failed{reason}", restore, setup_command)
    if health.state == "Inactive":
        yield Finding(
            "function_inactive",
            f"the function's state is Inactive{reason}",
            "Lambda wakes it up for the next event, and retries that event: run verify with --wait 120.",
        )
    if health.reserved_concurrency == 0:
        # Not setup's business: whoever set it wants the function to stand still.
        command = f"aws lambda delete-function-concurrency --function-name {function_name}"
        message = "the function's reserved concurrency is 0, so that it is never started"
        yield Finding("concurrency_zero", message, f"Take the limit away: {command}", command)
    if health.has_trigger is False:
        message = "the trigger is missing: the source bucket does not tell the function of new objects"
        yield Finding("trigger_missing", message, restore, setup_command)
    for code, message in health.gaps:
        yield Finding(code, message, restore, setup_command)
    if health.is_trigger_allowed is False:
        yield Finding(
            "permission_missing", f"{health.invoker} is not allowed to invoke the function", restore, setup_command
        )


def sends_to_queue(configuration: Mapping[str, Any], queue_arn: str) -> bool:
    """Whether a bucket's notification configuration puts new objects' events into this queue."""
    return any(
        entry.get("QueueArn") == queue_arn and any(str(event).startswith(_CREATED) for event in entry.get("Events", []))
        for entry in configuration.get("QueueConfigurations", [])
    )


def mapping_gaps(mappings: Iterable[Mapping[str, Any]], function_arn: str) -> tuple[tuple[str, str], ...]:
    """Whether Lambda takes events from the queue."""
    states = [str(mapping.get("State")) for mapping in mappings if mapping.get("FunctionArn") == function_arn]
    if not states:
        return (("mapping_missing", "the event source mapping is missing: nothing takes events from the event queue"),)
    if not {"Enabled", "Creating", "Enabling", "Updating"} & set(states):
        return (("mapping_disabled", f"the event source mapping is {states[0].lower()}: events stay in the queue"),)
    return ()


def rule_gaps(
    rule: Mapping[str, Any] | None, targets: Iterable[Mapping[str, Any]], function_arn: str
) -> tuple[tuple[str, str], ...]:
    """Whether EventBridge passes events on; None for a rule that is not there."""
    if rule is None:
        return (("rule_missing", "the rule is missing: EventBridge does not tell the function of new objects"),)
    if rule.get("State") != "ENABLED":
        return (("rule_disabled", "the rule is disabled: EventBridge does not tell the function of new objects"),)
    if all(target.get("Arn") != function_arn for target in targets):
        return (("target_missing", "the rule does not invoke the function"),)
    return ()


def has_trigger(configuration: Mapping[str, Any], function_arn: str) -> bool:
    """Whether a bucket's notification configuration has new objects start this function (or an alias of it)."""
    for entry in configuration.get("LambdaFunctionConfigurations", []):
        arn = str(entry.get("LambdaFunctionArn", ""))
        is_ours = arn == function_arn or arn.startswith(f"{function_arn}:")
        if is_ours and any(str(event).startswith(_CREATED) for event in entry.get("Events", [])):
            return True
    return False


def allows(policy: Mapping[str, Any], source_arn: str, service: str = "s3.amazonaws.com") -> bool:
    """Whether a function's policy lets a service invoke it for this bucket or rule."""
    statements = policy.get("Statement", [])
    return any(_allows(each, source_arn, service) for each in statements if isinstance(each, dict))


def _allows(statement: Mapping[str, Any], source_arn: str, wanted: str) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    if statement.get("Effect") != "Allow" or service not in (wanted, "*"):
        return False
    conditions = statement.get("Condition")
    if not isinstance(conditions, dict):
        return True
    arns = [
        value
        for condition in conditions.values()
        if isinstance(condition, dict)
        for name, value in condition.items()
        if name.lower() == "aws:sourcearn"
    ]
    return not arns or any(fnmatchcase(source_arn, str(arn)) for arn in arns)
