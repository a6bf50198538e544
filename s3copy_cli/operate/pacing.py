"""A bounded rate."""

from __future__ import annotations

from s3copy_cli.verify.clock import Clock


class Pace:
    """Lets so many things happen in a second, on average; the first ones at once.

    Args:
        rate: things in a second.
        clock: time.
    """

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._free_at = clock.monotonic()

    def take(self, amount: int) -> None:
        """Wait until `amount` more may happen."""
        now = self._clock.monotonic()
        if now < self._free_at:
            self._clock.sleep(self._free_at - now)
        self._free_at = max(now, self._free_at) + amount / self._rate

    def hold(self, seconds: float) -> None:
        """Nothing more for so many seconds."""
        self._free_at = max(self._free_at, self._clock.monotonic() + seconds)
