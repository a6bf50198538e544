"""Repair as a person does it, with the function really running and IAM enforced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
Clients = Callable[[str], Any]
SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
ROLE, POLICY = "s3copy-us-east-1", "s3copy-copy"
# Each event that fails costs the embedded AWS a process; more than one invocation brings back.
PARKED = int(os.environ.get("S3COPY_TEST_PARKED", "11"))


def take_away(clients: Clients, action: str) -> None:
    """The role may not do this any more."""
    iam = clients("iam")
    policy = iam.get_role_policy(RoleName=ROLE, PolicyName=POLICY)["PolicyDocument"]
    for statement in policy["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    iam.put_role_policy(RoleName=ROLE, PolicyName=POLICY, PolicyDocument=json.dumps(policy))


def depth(clients: Clients) -> int:
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def put_silently(clients: Clients, keys: list[str]) -> None:
    """New objects of which the function is not told, as if their events had been lost."""
    s3 = clients("s3")
    trigger = s3.get_bucket_notification_configuration(Bucket=SOURCE)
    trigger.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=SOURCE, NotificationConfiguration={})
    for key in keys:
        s3.put_object(Bucket=SOURCE, Key=key, Body=key.encode(), ContentType="text/csv")
    s3.put_bucket_notification_configuration(Bucket=SOURCE, NotificationConfiguration=trigger)


@pytest.fixture
def parked(tmp_path: Path) -> Path:
    folder = tmp_path / "parked"
    folder.mkdir()
    for number in range(PARKED):
        (folder / f"{number:03} é+%.csv").write_text(f"id\n{number}\n")
    return folder


@pytest.fixture
def fifty(tmp_path: Path) -> Path:
    folder = tmp_path / "fifty"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02} é+%.csv").write_text(f"id\n{number}\n")
    return folder


def test_parked_events_are_brought_back_and_leave_the_queue(
    s3copy: Run, clients: Clients, eventually: Callable[..., Any], parked: Path
) -> None:
    s3copy("setup", expect=0)
    take_away(clients, "s3:PutObject")
    # Each failure costs the embedded AWS a process: one for each event has to do.
    parking = clients("lambda").get_function_event_invoke_config(FunctionName="s3copy")["DestinationConfig"]
    clients("lambda").put_function_event_invoke_config(
        FunctionName="s3copy", MaximumRetryAttempts=0, DestinationConfig=parking
    )
    s3copy("upload", "-r", str(parked), expect=0)
    eventually(lambda: depth(clients) == PARKED, seconds=240)

    still = s3copy("repair", "--wait", "0", "--json", expect=3).data
    assert still["repaired"]["failed"] == PARKED
    assert still["dead_letter"] == {"queue": "s3copy-dead-letter", "removed": 0, "kept": PARKED, "problem": None}
    assert depth(clients) == PARKED, "what fails again is not parked once more"
    assert {entry["cause"].split(":")[0] for entry in still["verification"]["objects"]} == {
        "AccessDenied on CopyObject"
    }
    assert "AccessDenied" in s3copy("repair", "--wait", "0", expect=3).stdout

    s3copy("setup", expect=0)
    repaired = s3copy("repair", "--json", expect=0).data
    assert repaired["planned"]["missing"] == PARKED
    assert repaired["repaired"] == {"proved": PARKED, "gone": 0, "unproved": 0, "failed": 0, "under_way": 0}
    assert repaired["invocations"] == -(-PARKED // 10)
    assert repaired["dead_letter"]["removed"] == PARKED
    assert repaired["verification"]["verdict"] == "proved"
    assert depth(clients) == 0
    verified = s3copy("verify", "--json", expect=0).data
    assert verified["counts"]["proved"] == PARKED
    assert verified["logs"]["unrecovered_errors"] == 0
    assert verified["dead_letter"]["depth"] == 0


def test_what_was_changed_behind_the_pipeline_s_back_is_put_right(s3copy: Run, clients: Clients, fifty: Path) -> None:
    s3copy("setup", "--propagate-deletes", "--accept-permanent-deletes", expect=0)
    s3copy("upload", "-r", str(fifty), "--wait", expect=0)
    s3 = clients("s3")
    keys = sorted(entry["Key"] for entry in s3.list_objects_v2(Bucket=DESTINATION)["Contents"])
    for key in keys[:3]:
        s3.delete_object(Bucket=DESTINATION, Key=key)
    for key in keys[3:5]:
        s3.put_object(Bucket=DESTINATION, Key=key, Body=b"tampered")
    s3.put_object(Bucket=DESTINATION, Key="never in the source", Body=b"1")

    planned = s3copy("repair", "--dry-run", "--json", expect=3).data
    assert [(entry["sigil"], entry["key"]) for entry in planned["first"]] == [
        *(("+", key) for key in keys[:3]),
        *(("*", key) for key in keys[3:5]),
        ("-", "never in the source"),
    ]
    assert planned["verification"] is None
    assert s3copy("verify", "--wait", "0", "--json", expect=3).data["counts"]["missing"] == 3, "nothing was done"

    done = s3copy("repair", expect=0)
    assert "6 of 6 objects" in done.stdout
    assert "destination equals source" in done.stdout
    s3copy("verify", expect=0)
    assert s3copy("repair", "--json", expect=0).data["planned"]["objects"] == 0


def test_ctrl_c_half_way_and_again(s3copy: Run, clients: Clients, environ: dict[str, str]) -> None:
    s3copy("setup", expect=0)
    put_silently(clients, [f"{number:03}" for number in range(60)])
    running = subprocess.Popen(
        [sys.executable, "-m", "s3copy_cli", "repair", "--rate", "5"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("bringing back 60 objects"):
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, (out, err)
    assert "run the same command again" in err
    assert "Traceback" not in err
    again = s3copy("repair", "--json", expect=0).data
    assert 0 < again["planned"]["objects"] <= 60
    assert again["verification"]["counts"]["proved"] == 60


def test_without_a_pipeline_or_a_trigger(s3copy: Run, clients: Clients) -> None:
    assert "s3copy setup" in s3copy("repair", expect=1).stderr
    s3copy("setup", expect=0)
    clients("s3").put_bucket_notification_configuration(Bucket=SOURCE, NotificationConfiguration={})
    outcome = s3copy("repair", expect=1)
    assert "no trigger s3copy-copy" in outcome.stderr
    assert "s3copy setup" in outcome.stderr
    s3copy("setup", expect=0)
    s3copy("repair", expect=0)
