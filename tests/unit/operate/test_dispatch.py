"""Rate, number in flight, and what happens while Lambda is busy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from s3copy_cli.errors import AwsError
from s3copy_cli.operate.dispatch import Dispatcher, Job, in_flight_for
from s3copy_cli.operate.events import Batch, Difference
from s3copy_cli.operate.invoking import Answer, Said
from s3copy_cli.operate.pacing import Pace

DONE = Answer(Said.DONE)
BUSY = Answer(Said.BUSY, "TooManyRequestsException: ReservedFunctionConcurrentInvocationLimitExceeded")


@pytest.fixture
def batches(difference: Callable[..., Difference]) -> Callable[[int, int], list[Batch]]:
    return lambda count, records: [
        tuple(difference(f"{number}-{record}") for record in range(records)) for number in range(count)
    ]


def dispatcher(fake_time: Any, invoke: Callable[[Batch], Answer], *, rate: float = 10, **options: Any) -> Dispatcher:
    clock = fake_time.clock()
    settings = {"max_in_flight": 4, "start": lambda job: job(), **options}
    return Dispatcher(invoke, Pace(rate, clock), clock, **settings)


def test_the_rate_is_kept_from_the_second_batch_on(fake_time: Any, batches: Any) -> None:
    sent: list[float] = []

    def invoke(_: Batch) -> Answer:
        sent.append(fake_time.seconds)
        return DONE

    list(dispatcher(fake_time, invoke, rate=20).iter_answers(batches(4, 10)))
    assert sent == pytest.approx([0, 0.5, 1.0, 1.5])


def test_a_pause_is_not_made_up_for(fake_time: Any) -> None:
    pace = Pace(10, fake_time.clock())
    pace.take(10)
    fake_time.seconds = 100
    pace.take(10)
    assert fake_time.seconds == 100, "free at once"
    pace.take(1)
    assert fake_time.seconds == pytest.approx(101)


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 1), (10, 1), (50, 5), (500, 50), (1000, 50)])
def test_as_many_in_flight_as_the_rate_needs(rate: float, expected: int) -> None:
    assert in_flight_for(rate) == expected


def test_never_more_in_flight_than_allowed_and_every_batch_once(fake_time: Any, batches: Any) -> None:
    jobs: list[Job] = []
    in_flight: list[int] = []

    def start(job: Job) -> None:
        jobs.append(job)
        in_flight.append(len(jobs))
        # The answers come when the last slot was filled, or in the end.
        if len(jobs) == 3 or len(in_flight) == 10:
            while jobs:
                jobs.pop(0)()

    all_batches = batches(10, 1)
    answers = dispatcher(fake_time, lambda _: DONE, max_in_flight=3, start=start).iter_answers(all_batches)
    assert [batch for batch, _ in answers] == all_batches
    assert max(in_flight) == 3


def test_batches_are_taken_as_they_are_sent(fake_time: Any, batches: Any) -> None:
    taken: list[Batch] = []

    def lazily() -> Iterator[Batch]:
        for batch in batches(10, 1):
            taken.append(batch)
            yield batch

    next(dispatcher(fake_time, lambda _: DONE, max_in_flight=2).iter_answers(lazily()))
    assert len(taken) == 2


def test_what_was_refused_is_sent_again_later_and_slower(fake_time: Any, batches: Any) -> None:
    refusals = 6
    tries: list[float] = []

    def invoke(_: Batch) -> Answer:
        tries.append(fake_time.seconds)
        return BUSY if len(tries) <= refusals else DONE

    all_batches = batches(3, 1)
    answers = list(dispatcher(fake_time, invoke, rate=1000).iter_answers(all_batches))
    assert sorted(batch[0].key for batch, _ in answers) == sorted(batch[0].key for batch in all_batches)
    assert {answer.said for _, answer in answers} == {Said.DONE}
    assert len(tries) == refusals + 3
    pauses = [later - earlier for earlier, later in pairwise(tries) if later - earlier > 0.1]
    assert pauses == pytest.approx([0.5, 1.0, 2.0, 4.0]), "several refusals at one moment are one"


def test_it_is_told_once_that_lambda_refuses(fake_time: Any, batches: Any) -> None:
    said = iter([BUSY, BUSY, DONE, BUSY, DONE, DONE])
    told: list[str] = []
    clock = fake_time.clock()
    busy = Dispatcher(
        lambda _: next(said),
        Pace(1000, clock),
        clock,
        max_in_flight=1,
        start=lambda job: job(),
        on_busy=told.append,
    )
    assert len(list(busy.iter_answers(batches(3, 1)))) == 3
    assert told == [BUSY.message] * 2, "not for each refusal, and again after it has run in between"


def test_after_minutes_of_refusals_it_says_why(fake_time: Any, batches: Any) -> None:
    with pytest.raises(AwsError, match="ReservedFunctionConcurrentInvocationLimitExceeded") as caught:
        list(dispatcher(fake_time, lambda _: BUSY).iter_answers(batches(1, 1)))
    assert "reserved concurrency" in caught.value.hint
    assert 300 < fake_time.seconds < 400


def test_an_error_of_the_invocation_is_raised_where_the_answers_are_taken(fake_time: Any, batches: Any) -> None:
    def invoke(_: Batch) -> Answer:
        raise AwsError("invoking", "AccessDenied")

    with pytest.raises(AwsError, match="AccessDenied"):
        list(dispatcher(fake_time, invoke).iter_answers(batches(2, 1)))


def test_threads_answer_too(batches: Any) -> None:
    from s3copy_cli.operate.dispatch import start_thread
    from s3copy_cli.verify.clock import Clock

    clock = Clock()
    real = Dispatcher(lambda _: DONE, Pace(10_000, clock), clock, max_in_flight=5, start=start_thread)
    assert len(list(real.iter_answers(batches(50, 2)))) == 50
