"""Which entries of a bucket's notifications S3 would not have side by side, and merging ours with others'."""

from __future__ import annotations

from typing import Any

import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.notifications import describe_overlap, trigger_entry, with_entry, without_entry

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


def test_merging_replaces_ours_and_keeps_everybody_else_s() -> None:
    theirs, stale = {"Id": "theirs"}, {"Id": OURS["Id"], "Events": ["old"]}
    configuration = {"LambdaFunctionConfigurations": [stale, theirs], "EventBridgeConfiguration": {}}
    merged = with_entry(configuration, OURS)
    assert merged == {"LambdaFunctionConfigurations": [theirs, OURS], "EventBridgeConfiguration": {}}
    assert without_entry(merged, OURS["Id"])["LambdaFunctionConfigurations"] == [theirs]
