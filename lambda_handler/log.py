"""The function's log: one JSON object per line, with keys that `s3copy verify` relies on (docs/function.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from .errors import Failure
from .events import Hint, Ignored, Refused
from .reconcile import Outcome, Report

LOG_VERSION = "1"
_MAX_TEXT = 1000

_MESSAGES = {
    Outcome.COPIED: "object copied",
    Outcome.ALREADY_EQUAL: "object already equal",
    Outcome.SOURCE_MISSING: "source object missing, nothing to copy",
    Outcome.DELETED: "source object missing, its copy deleted",
    Outcome.ALREADY_ABSENT: "source object missing, no copy to delete",
    Outcome.CONTINUED: "copy goes on in another invocation",
    Outcome.REFUSED: "refused",
    Outcome.FAILED: "object not copied",
}


def render(fields: Mapping[str, Any]) -> str:
    """One line of printable ASCII: a key may hold newlines, terminal escapes or broken Unicode."""
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":"), allow_nan=False) + "\n"


def format_time(moment: datetime) -> str:
    """ISO 8601, UTC, milliseconds."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Log:
    """Writes the lines of one invocation.

    Args:
        write: takes one whole line.
        now: the time of day, with its zone.

    Attributes:
        request_id: the invocation's.
    """

    def __init__(
        self, write: Callable[[str], object], now: Callable[[], datetime], *, request_id: str, pipeline: str
    ) -> None:
        self._write = write
        self._now = now
        self.request_id = request_id
        self._pipeline = pipeline

    def settled(self, hint: Hint, report: Report, *, requests: int, duration_ms: int) -> None:
        """How one key ended."""
        finished = self._now()
        source = report.source
        latency = None
        if hint.event_time and report.outcome is Outcome.COPIED:
            latency = round((finished - hint.event_time).total_seconds() * 1000)
        self._object_line(
            report.outcome,
            finished,
            report.failure,
            key=hint.key,
            version_id=(source and source.version_id) or hint.version_id,
            size=source.size if source else None,
            etag=source.etag.strip('"') if source else None,
            strategy=report.strategy,
            parts=report.parts,
            rounds=report.rounds,
            requests=requests,
            duration_ms=duration_ms,
            event_time=format_time(hint.event_time) if hint.event_time else None,
            latency_ms=latency,
            more=_more(hint, report),
        )

    def refused(self, refused: Refused) -> None:
        """A message that was not followed."""
        key = refused.key[:_MAX_TEXT] if refused.key is not None else None
        # What fails nothing, and loses nothing of ours, is no error.
        level = "ERROR" if refused.fails_invocation else "WARNING"
        self._object_line(Outcome.REFUSED, self._now(), refused.failure, key=key, level=level)

    def ignored(self, ignored: Ignored) -> None:
        """A message that asks for nothing."""
        self._line(
            "INFO",
            "event ignored",
            self._now(),
            {"key": ignored.key, "event_name": ignored.event_name[:_MAX_TEXT], "reason": ignored.reason},
        )

    def not_returned(self, messages: int, error: Exception) -> None:
        """Failed messages of a queue come back when the queue says, not soon."""
        reason = f"{type(error).__name__}: {error}"[:_MAX_TEXT]
        self._line("WARNING", "retried late", self._now(), {"messages": messages, "reason": reason})

    def finished(
        self,
        outcomes: Mapping[Outcome, int],
        *,
        records: int,
        ignored: int,
        cold_start: bool,
        duration_ms: int,
        not_begun: int = 0,
    ) -> None:
        """The summary of the invocation, its last line."""
        counts = {outcome.value: outcomes.get(outcome, 0) for outcome in Outcome}
        fields = {
            "records": records,
            "outcomes": counts,
            "ignored": ignored,
            **({"not_begun": not_begun} if not_begun else {}),
            "cold_start": cold_start,
            "duration_ms": duration_ms,
        }
        self._line("INFO", "invocation finished", self._now(), fields)

    def _object_line(
        self,
        outcome: Outcome,
        moment: datetime,
        failure: Failure | None,
        *,
        key: str | None,
        version_id: str | None = None,
        size: int | None = None,
        etag: str | None = None,
        strategy: str | None = None,
        parts: int | None = None,
        rounds: int = 0,
        requests: int = 0,
        duration_ms: int = 0,
        event_time: str | None = None,
        latency_ms: int | None = None,
        more: Mapping[str, Any] | None = None,
        level: str = "",
    ) -> None:
        fields: dict[str, Any] = {
            "key": key,
            "version_id": version_id,
            "size": size,
            "etag": etag,
            "strategy": strategy,
            "parts": parts,
            "rounds": rounds,
            "requests": requests,
            "duration_ms": duration_ms,
            "event_time": event_time,
            "latency_ms": latency_ms,
            "outcome": outcome.value,
            **(more or {}),
        }
        if failure:
            fields["error"] = {**asdict(failure), "message": failure.message[:_MAX_TEXT]}
        self._line(level or ("ERROR" if failure else "INFO"), _MESSAGES[outcome], moment, fields)

    def _line(self, level: str, message: str, moment: datetime, fields: Mapping[str, Any]) -> None:
        head = {
            "timestamp": format_time(moment),
            "level": level,
            "message": message,
            "s3copy_log_version": LOG_VERSION,
            "request_id": self.request_id,
            "pipeline": self._pipeline,
        }
        self._write(render({**head, **fields}))


def _more(hint: Hint, report: Report) -> dict[str, Any]:
    """What few lines have."""
    more: dict[str, Any] = {}
    if report.notes:
        more["notes"] = list(report.notes)
    if hint.continuation:
        more |= {"continuation": hint.continuation.asked.hops + 1, "first_request_id": hint.first_request_id}
    return more
