"""A function's log lines are complete, however busy this machine is, as they nearly always are on AWS.

ministack reads what a function writes in a thread of its own. After an invocation it takes what that thread has read so
far, and waits a few milliseconds for more. On a busy machine the rest comes too late: it is put next to the following
invocation, or is lost where the failed function's process has been ended. An error whose line is lost names no object,
and so never recovers.
"""

from __future__ import annotations

import fcntl
import logging
import struct
import termios
import time
from collections.abc import Callable
from typing import Any

# How long to wait for the end of what an ended process has written, which somebody else may hold open.
_END_SECONDS = 5.0
# A process that goes on: how long nothing must have come before that counts as all, and how long to wait at most.
_QUIET_SECONDS = 0.01
_SILENT_SECONDS = 0.1
_MOST_SECONDS = 2.0
_PAUSE_SECONDS = 0.002


def keep_late_lines(
    worker: Any,
    *,
    sleep: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> bool:
    """Changes ministack's class of workers so; False, and nothing changed, where it is not built as expected.

    Args:
        worker: the class.
        sleep: waits so many seconds.
        monotonic: seconds.
    """
    if not all(callable(getattr(worker, name, None)) for name in ("_drain_stderr", "_drain_stderr_bounded")):
        logging.getLogger(__name__).warning("this ministack is built differently: log lines may get lost")
        return False
    take_now: Callable[[Any], str] = worker._drain_stderr

    def take_all(self: Any, *_: Any, **__: Any) -> str:
        if self._proc is None:
            # The process has ended, and so does the reading of what it has written.
            if self._stderr_thread is not None:
                self._stderr_thread.join(_END_SECONDS)
            return take_now(self)
        begun = quiet_since = monotonic()
        seen = 0
        while (now := monotonic()) - begun < _MOST_SECONDS:
            count = self._stderr_queue.qsize()
            if count != seen or _waiting_bytes(self._proc.stderr):
                seen, quiet_since = count, now
            elif now - quiet_since >= (_QUIET_SECONDS if count else _SILENT_SECONDS):
                break
            sleep(_PAUSE_SECONDS)
        return take_now(self)

    worker._drain_stderr = take_all
    worker._drain_stderr_bounded = take_all
    return True


def _waiting_bytes(pipe: Any) -> int:
    """How much has been written that nobody has read yet."""
    try:
        answer = fcntl.ioctl(pipe.fileno(), termios.FIONREAD, b"\0" * 4)
    except (OSError, ValueError, AttributeError):
        # Closed, or a worker without a pipe of its own: nothing more can be seen there.
        return 0
    return int(struct.unpack("i", answer)[0])
