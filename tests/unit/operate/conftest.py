"""A clock that only moves when somebody sleeps, and differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest

from s3copy_cli.operate.events import Difference
from s3copy_cli.verify.clock import Clock
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.results import ObjectResult

MOMENT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


@dataclass
class FakeTime:
    """Seconds that pass only by sleeping."""

    seconds: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        return Clock(now=self.now, monotonic=lambda: self.seconds, sleep=self.sleep)

    def now(self) -> datetime:
        return MOMENT + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.seconds += seconds


@pytest.fixture
def fake_time() -> FakeTime:
    """A clock at noon on 1 March 2026."""
    return FakeTime()


@pytest.fixture
def difference() -> Callable[..., Difference]:
    """Make one: `difference("key", size=7)`."""

    def make(key: str = "k", outcome: Outcome = Outcome.MISSING, size: int = 1) -> Difference:
        return Difference(key, outcome, size, "e")

    return make


@pytest.fixture
def result() -> Callable[..., ObjectResult]:
    """What a walk found: `result("key", Outcome.UNPROVED, copy_age=-1)`, with the copy a second older."""

    def make(key: str, outcome: Outcome, size: int | None = 3, copy_age: int = 0) -> ObjectResult:
        copied = MOMENT + timedelta(seconds=copy_age)
        return ObjectResult(key, outcome, size, "etag", source_modified=MOMENT, destination_modified=copied)

    return make
