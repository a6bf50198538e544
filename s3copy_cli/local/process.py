"""Looking at processes, and signalling only the one that is meant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path

_PROC = Path("/proc")
_IS_LINUX = sys.platform.startswith("linux")


class Sight(Enum):
    """What stands where a recorded process should be."""

    SAME = "same"
    OTHER = "other"
    GONE = "gone"


def birth_of(pid: int) -> str:
    """When this process was born, comparable for equality only; empty if there is no such living process."""
    return _birth_on_linux(pid) if _IS_LINUX else _birth_from_ps(pid)


def look_at(pid: int, birth: str) -> Sight:
    """Whether the process of this pid is the one born then."""
    with suppress(ChildProcessError):
        # Only if it is a child of this very process: takes it off the process table once it has ended.
        os.waitpid(pid, os.WNOHANG)
    found = birth_of(pid)
    if not found:
        return Sight.GONE
    return Sight.SAME if birth and found == birth else Sight.OTHER


def send_signal(pid: int, birth: str, number: signal.Signals) -> bool:
    """Signals this process if it is still the one born then; False if it was not."""
    if look_at(pid, birth) is not Sight.SAME:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    return True


def kill_group(pid: int, birth: str) -> bool:
    """Kills this process and its group, if it still is the one born then and leads its group."""
    if look_at(pid, birth) is not Sight.SAME:
        return False
    with suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    return True


def kill_leftovers(mark: str) -> int:
    """Kills the living processes of this user that carry the mark in their environment; returns how many.

    A server's workers inherit its environment, so they can be told from every other process also when the server
    itself is gone. Only Linux shows environments; elsewhere a worker ends by itself once its server is gone.
    """
    count = 0
    for pid in list(iter_marked(mark)):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            count += 1
    return count


def iter_marked(mark: str) -> Iterator[int]:
    """The living processes, other than this one, that carry `NAME=value` as given in their environment."""
    if not _IS_LINUX or not mark:
        return
    wanted = os.fsencode(mark)
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue  # Another user's, or gone meanwhile.
        if wanted in environment.split(b"\0"):
            yield int(entry.name)


def _birth_on_linux(pid: int) -> str:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    # The second field is the command in parentheses and may hold anything, blanks and parentheses included.
    fields = stat.rpartition(")")[2].split()
    state, start_ticks = fields[0], fields[19]
    return "" if state in "ZX" else f"{boot}:{start_ticks}"


def _birth_from_ps(pid: int) -> str:
    found = subprocess.run(
        ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
    )
    state, _, born = found.stdout.strip().partition(" ")
    return "" if not born or state.startswith("Z") else born.strip()
