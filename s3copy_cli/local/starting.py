"""Finding the embedded AWS, or starting it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local import folder, launch
from s3copy_cli.local.decide import Observation, StartPlan, ended_without_saving, plan_start
from s3copy_cli.local.messages import crash_notice, how_it_ended, start_error, unreachable
from s3copy_cli.local.model import LocalAws
from s3copy_cli.local.paths import PORT_VARIABLE, LocalPaths
from s3copy_cli.local.probe import Probe
from s3copy_cli.local.record import Phase, ServerRecord, endpoint_url, read_record
from s3copy_cli.local.system import (
    ELSEWHERE_SECONDS,
    POLL_SECONDS,
    PROBE_SECONDS,
    Server,
    System,
    command_lock,
    observe,
)

ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"  # noqa: S105 (the embedded AWS's fixed administrator, on loopback only)

_START_SECONDS = 30.0


def ensure_running(paths: LocalPaths, *, system: System | None = None) -> LocalAws:
    """The embedded AWS of this state folder, started if it does not run. Safe to call from many commands at once.

    Raises:
        LocalAwsError: it cannot be started or does not answer; the message says why, and what to do.
    """
    system = system or System(environ=os.environ)
    running = _running_record(paths, system)
    if running:
        return _found(paths, running)
    folder.ensure_folder(paths)
    with command_lock(paths, system), folder.reported(paths, "starting the embedded AWS in its state folder"):
        return _find_or_start(paths, system)


def _running_record(paths: LocalPaths, system: System) -> ServerRecord | None:
    """The usual case, quickly and without a lock: there is a record, and its server answers."""
    if not folder.is_ours(paths):
        return None
    with folder.reported(paths, "looking into the embedded AWS's state folder"):
        record = read_record(paths.record_file)
    if record is None or record.phase is not Phase.SERVING:
        return None
    return record if system.probe(record.port, record.token, PROBE_SECONDS) is Probe.OURS else None


def _find_or_start(paths: LocalPaths, system: System) -> LocalAws:
    began = system.clock()
    while True:
        seen = observe(paths, system)
        plan = plan_start(seen)
        if plan is StartPlan.USE and seen.record:
            return _found(paths, seen.record)
        if plan in (StartPlan.START, StartPlan.START_EMPTY):
            started = _start(paths, system, seen)
            if started:
                return started
            continue  # Somebody else's had the folder; look again.
        patience = _START_SECONDS if plan is StartPlan.WAIT else ELSEWHERE_SECONDS
        if system.clock() - began >= patience:
            raise unreachable(paths, seen)
        system.sleep(POLL_SECONDS)


def _start(paths: LocalPaths, system: System, seen: Observation) -> LocalAws | None:
    """Starts a server and waits until it answers; None if another server holds the folder."""
    if not system.is_installed():
        raise LocalAwsError(
            "starting the embedded AWS",
            "it is not installed with this s3copy",
            "pip install 's3copy[local]'",
            code="LocalAwsMissing",
        )
    notices: list[str] = []
    if seen.record:
        system.kill_leftovers(launch.server_mark(seen.record.token))
    if ended_without_saving(seen):
        folder.move_aside(paths)
        notices.append(crash_notice(paths, seen.record))
    previous_port = seen.record.port if seen.record else None
    listener = launch.open_listener(requested_port=paths.requested_port, previous_port=previous_port)
    try:
        port: int = listener.getsockname()[1]
        if previous_port is not None and paths.requested_port is None and port != previous_port:
            notices.append(
                f"port {previous_port} is taken, so the embedded AWS is now at {endpoint_url(port)}; where "
                'AWS_ENDPOINT_URL was exported, run again: eval "$(s3copy local env)"'
            )
        token = secrets.token_hex(16)
        environment = launch.server_environment(
            paths,
            port=port,
            token=token,
            environ=system.environ,
            working_dir=_working_dir(),
            processors=os.cpu_count() or 1,
        )
        folder.prepare_run(paths)
        server = system.start_process(paths, listener, environment)
    finally:
        listener.close()  # The server has its own; once it ends, the port is free again.
    try:
        record = _await_health(paths, system, server, port, token)
    finally:
        server.let_go()
    return _as_local_aws(paths, record, started_now=True, notices=tuple(notices)) if record else None


def _working_dir() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # Deleted under this command: nothing relative to it can be meant.
        return Path("/")


def _await_health(paths: LocalPaths, system: System, server: Server, port: int, token: str) -> ServerRecord | None:
    deadline = system.clock() + _START_SECONDS
    while system.clock() < deadline:
        answer = system.probe(port, token, 1.0)
        record = read_record(paths.record_file)
        if answer is Probe.OURS and record and record.token == token:
            return record
        code = server.exit_code()
        if code == launch.EXIT_FOLDER_IN_USE:
            return None
        if code is not None:
            raise start_error(paths, f"its server ended at once ({how_it_ended(code)})")
        system.sleep(POLL_SECONDS)
    server.kill()
    raise start_error(paths, f"its server did not answer within {_START_SECONDS:.0f} s and was ended")


def _found(paths: LocalPaths, record: ServerRecord) -> LocalAws:
    notices: list[str] = []
    if paths.requested_port not in (None, record.port):
        notices.append(
            f"the embedded AWS already runs on port {record.port}; {PORT_VARIABLE}={paths.requested_port} takes "
            "effect after: s3copy local stop"
        )
    if not Path(record.interpreter).exists():
        notices.append(
            f"the Python that the embedded AWS runs in is gone ({record.interpreter}), so its functions cannot run; "
            "run: s3copy local stop"
        )
    return _as_local_aws(paths, record, started_now=False, notices=tuple(notices))


def _as_local_aws(paths: LocalPaths, record: ServerRecord, *, started_now: bool, notices: tuple[str, ...]) -> LocalAws:
    return LocalAws(
        endpoint_url=record.endpoint_url,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET_ACCESS_KEY,
        region=launch.REGION,
        pid=record.pid,
        state_dir=paths.state_dir,
        started_now=started_now,
        notices=notices,
    )
