import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from s3copy_cli.local import process
from s3copy_cli.local.process import Sight

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        SLEEPER, stdout=subprocess.PIPE, text=True, env={"MARK": "one two"}, start_new_session=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        yield child
        child.kill()


def test_a_process_is_known_again(sleeper: subprocess.Popen[str]) -> None:
    birth = process.birth_of(sleeper.pid)
    assert birth
    assert process.look_at(sleeper.pid, birth) is Sight.SAME
    assert process.birth_of(os.getpid()) not in ("", birth)


def test_another_process_of_the_same_pid_is_told_apart_and_left_alone(sleeper: subprocess.Popen[str]) -> None:
    for birth in ("", "another boot:1", process.birth_of(os.getpid())):
        assert process.look_at(sleeper.pid, birth) is Sight.OTHER
        assert process.send_signal(sleeper.pid, birth, signal.SIGTERM) is False
        assert process.kill_group(sleeper.pid, birth) is False
    assert sleeper.poll() is None


def test_an_ended_process_is_gone_even_before_its_parent_noticed() -> None:
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE, text=True) as child:
        birth = process.birth_of(child.pid)
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process.birth_of(child.pid) == ""
        assert process.look_at(child.pid, birth) is Sight.GONE
        assert process.send_signal(child.pid, birth, signal.SIGTERM) is False


def test_the_right_process_gets_the_signal(sleeper: subprocess.Popen[str]) -> None:
    assert process.send_signal(sleeper.pid, process.birth_of(sleeper.pid), signal.SIGTERM) is True
    assert sleeper.wait(10) == -signal.SIGTERM


def test_the_whole_group_is_killed() -> None:
    script = (
        "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    )
    script += "print(c.pid, flush=True); time.sleep(600)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        child_birth = process.birth_of(child_pid)
        assert process.kill_group(parent.pid, process.birth_of(parent.pid)) is True
        # The pipe ends only when both, who share it, have ended.
        assert parent.stdout.read() == ""
        assert parent.wait(10) == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while process.look_at(child_pid, child_birth) is Sight.SAME:
        assert time.monotonic() < deadline


def test_marked_processes_are_found_by_the_whole_variable(sleeper: subprocess.Popen[str]) -> None:
    assert list(process.iter_marked("MARK=one two")) == [sleeper.pid]
    assert list(process.iter_marked("MARK=one")) == []
    assert list(process.iter_marked("ARK=one two")) == []
    assert list(process.iter_marked("")) == []
    assert process.kill_leftovers("MARK=one two") == 1
    assert sleeper.wait(10) == -signal.SIGKILL
    assert process.kill_leftovers("MARK=one two") == 0


def test_ps_tells_processes_apart_where_there_is_no_proc(sleeper: subprocess.Popen[str]) -> None:
    born = process._birth_from_ps(sleeper.pid)
    assert len(born.split()) == 5
    assert process._birth_from_ps(sleeper.pid) == born
    sleeper.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert process._birth_from_ps(sleeper.pid) == ""
    sleeper.wait()
    assert process._birth_from_ps(sleeper.pid) == ""
