"""What the embedded AWS's commands report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LocalAws:
    """A running embedded AWS.

    Attributes:
        endpoint_url: "http://127.0.0.1:PORT", for every service.
        access_key_id: of its administrator.
        secret_access_key: of its administrator.
        region: the one it is to be used with.
        pid: of the server.
        state_dir: where it keeps what it holds.
        started_now: whether this call started it.
        notices: what the user should read, e.g. that the one before had ended without saving.
    """

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str
    pid: int
    state_dir: Path
    started_now: bool
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class LocalStatus:
    """What is known of the embedded AWS of a state folder.

    Attributes:
        is_running: whether its server lives.
        is_answering: whether it answers at its port.
        is_unsaved: whether the last server ended without saving; the next start begins empty.
        pid: of the running server.
        endpoint_url: of the running server.
        started_at: UTC, ISO 8601, of the running server.
        version: ministack's, of the running server.
        state_dir: the state folder, which may not exist.
        size_bytes: of everything in the state folder.
        log_file: the log of the running, or last, server; None if there is none.
        crashed_dir: data that was moved aside after a crash; None if there is none.
    """

    is_running: bool
    is_answering: bool
    is_unsaved: bool
    pid: int | None
    endpoint_url: str | None
    started_at: str | None
    version: str | None
    state_dir: Path
    size_bytes: int
    log_file: Path | None
    crashed_dir: Path | None


@dataclass(frozen=True)
class StopReport:
    """What stopping did.

    Attributes:
        was_running: whether there was a server to stop.
        pid: of that server.
        is_saved: whether its state is saved (true as well where nothing ran and nothing was lost).
        was_killed: whether it had to be killed.
        state_dir: the state folder.
        notices: what the user should read.
    """

    was_running: bool
    pid: int | None
    is_saved: bool
    was_killed: bool
    state_dir: Path
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResetReport:
    """What resetting did.

    Attributes:
        stopped: what stopping did before.
        deleted_bytes: how much was deleted.
        state_dir: the state folder, empty now.
    """

    stopped: StopReport
    deleted_bytes: int
    state_dir: Path


def export_variables(aws: LocalAws) -> dict[str, str]:
    """The environment variables with which any AWS tool works on this embedded AWS.

    The session token is set to nothing: one left over from an account would be sent along, and be refused.
    """
    return {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": aws.access_key_id,
        "AWS_SECRET_ACCESS_KEY": aws.secret_access_key,
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
    }


def export_lines(aws: LocalAws) -> list[str]:
    """The same as lines for a POSIX shell's `eval`."""
    return [f"export {name}={shlex.quote(value)}" for name, value in export_variables(aws).items()]
