"""The main job as a person does it, with the function really running and IAM enforced."""

from __future__ import annotations

import json
import re
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
SAMPLE = Path(__file__).parents[2] / "sample.csv"


def wait_for_log(clients: Clients, eventually: Callable[..., Any], words: str) -> None:
    """Until the function's log has these words: the emulator writes it when an invocation has ended.

    The copy is there earlier than that.
    """
    pages = {"logGroupName": "/aws/lambda/s3copy"}

    def is_there() -> bool:
        found = clients("logs").get_paginator("filter_log_events").paginate(**pages)
        return any(words in event["message"] for page in found for event in page["events"])

    eventually(is_there, seconds=60)


def test_build_use_prove_break_and_remove(
    s3copy: Run, clients: Clients, account: Callable[[], Any], eventually: Callable[..., Any]
) -> None:
    s3copy("setup", expect=0)
    assert s3copy("setup", "--json", expect=0).data["changed"] is False

    uploaded = s3copy("upload", str(SAMPLE), "--wait", "--json", expect=0)
    (file,) = uploaded.data["files"]
    assert file["status"] == "uploaded"
    assert 0 < file["copied_after_seconds"] < 60

    wait_for_log(clients, eventually, "REPORT RequestId")
    proved = s3copy("verify", "--json", expect=0)
    assert proved.envelope["status"] == "success"
    assert proved.data["verdict"] == "proved"
    assert proved.data["counts"]["proved"] == 1
    assert proved.data["logs"]["complete"] is True
    assert proved.data["logs"]["unrecovered_errors"] == 0
    assert len(proved.data["logs"]["streams"]) >= 1
    assert proved.data["dead_letter"]["depth"] == 0
    assert proved.data["metrics"]["invocations"]["value"] == 1
    assert re.search(r"\bproved\b", s3copy("verify", expect=0).stdout)

    s3 = clients("s3")
    copied = s3.get_object(Bucket=DESTINATION, Key="sample.csv")
    assert copied["Body"].read() == SAMPLE.read_bytes()
    assert copied["ContentType"] == "text/csv"

    s3.put_object(Bucket=DESTINATION, Key="sample.csv", Body=b"tampered", ContentType="text/csv")
    tampered = s3copy("verify", "--wait", "0", "--json", expect=3)
    (found,) = tampered.data["objects"]
    assert found["sigil"] == "*"
    assert {name for name, field in found["fields"].items() if field["result"] == "differ"} >= {"size", "etag"}
    assert tampered.envelope["status"] == "differences"

    s3.delete_object(Bucket=DESTINATION, Key="sample.csv")
    missing = s3copy("verify", "--wait", "0", expect=3)
    assert "missing" in missing.stdout
    assert s3copy("verify", "--wait", "0", "--json", expect=3).data["counts"]["missing"] == 1

    removed = s3copy("teardown", "--yes", "--json", expect=0)
    assert removed.data["remaining"] == []
    assert all(not found for found in account().values()), account()
    assert s3copy("teardown", "--yes", expect=0).stdout.count("nothing to remove") == 1

    gone = s3copy("verify", expect=1)
    assert "s3copy setup" in gone.stderr


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("content-type", {"ContentType": "text/plain"}),
        ("cache-control", {"CacheControl": "no-store"}),
        ("x-amz-meta-owner", {"Metadata": {"owner": "mallory"}}),
    ],
)
def test_verify_names_the_field_that_was_changed_behind_the_pipeline_s_back(
    s3copy: Run, clients: Clients, field: str, change: dict[str, Any]
) -> None:
    s3copy("setup", expect=0)
    s3copy("upload", str(SAMPLE), "--metadata", "owner=ada", "--tag", "team=blue", "--wait", expect=0)
    s3 = clients("s3")
    assert s3.get_object_tagging(Bucket=DESTINATION, Key="sample.csv")["TagSet"] == [{"Key": "team", "Value": "blue"}]
    s3copy("verify", expect=0)

    unchanged: dict[str, Any] = {"ContentType": "text/csv", "Metadata": {"owner": "ada"}}
    s3.put_object(Bucket=DESTINATION, Key="sample.csv", Body=SAMPLE.read_bytes(), **{**unchanged, **change})
    (found,) = s3copy("verify", "--wait", "0", "--json", expect=3).data["objects"]
    differing = [name for name, result in found["fields"].items() if result["result"] == "differ"]
    assert len(differing) == 1
    assert field in differing[0].lower()


def test_another_client_by_the_exported_settings(s3copy: Run, environ: dict[str, str]) -> None:
    s3copy("setup", expect=0)
    aws = Path(sys.executable).parent / "aws"
    script = (
        'eval "$(s3copy local env)"\n'
        f'"{sys.executable}" "{aws}" s3 cp "{SAMPLE}" "s3://{SOURCE}/by another client.csv"\n'
        "s3copy verify --wait 60 --json\n"
    )
    done = subprocess.run(["sh", "-eu", "-c", script], env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout[done.stdout.index("\n{") :])["data"]
    assert data["counts"]["proved"] == 1
    assert data["objects"][0]["key"] == "by another client.csv"


def test_a_permission_is_taken_away_and_given_back(
    s3copy: Run, clients: Clients, eventually: Callable[..., Any]
) -> None:
    s3copy("setup", expect=0)
    iam = clients("iam")
    policy = iam.get_role_policy(RoleName="s3copy-us-east-1", PolicyName="s3copy-copy")["PolicyDocument"]
    for statement in policy["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != "s3:PutObject"]
    iam.put_role_policy(RoleName="s3copy-us-east-1", PolicyName="s3copy-copy", PolicyDocument=json.dumps(policy))

    s3copy("upload", str(SAMPLE), expect=0)
    wait_for_log(clients, eventually, "AccessDenied")
    broken = s3copy("verify", "--wait", "0", expect=3)
    assert "AccessDenied" in broken.stdout
    assert "sample.csv" in broken.stdout
    assert "s3copy setup" in broken.stdout

    queue = clients("sqs").get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"]

    def parked() -> bool:
        answer = clients("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
        return answer["Attributes"]["ApproximateNumberOfMessages"] == "1"

    eventually(parked, seconds=120)
    failed = s3copy("verify", "--wait", "0", "--json", expect=3).data
    assert failed["dead_letter"]["unrecovered"] == 1
    assert failed["logs"]["unrecovered_errors"] > 0
    assert "AccessDenied" in json.dumps(failed["objects"])

    repaired = s3copy("setup", "--json", expect=0).data
    assert [step["resource"] for step in repaired["steps"] if step["action"] == "update"] == ["role policy"]
    s3copy("upload", str(SAMPLE), "--wait", expect=0)
    recovered = s3copy("verify", "--json", expect=0).data
    assert recovered["logs"]["recovered_errors"] > 0
    assert recovered["logs"]["unrecovered_errors"] == 0
    assert recovered["dead_letter"]["recovered"] == 1
    assert "recovered" in s3copy("verify", expect=0).stdout


def test_500_small_files_at_once_are_all_copied_and_nothing_is_parked(s3copy: Run, tmp_path: Path) -> None:
    s3copy("setup", expect=0)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(500):
        (folder / f"{number:03}.csv").write_text(f"id\n{number}\n")
    uploaded = s3copy("upload", "--recursive", str(folder), "--prefix", "burst/", "--json", expect=0)
    assert uploaded.data["uploaded"] == 500
    verified = s3copy("verify", "--wait", "240", "--json", expect=0)
    assert verified.data["counts"]["proved"] == 500
    assert verified.data["dead_letter"]["depth"] == 0
    assert verified.data["objects_listed"] == 50
    assert verified.data["objects_truncated"]


# No newline among them: the emulator's IAM does not match "*" against one; tests/functional covers it.
ODD_NAMES = ["with space.csv", "plus+sign.csv", "percent%2Fname.csv", "ünïcödé-😀.csv", "quote'\"<&>.csv"]


def test_odd_names_arrive_as_they_are(s3copy: Run, clients: Clients, tmp_path: Path) -> None:
    s3copy("setup", expect=0)
    folder = tmp_path / "odd" / "deep er"
    folder.mkdir(parents=True)
    for name in ODD_NAMES:
        (folder / name).write_text(name)
    (folder / "empty.csv").touch()
    s3copy("upload", "-r", str(folder.parent), "--wait", expect=0)
    s3copy("verify", expect=0)
    keys = {entry["Key"] for entry in clients("s3").list_objects_v2(Bucket=DESTINATION)["Contents"]}
    assert keys == {f"deep er/{name}" for name in [*ODD_NAMES, "empty.csv"]}
