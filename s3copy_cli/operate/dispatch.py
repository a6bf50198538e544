"""Many invocations side by side: bounded in rate and in number, slower while Lambda is busy."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import NoReturn

from s3copy_cli.aws import INVOKE_CONCURRENCY
from s3copy_cli.errors import AwsError
from s3copy_cli.operate.events import Batch
from s3copy_cli.operate.invoking import Answer, Said
from s3copy_cli.operate.pacing import Pace
from s3copy_cli.verify.clock import Clock

# One invocation in flight for so many objects in a second; and how many there may be at most.
OBJECTS_PER_SLOT = 10
MAX_IN_FLIGHT = INVOKE_CONCURRENCY

# How long Lambda may refuse to run the function at all.
_PATIENCE_SECONDS = 300.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0
# After so many answers without a refusal one more invocation is tried.
_ANSWERS_TO_GROW = 10

Job = Callable[[], None]


def in_flight_for(rate: float) -> int:
    """How many invocations a rate in objects per second needs at the same time. Pure."""
    return max(1, min(MAX_IN_FLIGHT, round(rate / OBJECTS_PER_SLOT)))


def start_thread(job: Job) -> None:
    """Run a job in a thread of its own.

    The thread does not keep the program from ending: an invocation goes on without us, and may take 15 minutes.
    """
    threading.Thread(target=job, name="s3copy-invoke", daemon=True).start()


class Dispatcher:
    """Sends batches and gives back what they came to.

    Args:
        invoke: runs the function on one batch; called in other threads.
        pace: how fast.
        clock: time.
        max_in_flight: how many invocations at the same time.
        start: runs a job elsewhere.
        on_busy: told why, when Lambda begins to refuse to run the function.
    """

    def __init__(
        self,
        invoke: Callable[[Batch], Answer],
        pace: Pace,
        clock: Clock,
        *,
        max_in_flight: int,
        start: Callable[[Job], None] = start_thread,
        on_busy: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._invoke = invoke
        self._pace = pace
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._limit = max_in_flight
        self._start = start
        self._on_busy = on_busy
        self._answers: SimpleQueue[tuple[Batch, Answer | BaseException]] = SimpleQueue()
        self._in_flight = 0
        self._refused_since: float | None = None
        self._pause = _FIRST_PAUSE
        self._held_until = clock.monotonic()
        self._calm_answers = 0

    def iter_answers(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Answer]]:
        """Every batch once, with its answer, in the order in which the answers come; never one that says "busy".

        Raises:
            AwsError: Lambda refuses, or has been too busy for minutes.
            CredentialsError: the credentials are not good.
        """
        again: deque[Batch] = deque()
        waiting = iter(batches)
        is_all_taken = False
        while True:
            while self._in_flight < self._limit and not (is_all_taken and not again):
                batch = again.popleft() if again else next(waiting, None)
                if batch is None:
                    is_all_taken = True
                else:
                    self._send(batch)
            if not self._in_flight:
                return
            batch, answer = self._take()
            if answer.said is Said.BUSY:
                again.append(batch)
                self._slow_down(answer)
            else:
                self._speed_up()
                yield batch, answer

    def _send(self, batch: Batch) -> None:
        self._pace.take(len(batch))
        self._in_flight += 1

        def job() -> None:
            try:
                self._answers.put((batch, self._invoke(batch)))
            except BaseException as error:  # noqa: BLE001  (raised again where the answers are taken)
                self._answers.put((batch, error))

        self._start(job)

    def _take(self) -> tuple[Batch, Answer]:
        batch, answer = self._answers.get()
        self._in_flight -= 1
        if isinstance(answer, BaseException):
            raise answer
        return batch, answer

    def _slow_down(self, answer: Answer) -> None:
        now = self._clock.monotonic()
        if self._refused_since is None:
            self._refused_since = now
            self._on_busy(answer.message)
        if not self._in_flight and now - self._refused_since > _PATIENCE_SECONDS:
            _give_up(answer)
        self._limit = max(1, self._in_flight)
        self._calm_answers = 0
        if now < self._held_until:
            # One of several that were refused at the same moment.
            return
        self._pace.hold(self._pause)
        self._held_until = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _speed_up(self) -> None:
        self._refused_since = None
        self._pause = _FIRST_PAUSE
        self._calm_answers += 1
        if self._calm_answers >= _ANSWERS_TO_GROW and self._limit < self._max_in_flight:
            self._limit += 1
            self._calm_answers = 0


def _give_up(answer: Answer) -> NoReturn:
    raise AwsError(
        "invoking the function",
        f"Lambda has not run it for {_PATIENCE_SECONDS / 60:g} minutes: {answer.message}",
        "Look at the function's reserved concurrency (0 keeps it from running) and at the account's concurrency, "
        "then run the command again: it goes on where it stopped.",
        code="TooManyRequestsException",
        operation="Invoke",
    )
