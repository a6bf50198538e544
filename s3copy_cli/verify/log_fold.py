"""From log lines to causes, as a stream and in bounded memory: pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace

from s3copy_cli.verify.latency import CopyTimes
from s3copy_cli.verify.log_causes import MAX_SUBJECTS, Cause, CauseBook
from s3copy_cli.verify.log_executions import Execution, Executions
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
)

# A line that is cut off is put together from at most so many events and characters.
_MAX_PIECES = 16
_MAX_CUT = 1024 * 1024


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
        noted_requests: the keys of failed requests, as `repair` has noted them.
        last_words: what the function said last of each watched key.
    """

    def __init__(self, watched: Container[str] = frozenset(), covers: Callable[[str], bool] = lambda _: True) -> None:
        self.executions = Executions()
        self.copies = CopyTimes()
        self.last_words: dict[str, LastWord] = {}
        self.noted_requests: dict[str, tuple[str, ...]] = {}
        self.dropped_lines = 0
        self.cut_lines = 0
        self._watched = watched
        self._covers = covers
        self._book = CauseBook()
        self._cut: dict[str, _CutLine] = {}
        # What each stream is in the middle of, and the last request of each that ended badly.
        self._running: dict[str, Execution] = {}
        self._ended_badly: dict[str, str] = {}

    @property
    def causes(self) -> Mapping[str, Cause]:
        """The errors by the name of their cause."""
        return self._book.causes

    @property
    def succeeded_requests(self) -> frozenset[str]:
        """Requests that failed without naming a key, and succeeded when they were retried."""
        return frozenset(self._book.succeeded_requests)

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

    def finish(self) -> None:
        """There are no more events: what is still open counts as it is."""
        self.cut_lines += len(self._cut)
        self._cut.clear()
        for stream in list(self._running):
            self._conclude(stream)

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
            execution = self._running[stream] = Execution()
        if execution.read_traceback(line, message):
            return
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
            execution.begin_traceback(time_ms)
        elif isinstance(line, Note):
            if line.keys and len(self.noted_requests) < MAX_SUBJECTS:
                self.noted_requests[line.request_id] = line.keys
        elif isinstance(line, LinesDropped):
            self.dropped_lines += line.count
        elif isinstance(line, End):
            execution.request_id = execution.request_id or line.request_id
            self.executions.advance(time_ms)

    def _begin(self, stream: str, before: Execution, line: Start) -> None:
        carried, carried_ms = before.start_failure, before.failure_ms
        if carried is not None:
            before.failure = None
        self._conclude(stream)
        self._ended_badly.pop(stream, None)
        self._running[stream] = Execution(
            line.request_id,
            failure=carried,
            failure_ms=carried_ms if carried is not None else 0,
            is_carried=carried is not None,
        )

    def _done(self, line: Done, time_ms: int) -> None:
        self.executions.advance(time_ms)
        if line.key is None or not line.outcome:
            return
        if line.outcome == "copied" and self._covers(line.key):
            self.copies.add(line.key, line.latency_ms)
        if line.key in self._watched:
            self.last_words[line.key] = LastWord(line.outcome, time_ms)

    def _report(self, stream: str, execution: Execution, line: Report, time_ms: int) -> None:
        self.executions.add(line)
        self.executions.advance(time_ms)
        execution.report(line, time_ms)
        if not execution.is_told and execution.failure is None and not execution.handled:
            self.executions.unknown += 1
        self._conclude(stream)

    def _error(self, stream: str, execution: Execution, line: Error, time_ms: int) -> None:
        request_id = line.request_id or execution.request_id
        error = replace(line, request_id=request_id)
        if line.kind is ErrorKind.HANDLED:
            execution.handled += not error.is_harmless
            execution.request_id = request_id
            self._book.record(error, time_ms)
            self.executions.advance(time_ms)
            return
        # Older runtimes write "Task timed out" after the report that has told it already.
        if not execution.request_id and request_id and self._ended_badly.get(stream) == request_id:
            return
        execution.fail(error, time_ms)

    def _conclude(self, stream: str) -> None:
        execution = self._running.pop(stream)
        failure = execution.verdict
        # Lambda starts a function once more when its start has failed; then the request never noticed.
        is_overcome = failure is not None and execution.is_carried and execution.is_good
        if failure is not None:
            request_id = failure.request_id or execution.request_id
            self._book.record(replace(failure, request_id=request_id), execution.failure_ms)
            if is_overcome:
                self._book.succeed(request_id)
            elif request_id:
                self._ended_badly[stream] = request_id
        elif not execution.handled and (execution.is_told or execution.is_good):
            self._book.succeed(execution.request_id)
        if (failure is not None and not is_overcome) or execution.handled:
            self.executions.failed += 1
