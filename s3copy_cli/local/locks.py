"""File locks. The kernel frees them when their holder ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from s3copy_cli.errors import LocalAwsError

_POLL_SECONDS = 0.05


@contextmanager
def exclusive_lock(
    path: Path, *, wait_seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[None]:
    """Holds the lock of this file, creating the file; others wait for it.

    Raises:
        LocalAwsError: somebody else held it for longer than `wait_seconds`.
    """
    deadline = clock() + wait_seconds
    while (descriptor := try_lock(path)) is None:
        if clock() >= deadline:
            raise LocalAwsError(
                "waiting for another s3copy command that starts or stops the embedded AWS",
                f"it still holds {path} after {wait_seconds:.0f} s",
                "let it finish, or end it, and run this command again",
                code="LocalAwsBusy",
            )
        sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the file's lock until it is closed, or None if another holds it. Creates the file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if _lock_now(descriptor, fcntl.LOCK_EX) and _is_the_same_file(descriptor, path):
        return descriptor
    # A reset may have deleted the file between our opening and locking it: such a lock keeps nobody out.
    os.close(descriptor)
    return None


def is_locked(path: Path) -> bool:
    """Whether a living process holds the file's lock. Creates nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _lock_now(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _lock_now(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _is_the_same_file(descriptor: int, path: Path) -> bool:
    ours = os.fstat(descriptor)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
