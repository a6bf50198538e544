"""`s3copy local …` as a user types it."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from s3copy_cli.local import LocalPaths, ensure_running, status, stop

pytestmark = pytest.mark.e2e


def test_start_status_stop_reset(paths: LocalPaths, s3copy: Any) -> None:
    assert "not running" in s3copy("local", "status").stdout
    started = s3copy("local", "start")
    assert started.returncode == 0
    pid = status(paths).pid
    assert started.stdout.startswith("Started: http://127.0.0.1:")
    assert f"(process {pid})" in started.stdout
    assert s3copy("local", "start").stdout.startswith("Running: ")

    shown = json.loads(s3copy("local", "status", "--json").stdout)
    assert shown["command"] == "local status"
    assert (shown["data"]["running"], shown["data"]["pid"]) == (True, pid)
    assert shown["data"]["state_dir"] == str(paths.state_dir)

    assert s3copy("local", "stop").stdout.startswith("Stopped; its state is kept in ")
    assert s3copy("local", "stop").stdout == "It was not running.\n"

    refused = s3copy("local", "reset")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert paths.data_dir.exists()
    assert s3copy("local", "reset", "--yes").returncode == 0
    assert list(paths.state_dir.iterdir()) == []


def test_reset_asks_a_person(paths: LocalPaths, command_environment: dict[str, str]) -> None:
    ensure_running(paths)
    for answer, code, is_running in (("n", 130, True), ("y", 0, False)):
        session = pexpect.spawn(
            sys.executable,
            ["-m", "s3copy_cli", "local", "reset"],
            env=command_environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(24, 500),
        )
        session.expect_exact(f"Delete everything in {paths.state_dir}? [y/N]:")
        session.sendline(answer)
        session.expect(pexpect.EOF)
        session.close()
        assert session.exitstatus == code
        assert status(paths).is_running is is_running


def test_env_makes_any_aws_tool_work(paths: LocalPaths, s3copy: Any, command_environment: dict[str, str]) -> None:
    printed = s3copy("local", "env")
    assert printed.returncode == 0
    lines = printed.stdout.splitlines()
    assert lines
    assert all(line.startswith("export AWS_") for line in lines)

    python = shlex.quote(sys.executable)
    script = (
        f'eval "$({python} -m s3copy_cli local env)" && {python} -m awscli s3 mb s3://made-by-aws &&'
        f" printf hello | {python} -m awscli s3 cp - s3://made-by-aws/key && {python} -m awscli s3 ls made-by-aws"
    )
    # A token left over from an account must not be sent along.
    stale = {"AWS_SESSION_TOKEN": "stale", "AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "real"}
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env=command_environment | stale,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(" 5 key")


def test_env_says_what_happened_on_stderr_only(paths: LocalPaths, s3copy: Any) -> None:
    crashed = ensure_running(paths)
    subprocess.run(["kill", "-9", str(crashed.pid)], check=True)
    printed = s3copy("local", "env")
    assert "without saving" in printed.stderr
    assert all(line.startswith("export AWS_") for line in printed.stdout.splitlines())


def test_the_server_outlives_its_terminal(paths: LocalPaths, command_environment: dict[str, str]) -> None:
    session = pexpect.spawn("/bin/sh", env=command_environment | {"PS1": "$ "}, encoding="utf-8", timeout=60)
    session.sendline(f"{shlex.quote(sys.executable)} -m s3copy_cli local start")
    session.expect(r"Started: http://127\.0\.0\.1:\d+")
    session.sendintr()
    session.close(force=True)  # The terminal closes: everything in its session gets SIGHUP.
    found = status(paths)
    assert found.is_answering
    aws = ensure_running(paths)
    assert (aws.started_now, aws.pid) == (False, found.pid)


def test_a_folder_that_cannot_be_used_is_a_clear_error(tmp_path: Path, s3copy: Any) -> None:
    (tmp_path / "file").touch()
    for action in ("start", "env"):
        done = s3copy("local", action, S3COPY_LOCAL_STATE_DIR=str(tmp_path / "file" / "state"))
        assert done.returncode == 1
        assert done.stdout == ""
        assert "Not a directory" in done.stderr
        assert "S3COPY_LOCAL_STATE_DIR" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_bad_port_is_a_clear_error(paths: LocalPaths, s3copy: Any) -> None:
    done = s3copy("local", "start", S3COPY_LOCAL_PORT="http")
    assert done.returncode == 2
    assert "S3COPY_LOCAL_PORT is not a port: 'http'" in done.stderr


def test_without_the_extra_the_error_says_how_to_get_it(paths: LocalPaths, s3copy: Any, tmp_path: Path) -> None:
    hook = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'ministack' else find(name, package)\n"
    )
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(hook)
    done = s3copy("local", "start", PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 1
    assert "pip install 's3copy[local]'" in done.stderr
    assert not stop(paths).was_running
