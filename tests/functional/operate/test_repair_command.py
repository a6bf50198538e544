"""Repair on moto, where nothing but repair invokes the function."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3copy_cli.aws import Aws
from s3copy_cli.operate import run as operate_run

Run = Callable[..., Any]
ROOT = Path(__file__).parents[3]
TIMED_OUT = "00000001-0000-4000-8000-000000000001"


class KilledError(Exception):
    """The function ends without having named a key."""


def test_missing_and_different_objects_are_brought_back_by_the_function(world: Any, s3copy: Run) -> None:
    keys = [f"{number:02} é+%" for number in range(25)]
    for key in keys:
        world.put(key, key.encode(), ContentType="text/csv", Metadata={"a": "b"})
    world.put_copy(keys[3], b"tampered")
    world.put_copy(keys[4], keys[4].encode(), ContentType="text/plain")
    world.put_copy("extra")
    planned = s3copy("repair", "--dry-run", "--json", expect=3)
    assert planned.data["planned"] == {
        "looked_at": 26,
        "objects": 25,
        "bytes": sum(len(key.encode()) for key in keys),
        "missing": 23,
        "differs": 2,
        "extra": 0,
        "unproved": 0,
    }
    assert planned.envelope["status"] == "differences"
    assert world.invoked == [], "a dry run invokes nothing"
    text = s3copy("repair", "--dry-run", expect=3).stdout
    assert "would bring back 25 objects" in text
    assert "+ 00 é+%" in text

    data = s3copy("repair", "--json", expect=0).data
    assert sorted(len(keys) for keys in world.invoked) == [5, 10, 10]
    assert data["repaired"] == {"proved": 25, "gone": 0, "unproved": 0, "failed": 0, "under_way": 0}
    assert data["verification"]["verdict"] == "proved"
    assert world.copies() == {**{key: key.encode() for key in keys}, "extra": b"a,b\n1,2\n"}

    again = s3copy("repair", expect=0)
    assert "nothing to bring back" in again.stdout
    assert "destination equals source" in again.stdout
    assert len(world.invoked) == 3
    assert "nothing to bring back" in s3copy("repair", "--dry-run", expect=0).stdout


def test_more_differences_than_are_remembered(world: Any, s3copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate_run.repair_pipeline, "__kwdefaults__", {**KW, "page_size": 4})
    for number in range(11):
        world.put(f"{number:02}")
    outcome = s3copy("repair", "--rate", "1000", expect=0)
    assert [len(keys) for keys in world.invoked] == [4, 4, 3]
    assert "so far, and the walk goes on" in outcome.stderr


KW = operate_run.repair_pipeline.__kwdefaults__


def test_only_the_objects_that_were_asked_for(world: Any, s3copy: Run) -> None:
    for key in ("a/1", "a/2", "b/1", "b/2"):
        world.put(key)
        world.park(key)
    assert s3copy("repair", "--prefix", "a/", "--json", expect=0).data["dead_letter"]["removed"] == 2
    assert set(world.copies()) == {"a/1", "a/2"}
    assert s3copy("repair", "b/1", "--json", expect=0).data["planned"]["objects"] == 1
    assert world.invoked == [["a/1", "a/2"], ["b/1"]]
    assert world.depth() == 1
    text = " ".join(s3copy("repair", "b/1", expect=0).stdout.split())
    assert "destination equals source (of those asked for; the rest was not looked at)" in text
    s3copy("repair", "nowhere", expect=3)
    s3copy("repair", "b/2", "--prefix", "b/", expect=2)


def test_deletes_are_carried_over_where_that_is_on(world: Any, s3copy: Run) -> None:
    world.configure(S3COPY_PROPAGATE_DELETES="1")
    world.put("kept")
    world.put_copy("gone")
    data = s3copy("repair", "--json", expect=0).data
    assert data["planned"]["extra"] == 1
    assert data["repaired"] == {"proved": 1, "gone": 1, "unproved": 0, "failed": 0, "under_way": 0}
    assert set(world.copies()) == {"kept"}


def test_an_object_that_fails_is_named_with_its_cause(world: Any, s3copy: Run) -> None:
    world.put("fine")
    world.put("poison")
    world.disturb = lambda keys: fail_on("poison", keys)
    world.park("poison")
    outcome = s3copy("repair", "--wait", "0", "--json", expect=3)
    assert outcome.data["repaired"] == {"proved": 1, "gone": 0, "unproved": 0, "failed": 1, "under_way": 0}
    assert outcome.data["failures"] == [{"key": "poison", "message": "KilledError: out of luck"}]
    assert world.invoked[0] == ["fine", "poison"]
    assert sorted(world.invoked[1:]) == [["fine"], ["poison"]], "in any order, for they run side by side"
    assert outcome.data["dead_letter"]["kept"] == 1
    assert world.depth() == 1
    text = " ".join(s3copy("repair", "--wait", "0", expect=3).stdout.split())
    assert "+ poison: missing at the destination" in text
    assert "not shown equal" in text
    # What the failed invocations were about is noted, so that they recover with the object.
    world.disturb = lambda _: None
    data = s3copy("repair", "--json", expect=0).data
    assert data["verification"]["logs"]["unrecovered_errors"] == 0
    assert data["verification"]["logs"]["recovered_errors"] > 0
    assert s3copy("verify", "--json", expect=0).data["logs"]["unrecovered_errors"] == 0
    assert world.depth() == 0


def fail_on(poison: str, keys: list[str]) -> None:
    if poison in keys:
        raise KilledError("out of luck")


def test_a_time_out_stays_recovered_when_its_parked_event_has_left(world: Any, s3copy: Run) -> None:
    """The log line of a time-out names no object; the parked event did, and a note does now."""
    world.put("a")
    world.log(
        f"START RequestId: {TIMED_OUT} Version: $LATEST\n",
        f"2026-03-01T12:00:00.000Z {TIMED_OUT} Task timed out after 900.00 seconds\n",
        f"REPORT RequestId: {TIMED_OUT}\tDuration: 900000.00 ms\t\n",
    )
    world.park("a", request_id=TIMED_OUT)
    world.park("a", bucket="another-bucket")
    world.park("a")
    assert s3copy("verify", "--wait", "0", "--json", expect=3).data["logs"]["unrecovered_errors"] == 1
    data = s3copy("repair", "--json", expect=3).data
    assert data["dead_letter"] == {"queue": "s3copy-dead-letter", "removed": 2, "kept": 1, "problem": None}
    assert data["verification"]["logs"]["unrecovered_errors"] == 0
    assert data["verification"]["reasons"] == ["1 unrecovered event in the dead-letter queue"]
    later = s3copy("verify", "--json", expect=3).data
    assert later["logs"]["unrecovered_errors"] == 0
    assert later["logs"]["recovered_errors"] == 1
    assert later["dead_letter"]["depth"] == 1, "nothing foreign is deleted"


def test_parked_events_of_objects_gone_from_the_source_leave(world: Any, s3copy: Run) -> None:
    for number in range(13):
        world.park(f"gone {number}")
    assert s3copy("repair", "--json", expect=0).data["dead_letter"]["removed"] == 13
    assert world.depth() == 0


def test_without_a_trigger_nothing_is_repaired(world: Any, s3copy: Run, aws: Aws) -> None:
    world.put("a")
    aws.s3.put_bucket_notification_configuration(Bucket=world.pipeline.source_bucket, NotificationConfiguration={})
    outcome = s3copy("repair", "--json", expect=1)
    (error,) = outcome.envelope["errors"]
    assert error["code"] == "NotSetUp"
    assert "s3copy setup" in error["hint"]
    assert world.invoked == []


def test_a_function_that_cannot_run_is_told_before_anything_is_asked_of_it(world: Any, s3copy: Run, aws: Aws) -> None:
    """Not by Lambda's refusals, for which repair would wait minutes."""
    world.put("a")
    name = world.pipeline.function_name
    aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    (error,) = s3copy("repair", "--json", expect=1).envelope["errors"]
    assert "reserved concurrency is 0" in error["message"]
    assert f"aws lambda delete-function-concurrency --function-name {name}" in error["hint"]
    assert world.invoked == []
    aws.lambda_.delete_function_concurrency(FunctionName=name)
    aws.lambda_.remove_permission(FunctionName=name, StatementId="s3")
    (error,) = s3copy("repair", "--json", expect=1).envelope["errors"]
    assert "S3 is not allowed to invoke the function" in error["message"]
    assert "s3copy setup" in error["hint"]


def test_next_steps_that_help(world: Any, s3copy: Run, aws: Aws) -> None:
    """Repair again would change nothing about any of these."""
    world.put("a")
    world.put_copy("a", ServerSideEncryption="aws:kms", ChecksumAlgorithm="SHA256")
    text = " ".join(s3copy("repair", "--wait", "0", expect=3).stdout.split())
    assert "Next: s3copy verify --level content" in text
    assert "s3copy repair" not in text
    assert "Next: s3copy verify --level content" in s3copy("repair", "--dry-run", expect=3).stdout
    aws.logs.delete_log_group(logGroupName=world.pipeline.log_group)
    world.put_copy("a")
    text = " ".join(s3copy("repair", "--wait", "0", expect=3).stdout.split())
    assert "Next: s3copy setup (the log group is missing)" in text
    assert "s3copy repair" not in text


def test_names_that_are_not_there(world: Any, s3copy: Run) -> None:
    world.put("a")
    world.put_copy("a")
    assert (
        "nothing to bring back: no object under 'typo/'"
        in s3copy("repair", "--dry-run", "--prefix", "typo/", expect=3).stdout
    )
    text = " ".join(s3copy("repair", "--prefix", "typo/", "--wait", "0", expect=3).stdout.split())
    assert "nothing was proved: no object under 'typo/' in either bucket Next: ask for names" in text
    assert "not shown equal" not in text
    assert "1 object in neither bucket" in s3copy("repair", "--dry-run", "typo", expect=3).stdout
    assert "! typo: in neither bucket" in s3copy("repair", "typo", "--wait", "0", expect=3).stdout


def test_the_next_commands_are_about_the_same_objects(world: Any, s3copy: Run) -> None:
    world.put("my key")
    text = s3copy("repair", "--dry-run", "--level", "content", "--tags", "my key", expect=3).stdout
    assert "Next: s3copy repair --tags --level content 'my key'" in text
    world.put_copy("my key", b"other", ServerSideEncryption="aws:kms", ChecksumAlgorithm="SHA256")
    text = s3copy("repair", "--dry-run", "--prefix", "my ", expect=3).stdout
    assert "--prefix 'my '" in text


def test_without_a_pipeline(s3copy: Run) -> None:
    (error,) = s3copy("repair", "--json", expect=1).envelope["errors"]
    assert error["code"] == "NotSetUp"
    assert "s3copy setup" in error["hint"]


@pytest.mark.parametrize("arguments", [["--rate", "0"], ["--rate", "nan"], ["--wait", "-1"], ["--level", "guess"]])
def test_wrong_usage(s3copy: Run, arguments: list[str]) -> None:
    s3copy("repair", *arguments, expect=2)


def test_a_queue_that_is_missing_is_told(world: Any, s3copy: Run, aws: Aws) -> None:
    world.put("a")
    aws.sqs.delete_queue(QueueUrl=world.queue_url)
    outcome = s3copy("repair", "--json", expect=3)
    assert outcome.data["dead_letter"]["problem"] == "the dead-letter queue s3copy-dead-letter is missing"
    assert outcome.data["repaired"]["proved"] == 1


def test_the_json_is_the_documented_one(world: Any, s3copy: Run) -> None:
    world.put("a")
    section = re.search(
        r"^## repair\n(.*?)(?=^## )", (ROOT / "docs" / "json.md").read_text(), flags=re.MULTILINE | re.DOTALL
    )
    assert section
    rows = [line.split("|")[1] for line in section[1].splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    for arguments in (["--dry-run"], []):
        code = 3 if arguments else 0
        assert set(s3copy("repair", *arguments, "--json", expect=code).data) == documented
    assert json.dumps(s3copy("repair", "--json", expect=0).data["verification"])
