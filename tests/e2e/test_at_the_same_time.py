"""Commands that meet each other, and uploads: none ends in a traceback, and the next command puts everything right."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
Account = Callable[[], dict[str, list[str]]]
SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
# More than one listing has; 5000 takes a minute.
MANY = int(os.environ.get("S3COPY_TEST_MANY", "1250"))


@pytest.fixture
def start(environ: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Begin a command and do not wait for it."""

    def begin(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "s3copy_cli", *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def end(running: subprocess.Popen[str], *, before: str = "") -> int:
    """Wait for its end, having read `before` of its stderr; it may fail, but in words."""
    out, err = running.communicate(timeout=240)
    assert "Traceback" not in err + before, err
    assert "did not foresee" not in err, err
    assert running.returncode in (0, 1), (out, err)
    if running.returncode:
        assert "Error: " in err
    return running.returncode


def read_until(running: subprocess.Popen[str], sign: str) -> str:
    """The lines of its stderr up to the first that begins so."""
    read = ""
    assert running.stderr is not None
    for line in running.stderr:
        read += line
        if line.startswith(sign):
            break
    return read


def stands_and_goes(s3copy: Run, account: Account, *options: str) -> None:
    """The next setup makes everything right, and teardown leaves nothing."""
    s3copy("setup", *options, expect=0)
    plan = s3copy("setup", "--dry-run", "--json", expect=0).data
    assert set(plan["counts"]) <= {"keep", "n/a"}, plan["steps"]
    s3copy("teardown", "--yes", expect=0)
    assert not any(account().values()), account()


def test_a_setup_with_other_options_while_the_first_runs(
    s3copy: Run, start: Callable[..., subprocess.Popen[str]], account: Account
) -> None:
    first = start("setup")
    before = read_until(first, "  + ")
    second = start("setup", "--trigger", "sqs", "--destination-versioning")
    assert 0 in (end(first, before=before), end(second)), "whoever recorded its choice last has set it up"
    stands_and_goes(s3copy, account, "--sync-tags")


def test_a_teardown_while_a_setup_runs(
    s3copy: Run, start: Callable[..., subprocess.Popen[str]], account: Account
) -> None:
    building = start("setup")
    before = read_until(building, "  + ")
    removing = start("teardown", "--yes")
    end(building, before=before)
    end(removing)
    stands_and_goes(s3copy, account)


def test_a_teardown_during_uploads(
    s3copy: Run, start: Callable[..., subprocess.Popen[str]], account: Account, clients: Callable[[str], Any]
) -> None:
    s3copy("setup", expect=0)
    s3, stop, sent = clients("s3"), Event(), []

    def upload() -> None:
        while not stop.is_set():
            try:
                s3.put_object(Bucket=SOURCE, Key=f"{len(sent):05}", Body=b"1")
            except ClientError as error:
                assert error.response["Error"]["Code"] in {"NoSuchBucket", "OperationAborted"}  # noqa: PT017
                return
            sent.append(1)

    uploading = Thread(target=upload)
    uploading.start()
    try:
        end(start("teardown", "--yes"))
    finally:
        stop.set()
        uploading.join(60)
    assert sent
    s3copy("teardown", "--yes", expect=0)
    assert not any(account().values()), account()


def test_everything_that_a_bucket_can_hold_goes(s3copy: Run, account: Account, clients: Callable[[str], Any]) -> None:
    s3copy("setup", "--destination-versioning", expect=0)
    s3 = clients("s3")
    # Not copied: what teardown does with them is what is tried.
    s3.put_bucket_notification_configuration(Bucket=SOURCE, NotificationConfiguration={})
    s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
    for bucket, count in ((SOURCE, MANY - MANY // 5), (DESTINATION, MANY // 5)):
        for number in range(count):
            s3.put_object(Bucket=bucket, Key=f"many/{number:05}", Body=b"1")
    for bucket in (SOURCE, DESTINATION):
        for number in range(50):
            for body in (b"1", b"2"):
                s3.put_object(Bucket=bucket, Key=f"{number:05}", Body=body)
            s3.delete_object(Bucket=bucket, Key=f"{number:05}")
        for number in range(5):
            upload = s3.create_multipart_upload(Bucket=bucket, Key=f"open/{number}")["UploadId"]
            s3.upload_part(Bucket=bucket, Key=f"open/{number}", UploadId=upload, PartNumber=1, Body=b"1")
    s3copy("teardown", "--yes", expect=0)
    assert not any(account().values()), account()
