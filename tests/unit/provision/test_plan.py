"""Deciding what to do, without AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.config import Pipeline
from s3copy_cli.errors import NotSetUpError, OwnershipError, S3CopyError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import Choices, record_attributes
from s3copy_cli.provision.desired import DesiredState, desired_state
from s3copy_cli.provision.options import CopyOptions
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.plan import (
    TEARDOWN_ORDER,
    Action,
    Change,
    Plan,
    Step,
    has_older_objects,
    plan_deploy,
    plan_setup,
    plan_teardown,
)
from s3copy_cli.provision.resources import Kind, RemoteResource

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
PACKAGE = Package(content=b"zip", code_sha256="c2hh")
PARENTS = (
    Kind.SOURCE_BUCKET,
    Kind.DESTINATION_BUCKET,
    Kind.LOG_GROUP,
    Kind.DEAD_LETTER_QUEUE,
    Kind.ROLE,
    Kind.FUNCTION,
)


def desired(**options: Any) -> DesiredState:
    return desired_state(PIPELINE, PACKAGE, **options)


LEFT_BEHIND = (Kind.FORMER_TRIGGER, Kind.UNUSED_SOURCE_BUCKET, Kind.UNUSED_DESTINATION_BUCKET)
TAKEN_DOWN = tuple(kind for kind in TEARDOWN_ORDER if kind in {*desired().resources, *LEFT_BEHIND})


def nothing() -> dict[Kind, RemoteResource]:
    return {kind: RemoteResource(kind, resource.name) for kind, resource in desired().resources.items()}


def as_desired() -> dict[Kind, RemoteResource]:
    return {
        kind: RemoteResource(kind, resource.name, exists=True, is_ours=True, attributes=resource.attributes)
        for kind, resource in desired().resources.items()
    }


def everything() -> dict[Kind, RemoteResource]:
    """Also what a change of buckets leaves behind."""
    left = {kind: RemoteResource(kind, "old", exists=True, is_ours=True) for kind in LEFT_BEHIND}
    return {**as_desired(), **left}


def test_everything_is_created_in_the_order_of_building_and_the_trigger_last() -> None:
    plan = plan_setup(desired(), nothing())
    assert [step.kind for step in plan.steps] == [kind for kind in Kind if kind in desired().resources]
    assert {step.action for step in plan.steps} == {Action.CREATE}
    assert plan.steps[-1].kind is Kind.TRIGGER


def test_a_pipeline_as_desired_is_kept() -> None:
    plan = plan_setup(desired(), as_desired())
    assert {step.action for step in plan.steps} == {Action.KEEP}
    assert plan.pending == ()


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [(kind, attribute) for kind, resource in desired().resources.items() for attribute in resource.attributes],
)
def test_each_attribute_that_differs_is_updated_and_named(kind: Kind, attribute: str) -> None:
    remote = as_desired()
    remote[kind] = replace(remote[kind], attributes={**remote[kind].attributes, attribute: "something else"})
    plan = plan_setup(desired(), remote)
    (step,) = plan.pending
    assert (step.kind, step.action) == (kind, Action.UPDATE)
    (change,) = step.changes
    assert change.attribute == attribute
    assert change.old == "something else"
    assert change.new == desired().resources[kind].attributes[attribute]
    assert attribute in step.reason


def test_a_bucket_with_a_kms_key_is_not_made_weaker() -> None:
    remote = as_desired()
    bucket = remote[Kind.SOURCE_BUCKET]
    stronger = {**bucket.attributes, names.DEFAULT_ENCRYPTION: "aws:kms"}
    remote[Kind.SOURCE_BUCKET] = replace(bucket, attributes=stronger)
    assert plan_setup(desired(), remote).pending == ()


def test_the_tls_policy_is_left_out_where_it_would_lock_everybody_out() -> None:
    plan = plan_setup(desired(tls_not_applicable="plain HTTP"), nothing())
    left_out = [step for step in plan.steps if step.action is Action.NOT_APPLICABLE]
    assert [step.kind for step in left_out] == [Kind.SOURCE_BUCKET_POLICY, Kind.DESTINATION_BUCKET_POLICY]
    assert all(step.reason == "plain HTTP" for step in left_out)
    assert not set(left_out) & set(plan.pending)


@pytest.mark.parametrize("kind", PARENTS)
def test_a_foreign_resource_stops_the_plan_and_the_hint_says_how_to_go_on(kind: Kind) -> None:
    remote = nothing()
    remote[kind] = replace(remote[kind], exists=True, problem="it has no tag s3copy:pipeline=s3copy")
    with pytest.raises(OwnershipError) as caught:
        plan_setup(desired(), remote)
    assert remote[kind].name in str(caught.value)
    assert "--name" in caught.value.hint
    assert "aws " in caught.value.hint, "the command that gives the tag back"
    assert "{" not in caught.value.hint.replace("[{Key=", "").replace("}]", ""), "no template left over"


def test_deploy_looks_at_the_function_only() -> None:
    remote = as_desired()
    remote[Kind.FUNCTION] = replace(
        remote[Kind.FUNCTION], attributes={**remote[Kind.FUNCTION].attributes, names.CODE: "old"}
    )
    remote[Kind.LOG_GROUP] = replace(remote[Kind.LOG_GROUP], exists=False)
    plan = plan_deploy(desired(), remote, "s3copy setup")
    assert [(step.kind, step.action) for step in plan.steps] == [(Kind.FUNCTION, Action.UPDATE)]


@pytest.mark.parametrize("kind", [Kind.ROLE, Kind.FUNCTION])
def test_deploy_before_setup_names_the_command(kind: Kind) -> None:
    remote = as_desired()
    remote[kind] = replace(remote[kind], exists=False)
    with pytest.raises(NotSetUpError) as caught:
        plan_deploy(desired(), remote, "s3copy setup --local")
    assert "s3copy setup --local" in caught.value.hint


def test_teardown_takes_the_trigger_first_and_the_data_only_after_the_function() -> None:
    steps = plan_teardown(everything(), keep_data=False).steps
    order = [step.kind for step in steps]
    assert order == list(TAKEN_DOWN)
    assert order[:4] == [Kind.TRIGGER, Kind.FORMER_TRIGGER, Kind.PERMISSION, Kind.FUNCTION]
    assert order.index(Kind.FUNCTION) < order.index(Kind.SOURCE_BUCKET)


def test_keep_data_leaves_all_buckets() -> None:
    steps = plan_teardown(everything(), keep_data=True).steps
    left = {step.kind for step in steps if step.action is Action.LEAVE}
    assert left == {kind for kind in everything() if kind.value.endswith("bucket")}


@given(there=st.sets(st.sampled_from(TAKEN_DOWN)), foreign=st.sets(st.sampled_from(TAKEN_DOWN)))
def test_teardown_deletes_exactly_what_is_there_and_ours(there: set[Kind], foreign: set[Kind]) -> None:
    remote = everything()
    for kind in TAKEN_DOWN:
        remote[kind] = replace(
            remote[kind],
            exists=kind in there,
            is_ours=kind not in foreign,
            problem="foreign" if kind in foreign else "",
        )
    plan = plan_teardown(remote, keep_data=False)
    assert {step.kind for step in plan.pending} == there - foreign
    assert {step.kind for step in plan.steps if step.action is Action.LEAVE} == there & foreign


@given(missing=st.sets(st.sampled_from(list(desired().resources))))
def test_whatever_is_missing_is_created_and_nothing_else_is_touched(missing: set[Kind]) -> None:
    remote = as_desired()
    for kind in missing:
        remote[kind] = replace(remote[kind], exists=False, attributes={})
    plan = plan_setup(desired(), remote)
    assert {step.kind for step in plan.pending if step.action is Action.CREATE} == missing
    updated = {step.kind for step in plan.pending if step.action is Action.UPDATE}
    assert updated == ({Kind.FUNCTION} if Kind.ROLE in missing and Kind.FUNCTION not in missing else set())


def in_state(state: str, obstacle: str = "") -> dict[Kind, RemoteResource]:
    remote = as_desired()
    function = remote[Kind.FUNCTION]
    remote[Kind.FUNCTION] = replace(function, attributes={**function.attributes, names.STATE: state}, obstacle=obstacle)
    return remote


Planner = Callable[[dict[Kind, RemoteResource]], Plan]
PLANNERS: list[Planner] = [
    lambda remote: plan_setup(desired(), remote),
    lambda remote: plan_deploy(desired(), remote, "s3copy setup"),
]


@pytest.mark.parametrize("planner", PLANNERS, ids=["setup", "deploy"])
@pytest.mark.parametrize("state", [names.STATE_PENDING, f"{names.STATE_UPDATE_FAILED}: no space"])
def test_a_function_that_is_not_in_force_is_not_called_done(planner: Planner, state: str) -> None:
    (step,) = planner(in_state(state)).pending
    assert (step.kind, step.action) == (Kind.FUNCTION, Action.UPDATE)
    assert step.changes == (Change(names.STATE, state, names.STATE_ACTIVE),)


@pytest.mark.parametrize("planner", PLANNERS, ids=["setup", "deploy"])
def test_a_failed_function_is_an_error_with_lambda_s_reason(planner: Planner) -> None:
    with pytest.raises(S3CopyError) as caught:
        planner(in_state(names.STATE_FAILED, obstacle="the image was deleted"))
    assert caught.value.code == "FunctionFailed"
    assert "the image was deleted" in caught.value.happened
    assert "aws lambda delete-function --function-name s3copy --region eu-west-1" in caught.value.hint


def test_a_failed_function_can_still_be_torn_down() -> None:
    steps = plan_teardown(in_state(names.STATE_FAILED, obstacle="x"), keep_data=False).steps
    assert Kind.FUNCTION in {step.kind for step in steps if step.action is Action.DELETE}


def test_a_function_that_is_being_deleted_is_created_with_all_that_went_with_it() -> None:
    pending = plan_setup(desired(), in_state(names.STATE_DELETING)).pending
    assert [(step.kind, step.action) for step in pending] == [
        (Kind.FUNCTION, Action.CREATE),
        (Kind.ASYNC_INVOCATION, Action.CREATE),
        (Kind.PERMISSION, Action.CREATE),
    ]
    assert pending[0].changes == (Change(names.STATE, names.STATE_DELETING, names.STATE_ACTIVE),)
    with pytest.raises(NotSetUpError, match="is being deleted"):
        plan_deploy(desired(), in_state(names.STATE_DELETING), "s3copy setup")


NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)


def test_a_role_that_is_made_anew_takes_the_function_with_it() -> None:
    remote = as_desired()
    remote[Kind.ROLE] = replace(remote[Kind.ROLE], exists=False)
    function = next(step for step in plan_setup(desired(), remote).pending if step.kind is Kind.FUNCTION)
    assert function.action is Action.UPDATE
    assert [change.attribute for change in function.changes] == [names.ROLE]
    assert function.changes[0].old != function.changes[0].new
    assert "made anew" in function.reason


@pytest.mark.parametrize("planner", PLANNERS, ids=["setup", "deploy"])
@pytest.mark.parametrize(("minutes", "expected"), [(1, [names.ROLE]), (0, []), (-1, [])])
def test_a_setup_killed_after_making_the_role_anew_is_finished_by_the_next(
    planner: Planner, minutes: int, expected: list[str]
) -> None:
    remote = as_desired()
    remote[Kind.FUNCTION] = replace(remote[Kind.FUNCTION], changed_at=NOON)
    remote[Kind.ROLE] = replace(remote[Kind.ROLE], changed_at=NOON + timedelta(minutes=minutes))
    assert [change.attribute for step in planner(remote).pending for change in step.changes] == expected


THEIRS = {"QueueConfigurations": [{"Id": "theirs", "QueueArn": "arn", "Events": ["s3:ObjectTagging:Put"]}]}


def test_an_entry_overlaps_with_what_is_wanted_from_now_on_only() -> None:
    remote = nothing()
    remote[Kind.TRIGGER] = replace(remote[Kind.TRIGGER], notifications=THEIRS)
    assert plan_setup(desired(), remote).pending


def test_notifications_that_could_not_be_written_back_stop_the_plan() -> None:
    remote = nothing()
    remote[Kind.TRIGGER] = replace(remote[Kind.TRIGGER], obstacle="it has parts that are not known (Webhook)")
    with pytest.raises(S3CopyError, match="Webhook") as caught:
        plan_setup(desired(), remote)
    assert caught.value.code == "UnreadableNotifications"


def test_a_trigger_that_another_entry_does_not_admit_stops_the_plan() -> None:
    remote = nothing()
    remote[Kind.TRIGGER] = replace(remote[Kind.TRIGGER], notifications=THEIRS)
    with pytest.raises(OwnershipError) as caught:
        plan_setup(desired(choices=Choices(CopyOptions(sync_tags=True))), remote)
    assert caught.value.code == "TriggerOverlap"
    assert "the entry theirs" in caught.value.happened


def test_a_trigger_that_stands_is_kept_whatever_stands_next_to_it() -> None:
    remote = as_desired()
    remote[Kind.TRIGGER] = replace(remote[Kind.TRIGGER], notifications=THEIRS, obstacle="unreadable")
    assert plan_setup(desired(), remote).pending == ()


def words(**variables: str) -> dict[str, Any]:
    """What a function says of itself that has these variables; the pipeline's own buckets unless told otherwise."""
    ours = {"S3COPY_SOURCE_BUCKET": PIPELINE.source_bucket, "S3COPY_DESTINATION_BUCKET": PIPELINE.destination_bucket}
    return record_attributes({**ours, **{f"S3COPY_{name.upper()}": value for name, value in variables.items()}})


@pytest.mark.parametrize(
    ("source", "before", "options", "expected"),
    [
        # A new bucket is empty; one that was there before the function may have something in it.
        (Action.CREATE, None, CopyOptions(), False),
        (Action.CREATE, words(source_bucket="another"), CopyOptions(), False),
        (Action.KEEP, None, CopyOptions(), True),
        (Action.KEEP, words(), CopyOptions(sync_tags=True), False),
        (Action.KEEP, words(source_bucket="another"), CopyOptions(), True),
        (Action.UPDATE, words(destination_bucket="another"), CopyOptions(), True),
        (Action.KEEP, words(prefix="in/"), CopyOptions(prefix="in/"), False),
        (Action.KEEP, words(prefix="in/"), CopyOptions(prefix="in/2026/"), False),
        (Action.KEEP, words(prefix="in/"), CopyOptions(prefix="i"), True),
        (Action.KEEP, words(prefix="in/"), CopyOptions(prefix="out/"), True),
        (Action.KEEP, words(suffix=".csv"), CopyOptions(suffix=".a.csv"), False),
        (Action.KEEP, words(suffix=".csv"), CopyOptions(), True),
        (Action.KEEP, words(destination_prefix="a/"), CopyOptions(destination_prefix="b/"), True),
    ],
)
def test_older_objects_are_spoken_of_where_there_may_be_some(
    source: Action, before: dict[str, Any] | None, options: CopyOptions, expected: bool
) -> None:
    plan = Plan((Step(Kind.SOURCE_BUCKET, PIPELINE.source_bucket, source),), before)
    assert has_older_objects(plan, PIPELINE, options) is expected
