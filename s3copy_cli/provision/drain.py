"""Waiting until the copies that are under way have ended, once nothing starts new ones.

Otherwise they would land in a bucket that has just been emptied, and their log lines in a group that is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, is_denied
from s3copy_cli.provision.remote import LOG_GROUP_MISSING
from s3copy_cli.queues import QUEUE_MISSING

# Lambda's own lines around each invocation.
_BEGUN = re.compile(r"START RequestId: ([0-9a-f-]+)")
_ENDED = re.compile(r"REPORT RequestId: ([0-9a-f-]+)")
_PATTERN = "RequestId"
# So much traffic that reading it all takes longer than it is good for; then it is busy, in any case.
MAX_PAGES = 20
# Lines arrive in any order, and some seconds late.
OVERLAP_SECONDS = 30.0
_SAY_EVERY_SECONDS = 15.0
_BACKLOG = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class DrainLimits:
    """How long to wait for what, in seconds.

    Attributes:
        recent: if no invocation began or ended for so long, nothing is under way.
        quiet: else so long nothing may begin or end.
        most: after this it is given up.
        pause: between two looks.
    """

    recent: float = 120.0
    quiet: float = 10.0
    most: float = 180.0
    pause: float = 2.0


# On the embedded AWS events and log lines take milliseconds.
EMBEDDED_LIMITS = DrainLimits(recent=10.0, quiet=1.0, most=60.0, pause=0.25)


@dataclass(frozen=True)
class Activity:
    """What one look found.

    Attributes:
        under_way: invocations that have begun and not ended.
        news: invocations that began or ended since the look before (in the first look: within `DrainLimits.recent`).
        queued: events that wait in front of the function.
    """

    under_way: int = 0
    news: int = 0
    queued: int = 0

    def describe(self) -> str:
        """What is waited for, in words."""
        parts = []
        if self.under_way:
            parts.append(f"{self.under_way} invocations are under way")
        if self.queued:
            parts.append(f"{self.queued} events are queued")
        return ", ".join(parts) or "the last invocation was a moment ago"


@dataclass(frozen=True)
class Drained:
    """How it ended.

    Attributes:
        waited_seconds: how long it took.
        problem: what was still under way when it was given up, or why nothing could be seen; "" if all had ended.
    """

    waited_seconds: float
    problem: str = ""


class Look(Protocol):
    """Looks at what is under way."""

    def __call__(self) -> Activity:
        """What there is now.

        Raises:
            ClientError: AWS refused or failed the call.
        """


def drain(
    look: Look,
    limits: DrainLimits,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    say: Callable[[str], None],
) -> Drained:
    """Look until nothing is under way.

    Args:
        look: looks at what is under way.
        limits: how long to wait for what.
        clock: seconds, monotonic.
        sleep: waits so many seconds.
        say: told what is waited for, when that begins and now and then.
    """
    began = last_news = clock()
    last_said = -_SAY_EVERY_SECONDS
    is_first = True
    while True:
        try:
            activity = look()
        except ClientError as error:
            if not is_denied(error):
                raise
            return Drained(
                clock() - began, "your credentials may not look (logs:FilterLogEvents, sqs:GetQueueAttributes)"
            )
        now = clock()
        if activity.news:
            last_news = now
        is_idle = not (activity.under_way or activity.queued)
        if is_idle and ((is_first and not activity.news) or now - last_news >= limits.quiet):
            return Drained(now - began)
        if now - began >= limits.most:
            return Drained(now - began, activity.describe())
        if now - began - last_said >= _SAY_EVERY_SECONDS:
            last_said = now - began
            say(f"waiting: {activity.describe()} (at most {limits.most:.0f} seconds; --no-drain does not wait)")
        is_first = False
        sleep(limits.pause)


@dataclass
class InvocationLog:
    """What Lambda's own log lines say of invocations; fed with messages, in any order and repeatedly."""

    begun: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def add(self, messages: Iterable[str]) -> int:
        """Take messages in; how many of them were new."""
        known = len(self.begun) + len(self.ended)
        for message in messages:
            for pattern, ids in ((_BEGUN, self.begun), (_ENDED, self.ended)):
                found = pattern.search(message)
                if found:
                    ids.add(found[1])
        return len(self.begun) + len(self.ended) - known

    @property
    def under_way(self) -> int:
        """Invocations that have begun and not ended."""
        return len(self.begun - self.ended)


@dataclass
class Watch:
    """Looks at a function's log group, and at the queue in front of it if there is one.

    Attributes:
        aws: where.
        log_group: the function's.
        queue_name: of the queue that events wait in; "" where they do not.
        longest_seconds: an invocation that began before so long has ended, whatever the log says.
        limits: how long to wait for what.
        now: seconds since 1970.
    """

    aws: Aws
    log_group: str
    queue_name: str
    longest_seconds: float
    limits: DrainLimits
    now: Callable[[], float]
    _log: InvocationLog = field(default_factory=InvocationLog)
    _read_until: float | None = None

    def __call__(self) -> Activity:
        """What there is now."""
        now = self.now()
        if self._read_until is None:
            # Older ones only tell what is under way since then; they are no news.
            self._read(now - self.longest_seconds, now - self.limits.recent)
            news = self._read(now - self.limits.recent, None)
        else:
            news = self._read(self._read_until - OVERLAP_SECONDS, None)
        self._read_until = now
        return Activity(self._log.under_way, news, self._queued())

    def _read(self, since: float, until: float | None) -> int:
        bounds: dict[str, Any] = {"startTime": max(int(since * 1000), 0)}
        if until is not None:
            bounds["endTime"] = max(int(until * 1000), bounds["startTime"])
        news = 0
        pages = self.aws.logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.log_group,
            filterPattern=_PATTERN,
            **bounds,
        )
        try:
            for number, page in enumerate(pages, 1):
                news += self._log.add(event["message"] for event in page["events"])
                if number == MAX_PAGES:
                    return max(news, 1)
        except ClientError as error:
            if error_code(error) not in LOG_GROUP_MISSING:
                raise
        return news

    def _queued(self) -> int:
        if not self.queue_name:
            return 0
        try:
            url = self.aws.sqs.get_queue_url(QueueName=self.queue_name)["QueueUrl"]
            answer: Any = self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_BACKLOG)  # type: ignore[arg-type]
        except ClientError as error:
            if error_code(error) not in QUEUE_MISSING:
                raise
            return 0
        return sum(int(answer["Attributes"].get(name, "0")) for name in _BACKLOG)
