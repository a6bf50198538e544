"""What verify knows of each trigger: parked events without an envelope, queues that get emptier, gaps on the way."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import DeployedPipeline, recorded_trigger
from s3copy_cli.errors import UsageError
from s3copy_cli.s3 import Bucket
from s3copy_cli.verify.health import Health, allows, iter_obstacles, mapping_gaps, rule_gaps, sends_to_queue
from s3copy_cli.verify.parked import ParkedEvent, parse_message
from s3copy_cli.verify.recovery import events_within
from s3copy_cli.verify.scope import scope_of
from s3copy_cli.verify.waiting import Movement

BUCKET = "a-source"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:s3copy"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:s3copy-events"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/s3copy-copy"
MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


def record(key: str, bucket: str = BUCKET) -> dict[str, Any]:
    return {
        "eventSource": "aws:s3",
        "eventTime": "2026-03-01T12:00:00Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
    }


def bridged(key: str) -> dict[str, Any]:
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    return {"source": "aws.s3", "detail-type": "Object Created", "time": "2026-03-01T12:00:00Z", "detail": detail}


def text(value: str) -> dict[str, str]:
    return {"StringValue": value, "DataType": "String"}


def test_what_sqs_has_moved_is_the_event_itself() -> None:
    body = json.dumps({"Records": [record("a+b"), record("c", "elsewhere")]})
    ours, theirs = parse_message(body, BUCKET)
    assert ours == ParkedEvent("a b", "DeliveredTooOften", "", MOMENT, "", "ObjectCreated:Put")
    assert theirs.key is None


def test_what_eventbridge_gave_up_says_why() -> None:
    attributes = {
        "RULE_ARN": text(RULE),
        "ERROR_CODE": text("NO_PERMISSIONS"),
        "ERROR_MESSAGE": text("not authorized"),
        "EXHAUSTED_RETRY_CONDITION": text("MaximumRetryAttempts"),
    }
    (event,) = parse_message(json.dumps(bridged("a+b")), BUCKET, attributes)
    # Keys of EventBridge are not encoded.
    assert (event.key, event.condition) == ("a+b", "MaximumRetryAttempts")
    assert event.error == "NO_PERMISSIONS: not authorized"
    del attributes["EXHAUSTED_RETRY_CONDITION"]
    (event,) = parse_message(json.dumps(bridged("a")), BUCKET, attributes)
    assert event.condition == "NotDelivered"


def test_an_event_of_a_rule_that_lambda_has_parked() -> None:
    envelope = {
        "requestContext": {"requestId": "r", "condition": "RetriesExhausted"},
        "requestPayload": bridged("a+b"),
        "responsePayload": {"errorType": "CopyFailed"},
    }
    (event,) = parse_message(json.dumps(envelope), BUCKET)
    assert (event.key, event.condition, event.request_id) == ("a+b", "RetriesExhausted", "r")


@pytest.mark.parametrize(
    "body", ["{}", '{"Event": "s3:TestEvent"}', '{"Records": []}', '{"Records": 3}', '{"source": "aws.s3"}']
)
def test_other_messages_are_one_unknown_event(body: str) -> None:
    (event,) = parse_message(body, BUCKET, {"ERROR_CODE": None, "ERROR_MESSAGE": {"StringValue": 3}})
    assert (event.key, event.condition) == (None, "unknown")


def test_only_new_lows_of_a_queue_are_movement() -> None:
    depths = iter([5, 4, 4, 6, 5, 3, 0, None, 2])
    moving = Movement(lambda: next(depths))
    assert [moving() for _ in range(9)] == [True, True, False, False, False, True, False, False, True]


def test_the_trigger_that_was_recorded() -> None:
    assert recorded_trigger('{"trigger":"sqs"}') == "sqs"
    assert recorded_trigger('{"trigger":"eventbridge","memory_mb":512}') == "eventbridge"
    for odd in ("", "{}", "[]", "no json", '{"trigger":"carrier pigeon"}', '{"trigger":3}', "null"):
        assert recorded_trigger(odd) == "s3"


def deployed(**changes: str) -> DeployedPipeline:
    pipeline = Pipeline("s3copy", "123456789012", "eu-west-1")
    buckets = Bucket(pipeline.source_bucket, "123456789012"), Bucket(pipeline.destination_bucket, "123456789012")
    return DeployedPipeline(pipeline, *buckets, None, None, **changes)  # type: ignore[arg-type]


def test_the_whole_of_a_pipeline_with_a_prefix_is_no_part_of_it() -> None:
    limited = deployed(prefix="in/", suffix=".csv", destination_prefix="copies/")
    whole = scope_of(limited)
    assert not whole.is_partial
    assert (whole.source_prefix, whole.destination_listing_prefix) == ("in/", "copies/in/")
    assert whole.covers("in/a.csv")
    assert not whole.covers("in/a.txt")
    assert not scope_of(limited, prefix="i").is_partial
    assert scope_of(limited, prefix="in/a").is_partial
    assert scope_of(limited, keys=["in/a.csv"]).keys == ("in/a.csv",)
    assert scope_of(deployed(), prefix="in/").is_partial


@pytest.mark.parametrize("asked", [{"keys": ["in/a.csv", "out/a.csv"]}, {"keys": ["in/a.txt"]}, {"prefix": "out/"}])
def test_what_is_not_copied_cannot_be_asked_for(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"copies only keys that begin with 'in/' and end with '\.csv'"):
        scope_of(deployed(prefix="in/", suffix=".csv"), **asked)


def test_events_about_other_keys_are_not_this_pipelines_any_more() -> None:
    events = [ParkedEvent(key, "c", "") for key in ("in/a", "out/a", None)]
    covers = scope_of(deployed(prefix="in/")).covers
    assert [event.key for event in events_within(events, covers, keeps_unnamed=True)] == ["in/a", None]
    assert [event.key for event in events_within(events, covers)] == ["in/a"]


@pytest.mark.parametrize(
    ("mappings", "code"),
    [
        ([], "mapping_missing"),
        ([{"FunctionArn": "another", "State": "Enabled"}], "mapping_missing"),
        ([{"FunctionArn": FUNCTION, "State": "Disabled"}], "mapping_disabled"),
        ([{"FunctionArn": FUNCTION, "State": "Updating"}], ""),
        ([{"FunctionArn": FUNCTION, "State": "Disabled"}, {"FunctionArn": FUNCTION, "State": "Enabled"}], ""),
    ],
)
def test_gaps_between_queue_and_function(mappings: list[dict[str, str]], code: str) -> None:
    found = mapping_gaps(mappings, FUNCTION)
    assert [one for one, _ in found] == ([code] if code else [])
    findings = iter_obstacles(Health(has_function=True, has_trigger=True, gaps=found), "s3copy", "s3copy setup")
    assert [finding.code for finding in findings] == ([code] if code else [])


@pytest.mark.parametrize(
    ("rule", "targets", "code"),
    [
        (None, [], "rule_missing"),
        ({"State": "DISABLED"}, [FUNCTION], "rule_disabled"),
        ({"State": "ENABLED"}, ["another"], "target_missing"),
        ({"State": "ENABLED"}, ["another", FUNCTION], ""),
    ],
)
def test_gaps_between_eventbridge_and_function(rule: dict[str, str] | None, targets: list[str], code: str) -> None:
    found = rule_gaps(rule, [{"Arn": arn} for arn in targets], FUNCTION)
    assert [one for one, _ in found] == ([code] if code else [])


def test_an_entry_that_puts_events_into_the_queue() -> None:
    entry = {"Id": "x", "QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}
    assert sends_to_queue({"QueueConfigurations": [entry]}, QUEUE)
    assert not sends_to_queue({"QueueConfigurations": [{**entry, "Events": ["s3:ObjectRemoved:*"]}]}, QUEUE)
    assert not sends_to_queue({"QueueConfigurations": [entry]}, "another")
    assert not sends_to_queue({}, QUEUE)


def test_a_rules_permission_is_not_that_of_a_bucket() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Condition": {"ArnLike": {"AWS:SourceArn": RULE}},
    }
    policy = {"Statement": [statement]}
    assert allows(policy, RULE, "events.amazonaws.com")
    assert not allows(policy, RULE)
    assert not allows(policy, RULE.replace("s3copy-copy", "other"), "events.amazonaws.com")
