"""A bucket's notification configuration, of which one entry is ours: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from s3copy_cli.config import Pipeline

TRIGGER_EVENTS = ("s3:ObjectCreated:*",)
# Where S3 keeps the entries of each kind, and which key of theirs names whom they notify.
_KINDS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}


def trigger_entry(pipeline: Pipeline, events: Sequence[str] = TRIGGER_EVENTS) -> dict[str, Any]:
    """Our entry: every new object, and whatever else the options ask for, starts the function."""
    return {
        "Id": pipeline.notification_id,
        "LambdaFunctionArn": pipeline.function_arn,
        "Events": list(events),
    }


def without_entry(configuration: Mapping[str, Any], entry_id: str) -> dict[str, Any]:
    """The configuration with all entries but the function's entry of that id."""
    entries = configuration.get("LambdaFunctionConfigurations", [])
    return {**configuration, "LambdaFunctionConfigurations": [each for each in entries if each.get("Id") != entry_id]}


def with_entry(configuration: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with this function entry, in the place of the one with its id."""
    others = without_entry(configuration, entry["Id"])
    return {**others, "LambdaFunctionConfigurations": [*others["LambdaFunctionConfigurations"], dict(entry)]}


def describe_overlap(configuration: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """Which other entry S3 would not have next to this one, in words; "" where there is none.

    S3 refuses two entries, of whatever kind, that share an event type and whose prefixes and suffixes both overlap:
    one new object would have to go to both.
    """
    others = without_entry(configuration, entry["Id"])
    for kind, whom in _KINDS.items():
        for other in others.get(kind, []):
            shared = [event for event in other.get("Events", []) if _any_event_overlaps(event, entry["Events"])]
            if shared and _filters_overlap(other, entry):
                return f"the entry {other.get('Id', '(no id)')} notifies {other.get(whom)} of {', '.join(shared)}"
    return ""


def _any_event_overlaps(event: str, others: list[str]) -> bool:
    return any(_covers(event, other) or _covers(other, event) for other in others)


def _covers(event: str, other: str) -> bool:
    return other.startswith(event[:-1]) if event.endswith("*") else event == other


def _filters_overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    prefixes = _filter_value(one, "prefix"), _filter_value(other, "prefix")
    suffixes = _filter_value(one, "suffix"), _filter_value(other, "suffix")
    return (prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])) and (
        suffixes[0].endswith(suffixes[1]) or suffixes[1].endswith(suffixes[0])
    )


def _filter_value(entry: Mapping[str, Any], name: str) -> str:
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    # S3 answers "Prefix" to whoever wrote "prefix".
    return next((str(rule.get("Value", "")) for rule in rules if str(rule.get("Name", "")).lower() == name), "")
