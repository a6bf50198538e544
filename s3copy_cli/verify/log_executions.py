"""One execution of the function as its log lines tell it, and all of them in numbers: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from s3copy_cli.verify.log_lines import Error, ErrorKind, LogLine, Report, Text, exception_of, runtime_error

# Our function ends with this after it has logged each failed key; those errors are counted already.
_CLOSING_EXCEPTIONS = frozenset({"CopyFailed", "lambda_handler.errors.CopyFailed"})
# How Lambda's own words begin; anything else within a traceback belongs to it, whatever its message quotes.
_OF_LAMBDA = ("RequestId:", "Error:", "Runtime.")
_ENDED_BY_LAMBDA = frozenset({ErrorKind.TIMEOUT, ErrorKind.OUT_OF_MEMORY, ErrorKind.CRASH, ErrorKind.INIT})


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

    def add(self, report: Report) -> None:
        """Take in Lambda's summary of one execution."""
        self.count += 1
        if report.duration_ms is not None:
            self.timed += 1
            self.duration_sum_ms += report.duration_ms
            self.duration_max_ms = max(self.duration_max_ms, report.duration_ms)
        if report.max_memory_mb is not None:
            self.max_memory_mb = max(self.max_memory_mb or 0, report.max_memory_mb)

    def advance(self, time_ms: int) -> None:
        """There is a line about an execution of this time."""
        self.newest_ms = max(self.newest_ms or 0, time_ms)


@dataclass
class Execution:
    """What is known of the execution that a stream is in the middle of.

    Attributes:
        request_id: its id; empty as long as nothing has told it.
        handled: how many errors the function has named.
        is_told: whether the function has said its last word.
        failure: what ended it, or kept it from starting.
        failure_ms: when.
        is_in_traceback: whether a traceback is being told line by line.
        is_carried: whether the failure is one of starting the function, before this request came.
        is_good: whether Lambda or the function says that it ended well.
    """

    request_id: str = ""
    handled: int = 0
    is_told: bool = False
    failure: Error | None = None
    failure_ms: int = 0
    is_in_traceback: bool = False
    is_carried: bool = False
    is_good: bool = False

    @property
    def start_failure(self) -> Error | None:
        """A failure to load the code, which is logged before the request that suffers from it."""
        is_init = self.failure is not None and self.failure.kind is ErrorKind.INIT and not self.request_id
        return self.failure if is_init else None

    @property
    def verdict(self) -> Error | None:
        """What is to be recorded when it has ended, besides the errors that the function has named."""
        failure = self.failure
        is_ours = failure is not None and failure.kind is ErrorKind.UNHANDLED and failure.code in _CLOSING_EXCEPTIONS
        # The function ends with an exception when it has logged failed keys; those errors are counted already.
        return None if is_ours and self.handled else failure

    def fail(self, error: Error, time_ms: int) -> None:
        """Note what ended it, unless something at least as telling is known."""
        is_worse = self.failure is None or (self.failure.kind is ErrorKind.UNHANDLED and error.kind in _ENDED_BY_LAMBDA)
        if is_worse:
            self.failure, self.failure_ms = error, time_ms

    def begin_traceback(self, time_ms: int) -> None:
        """A traceback begins that spreads over several events."""
        self.is_in_traceback = True
        self.failure = self.failure or Error(ErrorKind.UNHANDLED, "Exception")
        self.failure_ms = self.failure_ms or time_ms

    def read_traceback(self, line: LogLine, message: str) -> bool:
        """Take a line in if it belongs to a traceback that is being told; else that has come to its end."""
        if not self.is_in_traceback:
            return False
        if not isinstance(line, Text) and not _is_of_traceback(line, message):
            self.is_in_traceback = False
            return False
        self._read_traceback(line.text if isinstance(line, Text) else message.strip(), message)
        return True

    def report(self, line: Report, time_ms: int) -> None:
        """Lambda's summary: what it says went wrong, where nothing else has said it."""
        self.request_id = self.request_id or line.request_id
        if self.failure is None:
            self.failure = _failure_of(line, has_handled=self.handled > 0)
            self.failure_ms = time_ms
        self.is_told = self.is_told or line.status == "success"
        self.is_good = self.is_told and line.status in {"", "success"}

    def _read_traceback(self, text: str, message: str) -> None:
        """One more event of it: the last unindented line names the exception."""
        if message[:1].isspace() or not text or text.startswith(("During handling of", "The above exception")):
            return
        exception = exception_of(text)
        if exception is not None and self.failure is not None and self.failure.kind is ErrorKind.UNHANDLED:
            self.failure = replace(self.failure, code=exception[0], message=exception[1])


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
