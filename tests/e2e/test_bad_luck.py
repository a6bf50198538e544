"""Wrong input and bad moments, as a person meets them: a clear message, an exit code, nothing half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pexpect
import pytest

from s3copy_cli.local import LocalAws

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
SOURCE = "s3copy-source-000000000000-us-east-1-an"
SAMPLE = Path(__file__).parents[2] / "sample.csv"


@pytest.mark.parametrize("arguments", [["verify"], ["upload", str(SAMPLE)], ["deploy"]])
def test_before_setup_each_command_says_to_run_it(
    s3copy: Run, account: Callable[[], Any], arguments: list[str]
) -> None:
    outcome = s3copy(*arguments, expect=1)
    assert "s3copy setup" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    envelope = s3copy(*arguments, "--json", expect=1).envelope
    assert envelope["status"] == "error"
    assert envelope["errors"][0]["code"] == "NotSetUp"
    assert not any(account().values())


def test_another_region_has_no_pipeline(s3copy: Run) -> None:
    s3copy("setup", expect=0)
    outcome = s3copy("verify", "--region", "eu-west-1", expect=1)
    assert "eu-west-1" in outcome.stderr
    assert "--region" in outcome.stderr


def test_a_bucket_name_that_another_account_took(s3copy: Run, embedded: LocalAws, account: Callable[[], Any]) -> None:
    other = boto3.client(
        "s3",
        endpoint_url=embedded.endpoint_url,
        region_name=embedded.region,
        aws_access_key_id="111111111111",
        aws_secret_access_key="test",
    )
    other.create_bucket(Bucket=SOURCE)
    outcome = s3copy("setup", expect=1)
    assert "another account" in outcome.stderr
    assert "--name" in outcome.stderr
    assert not any(account().values()), "nothing was created"
    other.delete_bucket(Bucket=SOURCE)


def test_foreign_resources_with_our_names_are_never_touched(
    s3copy: Run, clients: Callable[[str], Any], account: Callable[[], Any]
) -> None:
    clients("s3").create_bucket(Bucket=SOURCE)
    clients("s3").put_object(Bucket=SOURCE, Key="precious", Body=b"1")
    clients("sqs").create_queue(QueueName="s3copy-dead-letter")
    assert "no tag" in s3copy("setup", expect=1).stderr
    removed = s3copy("teardown", "--yes", expect=0)
    assert "Still there" in removed.stdout
    assert clients("s3").get_object(Bucket=SOURCE, Key="precious")["Body"].read() == b"1"
    assert len(account()["queues"]) == 1


def test_ctrl_c_in_the_middle_of_setup_and_run_again(s3copy: Run, environ: dict[str, str]) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "s3copy_cli", "setup"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("  + "):
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, (out, err)
    assert "run the same command again" in err
    assert "Traceback" not in err
    s3copy("setup", expect=0)
    assert s3copy("setup", "--json", expect=0).data["changed"] is False
    s3copy("upload", str(SAMPLE), "--wait", expect=0)


def test_kill_in_the_middle_of_teardown_and_run_again(
    s3copy: Run, environ: dict[str, str], account: Callable[[], Any]
) -> None:
    s3copy("setup", expect=0)
    s3copy("upload", str(SAMPLE), "--wait", expect=0)
    running = subprocess.Popen(
        [sys.executable, "-m", "s3copy_cli", "teardown", "--yes"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("  - function"):
            break
    running.kill()
    running.communicate(timeout=60)
    s3copy("teardown", "--yes", expect=0)
    assert not any(account().values()), account()


def test_two_setups_at_once(s3copy: Run, environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "s3copy_cli", "setup", "--json"]
    both = [
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for running in both:
        out, err = running.communicate(timeout=120)
        assert running.returncode == 0, (out, err)
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_teardown_asks_for_the_name(environ: dict[str, str], s3copy: Run, account: Callable[[], Any]) -> None:
    s3copy("setup", expect=0)
    child = pexpect.spawn(
        sys.executable, ["-m", "s3copy_cli", "teardown"], env={**environ, "TERM": "xterm"}, encoding="utf-8", timeout=60
    )
    child.expect("source bucket s3copy-source")
    child.expect("Type the pipeline's name")
    child.sendline("yes")
    child.expect("Nothing was removed")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
    assert account()["functions"] == ["s3copy"]

    child = pexpect.spawn(
        sys.executable, ["-m", "s3copy_cli", "teardown"], env={**environ, "TERM": "xterm"}, encoding="utf-8", timeout=60
    )
    child.expect("Type the pipeline's name")
    child.sendline("s3copy")
    child.expect("Nothing of it is left")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert not any(account().values())


def test_any_aws_compatible_endpoint(s3copy: Run, embedded: LocalAws) -> None:
    """The embedded AWS as somebody else's server: an endpoint, keys and a Region, and no --local."""
    variables = {
        "S3COPY_LOCAL": "0",
        "S3COPY_ENDPOINT_URL": embedded.endpoint_url,
        "AWS_ACCESS_KEY_ID": embedded.access_key_id,
        "AWS_SECRET_ACCESS_KEY": embedded.secret_access_key,
        "AWS_REGION": "us-east-1",
    }
    s3copy("setup", expect=0, **variables)
    s3copy("upload", str(SAMPLE), "--wait", expect=0, **variables)
    s3copy("verify", expect=0, **variables)
    s3copy("teardown", "--yes", expect=0, **variables)


@pytest.mark.parametrize("arguments", [["setup"], ["verify"], ["upload", "x"], ["deploy"], ["teardown", "--yes"]])
def test_bad_names_are_refused_before_anything_happens(s3copy: Run, arguments: list[str]) -> None:
    outcome = s3copy(*arguments, "--name", "Bad_Name", "--json", expect=2)
    document = json.loads(outcome.stdout)
    assert document["errors"][0]["code"] == "Usage"


def test_verify_starts_the_embedded_aws_itself(environ: dict[str, str], tmp_path: Path) -> None:
    fresh = {**environ, "S3COPY_LOCAL_STATE_DIR": str(tmp_path / "fresh state")}
    command = [sys.executable, "-m", "s3copy_cli"]
    try:
        done = subprocess.run([*command, "verify"], env=fresh, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1
        assert "s3copy setup" in done.stderr
    finally:
        stopped = subprocess.run(
            [*command, "local", "reset", "--yes", "--json"], env=fresh, capture_output=True, text=True, timeout=60
        )
        assert stopped.returncode == 0, stopped.stderr
    assert os.listdir(tmp_path)  # noqa: PTH208
