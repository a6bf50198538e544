"""Time as an argument, so that tests decide what it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class Clock:
    """The three ways in which verify meets time.

    Attributes:
        now: the time of day, with its zone.
        monotonic: seconds for measuring.
        sleep: waits for so many seconds.
    """

    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
