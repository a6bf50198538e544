"""Where the embedded AWS keeps what it needs, and which port it is asked to use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from s3copy_cli.errors import LocalAwsError, UsageError

STATE_DIR_VARIABLE = "S3COPY_LOCAL_STATE_DIR"
PORT_VARIABLE = "S3COPY_LOCAL_PORT"


@dataclass(frozen=True)
class LocalPaths:
    """The embedded AWS's state folder, and every path in it.

    Attributes:
        state_dir: absolute; everything that the embedded AWS writes is in here.
        requested_port: the only port to use; None means any free one.
    """

    state_dir: Path
    requested_port: int | None = None

    @property
    def command_lock(self) -> Path:
        """Held while a command starts, stops or resets; its presence also marks the folder as ours."""
        return self.state_dir / "s3copy-local.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server for as long as it lives."""
        return self.state_dir / "server.lock"

    @property
    def record_file(self) -> Path:
        """What the running, or last, server said about itself."""
        return self.state_dir / "server.json"

    @property
    def data_dir(self) -> Path:
        """What is kept between runs."""
        return self.state_dir / "data"

    @property
    def services_dir(self) -> Path:
        """Everything but object bodies; written on a clean stop."""
        return self.data_dir / "services"

    @property
    def objects_dir(self) -> Path:
        """Object bodies; written at once."""
        return self.data_dir / "objects"

    @property
    def crashed_dir(self) -> Path:
        """The data of the last run that ended without saving."""
        return self.state_dir / "crashed"

    @property
    def temporary_dir(self) -> Path:
        """Unpacked functions and the like; emptied at every start and stop."""
        return self.state_dir / "tmp"

    @property
    def log_file(self) -> Path:
        """The server's output since its start."""
        return self.state_dir / "ministack.log"

    @property
    def previous_log_file(self) -> Path:
        """The output of the run before."""
        return self.state_dir / "ministack.log.1"


def local_paths(environ: Mapping[str, str]) -> LocalPaths:
    """The paths that these environment variables ask for.

    `S3COPY_LOCAL_STATE_DIR` names the folder itself; else it is `s3copy/local` in `$XDG_STATE_HOME` (ignored when
    relative, as its specification demands), else in `$HOME/.local/state`. `S3COPY_LOCAL_PORT` fixes the port.

    Raises:
        LocalAwsError: there is no home folder.
        UsageError: the port is not a port.
    """
    return LocalPaths(state_dir=_state_dir(environ), requested_port=_requested_port(environ.get(PORT_VARIABLE, "")))


def _state_dir(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME", "")
    chosen = environ.get(STATE_DIR_VARIABLE, "")
    if chosen:
        if home and (chosen == "~" or chosen.startswith("~/")):
            chosen = home + chosen[1:]
        return Path(chosen).absolute()
    state_home = environ.get("XDG_STATE_HOME", "")
    if state_home and Path(state_home).is_absolute():
        return Path(state_home) / "s3copy" / "local"
    if not home or not Path(home).is_absolute():
        raise LocalAwsError(
            "finding the embedded AWS's state folder",
            "HOME is not set" if not home else f"HOME is not an absolute path: {home}",
            f"set {STATE_DIR_VARIABLE} to a folder of yours",
            code="NoHome",
        )
    return Path(home) / ".local" / "state" / "s3copy" / "local"


def _requested_port(text: str) -> int | None:
    if not text.strip():
        return None
    digits = text.strip()
    if digits.isascii() and digits.isdigit() and 1 <= int(digits) <= 65535:
        return int(digits)
    raise UsageError(
        "reading the embedded AWS's port",
        f"{PORT_VARIABLE} is not a port: {text!r}",
        f"set {PORT_VARIABLE} to a number from 1 to 65535, or unset it to use any free port",
        code="BadPort",
    )
