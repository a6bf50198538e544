"""What the owner chose about copying: kept in the function's environment, read back from there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_handler.settings import read_settings
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import ExitCode, S3CopyError, UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import Choices
from s3copy_cli.provision.desired import DesiredState, desired_state, function_environment
from s3copy_cli.provision.options import (
    CopyOptions,
    GivenOptions,
    chosen_options,
    deployed_options,
    option_attributes,
    option_environment,
    trigger_events,
)
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.plan import Action, plan_deploy, plan_setup
from s3copy_cli.provision.resources import Kind, RemoteResource
from s3copy_cli.provision.settings import Settings

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CLASSES = ["STANDARD", "keep", "STANDARD_IA", "GLACIER_IR"]

options = st.builds(
    CopyOptions,
    propagate_deletes=st.booleans(),
    accept_permanent_deletes=st.booleans(),
    sync_tags=st.booleans(),
    storage_class=st.sampled_from(CLASSES),
    kms_key_id=st.sampled_from([None, KEY_ARN]),
)


def function_with(environment: dict[str, str]) -> RemoteResource:
    return RemoteResource(Kind.FUNCTION, "s3copy", True, True, option_attributes(environment))


def desired(**choices: Any) -> DesiredState:
    return desired_state(PIPELINE, Package(content=b"zip", code_sha256="c2hh"), Choices(**choices))


def as_desired(state: DesiredState, versioning: str = "off") -> dict[Kind, RemoteResource]:
    remote = {
        kind: RemoteResource(kind, resource.name, exists=True, is_ours=True, attributes=resource.attributes)
        for kind, resource in state.resources.items()
    }
    bucket = remote[Kind.DESTINATION_BUCKET]
    remote[Kind.DESTINATION_BUCKET] = replace(bucket, attributes={names.VERSIONING: versioning, **bucket.attributes})
    return remote


@given(chosen=options)
def test_what_is_deployed_is_read_back(chosen: CopyOptions) -> None:
    assert deployed_options(function_with(option_environment(chosen))) == chosen


@given(chosen=options)
def test_the_function_reads_what_is_written(chosen: CopyOptions) -> None:
    settings = read_settings(function_environment(PIPELINE, Choices(chosen)))
    assert settings.options.propagate_deletes == chosen.propagate_deletes
    assert settings.options.sync_tags == chosen.sync_tags
    assert settings.options.storage_class == chosen.storage_class
    assert settings.options.kms_key_id == chosen.kms_key_id


def test_defaults_leave_no_variable_but_the_record_of_the_settings() -> None:
    assert option_environment(CopyOptions()) == {}
    assert set(function_environment(PIPELINE, Choices())) == {
        "S3COPY_PIPELINE",
        "S3COPY_SOURCE_BUCKET",
        "S3COPY_DESTINATION_BUCKET",
        "S3COPY_EXPECTED_BUCKET_OWNER",
        "S3COPY_SETTINGS",
    }


def test_without_a_function_the_defaults_hold() -> None:
    assert deployed_options(RemoteResource(Kind.FUNCTION, "s3copy")) == CopyOptions()


@given(deployed=options)
def test_what_is_not_given_stays(deployed: CopyOptions) -> None:
    deployed = replace(
        deployed, accept_permanent_deletes=deployed.propagate_deletes and deployed.accept_permanent_deletes
    )
    assert chosen_options(GivenOptions(), deployed) == deployed


@given(deployed=options, propagate=st.booleans(), sync=st.booleans(), storage_class=st.sampled_from(CLASSES))
def test_what_is_given_counts(deployed: CopyOptions, propagate: bool, sync: bool, storage_class: str) -> None:
    chosen = chosen_options(GivenOptions(propagate, False, sync, storage_class), deployed)
    assert (chosen.propagate_deletes, chosen.sync_tags, chosen.storage_class) == (propagate, sync, storage_class)


@pytest.mark.parametrize("deployed", [None, "arn of a key"])
@pytest.mark.parametrize(("given_key", "chosen"), [(None, "as deployed"), ("", None), ("alias/copies", "alias/copies")])
def test_a_key_stays_until_it_is_changed_or_taken_away(
    deployed: str | None, given_key: str | None, chosen: str | None
) -> None:
    options = chosen_options(GivenOptions(kms_key_id=given_key), CopyOptions(kms_key_id=deployed))
    assert options.kms_key_id == (deployed if chosen == "as deployed" else chosen)


def test_who_gives_propagation_up_is_asked_again() -> None:
    accepted = chosen_options(GivenOptions(propagate_deletes=True, accept_permanent_deletes=True), CopyOptions())
    assert accepted.accept_permanent_deletes
    given_up = chosen_options(GivenOptions(propagate_deletes=False), accepted)
    assert not given_up.accept_permanent_deletes
    assert not chosen_options(GivenOptions(propagate_deletes=True), given_up).accept_permanent_deletes


@pytest.mark.parametrize("propagate_deletes", [None, False])
def test_accepting_what_does_not_happen_is_wrong_usage(propagate_deletes: bool | None) -> None:
    with pytest.raises(UsageError, match="not propagated"):
        chosen_options(GivenOptions(propagate_deletes, accept_permanent_deletes=True), CopyOptions())


@pytest.mark.parametrize(
    ("chosen", "events"),
    [
        (CopyOptions(), ["s3:ObjectCreated:*"]),
        (CopyOptions(sync_tags=True), ["s3:ObjectCreated:*", "s3:ObjectTagging:*"]),
        (
            CopyOptions(propagate_deletes=True),
            ["s3:LifecycleExpiration:*", "s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
        ),
        (CopyOptions(storage_class="keep"), ["s3:ObjectCreated:*"]),
    ],
)
def test_the_trigger_has_the_events_that_are_needed_and_no_others(chosen: CopyOptions, events: list[str]) -> None:
    assert trigger_events(chosen) == events
    assert desired(options=chosen).resources[Kind.TRIGGER].attributes[names.EVENTS] == events


def test_turning_propagation_on_is_three_updates_shown_by_attribute() -> None:
    wanted = desired(options=CopyOptions(propagate_deletes=True))
    plan = plan_setup(wanted, as_desired(desired(), "Enabled"))
    shown = {
        (step.kind, change.attribute): (change.old, change.new) for step in plan.pending for change in step.changes
    }
    assert shown[Kind.FUNCTION, "propagate deletes"] == ("off", "on")
    assert shown[Kind.TRIGGER, "events"][1] == trigger_events(wanted.options)
    assert set(shown) == {
        (Kind.ROLE_POLICY, "policy document"),
        (Kind.FUNCTION, "propagate deletes"),
        (Kind.TRIGGER, "events"),
    }


@pytest.mark.parametrize(
    ("chosen", "updated"),
    [
        (CopyOptions(sync_tags=True), {Kind.FUNCTION, Kind.TRIGGER}),
        (CopyOptions(storage_class="keep"), {Kind.FUNCTION}),
        (CopyOptions(kms_key_id=KEY_ARN), {Kind.FUNCTION, Kind.ROLE_POLICY}),
    ],
)
def test_other_options_touch_what_they_must(chosen: CopyOptions, updated: set[Kind]) -> None:
    assert {step.kind for step in plan_setup(desired(options=chosen), as_desired(desired())).pending} == updated


@pytest.mark.parametrize(
    ("variable", "value", "attribute", "new"),
    [
        ("S3COPY_PROPAGATE_DELETES", "yes", "propagate deletes", "off"),
        ("S3COPY_SYNC_TAGS", "0", "sync tags", "off"),
        ("S3COPY_STORAGE_CLASS", "cheap", "storage class", "STANDARD"),
    ],
)
def test_a_value_that_the_function_refuses_is_put_right(variable: str, value: str, attribute: str, new: str) -> None:
    remote = as_desired(desired())
    function = remote[Kind.FUNCTION]
    attributes = {**function.attributes, **option_attributes({variable: value})}
    remote[Kind.FUNCTION] = replace(function, attributes=attributes)
    for plan in (
        plan_setup(desired(options=deployed_options(remote[Kind.FUNCTION])), remote),
        plan_deploy(desired(options=deployed_options(remote[Kind.FUNCTION])), remote, "s3copy setup"),
    ):
        (step,) = plan.pending
        (change,) = step.changes
        assert (step.kind, change.attribute, change.old, change.new) == (Kind.FUNCTION, attribute, value, new)


@pytest.mark.parametrize("versioning", ["off", "Suspended"])
def test_deletes_are_not_propagated_to_a_bucket_without_versions(versioning: str) -> None:
    wanted = desired(options=CopyOptions(propagate_deletes=True))
    with pytest.raises(S3CopyError) as caught:
        plan_setup(wanted, as_desired(desired(), versioning), "s3copy setup --name x")
    error = caught.value
    assert error.exit_code is ExitCode.FAILED
    assert error.code == "PermanentDeletes"
    assert versioning in error.happened
    for way_on in ("--destination-versioning", "--accept-permanent-deletes", "--no-propagate-deletes"):
        assert way_on in error.hint
    assert "s3copy setup --name x" in error.hint


def test_a_bucket_that_is_still_to_be_made_has_no_versions() -> None:
    wanted = desired(options=CopyOptions(propagate_deletes=True))
    nothing = {kind: RemoteResource(kind, resource.name) for kind, resource in wanted.resources.items()}
    with pytest.raises(S3CopyError, match="would be created without versioning"):
        plan_setup(wanted, nothing)
    # Also where propagation stood, and the versioned bucket was removed by hand.
    remote = {**as_desired(wanted, "Enabled"), Kind.DESTINATION_BUCKET: nothing[Kind.DESTINATION_BUCKET]}
    with pytest.raises(S3CopyError, match="would be created without versioning"):
        plan_setup(wanted, remote)


@pytest.mark.parametrize("versioning", ["off", "Suspended", "Enabled"])
def test_the_ways_on(versioning: str) -> None:
    accepted = desired(options=CopyOptions(propagate_deletes=True, accept_permanent_deletes=True))
    assert Kind.DESTINATION_BUCKET not in {step.kind for step in plan_setup(accepted, as_desired(desired())).pending}

    versioned = desired(options=CopyOptions(propagate_deletes=True), settings=Settings(destination_versioning=True))
    steps = {step.kind: step for step in plan_setup(versioned, as_desired(desired(), versioning)).steps}
    bucket = steps[Kind.DESTINATION_BUCKET]
    if versioning == "Enabled":
        assert bucket.action is Action.KEEP
    else:
        (change,) = bucket.changes
        assert (change.attribute, change.old, change.new) == ("versioning", versioning, "Enabled")


def test_versioning_that_nobody_asked_for_is_left_as_it_is() -> None:
    for versioning in ("off", "Suspended", "Enabled"):
        assert plan_setup(desired(), as_desired(desired(), versioning)).pending == ()


def test_deploy_keeps_the_options() -> None:
    standing = desired(options=CopyOptions(propagate_deletes=True, sync_tags=True, storage_class="keep"))
    remote = as_desired(standing)
    kept = desired(options=deployed_options(remote[Kind.FUNCTION]))
    assert plan_deploy(kept, remote, "s3copy setup").pending == ()
