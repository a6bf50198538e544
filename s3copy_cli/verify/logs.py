"""Reading the function's log group."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.verify.latency import CopyTimes
from s3copy_cli.verify.log_causes import Cause
from s3copy_cli.verify.log_executions import Executions
from s3copy_cli.verify.log_fold import LastWord, LogFold
from s3copy_cli.wording import plural

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

# FilterLogEvents gives at most so many events in a page.
EVENTS_PER_PAGE = 10_000
MAX_STREAMS_NAMED = 1_000
# How far this machine's clock may lag behind AWS's: S3 refuses requests of one that is off by more.
_CLOCK_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class LogScan:
    """What the log group says.

    Attributes:
        group: the log group's name.
        since: the beginning of the range that was read; None if there was nothing to read.
        until: its end.
        incomplete: why not everything could be read; empty if it was.
        streams: the names of the streams that had events, in order; at most 1,000.
        streams_read: how many there were.
        events_read: how many events.
        executions: counts and durations from Lambda's own report lines.
        causes: the errors by cause, the most frequent first.
        succeeded_requests: requests that failed without naming a key and succeeded later.
        noted_requests: the keys of failed requests, as `repair` has noted them.
        copies: how long copies took.
        last_words: what the function said last of each watched key, errors aside.
        is_missing: whether there is no such group.
        is_denied: whether it may not be read.
    """

    group: str
    since: datetime | None
    until: datetime
    incomplete: str
    streams: tuple[str, ...]
    streams_read: int
    events_read: int
    executions: Executions
    causes: tuple[Cause, ...]
    succeeded_requests: frozenset[str]
    noted_requests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    copies: CopyTimes = field(default_factory=CopyTimes)
    last_words: Mapping[str, LastWord] = field(default_factory=dict)
    is_missing: bool = False
    is_denied: bool = False


class _IncompleteError(Exception):
    """Not everything could be read, and why."""


class _MissingError(_IncompleteError):
    """There is no such group."""


class _DeniedError(_IncompleteError):
    """The group may not be read."""


def scan_logs(
    client: CloudWatchLogsClient,
    group: str,
    since: datetime | None,
    now: datetime,
    watched: Container[str] = frozenset(),
    covers: Callable[[str], bool] = lambda _: True,
) -> LogScan:
    """Read all events of a log group from `since` on.

    A group that is missing or may not be read makes the scan incomplete; that is a result and not an exception.

    Args:
        client: CloudWatch Logs.
        group: the log group's name.
        since: the beginning; None if the group was not found when the pipeline was looked up.
        now: the time of day.
        watched: the keys whose last word is to be remembered.
        covers: whether a key is one of those whose copies are to be timed.

    Raises:
        AwsError: CloudWatch Logs failed otherwise.
        CredentialsError: the credentials are not good.
    """
    fold = LogFold(watched, covers)
    streams: set[str] = set()
    events_read = 0
    incomplete = ""
    obstacle: _IncompleteError | None = None
    try:
        if since is None:
            raise _MissingError(f"there is no log group {group}")
        for event in _iter_events(client, group, since, now + _CLOCK_SKEW):
            stream = str(event.get("logStreamName", ""))
            streams.add(stream)
            events_read += 1
            fold.feed(stream, int(event.get("timestamp", 0)), str(event.get("message", "")))
    except _IncompleteError as reason:
        incomplete, obstacle = str(reason), reason
    fold.finish()
    if not incomplete and fold.dropped_lines:
        incomplete = f"Lambda dropped {plural(fold.dropped_lines, 'log line')}"
    if not incomplete and fold.cut_lines:
        incomplete = f"{plural(fold.cut_lines, 'log line')} cut off in the middle"
    return LogScan(
        group=group,
        since=since,
        until=now,
        incomplete=incomplete,
        streams=tuple(sorted(streams)[:MAX_STREAMS_NAMED]),
        streams_read=len(streams),
        events_read=events_read,
        executions=fold.executions,
        causes=tuple(sorted(fold.causes.values(), key=lambda cause: (-cause.count, cause.name))),
        succeeded_requests=frozenset(fold.succeeded_requests),
        noted_requests=fold.noted_requests,
        copies=fold.copies,
        last_words=fold.last_words,
        is_missing=isinstance(obstacle, _MissingError),
        is_denied=isinstance(obstacle, _DeniedError),
    )


def _iter_events(
    client: CloudWatchLogsClient, group: str, since: datetime, until: datetime
) -> Iterator[dict[str, Any]]:
    """Every event of the range, in the order of time.

    A page may be empty and still have a successor. The embedded AWS, on the other hand, gives no token after a full
    page: then the rest is asked for by time.
    """
    begin_ms, end_ms = _milliseconds(since), _milliseconds(until)
    # The events of the last millisecond, which come again when the rest is asked for by time.
    seen_at_ms = -1
    seen: list[tuple[str, str]] = []
    while True:
        count, again = 0, list(seen)
        for event in _iter_pages(client, group, begin_ms, end_ms):
            count += 1
            time_ms = int(event.get("timestamp", 0))
            identity = (str(event.get("logStreamName", "")), str(event.get("message", "")))
            if time_ms == begin_ms and identity in again:
                again.remove(identity)
                continue
            if time_ms != seen_at_ms:
                seen_at_ms, seen = time_ms, []
            seen.append(identity)
            yield event
        if count == 0 or count % EVENTS_PER_PAGE:
            return
        if seen_at_ms <= begin_ms:
            raise _IncompleteError(f"more than {EVENTS_PER_PAGE} events have the same time")
        begin_ms = seen_at_ms


def _iter_pages(client: CloudWatchLogsClient, group: str, begin_ms: int, end_ms: int) -> Iterator[dict[str, Any]]:
    token = ""
    while True:
        more: dict[str, Any] = {"nextToken": token} if token else {}
        with translate_errors(f"reading the log group {group}"):
            try:
                page = client.filter_log_events(
                    logGroupName=group, startTime=begin_ms, endTime=end_ms, limit=EVENTS_PER_PAGE, **more
                )
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise _MissingError(f"there is no log group {group}") from error
                if is_denied(error):
                    raise _DeniedError(
                        f"the log group {group} may not be read ({error_code(error)}): logs:FilterLogEvents is needed"
                    ) from error
                raise
        yield from (dict(event) for event in page.get("events", []))
        next_token = page.get("nextToken") or ""
        if not next_token:
            return
        if next_token == token:
            raise _IncompleteError("CloudWatch Logs repeated itself instead of going on")
        token = next_token


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
