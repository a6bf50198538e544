"""A bucket's notification configuration, of which one entry is ours: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from s3copy_cli.config import Pipeline

TRIGGER_EVENTS = ("s3:ObjectCreated:*",)
# Where S3 keeps the entries of each kind, and which key of theirs names whom they notify.
_KINDS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}
_EVENTBRIDGE = "EventBridgeConfiguration"
# What a configuration consists of on the wire (S3 API, NotificationConfiguration): only this is read, and written back.
_FILTER: Mapping[str, Any] = {"S3Key": {"FilterRule": {"Name": {}, "Value": {}}}}
_KNOWN_ELEMENTS: Mapping[str, Any] = {
    "TopicConfiguration": {"Id": {}, "Topic": {}, "Event": {}, "Filter": _FILTER},
    "QueueConfiguration": {"Id": {}, "Queue": {}, "Event": {}, "Filter": _FILTER},
    "CloudFunctionConfiguration": {"Id": {}, "CloudFunction": {}, "Event": {}, "Filter": _FILTER},
    _EVENTBRIDGE: {},
}


def trigger_entry(
    pipeline: Pipeline,
    events: Sequence[str] = TRIGGER_EVENTS,
    *,
    queue_arn: str = "",
    prefix: str = "",
    suffix: str = "",
) -> dict[str, Any]:
    """Our entry: every new object, and whatever else the options ask for, starts the function.

    Args:
        pipeline: whose function.
        events: which events.
        queue_arn: notify this queue instead of the function; "" for the function.
        prefix: only of keys that begin so.
        suffix: only of keys that end so.
    """
    rules = [{"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value]
    return {
        "Id": pipeline.notification_id,
        **({"QueueArn": queue_arn} if queue_arn else {"LambdaFunctionArn": pipeline.function_arn}),
        "Events": list(events),
        **({"Filter": {"Key": {"FilterRules": rules}}} if rules else {}),
    }


def find_entry(configuration: Mapping[str, Any], entry_id: str) -> dict[str, Any] | None:
    """The entry of that id, of whatever kind it is."""
    return next((dict(entry) for _, entry in _iter_entries(configuration) if entry.get("Id") == entry_id), None)


def notified_by(entry: Mapping[str, Any]) -> str:
    """The ARN of whom an entry notifies; "" where it names nobody."""
    return next((str(entry[whom]) for whom in _KINDS.values() if whom in entry), "")


def filter_words(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's prefix and suffix, where it has any; a filter that is none of these as it is."""
    words = {name: value for name in ("prefix", "suffix") if (value := _filter_value(entry, name))}
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    is_all = len(words) == len([rule for rule in rules if rule.get("Value")])
    return words if is_all else {"filter": entry["Filter"]}


def without_entry(configuration: Mapping[str, Any], entry_id: str) -> dict[str, Any]:
    """The configuration with all entries but that of this id, of whatever kind it is."""
    others = {kind: [one for one in configuration.get(kind, []) if one.get("Id") != entry_id] for kind in _KINDS}
    return {
        **{key: value for key, value in configuration.items() if key not in _KINDS},
        **{kind: entries for kind, entries in others.items() if entries},
    }


def with_entry(configuration: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with this entry, in the place of the one with its id."""
    others = without_entry(configuration, entry["Id"])
    kind = next(kind for kind, whom in _KINDS.items() if whom in entry)
    return {**others, kind: [*others.get(kind, []), dict(entry)]}


def sends_to_eventbridge(configuration: Mapping[str, Any]) -> bool:
    """Whether the bucket sends its events to EventBridge."""
    return configuration.get(_EVENTBRIDGE) is not None


def with_eventbridge(configuration: Mapping[str, Any], *, is_on: bool) -> dict[str, Any]:
    """The configuration with EventBridge switched on or off."""
    others = {key: value for key, value in configuration.items() if key != _EVENTBRIDGE}
    return {**others, _EVENTBRIDGE: {}} if is_on else others


def unknown_elements(document: bytes) -> list[str]:
    """What a configuration as S3 sent it has that is not read here, and so would be lost by writing it back.

    Args:
        document: the answer's XML.
    """
    try:
        root = ElementTree.fromstring(document)  # noqa: S314  (from S3, read by botocore as well)
    except ElementTree.ParseError:
        return []
    return sorted(set(_iter_unknown(root, _KNOWN_ELEMENTS)))


def describe_unknown(unknown: Sequence[str]) -> str:
    """Why a configuration with such elements cannot be written back, in words; "" where there are none."""
    found = ", ".join(unknown)
    return f"its notifications have parts that this version of boto3 does not know ({found})" if found else ""


def describe_overlap(configuration: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """Which other entry S3 would not have next to this one, in words; "" where there is none.

    S3 refuses two entries, of whatever kind, that share an event type and whose prefixes and suffixes both overlap:
    one new object would have to go to both.
    """
    for _, other in _iter_entries(without_entry(configuration, entry["Id"])):
        shared = [event for event in other.get("Events", []) if _any_event_overlaps(event, entry["Events"])]
        if shared and _filters_overlap(other, entry):
            limits = (f"{name} {value!r}" for name in ("prefix", "suffix") if (value := _filter_value(other, name)))
            of_what = " with ".join([", ".join(shared), *([" and ".join(limits)] if _is_limited(other) else [])])
            return f"the entry {other.get('Id', '(no id)')} notifies {notified_by(other)} of {of_what}"
    return ""


def _iter_entries(configuration: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in _KINDS:
        for entry in configuration.get(kind, []):
            yield kind, entry


def _iter_unknown(element: ElementTree.Element, known: Mapping[str, Any]) -> Iterator[str]:
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name not in known:
            yield name
        else:
            yield from _iter_unknown(child, known[name])


def _any_event_overlaps(event: str, others: Sequence[str]) -> bool:
    return any(_covers(event, other) or _covers(other, event) for other in others)


def _covers(event: str, other: str) -> bool:
    return other.startswith(event[:-1]) if event.endswith("*") else event == other


def _filters_overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    prefixes = _filter_value(one, "prefix"), _filter_value(other, "prefix")
    suffixes = _filter_value(one, "suffix"), _filter_value(other, "suffix")
    return (prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])) and (
        suffixes[0].endswith(suffixes[1]) or suffixes[1].endswith(suffixes[0])
    )


def _is_limited(entry: Mapping[str, Any]) -> bool:
    return bool(_filter_value(entry, "prefix") or _filter_value(entry, "suffix"))


def _filter_value(entry: Mapping[str, Any], name: str) -> str:
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    # S3 answers "Prefix" to whoever wrote "prefix".
    return next((str(rule.get("Value", "")) for rule in rules if str(rule.get("Name", "")).lower() == name), "")
