"""What one log line means: pure. Lines are other people's words, so nothing here may raise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from s3copy_cli.verify.scope import as_key

_MAX_JSON = 1024 * 1024
_MAX_TEXT = 16 * 1024
_MAX_MESSAGE = 500
_MAX_NAME = 100

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_START = re.compile(rf"START RequestId: ({_ID})\b")
_END = re.compile(rf"END RequestId: ({_ID})\b")
_REPORT = re.compile(rf"REPORT RequestId: ({_ID})\b")
_DURATION = re.compile(r"\tDuration: ([\d.]{1,15}) ms")
_MEMORY = re.compile(r"\tMax Memory Used: (\d{1,9}) MB")
_MEMORY_SIZE = re.compile(r"\tMemory Size: (\d{1,9}) MB")
_STATUS = re.compile(r"\bStatus: (\w{1,20})")
_ERROR_TYPE = re.compile(r"\bError Type: ([\w.]{1,100})")
_ANY_ID = re.compile(rf"\b({_ID})\b")
_TIMEOUT = re.compile(r"(?:^|\s)Task timed out after [\d.]+ seconds\s*$", re.MULTILINE)
_KILLED = re.compile(r"signal: killed|Runtime\.OutOfMemory")
_EXIT = re.compile(r"Runtime\.ExitError|Runtime exited (?:with error|without providing a reason)")
_UNHANDLED = re.compile(r"\[ERROR\] ([\w.]{1,100})(?:: ?(.*))?$", re.MULTILINE)
_LOGGED = re.compile(r"\[(?:ERROR|CRITICAL)\]\t(.*)", re.DOTALL)
# An error line without the runtime's own form: print, another format of logging, somebody else's code.
_PLAIN_ERROR = re.compile(r"\[?(?:ERROR|CRITICAL|FATAL)\b\]?[:\s]+(.*)", re.DOTALL)
_INIT_REPORT = re.compile(r"(?:INIT|RESTORE)_REPORT\b.*\bStatus: (error|failure|timeout)")
# Failures before the handler is called: the code or its entry cannot be loaded.
_INIT_TYPES = (
    "Runtime.BadFunctionCode",
    "Runtime.HandlerNotFound",
    "Runtime.ImportModule",
    "Runtime.Invalid",
    "Runtime.MalformedHandlerName",
    "Runtime.UserCodeSyntax",
    "Extension.",
)
# What the embedded AWS writes in the place of a crash report.
_EMBEDDED_CRASHES = frozenset(
    {"Worker process died", "Worker returned no response", "No JSON response from worker after 200 lines"}
)
_TRACEBACK = "Traceback (most recent call last):"

# The message of the function's summary of an execution (lambda_handler.log).
_LAST_MESSAGE = "invocation finished"
# What tells a JSON line of the function's or of Lambda's that cannot be read from anybody else's; near its beginning.
_MARKS = ('"s3copy_log_version":', '"type":"platform.')
_MARK_WITHIN = 400
# Outcomes of an object line that mean "this was not done".
_FAILED_OUTCOMES = frozenset({"failed", "refused"})
# Errors about something that is not an object of our source, although a key is named.
_FOREIGN_CODES = frozenset({"WrongBucket", "UnknownEvent"})
# Refused without failing the invocation: nothing of ours is lost. Earlier versions of the function call it an ERROR.
_HARMLESS_CODE = "WrongBucket"


class ErrorKind(Enum):
    """How an error came about; the value is part of the cause's stable name."""

    HANDLED = "handled"
    UNHANDLED = "unhandled"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASH = "crash"
    INIT = "init_failure"


@dataclass(frozen=True, slots=True)
class Start:
    """An execution begins."""

    request_id: str


@dataclass(frozen=True, slots=True)
class End:
    """An execution has ended."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Report:
    """Lambda's summary of an execution.

    Attributes:
        duration_ms: how long it ran.
        max_memory_mb: its peak, None if it is not told.
        memory_size_mb: what it may use, None if it is not told.
        status: "success", "error", "timeout" or "" where nothing is said.
        error_type: e.g. "Runtime.ExitError", empty where nothing is said.
    """

    request_id: str
    duration_ms: float | None
    max_memory_mb: int | None
    status: str = ""
    error_type: str = ""
    memory_size_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The function says that it settled one key, or finished its work, without an error.

    Attributes:
        is_last: whether it is the function's last word on the execution.
        key: the object's key, None where none is named.
        outcome: what became of the object, e.g. "copied"; empty where none is named.
        latency_ms: from the event to the finished copy; None where it is not told.
    """

    request_id: str
    is_last: bool = False
    key: str | None = None
    outcome: str = ""
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Error:
    """Something went wrong.

    Attributes:
        kind: how it came about.
        code: AWS's error code, or the exception's name.
        message: one line of explanation.
        operation: the API operation that failed, empty where none is named.
        key: the object's key, None where none is named.
        request_id: empty where none is named.
        permanent: whether repeating cannot help before somebody changes something.
        is_harmless: whether it is worth telling only, and fails nothing.
    """

    kind: ErrorKind
    code: str
    message: str = ""
    operation: str = ""
    key: str | None = None
    request_id: str = ""
    permanent: bool = False
    is_harmless: bool = False


@dataclass(frozen=True, slots=True)
class TracebackStart:
    """A traceback begins that spreads over several events."""


@dataclass(frozen=True, slots=True)
class LinesDropped:
    """Lambda says that it could not deliver some lines."""

    count: int


@dataclass(frozen=True, slots=True)
class Note:
    """What `repair` has written down: which keys a failed request was about."""

    request_id: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A JSON line of the function's or of Lambda's that ends too early: the rest may come in the next event."""


@dataclass(frozen=True, slots=True)
class Text:
    """Anything else; a line of a traceback, perhaps."""

    text: str


LogLine = Start | End | Report | Done | Error | TracebackStart | LinesDropped | Cut | Note | Text


def classify(message: str) -> LogLine:
    """The meaning of one log event, in Lambda's text format or its JSON format."""
    stripped = message.strip()
    if stripped.startswith("{") and len(stripped) <= _MAX_JSON:
        document = _parse(stripped)
        if document is not None:
            return _classify_document(document)
        if any(mark in stripped[:_MARK_WITHIN] for mark in _MARKS):
            return Cut()
    return _classify_text(stripped[:_MAX_TEXT])


def exception_of(line: str) -> tuple[str, str] | None:
    """Type and message, if this is the last line of a traceback."""
    found = re.match(r"([A-Za-z_][\w.]{0,99})(?:: ?(.*))?$", line[:_MAX_TEXT], re.DOTALL)
    return (found[1].rsplit(".", 1)[-1], _one_line(found[2] or "")) if found else None


def _parse(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _classify_document(document: Mapping[str, Any]) -> LogLine:
    kind = document.get("type")
    if isinstance(kind, str) and kind.startswith("platform."):
        if kind == "platform.fault":
            # Its record is a line of the text format.
            return _classify_text(_text(document.get("record"), _MAX_TEXT))
        return _classify_platform(kind, _mapping(document.get("record")))
    request_id = _text(document.get("request_id") or document.get("requestId") or document.get("AWSRequestId"), 36)
    if "s3copy_log_version" in document:
        return _classify_own(document, request_id)
    error_type = document.get("errorType")
    level = document.get("level") or document.get("log_level")
    if isinstance(error_type, str) and error_type:
        return runtime_error(error_type, _text(document.get("errorMessage")), request_id)
    if isinstance(level, str) and level.upper() in {"ERROR", "CRITICAL", "FATAL"}:
        return _text_error(_text(document.get("message")), request_id)
    return Text(_text(document.get("message")))


def _classify_own(document: Mapping[str, Any], request_id: str) -> LogLine:
    noted = document.get("noted_request_id")
    if isinstance(noted, str):
        keys = document.get("keys")
        known = tuple(key for key in map(as_key, keys) if key is not None) if isinstance(keys, list) else ()
        return Note(noted[:36], known)
    outcome = _text(document.get("outcome"), _MAX_NAME)
    error = _mapping(document.get("error"))
    key = as_key(document.get("key"))
    if outcome in _FAILED_OUTCOMES or _text(document.get("level")) in {"ERROR", "CRITICAL"}:
        code = _text(error.get("code"), _MAX_NAME) or outcome or "Unknown"
        return Error(
            ErrorKind.HANDLED,
            code,
            message=_text(error.get("message")) or _text(document.get("message")),
            operation=_text(error.get("operation"), _MAX_NAME),
            key=key if code not in _FOREIGN_CODES else None,
            request_id=request_id,
            permanent=error.get("permanent") is True,
            is_harmless=code == _HARMLESS_CODE and outcome == "refused",
        )
    return Done(
        request_id,
        is_last=document.get("message") == _LAST_MESSAGE,
        key=key,
        outcome=outcome,
        latency_ms=_number(document.get("latency_ms")),
    )


_BEGINNINGS = frozenset(
    {"platform.initReport", "platform.initRuntimeDone", "platform.restoreReport", "platform.restoreRuntimeDone"}
)


def _classify_platform(kind: str, record: Mapping[str, Any]) -> LogLine:
    request_id = _text(record.get("requestId"), 36)
    status = _text(record.get("status"), 20)
    error_type = _text(record.get("errorType"), _MAX_NAME)
    if kind == "platform.start":
        return Start(request_id)
    if kind == "platform.report":
        metrics = _mapping(record.get("metrics"))
        memory, memory_size = (_number(metrics.get(name)) for name in ("maxMemoryUsedMB", "memorySizeMB"))
        return Report(
            request_id,
            _number(metrics.get("durationMs")),
            int(memory) if memory is not None else None,
            status,
            error_type,
            int(memory_size) if memory_size is not None else None,
        )
    if kind == "platform.runtimeDone":
        return End(request_id)
    if kind == "platform.logsDropped":
        return LinesDropped(int(_number(record.get("droppedRecords")) or 1))
    if kind in _BEGINNINGS and status in {"error", "failure", "timeout"}:
        return Error(ErrorKind.INIT, error_type or status, "the function could not be started", request_id=request_id)
    return Text("")


def _classify_text(text: str) -> LogLine:
    for pattern, make in ((_START, Start), (_END, End)):
        found = pattern.match(text)
        if found:
            return make(found[1])
    found = _REPORT.match(text)
    if found:
        return _report(found[1], text)
    if text.startswith(_TRACEBACK):
        lines = text.splitlines()
        last = exception_of(lines[-1]) if len(lines) > 1 else None
        return Error(ErrorKind.UNHANDLED, last[0], last[1]) if last else TracebackStart()
    mentioned = _ANY_ID.search(text)
    request_id = mentioned[1] if mentioned else ""
    # What names its own kind comes first: it may quote a key, and a key may hold any words of Lambda's.
    found = _UNHANDLED.match(text)
    if found:
        return runtime_error(found[1], _one_line(found[2] or ""), "")
    found = _LOGGED.match(text)
    if found:
        return _text_error(found[1].split("\t")[-1], request_id)
    if _TIMEOUT.search(text):
        return Error(ErrorKind.TIMEOUT, "Timeout", _one_line(_without_id(text)), request_id=request_id)
    if _KILLED.search(text):
        return Error(ErrorKind.OUT_OF_MEMORY, "OutOfMemory", _one_line(_without_id(text)), request_id=request_id)
    if _EXIT.search(text):
        return Error(ErrorKind.CRASH, "Runtime.ExitError", _one_line(_without_id(text)), request_id=request_id)
    if text in _EMBEDDED_CRASHES:
        return Error(ErrorKind.CRASH, "Runtime.ExitError", text)
    found = _PLAIN_ERROR.match(text)
    if found:
        return _text_error(found[1], request_id)
    found = _INIT_REPORT.match(text)
    if found:
        named = _ERROR_TYPE.search(text)
        return Error(ErrorKind.INIT, named[1] if named else found[1], "the function could not be started")
    return Text(text)


def _report(request_id: str, text: str) -> Report:
    duration, memory, memory_size, status, error_type = (
        pattern.search(text) for pattern in (_DURATION, _MEMORY, _MEMORY_SIZE, _STATUS, _ERROR_TYPE)
    )
    return Report(
        request_id,
        _number_of(duration[1]) if duration else None,
        int(memory[1]) if memory else None,
        status[1] if status else "",
        error_type[1] if error_type else "",
        int(memory_size[1]) if memory_size else None,
    )


def runtime_error(error_type: str, message: str, request_id: str) -> Error:
    """What an error type of Lambda's, or of the function's own exceptions, means."""
    name = error_type[:_MAX_NAME]
    is_exit = name.startswith("Runtime.ExitError")
    if name == "Runtime.OutOfMemory" or (is_exit and _KILLED.search(message)):
        return Error(ErrorKind.OUT_OF_MEMORY, "OutOfMemory", message, request_id=request_id)
    if is_exit:
        return Error(ErrorKind.CRASH, name, message, request_id=request_id)
    if name == "Sandbox.Timedout":
        return Error(ErrorKind.TIMEOUT, "Timeout", message, request_id=request_id)
    if name.startswith(_INIT_TYPES):
        return Error(ErrorKind.INIT, name, message, request_id=request_id)
    return Error(ErrorKind.UNHANDLED, name.rsplit(".", 1)[-1], message, request_id=request_id)


def _text_error(message: str, request_id: str) -> Error:
    return Error(ErrorKind.HANDLED, "LoggedError", _one_line(message), request_id=request_id)


def _without_id(text: str) -> str:
    return _ANY_ID.sub("", text).replace("RequestId:", "")


def _one_line(text: str) -> str:
    return " ".join(text[:_MAX_TEXT].split())[:_MAX_MESSAGE]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object, limit: int = _MAX_MESSAGE) -> str:
    return value[:limit] if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # NaN and the infinities are numbers to Python's JSON reader.
    return float(value) if 0 <= value < 1e12 else None


def _number_of(text: str) -> float | None:
    try:
        return _number(float(text))
    except ValueError:
        return None
