"""Taking steps side by side: each begins as soon as those that it needs have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Event, Thread

from s3copy_cli.errors import CredentialsError, OvertakenError, S3CopyError, SeveralFailuresError
from s3copy_cli.provision.order import needs_of
from s3copy_cli.provision.plan import Step
from s3copy_cli.provision.propagation import Patience

# How long an interrupted run waits for the requests that are under way, in seconds.
GRACE_SECONDS = 3.0


class StoppedError(S3CopyError):
    """A step gave up waiting, because the run was interrupted or another step failed for good."""

    default_code = "Stopped"

    def __init__(self) -> None:
        super().__init__("waiting for AWS", "stopped", "Run the command again: it goes on where it stopped.")


@dataclass(frozen=True)
class Outcome:
    """How a step ended.

    Attributes:
        step: the step.
        error: why it failed; None if it did not.
    """

    step: Step
    error: BaseException | None = None


def stoppable(patience: Patience, stop: Event) -> Patience:
    """The same patience, which ends with StoppedError once `stop` is set."""

    def sleep(seconds: float) -> None:
        if not stop.is_set():
            patience.sleep(seconds)
        if stop.is_set():
            raise StoppedError

    return replace(patience, sleep=sleep)


def take_in_parallel(
    steps: Sequence[Step],
    take: Callable[[Step], None],
    on_done: Callable[[Outcome], None],
    stop: Event,
    *,
    goes_on: Callable[[Exception], bool],
) -> list[Outcome]:
    """Take each step as soon as those that it needs have ended.

    Args:
        steps: what is to be done.
        take: does one step; called in a thread of its own. boto3's clients must have been made before.
        on_done: called from this thread with each step as it ends, one at a time.
        stop: set when nobody waits for the threads any more (see `stoppable`).
        goes_on: whether the steps that have not begun are still taken after this failure; those that needed the failed
            one too.

    Returns:
        The steps that were begun, as they ended, those that failed among them.

    Raises:
        BaseException: what is not an Exception, from a step or from this thread (Ctrl-C): at once, but for
            `GRACE_SECONDS` for requests that are under way.
    """
    needs = needs_of(steps)
    waiting = dict(enumerate(steps))
    running: set[int] = set()
    ended: list[Outcome] = []
    answers: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()

    def run(place: int) -> None:
        try:
            take(steps[place])
        except BaseException as error:  # noqa: BLE001  (told to the thread that waits, which raises or reports it)
            answers.put((place, error))
        else:
            answers.put((place, None))

    try:
        while waiting or running:
            for place in [one for one in waiting if not needs[one] & (waiting.keys() | running)]:
                del waiting[place]
                running.add(place)
                # Daemons: an interrupted run does not wait for one that hangs.
                Thread(target=run, args=(place,), name=f"s3copy-{steps[place].kind.value}", daemon=True).start()
            place, error = answers.get()
            running.discard(place)
            if error is not None and not isinstance(error, Exception):
                raise error
            outcome = Outcome(steps[place], error)
            ended.append(outcome)
            on_done(outcome)
            if error is not None and not goes_on(error):
                waiting.clear()
    except BaseException:
        stop.set()
        _let_end(answers, running)
        raise
    return ended


def raise_failures(outcomes: Sequence[Outcome]) -> None:
    """Raise what the steps failed with; several failures as one error that has them all.

    Raises:
        S3CopyError: the failure, or `SeveralFailuresError`.
        Exception: a failure that nobody foresaw.
    """
    failures = [outcome.error for outcome in outcomes if outcome.error is not None]
    errors = []
    for failure in failures:
        if not isinstance(failure, S3CopyError):
            raise failure
        errors.append(failure)
    reason = next((error for error in errors if isinstance(error, CredentialsError | OvertakenError)), None)
    if reason is not None:
        # The others failed for the same reason.
        raise reason
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralFailuresError(errors)


def _let_end(answers: SimpleQueue[tuple[int, BaseException | None]], running: set[int]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    while running:
        try:
            place, _ = answers.get(timeout=max(deadline - time.monotonic(), 0.001))
        except Empty:
            return
        running.discard(place)
