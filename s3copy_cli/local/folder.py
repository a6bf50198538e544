"""The state folder: making, measuring, moving aside and deleting what is in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local.paths import STATE_DIR_VARIABLE, LocalPaths

_TAIL_BYTES = 16384


@contextmanager
def reported(paths: LocalPaths, doing: str) -> Iterator[None]:
    """Turns what the file system refuses into a LocalAwsError."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise LocalAwsError(
            f"{doing} {paths.state_dir}",
            f"{error.strerror or error}{where}",
            f"set {STATE_DIR_VARIABLE} to a folder on a local disk that you can write to",
            code="LocalAwsFolder",
        ) from error


def ensure_folder(paths: LocalPaths) -> None:
    """Makes the state folder, for its owner only.

    Raises:
        LocalAwsError: it cannot be made or written, is another user's, or holds what is not ours.
    """
    with reported(paths, "preparing the embedded AWS's state folder"):
        paths.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_ours(paths)
        if paths.state_dir.stat().st_mode & 0o077:
            paths.state_dir.chmod(0o700)
        os.close(os.open(paths.command_lock, os.O_RDWR | os.O_CREAT, 0o600))


def is_ours(paths: LocalPaths) -> bool:
    """Whether the state folder exists and an embedded AWS has lived in it."""
    with reported(paths, "looking at the embedded AWS's state folder"):
        if not paths.command_lock.exists():
            return False
        check_ours(paths)
        return True


def check_ours(paths: LocalPaths) -> None:
    """Refuses a folder that is not the embedded AWS's own: later its contents will be moved and deleted.

    Raises:
        LocalAwsError: it is another user's, or holds files and none of them says that it is ours.
    """
    owner = paths.state_dir.stat().st_uid
    if owner != os.geteuid():
        raise LocalAwsError(
            f"using the embedded AWS's state folder {paths.state_dir}",
            f"it belongs to another user (uid {owner}; this command runs as {os.geteuid()})",
            f"run this as that user, or set {STATE_DIR_VARIABLE} to a folder of yours",
            code="LocalAwsFolder",
        )
    # The mark is looked for last, so that a command that prepares the same folder at this moment is no stranger.
    is_empty = next(paths.state_dir.iterdir(), None) is None
    if not is_empty and not paths.command_lock.exists():
        raise LocalAwsError(
            f"using the embedded AWS's state folder {paths.state_dir}",
            "it holds files that are not the embedded AWS's",
            f"set {STATE_DIR_VARIABLE} to an empty or new folder",
            code="LocalAwsFolder",
        )


def has_data(paths: LocalPaths) -> bool:
    """Whether an earlier run left anything."""
    return any(files for _, _, files in os.walk(paths.data_dir))


def size_bytes(paths: LocalPaths) -> int:
    """How much the state folder's files hold; files that vanish meanwhile do not count."""
    total = 0
    for folder, _, names in os.walk(paths.state_dir):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except OSError:
                continue
    return total


def prepare_run(paths: LocalPaths) -> None:
    """Empties the temporary folder, makes the data folders, keeps the last run's log beside the new one."""
    delete(paths.temporary_dir)
    for folder in (paths.temporary_dir, paths.data_dir, paths.services_dir, paths.objects_dir):
        folder.mkdir(mode=0o700, exist_ok=True)
    if paths.log_file.exists():
        paths.log_file.replace(paths.previous_log_file)


def move_aside(paths: LocalPaths) -> None:
    """Moves the data into `crashed/`, in place of what was there."""
    if paths.data_dir.exists():
        delete(paths.crashed_dir)
        paths.data_dir.replace(paths.crashed_dir)


def delete_everything(paths: LocalPaths) -> None:
    """Deletes what the embedded AWS made in its folder, and nothing else; the mark last."""
    for path in (
        paths.data_dir,
        paths.crashed_dir,
        paths.temporary_dir,
        paths.log_file,
        paths.previous_log_file,
        *paths.state_dir.glob(f"{paths.record_file.name}.*.tmp"),
        paths.record_file,
        paths.server_lock,
        paths.command_lock,
    ):
        delete(path)


def delete(path: Path) -> None:
    """Deletes a file, or a folder with everything in it; fine if there is none. Links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def log_tail(log_file: Path, most_lines: int) -> list[str]:
    """The last lines of a log, without control characters (they could steer a terminal)."""
    try:
        with log_file.open("rb") as file:
            file.seek(max(0, log_file.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = [printable(line).rstrip() for line in text.splitlines()]
    return [line for line in lines if line][-most_lines:]


def printable(text: str) -> str:
    """The text with every character that is not printable replaced, and tabs as blanks."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text.replace("\t", " ")
    )
