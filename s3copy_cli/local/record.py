"""The record that a server keeps of itself, so that the next command finds it and never mistakes another for it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path


class Phase(str, Enum):
    """How far a server came. One that is found dead in SERVING ended without saving its state."""

    STARTING = "starting"
    SERVING = "serving"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ServerRecord:
    """What one server says about itself.

    Attributes:
        phase: how far it came.
        pid: its process id, which is also its process group's.
        birth: tells its process from a later one with the same pid (see `process.birth_of`).
        token: random; the server repeats it in every health answer.
        port: of 127.0.0.1.
        started_at: UTC, ISO 8601.
        interpreter: the Python that runs it, and the deployed functions.
        version: ministack's.
    """

    phase: Phase
    pid: int
    birth: str
    token: str
    port: int
    started_at: str
    interpreter: str
    version: str

    @property
    def endpoint_url(self) -> str:
        """Where it serves."""
        return endpoint_url(self.port)

    def with_phase(self, phase: Phase) -> ServerRecord:
        """The same server, further on."""
        return replace(self, phase=phase)


def endpoint_url(port: int) -> str:
    """The address of a server on this port of this machine."""
    return f"http://127.0.0.1:{port}"


def parse_record(text: str) -> ServerRecord | None:
    """The record in this text, or None if it is not one."""
    try:
        fields = json.loads(text)
        record = ServerRecord(
            phase=Phase(fields["phase"]),
            pid=fields["pid"],
            birth=fields["birth"],
            token=fields["token"],
            port=fields["port"],
            started_at=fields["started_at"],
            interpreter=fields["interpreter"],
            version=fields["version"],
        )
    except (ValueError, TypeError, KeyError):
        return None
    numbers = (record.pid, record.port)
    words = (record.birth, record.token, record.started_at, record.interpreter, record.version)
    if any(type(number) is not int for number in numbers) or not all(isinstance(word, str) for word in words):
        return None
    # pid 0, 1 and negative ones mean groups or everything to kill(2): never let a damaged file name them.
    return record if record.pid > 1 and 0 < record.port < 65536 and record.token else None


def read_record(record_file: Path) -> ServerRecord | None:
    """The record in the file, or None where there is no file or no record in it."""
    try:
        return parse_record(record_file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None


def write_record(record_file: Path, record: ServerRecord) -> None:
    """Replaces the file in one step; readable by its owner only."""
    temporary_file = record_file.with_name(f"{record_file.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(record), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary_file.replace(record_file)
