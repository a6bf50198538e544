"""A process that has loaded the program, and forks for each command line: loading takes longer than most commands.

So each command still has a process, an environment, streams and an exit code of its own. What `python -m s3copy_cli`
does before that is shown by the tests that start it themselves (`local`, test_bad_luck.py, the wheel).
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

SERVICES = ("s3", "iam", "lambda", "logs", "sqs", "sts", "events", "cloudwatch", "resourcegroupstaggingapi")


class Ready:
    """Runs command lines, one at a time; `close` ends it."""

    def __init__(self) -> None:
        self._streams = tempfile.TemporaryDirectory(prefix="s3copy-streams-")
        environ = {**os.environ, "LANG": "C.UTF-8"}
        command = [sys.executable, str(Path(__file__))]
        self._process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        # Not select: this process may have more than 1024 files open.
        self._ended = select.poll()
        self._ended.register(self._process.stdout, select.POLLIN)

    def run(
        self, arguments: tuple[str, ...], *, environ: Mapping[str, str], folder: Path, timeout_seconds: float
    ) -> tuple[int, str, str]:
        """The exit code (negative for a signal), stdout and stderr of `s3copy ARGUMENTS`.

        Raises:
            subprocess.TimeoutExpired: it took longer, and was killed.
        """
        streams = {name: Path(self._streams.name) / name for name in ("stdout", "stderr")}
        request = {
            "arguments": arguments,
            "environ": dict(environ),
            "folder": str(folder),
            **{name: str(path) for name, path in streams.items()},
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        pid = self._answer()
        if not self._ended.poll(timeout_seconds * 1000):
            os.kill(pid, signal.SIGKILL)
            self._answer()
            raise subprocess.TimeoutExpired(["s3copy", *arguments], timeout_seconds)
        exit_code = self._answer()
        out, err = (path.read_text(encoding="utf-8") for path in streams.values())
        return exit_code, out, err

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)
        self._streams.cleanup()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def load() -> None:
    """All that the program loads sooner or later; no thread may be left by it."""
    import boto3
    import botocore.loaders
    import botocore.session

    from s3copy_cli import __main__, cli  # noqa: F401  (loaded for later)

    for module, _, _ in cli.COMMANDS.values():
        importlib.import_module(module)
    importlib.import_module("s3copy_cli.s3.crt_store")
    loader = botocore.loaders.create_loader()
    paths = list(loader.search_paths)

    def create(*_: object) -> botocore.loaders.Loader:
        loader.search_paths[:] = paths
        return loader

    # Every session would read the service models again.
    botocore.session.create_loader = create  # type: ignore[assignment]
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    for service in SERVICES:
        session.client(service)
        loader.load_service_model(service, "paginators-1")


def serve() -> None:
    """Fork for each line of stdin; say the new process's id, and how it ended."""
    load()
    gc.collect()
    gc.freeze()
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    for line in requests:
        assert threading.active_count() == 1
        pid = os.fork()
        if not pid:
            requests.close()
            os.close(answers)
            become(json.loads(line))
        os.write(answers, b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))


def become(request: dict[str, Any]) -> NoReturn:
    """Be the process that was asked for."""
    from s3copy_cli.__main__ import main

    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for stream, path, mode in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["stdout"], flags),
        (2, request["stderr"], flags),
    ):
        opened = os.open(path, mode)
        os.dup2(opened, stream)
        os.close(opened)
    sys.argv = ["s3copy", *request["arguments"]]
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    # As the interpreter ends, but for freeing a hundred thousand objects one by one.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for each in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            each.flush()
    os._exit(code)


if __name__ == "__main__":
    # The program is the one that the tests see, and no module of this folder hides another.
    sys.path[0] = str(Path(__file__).parents[2])
    serve()
