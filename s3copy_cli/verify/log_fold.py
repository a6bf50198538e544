"""From log lines to causes, as a stream and in bounded memory: pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace

from s3copy_cli.verify.latency import CopyTimes
from s3copy_cli.verify.log_lines import (
    Cut,
    Done,
    End,
    Error,
    ErrorKind,
    LinesDropped,
    LogLine,
    Note,
    Report,
    Start,
    Text,
    TracebackStart,
    classify,
    exception_of,
    runtime_error,
)

# Distinct keys and request ids that are remembered over all causes; errors beyond are counted and never "recovered".
MAX_SUBJECTS = 100_000
_MAX_CAUSES = 100
_MAX_REQUEST_IDS = 10
_OTHER = "other errors"
# A line that is cut off is put together from at most so many events and characters.
_MAX_PIECES = 16
_MAX_CUT = 1024 * 1024
# Our function ends with this after it has logged each failed key; those errors are counted already.
_CLOSING_EXCEPTIONS = frozenset({"CopyFailed", "lambda_handler.errors.CopyFailed"})
# How Lambda's own words begin; anything else within a traceback belongs to it, whatever its message quotes.
_OF_LAMBDA = ("RequestId:", "Error:", "Runtime.")
_ENDED_BY_LAMBDA = frozenset({ErrorKind.TIMEOUT, ErrorKind.OUT_OF_MEMORY, ErrorKind.CRASH, ErrorKind.INIT})


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


@dataclass
class Executions:
    """What Lambda's own report lines say.

    Attributes:
        count: executions.
        failed: those that are known to have failed.
        unknown: those of which neither the function nor Lambda says how they ended.
        duration_sum_ms: of those whose duration is told.
        duration_max_ms: the longest one's.
        max_memory_mb: the highest peak, None if none is told.
        timed: how many durations are told.
        newest_ms: the newest line about an execution, milliseconds since 1970.
    """

    count: int = 0
    failed: int = 0
    unknown: int = 0
    duration_sum_ms: float = 0.0
    duration_max_ms: float = 0.0
    max_memory_mb: int | None = None
    timed: int = 0
    newest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LastWord:
    """The last thing that the function said of a key without an error."""

    outcome: str
    time_ms: int


@dataclass
class _CutLine:
    """The beginning of a line whose end has not come yet."""

    text: str
    pieces: int = 1


@dataclass
class _Execution:
    """What is known of the execution that a stream is in the middle of."""

    request_id: str = ""
    handled: int = 0
    is_told: bool = False
    failure: Error | None = None
    failure_ms: int = 0
    is_in_traceback: bool = False
    # The failure is one of starting the function, before this request came.
    is_carried: bool = False
    # Lambda or the function says that it ended well.
    is_good: bool = False


class LogFold:
    """Takes log events in the order of time and keeps what matters.

    Args:
        watched: the keys whose last word is to be remembered.
        covers: whether a key is one of those whose copies are to be timed.

    Attributes:
        executions: counts and durations.
        copies: how long copies took.
        dropped_lines: how many lines Lambda says it could not deliver.
        cut_lines: how many lines of the function's or of Lambda's end too early.
        succeeded_requests: requests that failed without naming a key, and succeeded when they were retried.
        noted_requests: the keys of failed requests, as `repair` has noted them.
        last_words: what the function said last of each watched key.
    """

    def __init__(self, watched: Container[str] = frozenset(), covers: Callable[[str], bool] = lambda _: True) -> None:
        self.executions = Executions()
        self.copies = CopyTimes()
        self.last_words: dict[str, LastWord] = {}
        self.dropped_lines = 0
        self.cut_lines = 0
        self._watched = watched
        self._covers = covers
        self._cut: dict[str, _CutLine] = {}
        self.succeeded_requests: set[str] = set()
        self.noted_requests: dict[str, tuple[str, ...]] = {}
        self._causes: dict[str, Cause] = {}
        self._running: dict[str, _Execution] = {}
        self._ended_badly: dict[str, str] = {}
        self._failed_requests: set[str] = set()
        self._subjects = 0

    @property
    def causes(self) -> Mapping[str, Cause]:
        """By name."""
        return self._causes

    def feed(self, stream: str, time_ms: int, message: str) -> None:
        """Take in one event."""
        line = classify(message)
        if stream in self._cut:
            joined = self._join(stream, message, line)
            if joined is None:
                return
            line, message = joined
        if isinstance(line, Cut):
            self._cut[stream] = _CutLine(message.rstrip("\r\n"))
            return
        self._take(stream, time_ms, message, line)

    def _join(self, stream: str, message: str, line: LogLine) -> tuple[LogLine, str] | None:
        """The event, put behind the beginning that waits for its end; None if still more has to come."""
        cut = self._cut.pop(stream)
        if not isinstance(line, Text):
            self.cut_lines += 1
            return line, message
        text = cut.text + message.rstrip("\r\n")
        if len(text) > _MAX_CUT or cut.pieces >= _MAX_PIECES:
            self.cut_lines += 1
            return None
        whole = classify(text)
        if not isinstance(whole, Cut):
            return whole, text
        self._cut[stream] = _CutLine(text, cut.pieces + 1)
        return None

    def _take(self, stream: str, time_ms: int, message: str, line: LogLine) -> None:
        execution = self._running.get(stream)
        if execution is None:
            execution = self._running[stream] = _Execution()
        if execution.is_in_traceback and (isinstance(line, Text) or _is_of_traceback(line, message)):
            _read_traceback(execution, line.text if isinstance(line, Text) else message.strip(), message)
            return
        execution.is_in_traceback = False
        if isinstance(line, Start):
            self._begin(stream, execution, line)
        elif isinstance(line, Report):
            self._report(stream, execution, line, time_ms)
        elif isinstance(line, Error):
            self._error(stream, execution, line, time_ms)
        elif isinstance(line, Done):
            execution.is_told = execution.is_told or line.is_last
            execution.request_id = execution.request_id or line.request_id
            self._done(line, time_ms)
        elif isinstance(line, TracebackStart):
            execution.is_in_traceback = True
            execution.failure = execution.failure or Error(ErrorKind.UNHANDLED, "Exception")
            execution.failure_ms = execution.failure_ms or time_ms
        elif isinstance(line, Note):
            if line.keys and len(self.noted_requests) < MAX_SUBJECTS:
                self.noted_requests[line.request_id] = line.keys
        elif isinstance(line, LinesDropped):
            self.dropped_lines += line.count
        elif isinstance(line, End):
            execution.request_id = execution.request_id or line.request_id
            self._advance(time_ms)

    def finish(self) -> None:
        """There are no more events: what is still open counts as it is."""
        self.cut_lines += len(self._cut)
        self._cut.clear()
        for stream in list(self._running):
            self._conclude(stream)

    def _begin(self, stream: str, before: _Execution, line: Start) -> None:
        # A failure to load the code is logged before the request that suffers from it.
        is_init = before.failure is not None and before.failure.kind is ErrorKind.INIT and not before.request_id
        carried = (before.failure, before.failure_ms) if is_init else (None, 0)
        if is_init:
            before.failure = None
        self._conclude(stream)
        self._ended_badly.pop(stream, None)
        self._running[stream] = _Execution(
            line.request_id, failure=carried[0], failure_ms=carried[1], is_carried=is_init
        )

    def _done(self, line: Done, time_ms: int) -> None:
        self._advance(time_ms)
        if line.key is None or not line.outcome:
            return
        if line.outcome == "copied" and self._covers(line.key):
            self.copies.add(line.key, line.latency_ms)
        if line.key in self._watched:
            self.last_words[line.key] = LastWord(line.outcome, time_ms)

    def _report(self, stream: str, execution: _Execution, line: Report, time_ms: int) -> None:
        execution.request_id = execution.request_id or line.request_id
        executions = self.executions
        executions.count += 1
        if line.duration_ms is not None:
            executions.timed += 1
            executions.duration_sum_ms += line.duration_ms
            executions.duration_max_ms = max(executions.duration_max_ms, line.duration_ms)
        if line.max_memory_mb is not None:
            executions.max_memory_mb = max(executions.max_memory_mb or 0, line.max_memory_mb)
        self._advance(time_ms)
        if execution.failure is None:
            execution.failure = _failure_of(line, has_handled=execution.handled > 0)
            execution.failure_ms = time_ms
        is_told = execution.is_told or line.status == "success"
        execution.is_good = is_told and line.status in {"", "success"}
        if not is_told and execution.failure is None and not execution.handled:
            executions.unknown += 1
        self._conclude(stream)

    def _error(self, stream: str, execution: _Execution, line: Error, time_ms: int) -> None:
        if line.kind is ErrorKind.HANDLED:
            execution.handled += 1
            request_id = line.request_id or execution.request_id
            execution.request_id = request_id
            self._record(replace(line, request_id=request_id), time_ms)
            self._advance(time_ms)
            return
        request_id = line.request_id or execution.request_id
        # Older runtimes write "Task timed out" after the report that has told it already.
        if not execution.request_id and request_id and self._ended_badly.get(stream) == request_id:
            return
        is_worse = execution.failure is None or (
            execution.failure.kind is ErrorKind.UNHANDLED and line.kind in _ENDED_BY_LAMBDA
        )
        if is_worse:
            execution.failure, execution.failure_ms = replace(line, request_id=request_id), time_ms

    def _conclude(self, stream: str) -> None:
        execution = self._running.pop(stream)
        failure = execution.failure
        # The function ends with an exception when it has logged failed keys; those errors are counted already.
        is_ours = failure is not None and failure.kind is ErrorKind.UNHANDLED and failure.code in _CLOSING_EXCEPTIONS
        if is_ours and execution.handled:
            failure = None
        # Lambda starts a function once more when its start has failed; then the request never noticed.
        is_overcome = failure is not None and execution.is_carried and execution.is_good
        is_ended = execution.is_told or execution.is_good
        if failure is not None:
            request_id = failure.request_id or execution.request_id
            self._record(replace(failure, request_id=request_id), execution.failure_ms)
            if is_overcome:
                self.succeeded_requests.add(request_id)
            elif request_id:
                self._ended_badly[stream] = request_id
        elif not execution.handled and is_ended and execution.request_id in self._failed_requests:
            self.succeeded_requests.add(execution.request_id)
        if (failure is not None and not is_overcome) or execution.handled:
            self.executions.failed += 1

    def _record(self, error: Error, time_ms: int) -> None:
        name = cause_name(error)
        if name not in self._causes and len(self._causes) >= _MAX_CAUSES:
            name = _OTHER
        cause = self._causes.get(name)
        if cause is None:
            cause = self._causes[name] = Cause(
                name, error.kind, error.code, error.operation, error.permanent, error.message, time_ms, time_ms
            )
        cause.count += 1
        cause.first_ms, cause.last_ms = min(cause.first_ms, time_ms), max(cause.last_ms, time_ms)
        cause.has_one_message = cause.has_one_message and cause.message == error.message
        cause.message = error.message or cause.message
        cause.permanent = cause.permanent or error.permanent
        if error.request_id and len(cause.request_ids) < _MAX_REQUEST_IDS and error.request_id not in cause.request_ids:
            cause.request_ids.append(error.request_id)
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

    def _advance(self, time_ms: int) -> None:
        self.executions.newest_ms = max(self.executions.newest_ms or 0, time_ms)


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


def _failure_of(line: Report, *, has_handled: bool) -> Error | None:
    """What a report says went wrong, where nothing else has said it."""
    if line.status == "timeout":
        return Error(ErrorKind.TIMEOUT, "Timeout", "the execution timed out", request_id=line.request_id)
    if line.status not in {"error", "failure"}:
        return None
    error = runtime_error(line.error_type or "Exception", "", line.request_id)
    if error.kind is ErrorKind.CRASH and line.memory_size_mb and (line.max_memory_mb or 0) >= line.memory_size_mb:
        # Whoever uses all memory is killed, and nobody may have said so.
        return replace(error, kind=ErrorKind.OUT_OF_MEMORY, code="OutOfMemory")
    # An exception at the end of an execution that has named its failed keys is only their sum.
    return None if has_handled and error.kind is ErrorKind.UNHANDLED else error


def _is_of_traceback(line: LogLine, message: str) -> bool:
    """Whether what looks like a line of Lambda's only quotes one, e.g. in a key."""
    if not isinstance(line, Error) or line.kind not in _ENDED_BY_LAMBDA:
        return False
    text = message.strip()
    is_source = message[:1].isspace()
    return is_source or (exception_of(text) is not None and not text.startswith(_OF_LAMBDA))


def _read_traceback(execution: _Execution, text: str, message: str) -> None:
    """One more event of a traceback: the last unindented line names the exception."""
    if message[:1].isspace() or not text or text.startswith(("During handling of", "The above exception")):
        return
    exception = exception_of(text)
    if exception is not None and execution.failure is not None and execution.failure.kind is ErrorKind.UNHANDLED:
        execution.failure = replace(execution.failure, code=exception[0], message=exception[1])
