"""What setup remembers: the values' limits, the record, and what holds of what was given and recorded."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.config import Pipeline
from s3copy_cli.errors import ExitCode, S3CopyError, UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import (
    ALWAYS_RECORDED,
    Choices,
    GivenChoices,
    check_environment_size,
    recorded_choices,
    resolve,
)
from s3copy_cli.provision.desired import desired_state, function_environment
from s3copy_cli.provision.options import CopyOptions, GivenOptions
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.plan import plan_setup
from s3copy_cli.provision.resources import Kind, RemoteResource
from s3copy_cli.provision.settings import (
    RETENTION_DAYS,
    GivenSettings,
    RecordError,
    Settings,
    read_record,
    record_text,
    recorded_settings,
    settings_record,
    with_given,
)

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
ARN = "arn:aws:iam::123456789012"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "runtime": st.sampled_from(["python3.10", "python3.13", "python3.14"]),
    "architecture": st.sampled_from(["arm64", "x86_64"]),
    "timeout_seconds": st.integers(1, 900),
    "memory_mb": st.integers(128, 10_240),
    "log_retention_days": st.sampled_from([None, *RETENTION_DAYS]),
    "reserved_concurrency": st.none() | st.integers(1, 1000),
    "permissions_boundary": st.sampled_from(
        ["", "none", f"{ARN}:policy/bound", "arn:aws:iam::aws:policy/ReadOnlyAccess"]
    ),
    "role_arn": st.sampled_from(["", f"{ARN}:role/theirs", f"{ARN}:role/path/to/theirs"]),
    "tags": st.sampled_from([(), (("a", ""), ("team", "blue")), (("é/x", "ü:= +"),)]),
    "source_kms_keys": st.sampled_from([(), (KEY_ARN,), (KEY_ARN, KEY_ARN.replace("1234", "abcd"))]),
    "source_versioning": st.booleans(),
    "destination_versioning": st.booleans(),
    "trigger": st.sampled_from(["s3", "sqs", "eventbridge"]),
}
settings = st.builds(Settings, **VALUES)


def function_with(record: Any) -> RemoteResource:
    environment = dict.fromkeys(ALWAYS_RECORDED, "x")
    attributes = {names.ENVIRONMENT: environment, names.SETTINGS: record}
    return RemoteResource(Kind.FUNCTION, "s3copy", True, True, attributes)


def test_every_setting_is_tested_here() -> None:
    assert {field.name for field in fields(Settings)} == set(VALUES) == set(GivenSettings.__annotations__)


@given(chosen=settings)
def test_what_is_recorded_is_read_back(chosen: Settings) -> None:
    text = record_text(settings_record(chosen))
    assert text.isascii()
    assert recorded_settings(read_record(text)) == chosen
    assert recorded_choices(function_with(read_record(text))).settings == chosen


def test_defaults_are_not_recorded() -> None:
    assert settings_record(Settings()) == {}
    assert recorded_settings({}) == Settings()
    assert recorded_choices(RemoteResource(Kind.FUNCTION, "s3copy")) == Choices()
    # Always there, so that one who deletes it is found out.
    always = function_environment(PIPELINE, Choices())
    assert always["S3COPY_SETTINGS"] == "{}"
    assert set(ALWAYS_RECORDED) == always.keys() - {"S3COPY_SETTINGS"}
    environment = function_environment(PIPELINE, Choices(settings=Settings(memory_mb=512)))
    assert environment["S3COPY_SETTINGS"] == '{"memory_mb":512}'


@given(recorded=settings, said=settings, which=st.sets(st.sampled_from(sorted(VALUES))))
def test_what_is_said_counts_and_the_rest_stays(recorded: Settings, said: Settings, which: set[str]) -> None:
    given_settings = {name: getattr(said, name) for name in which}
    chosen = with_given(recorded, given_settings)  # type: ignore[arg-type]
    for name in VALUES:
        assert getattr(chosen, name) == getattr(said if name in which else recorded, name)


WRONG: list[tuple[str, Any, str]] = [
    ("memory_mb", 127, "--memory"),
    ("memory_mb", 10_241, "--memory"),
    ("memory_mb", True, "--memory"),
    ("memory_mb", "256", "--memory"),
    ("timeout_seconds", 0, "--timeout"),
    ("timeout_seconds", 901, "--timeout"),
    ("runtime", "python3.9", "--runtime"),
    ("runtime", "nodejs22.x", "--runtime"),
    ("runtime", None, "--runtime"),
    ("architecture", "mips", "--architecture"),
    ("log_retention_days", 31, "--log-retention"),
    ("log_retention_days", True, "--log-retention"),
    ("reserved_concurrency", 0, "--reserved-concurrency"),
    ("reserved_concurrency", "none", "--reserved-concurrency"),
    ("permissions_boundary", None, "--permissions-boundary"),
    ("permissions_boundary", "bound", "--permissions-boundary"),
    ("permissions_boundary", f"{ARN}:role/r", "--permissions-boundary"),
    ("role_arn", "theirs", "--role-arn"),
    ("role_arn", f"{ARN}:policy/p", "--role-arn"),
    ("tags", (("a",),), "--tag"),
    ("tags", (("a", "1"), ("A", "2")), "--tag"),
    ("tags", tuple((f"k{n}", "") for n in range(49)), "--tag"),
    ("tags", tuple((f"{n:026}", "") for n in range(10)), "--tag"),
    ("tags", (("", "v"),), "--tag"),
    ("tags", (("k" * 129, "v"),), "--tag"),
    ("tags", (("k", "v" * 257),), "--tag"),
    ("tags", (("aws:k", "v"),), "--tag"),
    ("tags", (("S3Copy:pipeline", "v"),), "--tag"),
    ("tags", (("a b", "v"),), "--tag"),
    ("tags", (("a", "a,b"),), "--tag"),
    ("tags", (("a", "line\nbreak"),), "--tag"),
    ("source_kms_keys", "key", "--source-kms-key-id"),
    ("source_kms_keys", ("k",) * 11, "--source-kms-key-id"),
    ("source_versioning", 1, "--source-versioning"),
    ("destination_versioning", None, "--destination-versioning"),
]


@pytest.mark.parametrize(("name", "value", "option"), WRONG)
def test_what_aws_would_refuse_is_wrong_usage_and_an_unreadable_record(name: str, value: Any, option: str) -> None:
    with pytest.raises(UsageError, match=option):
        with_given(Settings(), {name: value})  # type: ignore[misc]
    with pytest.raises(RecordError, match=name):
        recorded_settings({name: value})


@pytest.mark.parametrize("record", ["not JSON", read_record("[1]"), {"memory_mb": "lots"}, {"newer": 1}])
def test_a_record_that_cannot_be_read_is_an_error_and_a_way_out(record: Any) -> None:
    with pytest.raises(S3CopyError) as caught:
        recorded_choices(function_with(record))
    assert (caught.value.code, caught.value.exit_code) == ("UnreadableSettings", ExitCode.FAILED)
    assert "--reset-settings" in caught.value.hint
    assert recorded_choices(function_with(record), reset_settings=True).settings == Settings()

    # It is drift then, shown as it stands.
    state = desired_state(PIPELINE, Package(b"zip", "c2hh"))
    remote = {
        kind: RemoteResource(kind, resource.name, True, True, resource.attributes)
        for kind, resource in state.resources.items()
    }
    function = remote[Kind.FUNCTION]
    attributes = {**function.attributes, names.SETTINGS: record}
    plan = plan_setup(state, {**remote, Kind.FUNCTION: replace(function, attributes=attributes)})
    ((change,),) = [step.changes for step in plan.pending]
    assert (change.attribute, change.old, change.new) == ("recorded settings", record, {})


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '"x"', "nul"])
def test_a_text_that_is_no_record_stands_as_it_is(text: str) -> None:
    assert read_record(text) == text


def test_options_and_settings_are_resolved_together() -> None:
    recorded = Choices(CopyOptions(sync_tags=True), Settings(memory_mb=512))
    said = GivenChoices(GivenOptions(storage_class="keep"), {"log_retention_days": None})
    assert resolve(said, recorded) == Choices(
        CopyOptions(sync_tags=True, storage_class="keep"), Settings(memory_mb=512, log_retention_days=None)
    )
    assert resolve(GivenChoices(), recorded) == recorded


def test_more_than_lambda_has_room_for_is_wrong_usage() -> None:
    check_environment_size({"A": "x" * 4095})
    with pytest.raises(UsageError, match="4,097 bytes"):
        check_environment_size({"A": "x" * 4096})
