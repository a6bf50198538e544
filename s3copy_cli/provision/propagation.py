"""What AWS answers while something it has already accepted is not in force everywhere yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code

Answer = TypeVar("Answer")
Predicate = Callable[[ClientError], bool]


def is_role_not_assumable_yet(error: ClientError) -> bool:
    """A role made seconds ago that Lambda does not see yet (Lambda: InvalidParameterValueException)."""
    return error_code(error) == "InvalidParameterValueException" and "cannot be assumed" in _message(error)


def is_role_not_permitted_yet(error: ClientError) -> bool:
    """A role whose policy Lambda does not see yet, e.g. to send to the on-failure destination."""
    if error_code(error) != "InvalidParameterValueException":
        return False
    message = _message(error)
    is_invalid_destination = "destination" in message and "is invalid" in message
    return is_invalid_destination or "does not have permission" in message or "cannot be assumed" in message


def is_update_in_progress(error: ClientError) -> bool:
    """A function that is still being created or updated (Lambda: ResourceConflictException)."""
    message = _message(error)
    return error_code(error) == "ResourceConflictException" and ("in progress" in message or "pending" in message)


def is_function_not_visible_yet(error: ClientError) -> bool:
    """A function made a moment ago that this endpoint does not see yet; Lambda's mappings word it in their own way."""
    is_unseen = error_code(error) == "InvalidParameterValueException" and "function does not exist" in _message(error)
    return is_unseen or error_code(error) == "ResourceNotFoundException"


def is_revision_outdated(error: ClientError) -> bool:
    """A function that has changed since its revision was read (Lambda: PreconditionFailedException)."""
    return error_code(error) == "PreconditionFailedException"


def is_function_being_deleted(error: ClientError) -> bool:
    """A function whose deletion has not ended (Lambda: ResourceConflictException, State "Deleting")."""
    return error_code(error) == "ResourceConflictException" and "deleting" in _message(error)


def is_destination_not_valid_yet(error: ClientError) -> bool:
    """An invoke permission that S3 does not see yet (S3: InvalidArgument)."""
    return error_code(error) == "InvalidArgument" and "unable to validate the following destination" in _message(error)


def is_overlapping(error: ClientError) -> bool:
    """Not a matter of time: two entries of a bucket would be notified of the same event (S3: InvalidArgument)."""
    return error_code(error) == "InvalidArgument" and "overlapping" in _message(error)


def is_bucket_busy(error: ClientError) -> bool:
    """A bucket of which another operation, or its own deletion, has not ended (S3: OperationAborted)."""
    return error_code(error) == "OperationAborted"


def is_bucket_not_visible_yet(error: ClientError) -> bool:
    """A bucket made a moment ago that this endpoint does not see yet."""
    return error_code(error) in {"NoSuchBucket", "404"}


def is_role_not_visible_yet(error: ClientError) -> bool:
    """A role made a moment ago that this endpoint does not see yet."""
    return error_code(error) == "NoSuchEntity"


def is_role_busy(error: ClientError) -> bool:
    """A role that another call is changing at this moment (IAM: ConcurrentModification)."""
    return error_code(error) in {"ConcurrentModification", "ConcurrentModificationException"}


def is_log_group_busy(error: ClientError) -> bool:
    """A log group that another call is changing at this moment (CloudWatch Logs: OperationAbortedException)."""
    return error_code(error) == "OperationAbortedException"


def is_queue_name_resting(error: ClientError) -> bool:
    """A queue of that name was deleted less than 60 seconds ago (SQS: QueueDeletedRecently)."""
    return error_code(error) in {"AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently"}


def is_dead_letter_queue_not_visible_yet(error: ClientError) -> bool:
    """A dead-letter queue made a moment ago that SQS does not see yet (SQS: InvalidParameterValue)."""
    # By SQS's query protocol the code is InvalidParameterValue, by its JSON protocol InvalidAttributeValue.
    return error_code(error).startswith("Invalid") and "dead letter target does not exist" in _message(error)


def is_visibility_timeout_not_seen_yet(error: ClientError) -> bool:
    """A queue's new visibility timeout that Lambda does not see yet: SQS takes up to a minute to spread attributes."""
    message = _message(error)
    is_refusal = error_code(error) == "InvalidParameterValueException"
    return is_refusal and "visibility timeout" in message and "less than" in message


def is_event_queue_not_visible_yet(error: ClientError) -> bool:
    """A queue made a moment ago that Lambda does not see yet, when it is to take events from it."""
    is_refusal = error_code(error) in {"InvalidParameterValueException", "ResourceNotFoundException"}
    return is_refusal and "queue" in _message(error) and "exist" in _message(error)


def is_mapping_busy(error: ClientError) -> bool:
    """An event source mapping of which another change has not ended (Lambda: ResourceInUseException)."""
    return error_code(error) == "ResourceInUseException" or is_update_in_progress(error)


def is_rule_not_visible_yet(error: ClientError) -> bool:
    """A rule made a moment ago that this endpoint does not see yet."""
    return error_code(error) == "ResourceNotFoundException"


def is_rule_busy(error: ClientError) -> bool:
    """A rule that another call is changing at this moment (EventBridge: ConcurrentModificationException)."""
    return error_code(error) == "ConcurrentModificationException"


def any_of(*predicates: Predicate) -> Predicate:
    """True where one of them is."""
    return lambda error: any(predicate(error) for predicate in predicates)


# What a service was told is seen at all of its endpoints after a few seconds, as a rule.
SEEN_SECONDS = 10.0


@dataclass(frozen=True)
class Patience:
    """Bounded waiting.

    Attributes:
        clock: seconds, monotonic.
        sleep: waits so many seconds.
        timeout_seconds: after this the last answer stands.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    timeout_seconds: float = 90.0

    def briefly(self) -> Patience:
        """Only for as long as an answer may be out of date."""
        return replace(self, timeout_seconds=min(self.timeout_seconds, SEEN_SECONDS))

    def times(self, factor: float) -> Patience:
        """As patient with each wait, for so many times as long in all."""
        return replace(self, timeout_seconds=self.timeout_seconds * factor)

    def retry(
        self, call: Callable[[], Answer], is_temporary: Predicate, on_wait: Callable[[str], None] | None = None
    ) -> Answer:
        """Call until it answers, or says something that is not temporary, or patience ends.

        Args:
            call: the request.
            is_temporary: whether an answer will change by itself.
            on_wait: told once, with AWS's message, when waiting begins.

        Raises:
            ClientError: the last answer.
        """
        deadline = self.clock() + self.timeout_seconds
        pause = 0.25
        waited = False
        while True:
            try:
                return call()
            except ClientError as error:
                if not is_temporary(error) or self.clock() + pause > deadline:
                    raise
                if on_wait is not None and not waited:
                    on_wait(str(error.response.get("Error", {}).get("Message", "")))
                waited = True
            self.sleep(pause)
            pause = min(pause * 2, 5.0)

    def until(self, is_done: Callable[[], bool]) -> bool:
        """Ask until it is so; False when patience ended first."""
        deadline = self.clock() + self.timeout_seconds
        pause = 0.1
        while not is_done():
            if self.clock() + pause > deadline:
                return False
            self.sleep(pause)
            pause = min(pause * 2, 2.0)
        return True


def _message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", "")).lower()
