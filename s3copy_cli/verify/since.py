"""Reading `--since`: pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from s3copy_cli.errors import UsageError

_AGE = re.compile(r"(\d{1,6})\s*([smhdw])", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str, now: datetime) -> datetime:
    """When to begin: an age ("30m", "2h", "1d") or a date and time in ISO 8601 (UTC unless it says otherwise).

    Raises:
        UsageError: neither, or a time to come.
    """
    moment = _from_age(text.strip(), now) or _from_date(text.strip())
    if moment is None:
        raise _bad(text, "it is neither an age nor a date")
    if moment > now:
        raise _bad(text, "it lies in the future")
    # CloudWatch knows no time before 1970.
    return max(moment, _EPOCH)


def parse_duration(text: str, option: str) -> float:
    """Seconds in a duration: "90s", "15m", "2h", "1d".

    Raises:
        UsageError: it is not a duration, or none at all, or too long for a number of seconds.
    """
    found = _AGE.fullmatch(text.strip())
    happened = "it is not a duration"
    try:
        if found:
            seconds = timedelta(**{_UNITS[found[2].lower()]: int(found[1])}).total_seconds()
            if seconds:
                return seconds
            happened = "nothing takes no time at all"
    except OverflowError:
        happened = "it is too long"
    raise UsageError(f"reading {option} {text!r}", happened, "Give e.g. 90s, 15m or 2h.")


def _from_age(text: str, now: datetime) -> datetime | None:
    found = _AGE.fullmatch(text)
    if not found:
        return None
    try:
        return now - timedelta(**{_UNITS[found[2].lower()]: int(found[1])})
    except OverflowError:
        return _EPOCH


def _from_date(text: str) -> datetime | None:
    try:
        # Python 3.10 does not read the "Z".
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _bad(text: str, why: str) -> UsageError:
    return UsageError(
        f"reading --since {text!r}", why, "Give an age such as 30m, 2h or 1d, or a date such as 2026-01-31T12:00."
    )
