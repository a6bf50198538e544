"""Starting against a machine of which every part is made up."""

import itertools
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local import LocalPaths, ensure_running, folder, reset, status, stop
from s3copy_cli.local.launch import EXIT_FOLDER_IN_USE
from s3copy_cli.local.locks import try_lock
from s3copy_cli.local.probe import Probe
from s3copy_cli.local.process import Sight, birth_of
from s3copy_cli.local.record import Phase, ServerRecord, read_record, write_record
from s3copy_cli.local.system import System

MakeRecord = Callable[..., ServerRecord]


@dataclass
class FakeServer:
    """A started server: does what `on_start` says, and ends as told."""

    code: int | None = None
    killed: bool = False

    def exit_code(self) -> int | None:
        return self.code

    def kill(self) -> None:
        self.killed = True

    def let_go(self) -> None:
        pass


@dataclass
class Machine:
    """Everything a System is made of, recorded."""

    make_record: MakeRecord
    code: int | None = None
    answer: Probe = Probe.OURS
    sight: Sight = Sight.GONE
    signals: list[Any] = field(default_factory=list)
    servers: list[FakeServer] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    log: str = ""

    def start(self, paths: LocalPaths, listener: socket.socket, environment: Mapping[str, str]) -> FakeServer:
        port = listener.getsockname()[1]
        self.ports.append(port)
        token = environment["MINISTACK_EDITION"].removeprefix("s3copy-")
        if self.code is None:
            write_record(paths.record_file, self.make_record(token=token, port=port))
        paths.log_file.write_text(self.log)
        self.servers.append(FakeServer(self.code))
        return self.servers[-1]

    def send_signal(self, pid: int, _birth: str, number: signal.Signals) -> bool:
        self.signals.append((pid, number))
        return True

    def kill_group(self, pid: int, _birth: str) -> bool:
        self.signals.append((pid, "kill"))
        self.sight = Sight.GONE
        return True

    def system(self) -> System:
        ticks = itertools.count(0.0, 1.0)
        return System(
            environ={"HOME": "/h"},
            clock=lambda: next(ticks),
            sleep=lambda _: None,
            is_installed=lambda: True,
            look_at=lambda _pid, _birth: self.sight,
            probe=lambda _port, _token, _seconds: self.answer,
            start_process=self.start,
            send_signal=self.send_signal,
            kill_group=self.kill_group,
            kill_leftovers=lambda _mark: 0,
        )


@pytest.fixture
def machine(make_record: MakeRecord) -> Machine:
    return Machine(make_record)


def test_a_first_start(paths: LocalPaths, machine: Machine) -> None:
    aws = ensure_running(paths, system=machine.system())
    assert aws.started_now
    assert aws.endpoint_url == f"http://127.0.0.1:{machine.ports[0]}"
    assert aws.notices == ()
    again = ensure_running(paths, system=machine.system())
    assert again == replace(aws, started_now=False)
    assert len(machine.servers) == 1


def test_a_missing_extra_says_how_to_get_it(paths: LocalPaths, machine: Machine) -> None:
    with pytest.raises(LocalAwsError) as caught:
        ensure_running(paths, system=replace(machine.system(), is_installed=lambda: False))
    assert caught.value.hint == "pip install 's3copy[local]'"
    assert machine.servers == []


def test_a_missing_extra_does_not_cost_the_data_of_a_crash(
    paths: LocalPaths, machine: Machine, make_record: MakeRecord
) -> None:
    folder.ensure_folder(paths)
    folder.prepare_run(paths)
    write_record(paths.record_file, make_record())
    machine.answer = Probe.REFUSED
    with pytest.raises(LocalAwsError):
        ensure_running(paths, system=replace(machine.system(), is_installed=lambda: False))
    assert paths.data_dir.exists()
    assert not paths.crashed_dir.exists()


def test_a_server_that_never_answers_is_ended_and_its_log_shown(paths: LocalPaths, machine: Machine) -> None:
    machine.answer = Probe.SILENT
    machine.log = "starting\n\x1b[2Jbad thing\n"
    with pytest.raises(LocalAwsError) as caught:
        ensure_running(paths, system=machine.system())
    assert "did not answer within 30 s" in caught.value.happened
    assert "starting | \ufffd[2Jbad thing" in caught.value.happened
    assert str(paths.log_file) in caught.value.hint
    assert machine.servers[0].killed


def test_a_server_that_ends_at_once_is_reported_with_its_log(paths: LocalPaths, machine: Machine) -> None:
    machine.answer, machine.code, machine.log = Probe.REFUSED, 3, "no room\n"
    with pytest.raises(LocalAwsError) as caught:
        ensure_running(paths, system=machine.system())
    assert "exit code 3" in caught.value.happened
    assert caught.value.happened.endswith("its log ends: no room")
    machine.code, machine.log = -9, ""
    with pytest.raises(LocalAwsError, match=r"signal 9.*it said nothing"):
        ensure_running(paths, system=machine.system())


def test_losing_the_folder_to_another_server_means_using_that_one(
    paths: LocalPaths, machine: Machine, make_record: MakeRecord
) -> None:
    machine.code = EXIT_FOLDER_IN_USE
    system = machine.system()

    def start(paths: LocalPaths, listener: socket.socket, environment: Mapping[str, str]) -> FakeServer:
        write_record(paths.record_file, make_record(pid=777, token="theirs"))
        return machine.start(paths, listener, environment)

    aws = ensure_running(paths, system=replace(system, start_process=start))
    assert aws.pid == 777
    assert not aws.started_now


def test_a_live_server_that_is_silent_is_waited_for_and_then_named(
    paths: LocalPaths, machine: Machine, make_record: MakeRecord
) -> None:
    folder.ensure_folder(paths)
    write_record(paths.record_file, make_record(pid=777))
    machine.answer, machine.sight = Probe.SILENT, Sight.SAME
    with pytest.raises(LocalAwsError) as caught:
        ensure_running(paths, system=machine.system())
    assert "777" in caught.value.happened
    assert "s3copy local stop" in caught.value.hint
    assert machine.servers == []


def test_a_folder_held_out_of_sight_is_refused(paths: LocalPaths, machine: Machine, make_record: MakeRecord) -> None:
    folder.ensure_folder(paths)
    write_record(paths.record_file, make_record(pid=777))
    machine.answer = Probe.REFUSED
    held = try_lock(paths.server_lock)
    assert held is not None
    for act in (ensure_running, stop, reset):
        with pytest.raises(LocalAwsError, match="cannot see"):
            act(paths, system=machine.system())
    assert status(paths, system=machine.system()).is_running
    os.close(held)
    assert machine.servers == []
    assert machine.signals == []
    assert read_record(paths.record_file) is not None


def test_a_taken_previous_port_is_replaced_and_the_user_told(
    paths: LocalPaths, machine: Machine, make_record: MakeRecord
) -> None:
    folder.ensure_folder(paths)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_record(paths.record_file, make_record(phase=Phase.STOPPED, port=port))
        aws = ensure_running(paths, system=machine.system())
    assert machine.ports != [port]
    assert len(aws.notices) == 1
    assert str(port) in aws.notices[0]
    assert aws.endpoint_url in aws.notices[0]
    assert "s3copy local env" in aws.notices[0]


def test_another_port_asked_for_than_the_running_servers_is_told(paths: LocalPaths, machine: Machine) -> None:
    ensure_running(paths, system=machine.system())
    asked = LocalPaths(state_dir=paths.state_dir, requested_port=1 if machine.ports[0] != 1 else 2)
    aws = ensure_running(asked, system=machine.system())
    assert not aws.started_now
    assert "S3COPY_LOCAL_PORT=1" in aws.notices[0]


def test_a_server_whose_python_is_gone_is_named(paths: LocalPaths, machine: Machine, make_record: MakeRecord) -> None:
    folder.ensure_folder(paths)
    write_record(paths.record_file, make_record(interpreter=str(paths.state_dir / "venv/bin/python")))
    assert "venv/bin/python" in ensure_running(paths, system=machine.system()).notices[0]


def test_a_server_that_does_not_stop_is_killed_and_the_loss_told(
    paths: LocalPaths, machine: Machine, make_record: MakeRecord
) -> None:
    folder.ensure_folder(paths)
    write_record(paths.record_file, make_record(pid=777))
    machine.sight = Sight.SAME
    report = stop(paths, system=machine.system())
    assert machine.signals == [(777, signal.SIGTERM), (777, "kill")]
    assert (report.was_running, report.was_killed, report.is_saved) == (True, True, False)
    assert "was killed" in report.notices[0]
    assert "without saving" in report.notices[1]


def test_a_server_that_survives_even_that_is_an_error(
    paths: LocalPaths, machine: Machine, make_record: MakeRecord
) -> None:
    folder.ensure_folder(paths)
    write_record(paths.record_file, make_record(pid=777))
    machine.sight = Sight.SAME
    with pytest.raises(LocalAwsError, match="777"):
        reset(paths, system=replace(machine.system(), kill_group=lambda _pid, _birth: True))
    assert read_record(paths.record_file) is not None


def test_where_nothing_ever_ran_nothing_is_made(paths: LocalPaths, machine: Machine) -> None:
    assert not status(paths, system=machine.system()).is_running
    assert not stop(paths, system=machine.system()).was_running
    assert reset(paths, system=machine.system()).deleted_bytes == 0
    assert not paths.state_dir.exists()


def test_the_real_machine_is_the_default(paths: LocalPaths) -> None:
    system = System(environ={})
    assert system.is_installed()
    assert system.look_at(1, birth_of(1)) is Sight.SAME
