"""Waiting for AWS by an injected clock: which answers are waited for, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from botocore.exceptions import ClientError

from s3copy_cli.provision import propagation
from s3copy_cli.provision.propagation import Patience


def answer(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@dataclass
class FakeTime:
    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, timeout_seconds: float = 60) -> Patience:
        return Patience(self.clock, self.sleep, timeout_seconds)


@pytest.mark.parametrize(
    ("predicate", "error"),
    [
        (
            propagation.is_role_not_assumable_yet,
            answer("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."),
        ),
        (
            propagation.is_role_not_permitted_yet,
            answer(
                "InvalidParameterValueException",
                "The function's execution role does not have permissions to call SendMessage on arn:aws:sqs:…",
            ),
        ),
        (
            propagation.is_update_in_progress,
            answer(
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource: …",
            ),
        ),
        (
            propagation.is_update_in_progress,
            answer(
                "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in the following "
                "state: Pending",
            ),
        ),
        (
            propagation.is_destination_not_valid_yet,
            answer("InvalidArgument", "Unable to validate the following destination configurations"),
        ),
        (propagation.is_bucket_busy, answer("OperationAborted", "A conflicting conditional operation …")),
        (propagation.is_queue_name_resting, answer("AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60")),
        (
            propagation.is_visibility_timeout_not_seen_yet,
            answer(
                "InvalidParameterValueException",
                "Queue visibility timeout: 60 seconds is less than Function timeout: 900 seconds",
            ),
        ),
        *(
            (
                propagation.is_dead_letter_queue_not_visible_yet,
                answer(
                    code, "Value {…} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."
                ),
            )
            for code in ("InvalidParameterValue", "InvalidAttributeValue")
        ),
        (propagation.is_role_not_visible_yet, answer("NoSuchEntity")),
        (propagation.is_bucket_not_visible_yet, answer("NoSuchBucket")),
        (propagation.is_role_busy, answer("ConcurrentModification", "The request was rejected because …")),
        (propagation.is_role_busy, answer("ConcurrentModificationException")),
        (propagation.is_log_group_busy, answer("OperationAbortedException", "Multiple concurrent requests …")),
        (
            propagation.is_function_being_deleted,
            answer(
                "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in the following "
                "state: Deleting",
            ),
        ),
    ],
)
def test_each_temporary_answer_is_recognised_and_nothing_else(
    predicate: Callable[[ClientError], bool], error: ClientError
) -> None:
    assert predicate(error)
    assert not predicate(answer("AccessDenied", "no"))
    assert not predicate(answer("InvalidParameterValueException", "The runtime is not supported"))
    assert not predicate(answer("ResourceConflictException", "Function already exist: s3copy"))


def test_a_temporary_answer_is_repeated_with_growing_pauses_until_it_works() -> None:
    time = FakeTime()
    answers = iter([answer("OperationAborted", "busy")] * 6)
    told: list[str] = []

    def call() -> str:
        error = next(answers, None)
        if error is not None:
            raise error
        return "done"

    assert time.patience().retry(call, propagation.is_bucket_busy, told.append) == "done"
    assert time.pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]
    assert told == ["busy"], "said once"


def test_patience_ends_with_aws_s_last_answer() -> None:
    time = FakeTime()

    def call() -> None:
        raise answer("OperationAborted")

    with pytest.raises(ClientError):
        time.patience(20).retry(call, propagation.is_bucket_busy)
    assert 14 < time.now <= 20


def test_any_other_answer_is_not_repeated() -> None:
    time = FakeTime()

    def call() -> None:
        raise answer("AccessDenied")

    with pytest.raises(ClientError):
        time.patience().retry(call, propagation.is_bucket_busy)
    assert time.pauses == []


def test_until_asks_until_it_is_so_or_time_is_over() -> None:
    time = FakeTime()
    states = iter([False, False, True])
    assert time.patience().until(lambda: next(states))
    assert len(time.pauses) == 2
    assert not time.patience(10).until(lambda: False)
