"""The errors of a log by their causes, in bounded memory: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s3copy_cli.verify.log_lines import Error, ErrorKind

# Distinct keys and request ids that are remembered over all causes; errors beyond are counted and never "recovered".
MAX_SUBJECTS = 100_000
_MAX_CAUSES = 100
_MAX_REQUEST_IDS = 10
_OTHER = "other errors"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an error is about: a key, or, where none is named, the event of a request."""

    key: str | None
    request_id: str


@dataclass
class Cause:
    """Errors that have one cause.

    Attributes:
        name: stable and readable, e.g. "AccessDenied on CopyObject".
        kind: how they came about.
        code: AWS's error code, or the exception's name.
        operation: the API operation that failed, or empty.
        permanent: whether the function took it for permanent.
        message: the last one's explanation.
        count: how many.
        first_ms: the first one's time, milliseconds since 1970.
        last_ms: the last one's time.
        request_ids: the first few requests.
        subjects: how many errors each key or request has.
        untracked: errors about subjects beyond the bound.
        has_one_message: whether all errors say the same.
        is_harmless: whether it is worth telling only: none of these errors lost anything.
    """

    name: str
    kind: ErrorKind
    code: str
    operation: str
    permanent: bool
    message: str
    first_ms: int
    last_ms: int
    count: int = 0
    request_ids: list[str] = field(default_factory=list)
    subjects: dict[Subject, int] = field(default_factory=dict)
    untracked: int = 0
    has_one_message: bool = True
    is_harmless: bool = False


class CauseBook:
    """Takes errors in the order of time and groups them.

    Attributes:
        causes: by name.
        succeeded_requests: requests that failed without naming a key, and succeeded when they were retried.
    """

    def __init__(self) -> None:
        self._causes: dict[str, Cause] = {}
        self.succeeded_requests: set[str] = set()
        self._failed_requests: set[str] = set()
        self._subjects = 0

    @property
    def causes(self) -> Mapping[str, Cause]:
        """By name."""
        return self._causes

    def record(self, error: Error, time_ms: int) -> None:
        """Take in one error."""
        cause = self._cause_of(error, time_ms)
        cause.count += 1
        cause.first_ms, cause.last_ms = min(cause.first_ms, time_ms), max(cause.last_ms, time_ms)
        cause.has_one_message = cause.has_one_message and cause.message == error.message
        cause.message = error.message or cause.message
        cause.permanent = cause.permanent or error.permanent
        if error.request_id and len(cause.request_ids) < _MAX_REQUEST_IDS and error.request_id not in cause.request_ids:
            cause.request_ids.append(error.request_id)
        if not error.is_harmless:
            self._track(cause, error)

    def succeed(self, request_id: str) -> None:
        """A request ended well; it may have failed before."""
        if request_id in self._failed_requests:
            self.succeeded_requests.add(request_id)

    def _cause_of(self, error: Error, time_ms: int) -> Cause:
        name = cause_name(error)
        # What is harmless has one name only, and must not be among others that are not.
        if name not in self._causes and len(self._causes) >= _MAX_CAUSES and not error.is_harmless:
            name = _OTHER
        cause = self._causes.get(name)
        if cause is None:
            cause = self._causes[name] = Cause(
                name, error.kind, error.code, error.operation, error.permanent, error.message, time_ms, time_ms
            )
            cause.is_harmless = error.is_harmless
        return cause

    def _track(self, cause: Cause, error: Error) -> None:
        """Remember what the error is about."""
        # For an error that names its key, the object alone decides; requests would only multiply the subjects.
        subject = Subject(error.key, "" if error.key is not None else error.request_id)
        if error.key is None and error.request_id:
            self.succeeded_requests.discard(error.request_id)
        if subject in cause.subjects:
            cause.subjects[subject] += 1
        elif self._subjects < MAX_SUBJECTS:
            self._subjects += 1
            cause.subjects[subject] = 1
            if error.key is None and error.request_id:
                self._failed_requests.add(error.request_id)
        else:
            cause.untracked += 1


def cause_name(error: Error) -> str:
    """What errors are grouped by."""
    if error.kind is ErrorKind.HANDLED:
        return f"{error.code} on {error.operation}" if error.operation else error.code
    if error.kind is ErrorKind.UNHANDLED:
        return f"unhandled {error.code}"
    if error.kind is ErrorKind.INIT:
        return f"init failure {error.code}"
    return {
        ErrorKind.TIMEOUT: "time-out",
        ErrorKind.OUT_OF_MEMORY: "out of memory",
        ErrorKind.CRASH: "process crash",
    }[error.kind]
