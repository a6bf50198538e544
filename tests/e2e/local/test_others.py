"""Other processes at the same time, at the same pid, on the same port; and what a server leaves and shows."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local import LocalAws, LocalPaths, ensure_running, folder, status, stop
from s3copy_cli.local.process import Sight, birth_of, look_at
from s3copy_cli.local.record import Phase, ServerRecord, write_record
from s3copy_cli.local.serve import main as serve
from s3copy_cli.local.system import System

pytestmark = pytest.mark.e2e

START = """
import json, os, sys
from s3copy_cli import local
sys.stdin.readline()
aws = local.ensure_running(local.local_paths(os.environ))
print(json.dumps([aws.pid, aws.endpoint_url, aws.started_now]))
"""


@pytest.fixture
def other_ministack() -> Iterator[int]:
    """A server that answers as somebody else's ministack would; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"services": {"s3": "available"}, "edition": "light", "version": "1.5.33"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any of this."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def a_record(**changes: Any) -> ServerRecord:
    record = ServerRecord(
        phase=Phase.SERVING,
        pid=os.getpid(),
        birth="another boot:1",
        token="another",
        port=1,
        started_at="2025-01-02T03:04:05+00:00",
        interpreter=sys.executable,
        version="1.5.33",
    )
    return replace(record, **changes)


def test_commands_at_once_start_one_server(
    paths: LocalPaths, command_environment: dict[str, str], processes_of: Callable[[], list[int]]
) -> None:
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", START],
            env=command_environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for command in commands:
        assert command.stdin is not None
        command.stdin.write("go\n")
        command.stdin.flush()
    answers = [json.loads(command.communicate(timeout=60)[0]) for command in commands]
    assert [command.returncode for command in commands] == [0, 0, 0, 0]
    assert len({(pid, endpoint) for pid, endpoint, _ in answers}) == 1
    assert sorted(started for _, _, started in answers) == [False, False, False, True]
    assert processes_of() == [answers[0][0]]


def test_a_second_server_on_the_folder_gives_way(
    paths: LocalPaths, monkeypatch: pytest.MonkeyPatch, record_of: Callable[[], ServerRecord]
) -> None:
    aws = ensure_running(paths)
    before = record_of()
    monkeypatch.setattr("s3copy_cli.local.serve._LOCK_ATTEMPTS", 2)
    mask, handler = os.umask(0o022), signal.getsignal(signal.SIGHUP)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            assert serve([str(paths.state_dir), str(listener.fileno())]) == 75
    finally:
        os.umask(mask)
        signal.signal(signal.SIGHUP, handler)
    assert record_of() == before
    assert ensure_running(paths).pid == aws.pid


def test_a_command_killed_while_starting_leaves_a_server_that_the_next_one_uses(
    paths: LocalPaths, command_environment: dict[str, str], wait_until: Callable[..., None]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START], env=command_environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as command:
        assert command.stdin is not None
        command.stdin.write(b"go\n")
        command.stdin.flush()
        wait_until(paths.record_file.exists, "the server's record")
        command.kill()
    aws = ensure_running(paths)
    assert not aws.started_now
    assert status(paths).is_answering


def test_a_record_of_a_pid_that_is_another_process_by_now(
    paths: LocalPaths, bystander: subprocess.Popen[bytes]
) -> None:
    folder.ensure_folder(paths)
    write_record(paths.record_file, a_record(pid=bystander.pid))
    assert not status(paths).is_running
    assert not stop(paths).was_running
    aws = ensure_running(paths)
    assert aws.started_now
    assert aws.pid != bystander.pid
    assert "without saving" in aws.notices[0]
    assert stop(paths).was_running
    assert bystander.poll() is None


def test_a_port_on_which_another_ministack_answers_is_not_ours(paths: LocalPaths, other_ministack: int) -> None:
    folder.ensure_folder(paths)
    write_record(paths.record_file, a_record(pid=2**22 + 1, port=other_ministack))
    assert not status(paths).is_running
    aws = ensure_running(paths)
    assert aws.started_now
    assert not aws.endpoint_url.endswith(f":{other_ministack}")
    assert str(other_ministack) in aws.notices[1]


def test_a_fixed_port_is_used_and_when_taken_named(paths: LocalPaths, other_ministack: int) -> None:
    with pytest.raises(LocalAwsError) as caught:
        ensure_running(replace(paths, requested_port=other_ministack))
    assert str(other_ministack) in caught.value.doing
    assert "S3COPY_LOCAL_PORT" in caught.value.hint
    assert not status(paths).is_running

    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    aws = ensure_running(replace(paths, requested_port=port))
    assert aws.endpoint_url == f"http://127.0.0.1:{port}"


def test_a_server_that_died_while_starting_lost_nothing(
    paths: LocalPaths, client: Callable[[LocalAws, str], Any], record_of: Callable[[], ServerRecord]
) -> None:
    client(ensure_running(paths), "s3").create_bucket(Bucket="kept")
    assert stop(paths).is_saved
    write_record(paths.record_file, record_of().with_phase(Phase.STARTING))
    aws = ensure_running(paths)
    assert aws.notices == ()
    assert [bucket["Name"] for bucket in client(aws, "s3").list_buckets()["Buckets"]] == ["kept"]


def test_a_burst_of_events_waits_for_free_processes(
    paths: LocalPaths,
    tmp_path: Path,
    deploy: Callable[[LocalAws], Any],
    wait_until: Callable[..., None],
    processes_of: Callable[[], list[int]],
) -> None:
    (tmp_path / "done").mkdir()
    functions = deploy(ensure_running(paths))
    # Whatever fails once is dropped, so an event that had counted as failed for want of a process would be missing.
    functions.put_function_event_invoke_config(FunctionName="probe", MaximumRetryAttempts=0)
    expected = {str(number) for number in range(60)}
    for name in expected:
        payload = json.dumps({"touch": str(tmp_path / "done" / name), "sleep": 0.1})
        functions.invoke(FunctionName="probe", InvocationType="Event", Payload=payload)
    done = tmp_path / "done"
    wait_until(lambda: {file.name for file in done.iterdir()} == expected, "all sixty", seconds=60)
    assert len(processes_of()) - 1 <= min(max(4, 2 * (os.cpu_count() or 1)), 16)


def test_a_stop_leaves_no_function_running(
    paths: LocalPaths,
    tmp_path: Path,
    deploy: Callable[[LocalAws], Any],
    processes_of: Callable[[], list[int]],
    wait_until: Callable[..., None],
) -> None:
    aws = ensure_running(paths)
    running = tmp_path / "running"
    payload = json.dumps({"sleep": 500, "touch": str(running)})
    deploy(aws).invoke(FunctionName="probe", InvocationType="Event", Payload=payload)
    wait_until(running.exists, "the function's start")
    workers = [(pid, birth_of(pid)) for pid in processes_of() if pid != aws.pid]
    assert len(workers) == 1

    report = stop(paths)
    assert (report.was_running, report.is_saved, report.was_killed) == (True, True, False)
    assert [look_at(pid, birth) for pid, birth in workers] == [Sight.GONE]
    assert processes_of() == []
    assert list(paths.state_dir.glob("tmp/*")) == []


def test_a_stop_does_not_wait_for_a_caller_of_a_function(
    paths: LocalPaths,
    tmp_path: Path,
    deploy: Callable[[LocalAws], Any],
    wait_until: Callable[..., None],
) -> None:
    functions = deploy(ensure_running(paths))
    running = tmp_path / "running"
    payload = json.dumps({"sleep": 500, "touch": str(running)})
    ended = threading.Event()

    def call() -> None:
        # Whether it is told of a failed function or loses its connection is a matter of timing.
        with suppress(BotoCoreError, ClientError):
            functions.invoke(FunctionName="probe", Payload=payload)
        ended.set()

    caller = threading.Thread(target=call)
    caller.start()
    wait_until(running.exists, "the function's start")
    report = stop(paths)
    assert (report.is_saved, report.was_killed) == (True, False)
    wait_until(ended.is_set, "the caller's end")
    caller.join()


def test_a_server_that_hangs_is_killed_with_its_functions(
    paths: LocalPaths,
    tmp_path: Path,
    deploy: Callable[[LocalAws], Any],
    processes_of: Callable[[], list[int]],
    wait_until: Callable[..., None],
) -> None:
    aws = ensure_running(paths)
    running = tmp_path / "running"
    payload = json.dumps({"sleep": 500, "touch": str(running)})
    deploy(aws).invoke(FunctionName="probe", InvocationType="Event", Payload=payload)
    wait_until(running.exists, "the function's start")
    assert len(processes_of()) == 2
    os.kill(aws.pid, signal.SIGSTOP)
    # A clock that runs faster, so that nobody has to wait for half a minute.
    report = stop(paths, system=System(environ=os.environ, clock=lambda: 20 * time.monotonic()))
    assert (report.was_killed, report.is_saved) == (True, False)
    assert len(report.notices) == 2
    wait_until(lambda: processes_of() == [], "the end of every process")
    assert status(paths).is_unsaved


def test_a_killed_servers_function_is_ended_at_the_next_stop(
    paths: LocalPaths,
    tmp_path: Path,
    deploy: Callable[[LocalAws], Any],
    processes_of: Callable[[], list[int]],
    wait_until: Callable[..., None],
) -> None:
    aws = ensure_running(paths)
    running = tmp_path / "running"
    payload = json.dumps({"sleep": 500, "touch": str(running)})
    deploy(aws).invoke(FunctionName="probe", InvocationType="Event", Payload=payload)
    wait_until(running.exists, "the function's start")
    os.kill(aws.pid, signal.SIGKILL)
    wait_until(lambda: aws.pid not in processes_of(), "the server's end")
    assert len(processes_of()) == 1, "the function goes on"
    stop(paths)
    wait_until(lambda: processes_of() == [], "the function's end")


def test_the_function_sees_nothing_of_the_users_aws(paths: LocalPaths, deploy: Callable[[LocalAws], Any]) -> None:
    users = {"AWS_PROFILE": "prod", "AWS_SECRET_ACCESS_KEY": "of an account", "MY_TOKEN": "of mine"}
    aws = ensure_running(paths, system=System(environ={**os.environ, **users}))
    environment = json.loads(deploy(aws).invoke(FunctionName="probe", Payload="{}")["Payload"].read())
    assert environment["AWS_ENDPOINT_URL"] == aws.endpoint_url
    assert environment["AWS_SECRET_ACCESS_KEY"] != "of an account"
    assert not {"AWS_PROFILE", "MY_TOKEN"} & set(environment)


def test_it_listens_on_loopback_only(
    paths: LocalPaths, deploy: Callable[[LocalAws], Any], processes_of: Callable[[], list[int]]
) -> None:
    aws = ensure_running(paths)
    deploy(aws).invoke(FunctionName="probe", Payload="{}")
    pids = processes_of()
    assert len(pids) == 2
    assert _listening(pids) == [("tcp", f"127.0.0.1:{aws.endpoint_url.rpartition(':')[2]}")]


def _listening(pids: list[int]) -> list[tuple[str, str]]:
    """The addresses on which these processes take connections or datagrams, from /proc."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            found = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            if found:
                inodes.add(found[1])
    assert inodes
    listening = []
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and (fields[3] == "0A" or kind.startswith("udp")):
                address, port = fields[1].split(":")
                if kind in ("tcp", "udp"):
                    address = socket.inet_ntoa(bytes.fromhex(address)[::-1])
                listening.append((kind, f"{address}:{int(port, 16)}"))
    return listening
