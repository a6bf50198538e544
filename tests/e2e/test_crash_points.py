"""Whatever call a command dies at, before or after it: the next run finishes it, and teardown leaves nothing.

`make crash-points` dies at every call; `make test` at a few, others on each day of the month.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ..crashing import Scenario, run, try_points  # noqa: TID252 (shared with the functional tests)

pytestmark = pytest.mark.e2e

SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
# From which trigger to which other one; the one with the most calls first.
CHANGES = [
    *(("sqs", "eventbridge"), ("sqs", "s3"), ("s3", "sqs"), ("s3", "eventbridge")),
    *(("eventbridge", "s3"), ("eventbridge", "sqs")),
]
# How many of each scenario's points are tried; "all" for every one.
SAMPLE = os.environ.get("S3COPY_TEST_CRASH_POINTS", "1")
OTHER_TRIGGERS = ("sqs", "eventbridge")
WITH_TRIGGERS = [
    *(f"setup with {kind}" for kind in OTHER_TRIGGERS),
    *(f"teardown of {kind}" for kind in OTHER_TRIGGERS),
    *(f"{new} instead of {old}" for old, new in CHANGES[1:]),
]


@pytest.fixture
def person(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """This process as a person who works on the embedded AWS."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def drift(clients: Callable[[str], Any]) -> Callable[[], None]:
    """Everything that setup sets, changed by hand, so that every updating call is needed."""

    def change_everything() -> None:
        s3, lambda_, sqs = clients("s3"), clients("lambda"), clients("sqs")
        for bucket in (SOURCE, DESTINATION):
            s3.delete_bucket_lifecycle(Bucket=bucket)
            s3.delete_public_access_block(Bucket=bucket)
            s3.delete_bucket_encryption(Bucket=bucket)
            s3.delete_bucket_ownership_controls(Bucket=bucket)
        clients("logs").delete_retention_policy(logGroupName="/aws/lambda/s3copy")
        url = sqs.get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
        trust = {"Version": "2012-10-17", "Statement": []}
        clients("iam").update_assume_role_policy(RoleName="s3copy-us-east-1", PolicyDocument=json.dumps(trust))
        clients("iam").delete_role_policy(RoleName="s3copy-us-east-1", PolicyName="s3copy-copy")
        lambda_.update_function_configuration(FunctionName="s3copy", Timeout=3)
        lambda_.update_function_code(FunctionName="s3copy", ZipFile=other_code())
        lambda_.delete_function_event_invoke_config(FunctionName="s3copy")
        lambda_.remove_permission(FunctionName="s3copy", StatementId="s3copy-source-bucket")
        lambda_.add_permission(
            FunctionName="s3copy",
            StatementId="s3copy-source-bucket",
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
            SourceArn="arn:aws:s3:::another",
        )
        s3.put_bucket_notification_configuration(Bucket=SOURCE, NotificationConfiguration={})

    return change_everything


def other_code() -> bytes:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lambda_handler/handler.py", "def lambda_handler(event, context): pass\n")
    return buffer.getvalue()


@pytest.fixture
def scenarios(clients: Callable[[str], Any], drift: Callable[[], None]) -> dict[str, Scenario]:
    """Each command, in the worlds where it has something to do."""

    def setup() -> None:
        run("setup")

    def drifted() -> None:
        run("setup")
        drift()

    def old_function() -> None:
        run("setup")
        clients("lambda").update_function_configuration(FunctionName="s3copy", Timeout=3)
        clients("lambda").update_function_code(FunctionName="s3copy", ZipFile=other_code())

    def full_buckets() -> None:
        run("setup", "--destination-versioning")
        s3 = clients("s3")
        # The function is not what is tried here; the buckets are to hold the same whenever the command dies.
        s3.put_bucket_notification_configuration(Bucket=SOURCE, NotificationConfiguration={})
        s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
        for bucket in (SOURCE, DESTINATION):
            for key in ("a", "a", "b"):
                s3.put_object(Bucket=bucket, Key=key, Body=b"1")
            s3.delete_object(Bucket=bucket, Key="b")
            upload = s3.create_multipart_upload(Bucket=bucket, Key="open")["UploadId"]
            s3.upload_part(Bucket=bucket, Key="open", UploadId=upload, PartNumber=1, Body=b"1")
        run("setup")

    theirs = {"QueueConfigurations": [], "EventBridgeConfiguration": {}}
    inboxes = ("old-inbox", "new-inbox")

    def two_inboxes() -> None:
        s3 = clients("s3")
        for bucket in inboxes:
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=theirs)
        run("setup", "--source-bucket", "old-inbox")

    def both_are_as_they_were() -> None:
        s3 = clients("s3")
        for bucket in inboxes:
            found = s3.get_bucket_notification_configuration(Bucket=bucket)
            assert set(found) == {"ResponseMetadata", "EventBridgeConfiguration"}, (bucket, found)
            s3.delete_bucket(Bucket=bucket)

    def with_trigger(trigger: str) -> Callable[[], None]:
        def build() -> None:
            run("setup", "--trigger", trigger)

        return build

    options = ("setup", "--propagate-deletes", "--destination-versioning", "--sync-tags", "--storage-class", "keep")
    return {
        "setup": Scenario(("setup",), lambda: None),
        "setup, abandoned": Scenario(("setup",), lambda: None, afterwards=("teardown", "--yes")),
        "setup with other options": Scenario(options, setup),
        "setup after everything was changed by hand": Scenario(("setup",), drifted),
        "setup with another source bucket": Scenario(
            ("setup", "--source-bucket", "new-inbox"), two_inboxes, put_away=both_are_as_they_were
        ),
        "deploy": Scenario(("deploy",), old_function),
        "teardown": Scenario(("teardown", "--yes"), full_buckets),
        **{f"setup with {kind}": Scenario(("setup", "--trigger", kind), lambda: None) for kind in OTHER_TRIGGERS},
        **{f"teardown of {kind}": Scenario(("teardown", "--yes"), with_trigger(kind)) for kind in OTHER_TRIGGERS},
        "teardown, then setup": Scenario(("teardown", "--yes"), full_buckets, afterwards=("setup",)),
        **{f"{new} instead of {old}": Scenario(("setup", "--trigger", new), with_trigger(old)) for old, new in CHANGES},
    }


SCENARIOS = [
    "setup",
    "setup with other options",
    "setup after everything was changed by hand",
    "setup with another source bucket",
    "deploy",
    "teardown",
    "eventbridge instead of sqs",
    # Another one on each day, else all of them, and the calls of above finished by another command.
    *(
        ["setup, abandoned", "teardown, then setup", *WITH_TRIGGERS]
        if SAMPLE == "all"
        else [WITH_TRIGGERS[date.today().day % len(WITH_TRIGGERS)]]
    ),
]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_command_that_dies_at_any_call_is_finished_by_the_next(
    person: None,
    scenarios: dict[str, Scenario],
    account: Callable[[], dict[str, list[str]]],
    empty_account: Callable[[], None],
    record_property: Callable[[str, str], None],
    name: str,
) -> None:
    record_property("figure", try_points(name, scenarios[name], SAMPLE, account, empty_account))
