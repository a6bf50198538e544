"""What managing a server needs of the machine, and looking at a server through it."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from s3copy_cli.local import folder, launch
from s3copy_cli.local import process as processes
from s3copy_cli.local.decide import Observation
from s3copy_cli.local.locks import exclusive_lock, is_locked
from s3copy_cli.local.paths import LocalPaths
from s3copy_cli.local.probe import Probe, probe
from s3copy_cli.local.process import Sight
from s3copy_cli.local.record import Phase, read_record

POLL_SECONDS = 0.05
PROBE_SECONDS = 2.0
ELSEWHERE_SECONDS = 5.0

_LOCK_SECONDS = 90.0


class Server(Protocol):
    """A server that was started just now (see `launch.ServerProcess`)."""

    def exit_code(self) -> int | None: ...
    def kill(self) -> None: ...
    def let_go(self) -> None: ...


@dataclass(frozen=True)
class System:
    """What managing a server needs of the machine."""

    environ: Mapping[str, str]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    is_installed: Callable[[], bool] = launch.is_installed
    look_at: Callable[[int, str], Sight] = processes.look_at
    probe: Callable[[int, str, float], Probe] = probe
    start_process: Callable[[LocalPaths, socket.socket, Mapping[str, str]], Server] = launch.start_process
    send_signal: Callable[[int, str, signal.Signals], bool] = processes.send_signal
    kill_group: Callable[[int, str], bool] = processes.kill_group
    kill_leftovers: Callable[[str], int] = processes.kill_leftovers


def command_lock(paths: LocalPaths, system: System) -> AbstractContextManager[None]:
    """Keeps every other command from starting, stopping or resetting; all of them are short."""
    return exclusive_lock(paths.command_lock, wait_seconds=_LOCK_SECONDS, clock=system.clock, sleep=system.sleep)


def observe(paths: LocalPaths, system: System) -> Observation:
    """Everything that can be seen of the folder's server."""
    record = read_record(paths.record_file)
    if record is None or record.phase is Phase.STOPPED:
        answer = Probe.REFUSED
    else:
        answer = system.probe(record.port, record.token, PROBE_SECONDS)
    return Observation(
        record=record,
        is_locked=is_locked(paths.server_lock),
        sight=system.look_at(record.pid, record.birth) if record else Sight.GONE,
        probe=answer,
        has_data=folder.has_data(paths),
    )
