"""What a function records, deleted by hand: nothing is assumed, and nothing is moved away from what the owner chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from s3copy_cli.config import Pipeline

Run = Callable[..., Any]
INBOX = "inbox"


def client(service: str) -> Any:
    return boto3.client(service, region_name="eu-west-1")


def variables() -> dict[str, str]:
    found = client("lambda").get_function_configuration(FunctionName="s3copy")
    return dict(found["Environment"]["Variables"])


def set_variables(left: dict[str, str]) -> None:
    client("lambda").update_function_configuration(FunctionName="s3copy", Environment={"Variables": left})


def entries(bucket: str) -> list[str]:
    found = client("s3").get_bucket_notification_configuration(Bucket=bucket)
    return [entry["Id"] for entry in found.get("LambdaFunctionConfigurations", [])]


@pytest.fixture
def adopted(s3copy: Run) -> Run:
    """A pipeline that copies from a bucket of the owner's; runs command lines."""
    client("s3").create_bucket(Bucket=INBOX, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3copy("setup", "--source-bucket", INBOX, "--memory", "512", expect=0)
    return s3copy


def error_of(outcome: Any) -> Any:
    (error,) = outcome.envelope["errors"]
    assert error["code"] == "UnreadableSettings"
    return error


@pytest.mark.parametrize("gone", ["S3COPY_PIPELINE", "S3COPY_SOURCE_BUCKET", "S3COPY_DESTINATION_BUCKET", ""])
def test_a_replaced_environment_stops_what_would_go_by_it(adopted: Run, write_calls: list[str], gone: str) -> None:
    before = variables()
    set_variables({name: value for name, value in before.items() if name != gone} if gone else {"DEBUG": "1"})
    write_calls.clear()
    for command in (("setup",), ("plan",), ("deploy",), ("setup", "--source-bucket", INBOX)):
        error = error_of(adopted(*command, "--json", expect=1))
        assert (gone or "S3COPY_PIPELINE, S3COPY_SOURCE_BUCKET") in error["message"]
        assert "--reset-settings" in error["hint"]
    assert write_calls == []
    # One way on: the variables are put back.
    set_variables(before)
    adopted("plan", expect=0)


def test_with_a_reset_the_options_are_given_again(adopted: Run, pipeline: Pipeline) -> None:
    set_variables({})
    adopted("setup", "--reset-settings", "--source-bucket", INBOX, "--memory", "512", expect=0)
    assert entries(INBOX) == [pipeline.notification_id]
    assert variables()["S3COPY_SOURCE_BUCKET"] == INBOX
    adopted("plan", expect=0)


def test_settings_that_are_missing_were_deleted_if_not_all_is_by_default(adopted: Run, write_calls: list[str]) -> None:
    left = {name: value for name, value in variables().items() if name != "S3COPY_SETTINGS"}
    set_variables(left)
    write_calls.clear()
    for command in ("setup", "plan", "deploy"):
        assert "memory MB is 512" in error_of(adopted(command, "--json", expect=1))["message"]
    assert write_calls == []
    adopted("setup", "--reset-settings", "--memory", "512", expect=0)
    assert variables()["S3COPY_SETTINGS"] == '{"memory_mb":512}'


def test_a_lost_trigger_is_seen_by_what_there_is_of_it(s3copy: Run) -> None:
    s3copy("setup", "--trigger", "sqs", expect=0)
    set_variables({name: value for name, value in variables().items() if name != "S3COPY_SETTINGS"})
    assert "event source mapping s3copy-events" in error_of(s3copy("plan", "--json", expect=1))["message"]


def test_a_pipeline_without_a_record_that_has_all_by_default_gets_one(s3copy: Run, write_calls: list[str]) -> None:
    # As s3copy recorded defaults at first.
    s3copy("setup", expect=0)
    set_variables({name: value for name, value in variables().items() if name != "S3COPY_SETTINGS"})
    write_calls.clear()
    s3copy("setup", expect=0)
    assert write_calls == ["UpdateFunctionConfiguration"]
    assert variables()["S3COPY_SETTINGS"] == "{}"
    s3copy("plan", expect=0)


def test_teardown_finds_the_bucket_by_what_the_role_may_read(adopted: Run) -> None:
    set_variables({})
    adopted("teardown", "--yes", expect=0)
    assert entries(INBOX) == []


def test_teardown_asks_for_the_bucket_whose_trigger_it_cannot_find(adopted: Run, pipeline: Pipeline) -> None:
    set_variables({})
    client("iam").delete_role_policy(RoleName=pipeline.role_name, PolicyName=pipeline.policy_name)
    error = error_of(adopted("teardown", "--yes", "--json", expect=1))
    assert "teardown --source-bucket" in error["hint"]
    assert entries(INBOX) == ["s3copy-copy"]
    adopted("teardown", "--yes", "--source-bucket", INBOX, expect=0)
    assert entries(INBOX) == []


@pytest.mark.parametrize("command", ["plan", "setup", "deploy", "verify"])
def test_variables_that_a_kms_key_hides_are_not_called_deleted(
    s3copy: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    s3copy("setup", expect=0)
    hide_variables(monkeypatch)
    (error,) = s3copy(command, "--json", expect=1).envelope["errors"]
    assert error["code"] == "UnreadableSettings"
    assert "AccessDeniedException: Lambda was unable to decrypt" in error["message"]
    assert "kms:Decrypt" in error["hint"]
    assert "deleted" not in error["message"] + error["hint"]


def test_a_pipeline_whose_variables_a_kms_key_hides_can_be_removed(
    s3copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3copy("setup", expect=0)
    hide_variables(monkeypatch)
    assert s3copy("teardown", "--yes", "--json", expect=0).data["remaining"] == []


def hide_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lambda answers whoever may not decrypt with the key of the variables (EnvironmentResponse)."""
    original = boto3.Session.__init__
    error = {"ErrorCode": "AccessDeniedException", "Message": "Lambda was unable to decrypt the environment variables"}

    def hide(parsed: dict[str, Any], **_: Any) -> None:
        configuration = parsed.get("Configuration", parsed)
        if "Environment" in configuration:
            configuration["Environment"] = {"Error": error}

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("after-call.lambda", hide)

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)
