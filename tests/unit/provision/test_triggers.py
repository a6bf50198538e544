"""What each trigger consists of, and how one takes over from another: without AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.config import Pipeline
from s3copy_cli.errors import OwnershipError, UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import Choices
from s3copy_cli.provision.desired import DesiredState, desired_state, wanted_entry
from s3copy_cli.provision.notifications import filter_words
from s3copy_cli.provision.options import CopyOptions
from s3copy_cli.provision.order import needs_of
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.plan import TEARDOWN_ORDER, Action, Plan, plan_setup, plan_teardown
from s3copy_cli.provision.resources import Kind, RemoteResource
from s3copy_cli.provision.settings import Settings
from s3copy_cli.provision.triggers.filters import (
    check_filter,
    event_pattern,
    key_pattern,
    notification_filter,
    pattern_text,
)
from s3copy_cli.provision.triggers.wanted import (
    TRIGGER_KINDS,
    Trigger,
    event_queue_policy,
    rule_permission_statement,
)

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
PACKAGE = Package(content=b"zip", code_sha256="c2hh")
TRIGGERS = ("s3", "sqs", "eventbridge")
CHANGES = list(permutations(TRIGGERS, 2))


def desired(
    trigger: str = "s3", *, handover_seconds: float = 300.0, options: CopyOptions | None = None, **settings: Any
) -> DesiredState:
    choices = Choices(options or CopyOptions(), Settings(trigger=trigger, **settings))
    return desired_state(PIPELINE, PACKAGE, choices, handover_seconds=handover_seconds)


def world(*states: DesiredState) -> dict[Kind, RemoteResource]:
    """Everything that these want is there, the last one's where they differ; nothing else is."""
    found = {kind: RemoteResource(kind, kind.value) for kind in Kind}
    for state in states:
        found |= {
            kind: RemoteResource(kind, wanted.name, exists=True, is_ours=True, attributes=wanted.attributes)
            for kind, wanted in state.resources.items()
        }
    return found


def kinds_of(plan: Plan, *actions: Action) -> set[Kind]:
    return {step.kind for step in plan.steps if step.action in actions}


def own_kinds(trigger: str) -> set[Kind]:
    return set(desired(trigger).resources) & set(TRIGGER_KINDS)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_each_trigger_is_kept_once_it_is_there(trigger: str) -> None:
    state = desired(trigger)
    assert kinds_of(plan_setup(state, world(state)), *Action) == set(state.resources)
    assert not plan_setup(state, world(state)).pending


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_a_new_trigger_is_in_force_before_the_old_one_goes(old: str, new: str) -> None:
    plan = plan_setup(desired(new), world(desired(old)))
    assert kinds_of(plan, Action.CREATE) == own_kinds(new) - own_kinds(old)
    assert kinds_of(plan, Action.DELETE) == own_kinds(old) - own_kinds(new)
    # What remembers the choice, and the one entry that S3 replaces by another in one go.
    entry = {Kind.TRIGGER} if "eventbridge" not in (old, new) else set()
    assert kinds_of(plan, Action.UPDATE) == {Kind.FUNCTION, *entry}
    assert kinds_of(plan, Action.WAIT) == {Kind.HANDOVER}

    pending = plan.pending
    needs = needs_of(pending)
    for place, step in enumerate(pending):
        waits_for = {pending[one].kind for one in needs[place]}
        if step.action is Action.DELETE:
            assert waits_for >= {Kind.HANDOVER, *kinds_of(plan, Action.CREATE, Action.UPDATE)}
        elif step.kind is Kind.HANDOVER:
            assert waits_for >= own_kinds(new) & {one.kind for one in pending if one.action is not Action.DELETE}
        else:
            assert not waits_for & kinds_of(plan, Action.DELETE, Action.WAIT)


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_a_change_that_died_with_both_in_force_goes_on(old: str, new: str) -> None:
    both = world(desired(old), desired(new))
    plan = plan_setup(desired(new), both)
    assert kinds_of(plan, Action.CREATE, Action.UPDATE) == set()
    assert kinds_of(plan, Action.DELETE) == own_kinds(old) - own_kinds(new)
    assert kinds_of(plan, Action.WAIT) == {Kind.HANDOVER}
    # Or is taken back, if it was not written down yet.
    back = plan_setup(desired(old), both)
    assert kinds_of(back, Action.DELETE) == own_kinds(new) - own_kinds(old)
    # Or torn down.
    assert own_kinds(old) | own_kinds(new) <= kinds_of(plan_teardown(both, keep_data=False), Action.DELETE)


@given(there=st.sets(st.sampled_from(TRIGGER_KINDS)), new=st.sampled_from(TRIGGERS))
def test_whatever_is_left_of_triggers_goes_and_what_was_chosen_comes(there: set[Kind], new: str) -> None:
    everything = world(*(desired(trigger) for trigger in TRIGGERS), desired(new))
    left = {
        kind: resource if kind in there or kind not in TRIGGER_KINDS else RemoteResource(kind, resource.name)
        for kind, resource in everything.items()
    }
    plan = plan_setup(desired(new), left)
    assert kinds_of(plan, Action.DELETE) == there - own_kinds(new)
    assert kinds_of(plan, Action.CREATE) == own_kinds(new) - there
    assert bool(kinds_of(plan, Action.WAIT)) is bool(there - own_kinds(new))


def test_where_nothing_has_to_be_waited_for_the_plan_has_no_wait() -> None:
    plan = plan_setup(desired("sqs", handover_seconds=0), world(desired("s3")))
    assert not kinds_of(plan, Action.WAIT)
    assert kinds_of(plan, Action.DELETE) == {Kind.PERMISSION}


def test_what_is_foreign_and_of_a_trigger_that_was_not_chosen_is_in_nobodys_way() -> None:
    found = world(desired("s3"))
    for kind in (Kind.EVENT_QUEUE, Kind.RULE):
        found[kind] = RemoteResource(kind, "theirs", exists=True, problem="it has no tag")
    assert not plan_setup(desired("s3"), found).pending
    for trigger, what in (("sqs", "event queue"), ("eventbridge", "rule")):
        with pytest.raises(OwnershipError, match=f"the {what} theirs exists"):
            plan_setup(desired(trigger), found)


def test_a_switch_that_was_on_already_is_kept_and_never_turned_off() -> None:
    state = desired("eventbridge")
    found = world(state)
    found[Kind.EVENTBRIDGE_SWITCH] = replace(found[Kind.EVENTBRIDGE_SWITCH], is_ours=False, problem="it was on already")
    assert not plan_setup(state, found).pending
    assert Kind.EVENTBRIDGE_SWITCH not in kinds_of(plan_setup(desired("s3"), found), Action.DELETE, Action.LEAVE)
    assert Kind.EVENTBRIDGE_SWITCH not in kinds_of(plan_teardown(found, keep_data=False), *Action)


def test_a_second_mapping_is_a_difference() -> None:
    state = desired("sqs")
    found = world(state)
    mapping = found[Kind.EVENT_SOURCE_MAPPING]
    found[Kind.EVENT_SOURCE_MAPPING] = replace(mapping, attributes={**mapping.attributes, names.DUPLICATES: 1})
    (step,) = plan_setup(state, found).pending
    assert (step.kind, step.action) == (Kind.EVENT_SOURCE_MAPPING, Action.UPDATE)


def test_teardown_stops_events_before_it_takes_what_follows_them() -> None:
    order = [kind for kind in TEARDOWN_ORDER if kind in {*TRIGGER_KINDS, Kind.FUNCTION}]
    assert order.index(Kind.EVENTBRIDGE_SWITCH) < order.index(Kind.RULE)
    assert order.index(Kind.EVENT_SOURCE_MAPPING) < order.index(Kind.FUNCTION) < order.index(Kind.EVENT_QUEUE)


@pytest.mark.parametrize(("reserved", "concurrency"), [(None, 10), (50, 10), (5, 5), (2, 2)])
def test_no_more_batches_at_a_time_than_executions(reserved: int | None, concurrency: int) -> None:
    state = desired("sqs", reserved_concurrency=reserved)
    assert state.resources[Kind.EVENT_SOURCE_MAPPING].attributes[names.MAX_CONCURRENCY] == concurrency


def test_fewer_executions_than_batches_are_refused() -> None:
    for reserved in (0, 1):
        with pytest.raises(UsageError) as refused:
            desired("sqs", reserved_concurrency=reserved)
        assert "2 batches under way at least" in refused.value.happened
        assert "--reserved-concurrency none" in refused.value.hint
        for trigger in ("s3", "eventbridge"):
            desired(trigger, reserved_concurrency=reserved)


def test_the_queue_knows_the_time_out_and_names_nobody_but_the_bucket() -> None:
    attributes = desired("sqs", timeout_seconds=77).resources[Kind.EVENT_QUEUE].attributes
    assert attributes[names.VISIBILITY_SECONDS] == 77
    (statement,) = event_queue_policy(PIPELINE)["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Resource"] == PIPELINE.event_queue_arn
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": PIPELINE.bucket_arn(PIPELINE.source_bucket)},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    assert rule_permission_statement(PIPELINE)["source arn"] == PIPELINE.rule_arn


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_the_role_gets_what_the_trigger_needs_and_no_more(trigger: str) -> None:
    needed = json.dumps(desired(trigger).needed_document)
    assert ("sqs:ReceiveMessage" in needed) is (trigger == "sqs")
    assert "sqs:ReceiveMessage" not in json.dumps(desired(trigger).role_document)
    assert '"*"' not in needed


def test_a_role_of_the_owners_is_not_written_to() -> None:
    role = "arn:aws:iam::123456789012:role/theirs"
    assert desired("sqs", role_arn=role).resources[Kind.EVENT_QUEUE_ACCESS].not_applicable


# Filters

KEYS = st.text(alphabet="ab/é =+*\\", max_size=6)
AFFIXES = st.text(alphabet="ab/é =+*\\", max_size=3)


def passes_notification(rules: Mapping[str, str], key: str) -> bool:
    return key.startswith(rules.get("prefix", "")) and key.endswith(rules.get("suffix", ""))


def passes_pattern(alternatives: list[Any], key: str) -> bool:
    """The operators of EventBridge that are used here."""

    def passes(one: Any) -> bool:
        if isinstance(one, str):
            return key == one
        ((operator, operand),) = one.items()
        if operator == "prefix":
            return key.startswith(operand)
        if operator == "suffix":
            return key.endswith(operand)
        assert operator == "wildcard"
        return matches_wildcard(operand, key)

    return not alternatives or any(passes(one) for one in alternatives)


def matches_wildcard(pattern: str, key: str) -> bool:
    parts, position = [""], 0
    while position < len(pattern):
        if pattern[position] == "\\":
            parts[-1] += pattern[position + 1]
            position += 1
        elif pattern[position] == "*":
            parts.append("")
        else:
            parts[-1] += pattern[position]
        position += 1
    head, tail = parts
    return len(key) >= len(head) + len(tail) and key.startswith(head) and key.endswith(tail)


@given(prefix=AFFIXES, suffix=AFFIXES, key=KEYS)
def test_no_filter_keeps_a_key_away_that_was_chosen(prefix: str, suffix: str, key: str) -> None:
    is_chosen = key.startswith(prefix) and key.endswith(suffix)
    if is_chosen:
        assert passes_notification(notification_filter(prefix, suffix), key)
    assert passes_pattern(key_pattern(prefix, suffix), key) is is_chosen


@pytest.mark.parametrize(
    ("prefix", "suffix", "rules"),
    [
        ("", "", {}),
        ("in/", ".csv", {"prefix": "in/", "suffix": ".csv"}),
        ("year=2026/", "", {"prefix": "year"}),
        ("", "a b.csv", {"suffix": "b.csv"}),
        ("é", "é", {}),
        ("", ".csv\n", {}),
    ],
)
def test_s3_is_told_what_it_cannot_misunderstand(prefix: str, suffix: str, rules: dict[str, str]) -> None:
    assert notification_filter(prefix, suffix) == rules


def test_the_entry_says_what_the_plan_says() -> None:
    state = desired("sqs", options=CopyOptions(prefix="in/", suffix=".csv"))
    entry = wanted_entry(state)
    assert entry["QueueArn"] == PIPELINE.event_queue_arn
    assert filter_words(entry) == {"prefix": "in/", "suffix": ".csv"}
    assert state.resources[Kind.TRIGGER].attributes.items() >= filter_words(entry).items()


def test_an_event_pattern() -> None:
    events = ["s3:LifecycleExpiration:*", "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
    assert event_pattern("b", events, "in/", "") == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Deleted", "Object Tags Added", "Object Tags Deleted"],
        "detail": {"bucket": {"name": ["b"]}, "object": {"key": [{"prefix": "in/"}]}},
    }
    assert event_pattern("b", ["s3:ObjectCreated:*"], "", "")["detail"] == {"bucket": {"name": ["b"]}}


@pytest.mark.parametrize(
    ("prefix", "suffix", "key"),
    [
        ("a" * 1024, "", [{"prefix": "a" * 1024}]),
        ("é" * 512, "", [{"prefix": "é" * 512}]),
        # Both together would be more than EventBridge takes: the function looks at each key itself.
        ("*" * 512, "?" * 1024, [{"prefix": "*" * 512}]),
        ('"' * 1024, ".csv", [{"suffix": ".csv"}]),
        ('"' * 1024, '"' * 1024, None),
    ],
    ids=["prefix", "beyond ASCII", "both", "too long prefix", "too long both"],
)
def test_a_pattern_is_never_longer_than_eventbridge_takes(prefix: str, suffix: str, key: Any) -> None:
    pattern = event_pattern("b" * 63, ["s3:ObjectCreated:*", "s3:ObjectTagging:*"], prefix, suffix)
    assert len(pattern_text(pattern)) <= 2048
    assert pattern["detail"].get("object", {}).get("key") == key


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--prefix", ("a" * 1025, "", "")),
        ("--suffix", ("", "é" * 513, "")),
        ("--destination-prefix", ("", "", "a" * 1024)),
        ("--prefix", ("a\x00", "", "")),
        ("--suffix", ("", "\ud800", "")),
    ],
)
def test_affixes_that_no_key_can_have(option: str, arguments: tuple[str, str, str]) -> None:
    with pytest.raises(UsageError, match=f"reading {option}"):
        check_filter(*arguments)


def test_affixes_at_the_limit() -> None:
    check_filter("a" * 1024, "é" * 512, "a" * 1023)


def test_every_trigger_has_its_own_name() -> None:
    assert {one.value for one in Trigger} == set(TRIGGERS)
