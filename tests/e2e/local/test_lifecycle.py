"""Starting, finding again, keeping state, stopping, resetting: with real servers."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3copy_cli.local import LocalAws, LocalPaths, ensure_running, reset, status, stop
from s3copy_cli.local.process import Sight, look_at
from s3copy_cli.local.record import ServerRecord

pytestmark = pytest.mark.e2e

Client = Callable[[LocalAws, str], Any]


def test_started_found_again_and_stopped(paths: LocalPaths, record_of: Callable[[], ServerRecord]) -> None:
    first = ensure_running(paths)
    assert first.started_now
    assert first.notices == ()
    second = ensure_running(paths)
    assert not second.started_now
    assert (second.pid, second.endpoint_url) == (first.pid, first.endpoint_url)

    found = status(paths)
    assert (found.is_running, found.is_answering, found.pid) == (True, True, first.pid)
    assert found.size_bytes > 0
    record = record_of()

    report = stop(paths)
    assert (report.was_running, report.pid, report.is_saved, report.was_killed) == (True, first.pid, True, False)
    assert look_at(record.pid, record.birth) is not Sight.SAME
    assert not status(paths).is_running
    assert not stop(paths).was_running


def test_state_is_kept_from_one_start_to_the_next(paths: LocalPaths, client: Client) -> None:
    before = ensure_running(paths)
    s3 = client(before, "s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_tagging(Bucket="kept", Tagging={"TagSet": [{"Key": "owner", "Value": "me"}]})
    s3.put_object(Bucket="kept", Key="a b/ä", Body=b"body", Metadata={"colour": "blue"})
    client(before, "sqs").create_queue(QueueName="kept")
    client(before, "logs").create_log_group(logGroupName="/kept")
    assert stop(paths).is_saved

    after = ensure_running(paths)
    assert after.started_now
    assert after.notices == ()
    assert after.endpoint_url == before.endpoint_url, "an exported AWS_ENDPOINT_URL stays right"
    s3 = client(after, "s3")
    assert s3.get_bucket_tagging(Bucket="kept")["TagSet"] == [{"Key": "owner", "Value": "me"}]
    got = s3.get_object(Bucket="kept", Key="a b/ä")
    assert got["Body"].read() == b"body"
    assert got["Metadata"] == {"colour": "blue"}
    assert len(client(after, "sqs").list_queues()["QueueUrls"]) == 1
    groups = client(after, "logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/kept"]


def test_iam_is_enforced(paths: LocalPaths, client: Client) -> None:
    aws = ensure_running(paths)
    client(aws, "s3").create_bucket(Bucket="closed")
    iam = client(aws, "iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    nobody = LocalAws(
        endpoint_url=aws.endpoint_url,
        access_key_id=key["AccessKeyId"],
        secret_access_key=key["SecretAccessKey"],
        region=aws.region,
        pid=aws.pid,
        state_dir=aws.state_dir,
        started_now=False,
    )
    with pytest.raises(ClientError) as caught:
        client(nobody, "s3").put_object(Bucket="closed", Key="k", Body=b"")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_a_signal_from_the_system_saves_as_well(
    paths: LocalPaths, client: Client, record_of: Callable[[], ServerRecord], wait_until: Callable[..., None]
) -> None:
    aws = ensure_running(paths)
    client(aws, "s3").create_bucket(Bucket="kept")
    record = record_of()
    os.kill(aws.pid, signal.SIGHUP)
    assert ensure_running(paths).pid == aws.pid
    os.kill(aws.pid, signal.SIGTERM)  # As at the end of a session, or when the machine shuts down.
    wait_until(lambda: look_at(record.pid, record.birth) is not Sight.SAME, "the server's end")
    assert not status(paths).is_unsaved
    again = ensure_running(paths)
    assert again.notices == ()
    assert [bucket["Name"] for bucket in client(again, "s3").list_buckets()["Buckets"]] == ["kept"]


def test_a_killed_server_is_told_and_its_data_moved_aside(
    paths: LocalPaths, client: Client, record_of: Callable[[], ServerRecord], wait_until: Callable[..., None]
) -> None:
    aws = ensure_running(paths)
    s3 = client(aws, "s3")
    s3.create_bucket(Bucket="lost")
    s3.put_object(Bucket="lost", Key="key", Body=b"precious")
    record = record_of()
    os.kill(aws.pid, signal.SIGKILL)
    wait_until(lambda: look_at(record.pid, record.birth) is not Sight.SAME, "the server's end")

    found = status(paths)
    assert (found.is_running, found.is_unsaved) == (False, True)
    report = stop(paths)
    assert not report.was_running
    assert "without saving" in report.notices[0]

    after = ensure_running(paths)
    assert after.started_now
    assert after.endpoint_url == aws.endpoint_url
    assert client(after, "s3").list_buckets()["Buckets"] == []
    assert len(after.notices) == 1
    for part in (str(aws.pid), str(paths.crashed_dir), "s3copy setup"):
        assert part in after.notices[0]
    bodies = [file.read_bytes() for file in paths.crashed_dir.rglob("*") if file.is_file()]
    assert b"precious" in bodies
    assert status(paths).crashed_dir == paths.crashed_dir

    assert stop(paths).is_saved
    assert ensure_running(paths).notices == (), "told once"


def test_a_reset_leaves_nothing_of_ours_and_everything_else(paths: LocalPaths, client: Client) -> None:
    aws = ensure_running(paths)
    client(aws, "s3").create_bucket(Bucket="gone")
    (paths.state_dir / "notes.txt").write_text("mine")
    report = reset(paths)
    assert report.stopped.was_running
    assert report.deleted_bytes > 0
    assert [entry.name for entry in paths.state_dir.iterdir()] == ["notes.txt"]
    assert reset(paths).deleted_bytes == 0
    (paths.state_dir / "notes.txt").unlink()

    after = ensure_running(paths)
    assert after.notices == ()
    assert client(after, "s3").list_buckets()["Buckets"] == []


def test_a_server_whose_folder_was_deleted_ends_and_does_not_bring_it_back(
    paths: LocalPaths, record_of: Callable[[], ServerRecord], wait_until: Callable[..., None]
) -> None:
    ensure_running(paths)
    record = record_of()
    shutil.rmtree(paths.state_dir)
    wait_until(lambda: look_at(record.pid, record.birth) is not Sight.SAME, "the server's end")
    assert not paths.state_dir.exists()
    fresh = ensure_running(paths)
    assert fresh.started_now
    assert fresh.notices == ()


def test_finding_the_running_server_is_quick_and_loads_no_sdk(paths: LocalPaths) -> None:
    ensure_running(paths)

    def seconds() -> float:
        began = time.perf_counter()
        ensure_running(paths)
        return time.perf_counter() - began

    assert min(seconds() for _ in range(20)) < 0.03

    script = (
        "import os, sys; from s3copy_cli import local;"
        "assert not local.ensure_running(local.local_paths(os.environ)).started_now;"
        "print(sorted({'boto3', 'botocore', 'ministack', 'hypercorn', 'asyncio'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "S3COPY_LOCAL_STATE_DIR": str(paths.state_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "[]\n"


def test_a_server_that_cannot_run_is_reported_with_its_log(paths: LocalPaths, tmp_path: Path, s3copy: Any) -> None:
    broken = tmp_path / "broken" / "ministack"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('no \\x1b[31mroom')\n")
    done = s3copy("local", "start", PYTHONPATH=str(broken.parent))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "its server ended at once (exit code 1)" in done.stderr
    assert "no \ufffd[31mroom" in done.stderr
    assert str(paths.log_file) in done.stderr
    assert "Traceback" not in done.stderr.splitlines()[0].split("its log ends")[0]
    assert not status(paths).is_unsaved, "it never served, so nothing was lost"
