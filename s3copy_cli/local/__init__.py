"""The embedded AWS: a server process of the user, on this machine only, that outlives the commands that use it."""

from s3copy_cli.local.model import LocalAws, LocalStatus, ResetReport, StopReport, export_lines, export_variables
from s3copy_cli.local.paths import PORT_VARIABLE, STATE_DIR_VARIABLE, LocalPaths, local_paths
from s3copy_cli.local.starting import ensure_running
from s3copy_cli.local.stopping import reset, status, stop

__all__ = [
    "PORT_VARIABLE",
    "STATE_DIR_VARIABLE",
    "LocalAws",
    "LocalPaths",
    "LocalStatus",
    "ResetReport",
    "StopReport",
    "ensure_running",
    "export_lines",
    "export_variables",
    "local_paths",
    "reset",
    "status",
    "stop",
]
