"""Which entries of a bucket's notifications S3 would not have side by side, and merging ours with others'."""

from __future__ import annotations

from typing import Any

import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.notifications import (
    describe_overlap,
    describe_unknown,
    find_entry,
    notified_by,
    trigger_entry,
    unknown_elements,
    with_entry,
    with_eventbridge,
    without_entry,
)
from s3copy_cli.provision.triggers.filters import notification_filter

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
OURS = trigger_entry(PIPELINE)


def entry(*events: str, prefix: str = "", suffix: str = "", **more: Any) -> dict[str, Any]:
    # S3 answers with capitals.
    rules = [{"Name": name, "Value": value} for name, value in (("Prefix", prefix), ("suffix", suffix)) if value]
    return {"Id": "theirs", "Events": list(events), "Filter": {"Key": {"FilterRules": rules}}, **more}


@pytest.mark.parametrize("event", ["s3:ObjectCreated:*", "s3:ObjectCreated:Put"])
@pytest.mark.parametrize(
    ("kind", "whom"),
    [
        ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueArn"),
        ("TopicConfigurations", "TopicArn"),
    ],
)
def test_an_entry_of_any_kind_for_the_same_event_overlaps_and_is_named(event: str, kind: str, whom: str) -> None:
    theirs = entry("s3:ObjectRemoved:*", event, prefix="in/", **{whom: "arn:of:theirs"})
    said = describe_overlap({kind: [theirs]}, OURS)
    assert "theirs" in said
    assert "arn:of:theirs" in said
    assert event in said
    assert "ObjectRemoved" not in said


@pytest.mark.parametrize("event", ["s3:ObjectRemoved:*", "s3:ObjectTagging:Put", "s3:ObjectCreatedX:Put"])
def test_other_events_do_not(event: str) -> None:
    assert describe_overlap({"QueueConfigurations": [entry(event)]}, OURS) == ""


def test_our_own_entry_and_eventbridge_are_not_in_the_way() -> None:
    configuration = {"LambdaFunctionConfigurations": [OURS], "EventBridgeConfiguration": {}}
    assert describe_overlap(configuration, OURS) == ""
    assert describe_overlap({}, OURS) == ""


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        ({"prefix": "a/"}, {"prefix": "b/"}, False),
        ({"prefix": "a/"}, {"prefix": "a/b"}, True),
        ({"prefix": "a/b"}, {"prefix": "a/"}, True),
        ({"suffix": ".csv"}, {"suffix": ".txt"}, False),
        ({"suffix": "v"}, {"suffix": ".csv"}, True),
        ({"prefix": "a", "suffix": ".csv"}, {"prefix": "a", "suffix": ".txt"}, False),
        ({"prefix": "a", "suffix": ".csv"}, {"prefix": "b", "suffix": ".csv"}, False),
        ({"prefix": "a"}, {"suffix": ".csv"}, True),
        ({}, {"prefix": "a", "suffix": ".csv"}, True),
    ],
)
def test_prefixes_and_suffixes_both_have_to_overlap(one: dict[str, str], other: dict[str, str], overlaps: bool) -> None:
    event = "s3:ObjectCreated:Put"
    configuration = {"TopicConfigurations": [entry(event, **other, TopicArn="t")]}
    assert bool(describe_overlap(configuration, {**entry(event, **one), "Id": "ours"})) is overlaps


def test_prefixes_that_differ_only_in_what_s3_encodes_overlap() -> None:
    """S3 is told as much of a prefix as is the same in every encoding (triggers/filters.py)."""

    def told(name: str, prefix: str) -> dict[str, Any]:
        pipeline = Pipeline(name, "123456789012", "eu-west-1")
        return trigger_entry(pipeline, **notification_filter(prefix, ""))

    theirs = {"LambdaFunctionConfigurations": [told("first", "year=2025/")]}
    assert "first-copy" in describe_overlap(theirs, told("second", "year=2026/"))
    assert describe_overlap(theirs, told("second", "month=1/")) == ""


def test_merging_replaces_ours_and_keeps_everybody_else_s() -> None:
    theirs, stale = {"Id": "theirs"}, {"Id": OURS["Id"], "Events": ["old"]}
    configuration = {"LambdaFunctionConfigurations": [stale, theirs], "EventBridgeConfiguration": {}}
    merged = with_entry(configuration, OURS)
    assert merged == {"LambdaFunctionConfigurations": [theirs, OURS], "EventBridgeConfiguration": {}}
    assert without_entry(merged, OURS["Id"])["LambdaFunctionConfigurations"] == [theirs]


@pytest.mark.parametrize("before", ["LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations"])
@pytest.mark.parametrize("queue_arn", ["", "arn:of:queue"])
def test_ours_is_replaced_whatever_kind_it_was(before: str, queue_arn: str) -> None:
    entry = trigger_entry(PIPELINE, queue_arn=queue_arn, prefix="in/", suffix=".csv")
    assert notified_by(entry) == (queue_arn or PIPELINE.function_arn)
    merged = with_entry({before: [{"Id": OURS["Id"]}], "EventBridgeConfiguration": {}}, entry)
    kind = "QueueConfigurations" if queue_arn else "LambdaFunctionConfigurations"
    assert merged == {kind: [entry], "EventBridgeConfiguration": {}}
    assert find_entry(merged, OURS["Id"]) == entry
    assert without_entry(merged, OURS["Id"]) == {"EventBridgeConfiguration": {}}
    assert with_eventbridge(merged, is_on=False) == {kind: [entry]}


def test_what_limits_the_other_entry_is_said() -> None:
    theirs = entry("s3:ObjectCreated:Put", prefix="in/", suffix=".csv", TopicArn="t")
    assert describe_overlap({"TopicConfigurations": [theirs]}, OURS).endswith(
        "notifies t of s3:ObjectCreated:Put with prefix 'in/' and suffix '.csv'"
    )


KNOWN = """<?xml version="1.0" encoding="UTF-8"?>
<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<TopicConfiguration><Id>t</Id><Topic>a</Topic><Event>e</Event></TopicConfiguration>
<CloudFunctionConfiguration><Id>f</Id><CloudFunction>a</CloudFunction><Event>e</Event><Event>e2</Event><Filter><S3Key>
<FilterRule><Name>Prefix</Name><Value>in/</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration>
<EventBridgeConfiguration/></NotificationConfiguration>"""


@pytest.mark.parametrize(
    ("old", "new", "unknown"),
    [
        ("", "", []),
        (
            "<EventBridgeConfiguration/>",
            "<WebhookConfiguration><Id>w</Id></WebhookConfiguration>",
            ["WebhookConfiguration"],
        ),
        ("<Topic>a</Topic>", "<Topic>a</Topic><Delay>3</Delay>", ["Delay"]),
        ("</S3Key>", "</S3Key><S3Metadata/>", ["S3Metadata"]),
        ("<EventBridgeConfiguration/>", "<EventBridgeConfiguration><Bus>b</Bus></EventBridgeConfiguration>", ["Bus"]),
    ],
)
def test_what_this_sdk_does_not_read_is_noticed(old: str, new: str, unknown: list[str]) -> None:
    assert unknown_elements(KNOWN.replace(old, new, 1).encode()) == unknown
    assert bool(describe_unknown(unknown)) == bool(unknown)
    assert all(name in describe_unknown(unknown) for name in unknown)


@pytest.mark.parametrize("document", [b"", b"<broken"])
def test_an_answer_without_a_document_has_nothing_unknown(document: bytes) -> None:
    assert unknown_elements(document) == []
