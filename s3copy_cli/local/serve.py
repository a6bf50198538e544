"""The server's side: `python -m s3copy_cli.local.serve STATE_DIR LISTENER`, started by `launch` and by nobody else.

It runs ministack, keeps the record of itself, and says so when, and only when, it has saved its state. Its settings
come from its environment (see `launch.server_environment`).
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from s3copy_cli.local.bridging import invoke_rule_targets_asynchronously
from s3copy_cli.local.deleted_functions import drop_events_of_deleted_functions
from s3copy_cli.local.late_lines import keep_late_lines
from s3copy_cli.local.launch import EXIT_FOLDER_IN_USE
from s3copy_cli.local.locks import try_lock
from s3copy_cli.local.paths import LocalPaths
from s3copy_cli.local.probe import token_of
from s3copy_cli.local.process import birth_of
from s3copy_cli.local.queueing import queue_asynchronous_events
from s3copy_cli.local.record import Phase, ServerRecord, read_record, write_record
from s3copy_cli.local.updates import let_invocations_end

_LOCK_ATTEMPTS = 40
_LOCK_PAUSE_SECONDS = 0.05
_WATCH_SECONDS = 5.0
_WORKERS_GRACE_SECONDS = 3.0

_Message = dict[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class SavedState:
    """Whether ministack has saved everything: it logs what it fails to save, and goes on."""

    def __init__(self) -> None:
        self.has_failed = False
        self.is_complete = False

    @property
    def is_saved(self) -> bool:
        """Whether the shutdown ran to its end and nothing failed to be saved."""
        return self.is_complete and not self.has_failed


class _FailureListener(logging.Handler):
    def __init__(self, saved: SavedState) -> None:
        super().__init__(level=logging.ERROR)
        self._saved = saved

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 (the signature is logging's)
        self._saved.has_failed = True


def watch_lifespan(app: _App, *, on_started: Callable[[], None], on_shut_down: Callable[[], None]) -> _App:
    """The same ASGI application, telling when it is ready to serve and when it has shut down."""

    async def watched(scope: _Message, receive: _Receive, send: _Send) -> None:
        async def watched_send(message: _Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                on_started()
            elif message["type"] == "lifespan.shutdown.complete":
                on_shut_down()
            await send(message)

        await app(scope, receive, watched_send if scope["type"] == "lifespan" else send)

    return watched


def main(arguments: list[str]) -> int:
    """Serves until SIGTERM, or until the state folder is no longer this server's."""
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    paths = LocalPaths(state_dir=Path(arguments[0]))
    listener = int(arguments[1])
    os.set_inheritable(listener, False)
    if not _hold_lock(paths.server_lock):
        print("another server holds this folder", file=sys.stderr)  # noqa: T201 (this is the log)
        return EXIT_FOLDER_IN_USE
    record = ServerRecord(
        phase=Phase.STARTING,
        pid=os.getpid(),
        birth=birth_of(os.getpid()),
        token=token_of(os.environ["MINISTACK_EDITION"]),
        port=int(os.environ["GATEWAY_PORT"]),
        started_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        interpreter=sys.executable,
        version=importlib.metadata.version("ministack"),
    )
    write_record(paths.record_file, record)
    asyncio.run(_serve(paths, record, listener))
    return 1  # _serve ends the process itself.


def _hold_lock(lock_file: Path) -> bool:
    # The descriptor stays open, and so the lock held, until this process ends. Somebody who only looks whether the
    # lock is held holds it for a moment, hence the attempts.
    for _ in range(_LOCK_ATTEMPTS):
        if try_lock(lock_file) is not None:
            return True
        time.sleep(_LOCK_PAUSE_SECONDS)
    return False


async def _serve(paths: LocalPaths, record: ServerRecord, listener: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.core import lambda_runtime
    from ministack.services import eventbridge, lambda_svc

    queue_asynchronous_events(lambda_svc)
    drop_events_of_deleted_functions(lambda_svc)
    invoke_rule_targets_asynchronously(eventbridge, lambda_svc)
    let_invocations_end(lambda_svc, lambda_runtime)
    keep_late_lines(getattr(lambda_runtime, "Worker", None))
    _raise_descriptor_limit()
    saved = SavedState()
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()

    def stop() -> None:
        asked_to_stop.set()
        logging.getLogger("persistence").addHandler(_FailureListener(saved))
        # An invocation that goes on would keep its connection, and so the server, from ending.
        loop.call_later(_WORKERS_GRACE_SECONDS, _end_group, loop)

    def started() -> None:
        write_record(paths.record_file, record.with_phase(Phase.SERVING))

    def shut_down() -> None:
        saved.is_complete = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    config = Config()
    config.bind = [f"fd://{listener}"]
    config.keep_alive_timeout = 75
    watcher = loop.create_task(_watch_folder(paths, record.token))
    await serve(
        watch_lifespan(app, on_started=started, on_shut_down=shut_down),  # type: ignore[arg-type]
        config,
        shutdown_trigger=asked_to_stop.wait,
    )
    watcher.cancel()
    if saved.is_saved and _owns_folder(paths, record.token):
        write_record(paths.record_file, record.with_phase(Phase.STOPPED))
    _end_group(loop)
    logging.shutdown()
    # Not by returning: the interpreter would wait for threads that wait for functions.
    os._exit(0 if saved.is_saved else 1)


async def _watch_folder(paths: LocalPaths, token: str) -> None:
    """Ends the server once its folder was deleted or taken over: nobody could find it any more.

    It ends without saving, which would bring the folder back.
    """
    while _owns_folder(paths, token):
        await asyncio.sleep(_WATCH_SECONDS)
    _end_group(asyncio.get_running_loop())
    os._exit(1)


def _owns_folder(paths: LocalPaths, token: str) -> bool:
    with suppress(OSError):
        record = read_record(paths.record_file)
        return record is not None and record.token == token
    return True  # It cannot be read just now; that does not make it another's.


def _end_group(loop: asyncio.AbstractEventLoop) -> None:
    """Ends the functions' processes, which are in this process's group; not this process."""
    if os.getpgrp() != os.getpid():
        return
    loop.remove_signal_handler(signal.SIGTERM)
    # A handler, not SIG_IGN: what is started later would inherit the latter.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with suppress(ProcessLookupError):
        os.killpg(os.getpid(), signal.SIGTERM)


def _raise_descriptor_limit() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
