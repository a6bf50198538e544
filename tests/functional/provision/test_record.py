"""What a run relies on while others may change it, by answers in the shape that AWS documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import OvertakenError
from s3copy_cli.provision.choices import Choices, record_attributes
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.desired import desired_state, function_environment
from s3copy_cli.provision.function_writer import FunctionWriter
from s3copy_cli.provision.options import CopyOptions
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.plan import Action, Change, Step
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.record import Record
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.settings import Settings

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
WANTED = Choices(CopyOptions(sync_tags=True), Settings(memory_mb=512))
NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."


def variables(choices: Choices = WANTED, **others: str) -> dict[str, str]:
    return {**function_environment(PIPELINE, choices), **others}


class Here:
    """Stubbed clients, and a clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
        self.aws = Aws(session=session, region="eu-west-1")
        self.lambda_, self.iam = Stubber(self.aws.lambda_), Stubber(self.aws.iam)
        self.lambda_.activate()
        self.iam.activate()
        self.now = 0.0
        planned = record_attributes(variables(Choices()))
        self.record = Record(self.aws, PIPELINE, record_attributes(variables()), planned)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def function_is(self, found: dict[str, str], revision: str = "r1", **state: str) -> None:
        """The next look at the function."""
        answer = {"Environment": {"Variables": found}, "RevisionId": revision, **state}
        self.lambda_.add_response("get_function_configuration", answer)

    def update(self) -> None:
        """Send other settings to the function."""
        desired = desired_state(PIPELINE, Package(b"zip", "c2hh"), WANTED)
        context = Context(self.aws, desired, Patience(lambda: self.now, self.sleep, 30.0), lambda _: None)
        step = Step(Kind.FUNCTION, "s3copy", Action.UPDATE, changes=(Change("memory MB", 256, 512),))
        FunctionWriter(context, self.record).ensure(step)


@pytest.fixture
def here() -> Here:
    return Here()


def test_what_this_run_recorded_holds_next_to_variables_of_others(here: Here) -> None:
    here.function_is(variables(DEBUG="1"))
    here.record.check("waiting")


def test_what_an_endpoint_does_not_know_yet_is_looked_at_again(here: Here) -> None:
    patient = replace(here.record, patience=Patience(lambda: here.now, here.sleep).briefly())
    # Before this run's creation, and before its update.
    here.lambda_.add_client_error("get_function_configuration", "ResourceNotFoundException")
    here.function_is(variables(Choices()))
    here.function_is(variables())
    patient.check("waiting")
    here.lambda_.assert_no_pending_responses()
    # Nobody had recorded this before: no reason to doubt it.
    here.function_is(variables(S3COPY_SOURCE_BUCKET="another"))
    with pytest.raises(OvertakenError):
        patient.check("waiting")


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (variables(Choices(WANTED.options)), r"memory_mb 256 \(not 512\)"),
        (variables(Choices(settings=WANTED.settings)), r"sync tags off \(not on\)"),
        (variables(S3COPY_SOURCE_BUCKET="another"), r"S3COPY_SOURCE_BUCKET another \(not s3copy-source"),
        (variables(S3COPY_SETTINGS="x"), "settings x"),
        ({}, r"S3COPY_SOURCE_BUCKET none \(not s3copy-source"),
    ],
)
def test_what_another_one_has_chosen_is_named(here: Here, found: dict[str, str], named: str) -> None:
    here.function_is(found)
    with pytest.raises(OvertakenError, match=named) as caught:
        here.record.check("waiting")
    assert caught.value.code == "ChosenOtherwise"
    assert "s3copy plan" in caught.value.hint


def test_a_record_without_settings_is_one_with_defaults(here: Here) -> None:
    found = variables(Choices())
    del found["S3COPY_SETTINGS"]
    here.function_is(found)
    assert here.record.revision_to_replace("updating") == "r1"


def test_a_function_that_is_being_deleted_has_gone(here: Here) -> None:
    here.function_is(variables(), State="Deleting")
    with pytest.raises(OvertakenError, match="is being deleted") as caught:
        here.record.check("waiting")
    assert caught.value.code == "GoneMeanwhile"
    assert "s3copy setup" in caught.value.hint


def test_settings_are_sent_for_the_revision_that_was_looked_at(here: Here) -> None:
    outdated = "The RevisionId provided does not match the latest RevisionId"
    for revision in ("r1", "r2"):
        here.function_is(variables(Choices()), revision)
        expected = dict.fromkeys(("Description", "Runtime", "Handler", "Role", "Timeout", "MemorySize"), ANY)
        expected |= {"FunctionName": "s3copy", "LoggingConfig": ANY, "Environment": ANY, "RevisionId": revision}
        if revision == "r1":
            # Somebody tagged it, or a state of it has ended, between the look and the call.
            here.lambda_.add_client_error(
                "update_function_configuration", "PreconditionFailedException", outdated, expected_params=expected
            )
        else:
            here.lambda_.add_response("update_function_configuration", {}, expected)
    here.function_is(variables(), State="Active", LastUpdateStatus="Successful")
    here.update()
    here.lambda_.assert_no_pending_responses()


def test_settings_are_not_sent_over_what_somebody_chose_since_the_plan(here: Here) -> None:
    here.function_is(variables(Choices(settings=Settings(trigger="sqs"))))
    with pytest.raises(OvertakenError, match=r"trigger sqs \(not s3\)"):
        here.update()
    here.lambda_.assert_no_pending_responses()


def test_settings_are_sent_where_somebody_has_recorded_the_same(here: Here) -> None:
    here.function_is(variables())
    here.lambda_.add_response("update_function_configuration", {})
    here.function_is(variables(), State="Active", LastUpdateStatus="Successful")
    here.update()
    here.lambda_.assert_no_pending_responses()


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateFunction")


def test_a_role_that_cannot_be_assumed_is_looked_for(here: Here) -> None:
    here.iam.add_client_error("get_role", "NoSuchEntity")
    explained = here.record.explained("creating", refused("InvalidParameterValueException", NOT_ASSUMABLE))
    assert explained is not None
    assert explained.code == "GoneMeanwhile"
    role: Any = {"Path": "/", "RoleName": "r", "RoleId": "A" * 16, "Arn": PIPELINE.role_arn, "CreateDate": "2026-07-01"}
    here.iam.add_response("get_role", {"Role": role})
    assert here.record.explained("creating", refused("InvalidParameterValueException", NOT_ASSUMABLE)) is None
    here.iam.assert_no_pending_responses()


def test_what_is_refused_for_another_reason_is_not_taken_for_a_teardown(here: Here) -> None:
    assert here.record.explained("creating", refused("AccessDeniedException")) is None
