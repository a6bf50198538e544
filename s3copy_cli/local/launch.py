"""Starting the server process: its port, its environment, its place outside this command's life."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local.paths import PORT_VARIABLE, LocalPaths
from s3copy_cli.local.probe import edition_for

SERVICES = "s3,iam,sts,lambda,sqs,logs,cloudwatch,events,kms,tagging"
REGION = "us-east-1"
EXIT_FOLDER_IN_USE = 75

# What a Python process needs of the user's environment. The deployed function sees all of it, so nothing else goes.
_KEPT_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONNOUSERSITE",
    "PYTHONUSERBASE",
)


def is_installed() -> bool:
    """Whether the `local` extra is there; nothing is imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("ministack", "hypercorn"))


def server_mark(token: str) -> str:
    """`NAME=value` as the server of this token, and every process started by it, has it in its environment."""
    return f"MINISTACK_EDITION={edition_for(token)}"


def server_environment(
    paths: LocalPaths, *, port: int, token: str, environ: Mapping[str, str], working_dir: Path, processors: int
) -> dict[str, str]:
    """The server's whole environment.

    Nothing of the user's AWS settings is in it: the deployed function inherits it, and must see what it would on AWS.
    """
    environment = {name: environ[name] for name in _KEPT_VARIABLES if name in environ}
    if environ.get("PYTHONPATH"):
        # The server has another working folder, so relative entries would mean something else there.
        entries = [str(working_dir / entry) for entry in environ["PYTHONPATH"].split(os.pathsep) if entry]
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    name, _, value = server_mark(token).partition("=")
    environment |= {
        name: value,
        "PYTHONUTF8": "1",
        "TMPDIR": str(paths.temporary_dir),
        # Lambda has no such files, so the function must not find the user's.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "GATEWAY_PORT": str(port),
        "SERVICES": SERVICES,
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # ministack removes containers of other ministacks when it finds a Docker daemon: show it none.
        "DOCKER_HOST": f"unix://{paths.temporary_dir}/no-docker.sock",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(paths.services_dir),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(paths.objects_dir),
        # Each is a Python process of some 50 MB. Events wait for a free one (see `queueing`), so the pauses between
        # attempts are those after real failures.
        "LAMBDA_ACCOUNT_CONCURRENCY": str(min(max(4, 2 * processors), 16)),
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "2",
        "LAMBDA_ASYNC_RETRY_MAX_SECONDS": "60",
    }
    return environment


def open_listener(*, requested_port: int | None, previous_port: int | None) -> socket.socket:
    """A listening socket of 127.0.0.1, to be handed to the server.

    The port asked for; else the previous one, so that an exported AWS_ENDPOINT_URL stays right; else any. The socket
    listens from here on, so that nobody else can get the port before the server is up.

    Raises:
        LocalAwsError: the port that was asked for cannot be had.
    """
    if requested_port is not None:
        try:
            return _listen(requested_port)
        except OSError as error:
            raise LocalAwsError(
                f"starting the embedded AWS on port {requested_port}",
                f"the port cannot be had: {error.strerror or error}",
                f"end what uses port {requested_port}, or unset {PORT_VARIABLE} to use any free port",
                code="PortTaken",
            ) from error
    if previous_port is not None:
        with suppress(OSError):
            return _listen(previous_port)
    return _listen(0)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of the last server that are still closing must not block its port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(100)
    except OSError:
        listener.close()
        raise
    return listener


class ServerProcess:
    """A server that this command started, as long as this command watches it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None while it lives."""
        return self._process.poll()

    def kill(self) -> None:
        """Ends it at once, with every process of its group."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()

    def let_go(self) -> None:
        """Stops watching: it outlives this command."""
        if self._process.poll() is None:
            # Python would warn that a living child is forgotten; here that is the point.
            self._process.returncode = 0


def start_process(paths: LocalPaths, listener: socket.socket, environment: Mapping[str, str]) -> ServerProcess:
    """Starts the server in a session of its own, so that neither Ctrl-C nor a closing terminal reaches it."""
    command = [sys.executable, "-m", "s3copy_cli.local.serve", str(paths.state_dir), str(listener.fileno())]
    log = os.open(paths.log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=paths.state_dir,
            env=dict(environment),
            pass_fds=(listener.fileno(),),
            start_new_session=True,
        )
    finally:
        os.close(log)
    return ServerProcess(process)
