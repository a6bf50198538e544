"""Looking at, stopping and emptying the embedded AWS."""

from __future__ import annotations

import os
import signal

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local import folder, launch
from s3copy_cli.local.decide import Observation, StopPlan, ended_without_saving, is_alive, plan_stop
from s3copy_cli.local.locks import is_locked
from s3copy_cli.local.messages import lost_notice, unreachable
from s3copy_cli.local.model import LocalStatus, ResetReport, StopReport
from s3copy_cli.local.paths import LocalPaths
from s3copy_cli.local.probe import Probe
from s3copy_cli.local.process import Sight
from s3copy_cli.local.record import Phase, ServerRecord, read_record
from s3copy_cli.local.system import ELSEWHERE_SECONDS, POLL_SECONDS, System, command_lock, observe

_GLANCE_SECONDS = 1.0
_STOP_SECONDS = 30.0
_KILL_SECONDS = 5.0


def status(paths: LocalPaths, *, system: System | None = None) -> LocalStatus:
    """What is known of the embedded AWS of this state folder. Changes nothing.

    Raises:
        LocalAwsError: the folder cannot be read, or is not ours.
    """
    system = system or System(environ=os.environ)
    if not folder.is_ours(paths):
        return LocalStatus(False, False, False, None, None, None, None, paths.state_dir, 0, None, None)
    with folder.reported(paths, "looking into the embedded AWS's state folder"):
        seen = _observe_settled(paths, system, _GLANCE_SECONDS)
        running = seen.record if is_alive(seen) else None
        return LocalStatus(
            is_running=is_alive(seen),
            is_answering=seen.probe is Probe.OURS,
            is_unsaved=ended_without_saving(seen),
            pid=running.pid if running else None,
            endpoint_url=running.endpoint_url if running else None,
            started_at=running.started_at if running else None,
            version=running.version if running else None,
            state_dir=paths.state_dir,
            size_bytes=folder.size_bytes(paths),
            log_file=paths.log_file if paths.log_file.exists() else None,
            crashed_dir=paths.crashed_dir if paths.crashed_dir.exists() else None,
        )


def stop(paths: LocalPaths, *, system: System | None = None) -> StopReport:
    """Stops the embedded AWS of this state folder, saving its state; fine if none runs.

    Raises:
        LocalAwsError: it lives where it cannot be stopped, or does not even end when killed.
    """
    system = system or System(environ=os.environ)
    if not folder.is_ours(paths):
        return StopReport(was_running=False, pid=None, is_saved=True, was_killed=False, state_dir=paths.state_dir)
    with command_lock(paths, system), folder.reported(paths, "stopping the embedded AWS of"):
        return _stop(paths, system)


def reset(paths: LocalPaths, *, system: System | None = None) -> ResetReport:
    """Stops the embedded AWS and deletes everything that it kept; nothing else in the folder is touched.

    Raises:
        LocalAwsError: it could not be stopped, or the file system refused.
    """
    system = system or System(environ=os.environ)
    if not folder.is_ours(paths):
        nothing = StopReport(was_running=False, pid=None, is_saved=True, was_killed=False, state_dir=paths.state_dir)
        return ResetReport(stopped=nothing, deleted_bytes=0, state_dir=paths.state_dir)
    with command_lock(paths, system), folder.reported(paths, "emptying the embedded AWS's state folder"):
        stopped = _stop(paths, system)
        deleted_bytes = folder.size_bytes(paths)
        folder.delete_everything(paths)
        return ResetReport(stopped=stopped, deleted_bytes=deleted_bytes, state_dir=paths.state_dir)


def _stop(paths: LocalPaths, system: System) -> StopReport:
    seen = _observe_settled(paths, system, ELSEWHERE_SECONDS)
    plan = plan_stop(seen)
    if plan is StopPlan.REFUSE_ELSEWHERE:
        raise unreachable(paths, seen)
    record = seen.record
    if record is None or plan is StopPlan.NOTHING:
        if record:
            system.kill_leftovers(launch.server_mark(record.token))
        is_saved = not ended_without_saving(seen)
        return StopReport(False, None, is_saved, False, paths.state_dir, () if is_saved else (lost_notice(record),))
    system.send_signal(record.pid, record.birth, signal.SIGTERM)
    was_killed = False
    if not _await_end(paths, system, record, _STOP_SECONDS):
        was_killed = system.kill_group(record.pid, record.birth)
        if not _await_end(paths, system, record, _KILL_SECONDS):
            raise LocalAwsError(
                "stopping the embedded AWS",
                f"its process {record.pid} did not end when killed",
                f"look at it with: ps -fp {record.pid}",
            )
    system.kill_leftovers(launch.server_mark(record.token))
    folder.delete(paths.temporary_dir)
    after = read_record(paths.record_file)
    is_saved = after is not None and after.phase is not Phase.SERVING
    notices = [f"the embedded AWS did not end within {_STOP_SECONDS:.0f} s and was killed"] if was_killed else []
    if not is_saved:
        notices.append(lost_notice(record))
    return StopReport(True, record.pid, is_saved, was_killed, paths.state_dir, tuple(notices))


def _observe_settled(paths: LocalPaths, system: System, seconds: float) -> Observation:
    """What is seen once it makes sense, or after this long: an ending process is gone a little before its lock is."""
    patience = system.clock() + seconds
    while True:
        seen = observe(paths, system)
        if plan_stop(seen) is not StopPlan.REFUSE_ELSEWHERE or system.clock() >= patience:
            return seen
        system.sleep(POLL_SECONDS)


def _await_end(paths: LocalPaths, system: System, record: ServerRecord, seconds: float) -> bool:
    deadline = system.clock() + seconds
    while True:
        if system.look_at(record.pid, record.birth) is not Sight.SAME and not is_locked(paths.server_lock):
            return True
        if system.clock() >= deadline:
            return False
        system.sleep(POLL_SECONDS)
