"""The command from its arguments to exit code, text, JSON and what is in the bucket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from s3copy_cli.commands import upload as upload_module
from s3copy_cli.config import Pipeline
from s3copy_cli.s3 import CrtObjectStore
from s3copy_cli.transfer import following

Run = Callable[..., Any]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.csv"
    path.write_text("a,b\n1,2\n")
    return path


@pytest.fixture
def copying(standing: Any, pipeline: Pipeline) -> Iterator[Any]:
    """A stand-in for the function: copies whatever is in the source bucket, again and again."""
    stop = threading.Event()

    def copy() -> None:
        done: set[tuple[str, str]] = set()
        while not stop.wait(0.05):
            for entry in standing.list_objects_v2(Bucket=pipeline.source_bucket).get("Contents", []):
                if (entry["Key"], entry["ETag"]) not in done:
                    done.add((entry["Key"], entry["ETag"]))
                    source = {"Bucket": pipeline.source_bucket, "Key": entry["Key"]}
                    standing.copy_object(Bucket=pipeline.destination_bucket, Key=entry["Key"], CopySource=source)

    thread = threading.Thread(target=copy)
    thread.start()
    yield standing
    stop.set()
    thread.join()


def test_a_file_is_uploaded_and_the_result_says_all_about_it(
    s3copy: Run, standing: Any, pipeline: Pipeline, sample: Path
) -> None:
    outcome = s3copy("upload", "--json", str(sample), "--metadata", "Owner=me", "--tag", "project=a b", expect=0)

    head = standing.head_object(Bucket=pipeline.source_bucket, Key="sample.csv")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"owner": "me"})
    tags = standing.get_object_tagging(Bucket=pipeline.source_bucket, Key="sample.csv")["TagSet"]
    assert tags == [{"Key": "project", "Value": "a b"}]
    assert outcome.envelope["status"] == "success"
    assert outcome.data == {
        "pipeline": "s3copy",
        "source_bucket": pipeline.source_bucket,
        "dry_run": False,
        "files": [
            {
                "path": str(sample),
                "key": "sample.csv",
                "size": 8,
                "etag": head["ETag"].strip('"'),
                "content_type": "text/csv",
                "checked_by": "etag",
                "status": "uploaded",
                "error": None,
                "copied_after_seconds": None,
            }
        ],
        "uploaded": 1,
        "failed": 0,
        "bytes": 8,
    }


def test_the_text_names_the_file_the_proof_and_the_next_step(s3copy: Run, standing: Any, sample: Path) -> None:
    outcome = s3copy("upload", str(sample), expect=0)
    assert "(8 bytes, checked by ETag)" in outcome.stdout
    assert "Uploaded 1 file, 8 bytes; each checked against the bytes that were sent." in outcome.stdout
    assert outcome.stdout.endswith("Next: s3copy verify\n")


def test_a_folder_becomes_keys_below_the_prefix(s3copy: Run, standing: Any, pipeline: Pipeline, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("z", "a b+%.txt", "deep/er/ü😀", "deep/.hidden", "line\nbreak"):
        (folder / name).write_text(name)

    s3copy("upload", "-r", "--prefix", "in/", str(folder), expect=0)

    listed = standing.list_objects_v2(Bucket=pipeline.source_bucket)["Contents"]
    assert {entry["Key"] for entry in listed} == {
        "in/z",
        "in/a b+%.txt",
        "in/deep/er/ü😀",
        "in/deep/.hidden",
        "in/line\nbreak",
    }


def test_more_than_twenty_files_are_counted_not_listed(s3copy: Run, standing: Any, tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"{number:02}").write_text("x")
    outcome = s3copy("upload", "-r", str(tmp_path), expect=0)
    lines = outcome.stdout.splitlines()
    assert sum(line.startswith("uploaded ") for line in lines) == 20
    assert "… and 5 files more" in lines
    assert any(line.startswith("Uploaded 25 files, 25 bytes") for line in lines)


def test_a_dry_run_sends_nothing(
    write_calls: list[str], s3copy: Run, standing: Any, pipeline: Pipeline, sample: Path
) -> None:
    write_calls.clear()
    text = s3copy("upload", "--dry-run", str(sample), expect=0).stdout
    data = s3copy("upload", "--dry-run", "--json", str(sample), expect=0).data
    assert write_calls == []
    assert f"would upload {sample} -> s3://{pipeline.source_bucket}/sample.csv (8 bytes, text/csv)" in text
    assert (data["dry_run"], data["uploaded"], data["bytes"]) == (True, 0, 8)
    assert [entry["status"] for entry in data["files"]] == ["planned"]


def test_wait_follows_the_file_and_says_how_long_it_took(s3copy: Run, copying: Any, sample: Path) -> None:
    data = s3copy("upload", "--json", "--wait", str(sample), expect=0).data
    assert 0 <= data["files"][0]["copied_after_seconds"] < 60
    sample.write_text("changed")
    text = s3copy("upload", "--wait", str(sample), expect=0).stdout
    assert ", copied after " in text


def test_wait_says_so_if_nothing_was_copied(
    s3copy: Run, standing: Any, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = s3copy("upload", "--wait", "--wait-seconds", "0.3", "--json", str(sample), expect=1)
    (problem,) = outcome.envelope["errors"]
    assert problem["code"] == "NotCopied"
    assert "0.3 seconds" in problem["message"]
    assert problem["hint"].endswith("s3copy verify")
    assert outcome.data["files"][0]["status"] == "uploaded"
    assert outcome.data["files"][0]["copied_after_seconds"] is None


def test_wait_reports_that_it_may_not_look(
    s3copy: Run, standing: Any, pipeline: Pipeline, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = CrtObjectStore.head

    def head(self: CrtObjectStore, bucket: Any, key: str) -> Any:
        if bucket.name == pipeline.destination_bucket:
            from s3copy_cli.errors import AwsError

            raise AwsError("looking", "HeadObject answered 403", "ask", code="403", operation="HeadObject")
        return original(self, bucket, key)

    monkeypatch.setattr(CrtObjectStore, "head", head)
    outcome = s3copy("upload", "--wait", str(sample), expect=1)
    assert "HeadObject answered 403" in outcome.stderr
    assert "Uploaded 1 file" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "happened", "hint"),
    [
        ([], "no FILE was given", "s3copy upload sample.csv"),
        (["missing.csv"], "there is no file 'missing.csv'", "Check the name"),
        (["empty"], "empty is a folder", "--recursive"),
        (["-r", "empty"], "there is no file in the folder empty", "Put files into it"),
        (["file", "--prefix", "x" * 1021], "its key would have 1,025 bytes; S3 allows 1,024", "--prefix"),
        (["file", "--prefix", "../"], "climb above the bucket", "--prefix"),
        (["file", "file"], "file and file would both become 'file'", "rename one"),
        (["file", "pipe"], "pipe is a named pipe", "leave it out"),
        (["file", "--metadata", "x"], "there is no '=' in it", "project=alpha"),
        (["file", "--tag", "a=b", "--tag", "a=c"], "given twice", "project=alpha"),
        (["file", "--content-type", "csv"], "has not the form type/subtype", "text/csv"),
        (["file", "--wait", "--wait-seconds", "0"], "Invalid value for '--wait-seconds'", "--help"),
    ],
)
def test_bad_input_is_refused_before_aws_is_contacted(
    arguments: list[str],
    happened: str,
    hint: str,
    s3copy: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    # Nobody listens there: a request would end in another message and another exit code.
    monkeypatch.setenv("S3COPY_ENDPOINT_URL", "http://127.0.0.1:1")
    outcome = s3copy("upload", *arguments, expect=2)
    assert happened in outcome.stderr
    assert hint in outcome.stderr
    assert outcome.stdout == ""


def test_before_setup_the_error_says_how_to_set_up(s3copy: Run, sample: Path) -> None:
    outcome = s3copy("upload", str(sample), "--name", "other", expect=1)
    assert "there is no function other" in outcome.stderr
    assert "s3copy setup --name other" in outcome.stderr


def test_a_source_bucket_that_is_gone_stops_at_the_first_file(
    s3copy: Run, standing: Any, pipeline: Pipeline, tmp_path: Path
) -> None:
    standing.delete_bucket(Bucket=pipeline.source_bucket)
    for number in range(50):
        (tmp_path / str(number)).write_text("x")
    outcome = s3copy("upload", "-r", str(tmp_path), expect=1)
    assert "NoSuchBucket" in outcome.stderr
    assert outcome.stderr.count("NoSuchBucket") == 1


def test_one_file_that_fails_does_not_stop_the_others(
    s3copy: Run, standing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    original = CrtObjectStore.put_file

    def put_file(self: CrtObjectStore, bucket: Any, key: str, path: Path, *rest: Any) -> None:
        original(self, bucket, key, path, *rest)
        if key == "b":
            path.write_text("changed")

    monkeypatch.setattr(CrtObjectStore, "put_file", put_file)
    outcome = s3copy("upload", "-r", "--json", str(tmp_path), expect=1)
    assert [entry["status"] for entry in outcome.data["files"]] == ["uploaded", "failed", "uploaded"]
    assert (outcome.data["uploaded"], outcome.data["failed"], outcome.data["bytes"]) == (2, 1, 2)
    assert "changed while it was being uploaded" in outcome.data["files"][1]["error"]
    (problem,) = outcome.envelope["errors"]
    assert problem["code"] == "FileChanged"


def test_ctrl_c_says_what_was_uploaded(
    s3copy: Run, standing: Any, pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}").write_text("x")
    results = 0
    original = following.Arrivals.add

    def add(self: following.Arrivals, followed: following.Followed) -> None:
        nonlocal results
        original(self, followed)
        results += 1
        if results == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(following.Arrivals, "add", add)
    outcome = s3copy("upload", "-r", "--json", str(tmp_path), expect=130)
    data = outcome.data
    (problem,) = outcome.envelope["errors"]
    assert problem["code"] == "Interrupted"
    assert data["uploaded"] >= 3
    assert f"{data['uploaded']} files uploaded and checked, {200 - data['uploaded']} not" in problem["message"]
    listed = {entry["Key"] for entry in standing.list_objects_v2(Bucket=pipeline.source_bucket)["Contents"]}
    said = {entry["key"] for entry in data["files"] if entry["status"] == "uploaded"}
    assert said <= listed
    assert len(listed) < 200


def test_ctrl_c_while_waiting_says_that_all_is_uploaded(
    s3copy: Run, standing: Any, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The person's Ctrl-C arrives where the main thread is: in the result() of the thread that looks.
    def result(self: Future[Any], timeout: float | None = None) -> Any:
        if threading.current_thread() is threading.main_thread() and uploads_done:
            raise KeyboardInterrupt
        return original(self, timeout)

    original = Future.result
    uploads_done: list[bool] = []
    await_copies = upload_module._Run._await

    def note_and_wait(self: Any, following: Any) -> Any:
        uploads_done.append(True)
        return await_copies(self, following)

    monkeypatch.setattr(upload_module._Run, "_await", note_and_wait)
    monkeypatch.setattr(Future, "result", result)
    outcome = s3copy("upload", "--wait", str(sample), expect=130)
    assert "interrupted; 1 file uploaded and checked, 0 not" in outcome.stderr
    assert "s3copy verify" in outcome.stderr


def test_control_characters_in_names_do_not_reach_the_terminal(s3copy: Run, standing: Any, tmp_path: Path) -> None:
    (tmp_path / "evil\x1b[31m").write_text("x")
    outcome = s3copy("upload", "-r", str(tmp_path), expect=0)
    assert "\x1b" not in outcome.stdout
    assert "evil\\x1b[31m" in outcome.stdout


def test_a_socket_in_a_folder_is_refused(s3copy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind("s")
        outcome = s3copy("upload", "-r", ".", expect=2)
    finally:
        listener.close()
    assert "./s is a socket" in outcome.stderr
