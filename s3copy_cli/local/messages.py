"""What the user is told when something about the embedded AWS is not as it should be. Pure, but for reading the log."""

from __future__ import annotations

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local import folder
from s3copy_cli.local.decide import Observation
from s3copy_cli.local.paths import STATE_DIR_VARIABLE, LocalPaths
from s3copy_cli.local.process import Sight
from s3copy_cli.local.record import ServerRecord

_LOG_LINES = 4


def crash_notice(paths: LocalPaths, record: ServerRecord | None) -> str:
    which = f" (process {record.pid}, started {record.started_at})" if record else ""
    return (
        f"the embedded AWS{which} had ended without saving its state, so it starts empty; run s3copy setup again. What "
        f"it held was moved to {paths.crashed_dir}, its log is {paths.previous_log_file}"
    )


def lost_notice(record: ServerRecord | None) -> str:
    which = f" (process {record.pid}, started {record.started_at})" if record else ""
    return f"the embedded AWS{which} ended without saving its state; the next start begins empty"


def unreachable(paths: LocalPaths, seen: Observation) -> LocalAwsError:
    record = seen.record
    if record and seen.sight is Sight.SAME:
        return LocalAwsError(
            "reaching the embedded AWS",
            f"its server (process {record.pid}) lives but does not answer at {record.endpoint_url}",
            f"look into {paths.log_file}; s3copy local stop ends it",
            code="LocalAwsSilent",
        )
    return LocalAwsError(
        "reaching the embedded AWS",
        f"a server that this command cannot see holds {paths.state_dir}; it may run in another container or on "
        "another machine that shares the folder",
        f"stop it there, or set {STATE_DIR_VARIABLE} to another folder",
        code="LocalAwsElsewhere",
    )


def start_error(paths: LocalPaths, happened: str) -> LocalAwsError:
    lines = folder.log_tail(paths.log_file, _LOG_LINES)
    said = "; it said nothing" if not lines else "; its log ends: " + " | ".join(lines)
    return LocalAwsError(
        "starting the embedded AWS",
        happened + said,
        f"the whole log is {paths.log_file}; s3copy local reset begins anew",
        code="LocalAwsStart",
    )


def how_it_ended(code: int) -> str:
    """An exit code of `subprocess` in words."""
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
