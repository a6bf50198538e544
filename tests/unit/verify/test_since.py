from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from s3copy_cli.errors import UsageError
from s3copy_cli.verify.since import parse_duration, parse_since
from s3copy_cli.wording import human_size, plural

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        (" 1d ", NOW - timedelta(days=1)),
        ("2W", NOW - timedelta(days=14)),
        ("2026-02-28", datetime(2026, 2, 28, tzinfo=timezone.utc)),
        ("2026-02-28T10:00", datetime(2026, 2, 28, 10, tzinfo=timezone.utc)),
        ("2026-02-28T10:00:00Z", datetime(2026, 2, 28, 10, tzinfo=timezone.utc)),
        ("2026-02-28T10:00+02:00", datetime(2026, 2, 28, 8, tzinfo=timezone.utc)),
        ("999999w", datetime(1970, 1, 1, tzinfo=timezone.utc)),
        ("0001-01-01", datetime(1970, 1, 1, tzinfo=timezone.utc)),
    ],
)
def test_ages_and_dates(text: str, moment: datetime) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "soon", "2", "h", "-2h", "2026-13-01", "1.5h", "2027-01-01"])
def test_anything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="reading --since"):
        parse_since(text, NOW)


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), (" 15m ", 900), ("2H", 7200), ("1d", 86_400)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text, "--max-latency") == seconds


@pytest.mark.parametrize(
    ("text", "why"),
    [("soon", "not a duration"), ("-1s", "not a duration"), ("0s", "no time at all"), ("0d", "no time at all")],
)
def test_what_is_no_duration(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        parse_duration(text, "--max-latency")
    assert caught.value.doing == f"reading --max-latency {text!r}"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (271, "271 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (1023, "1.0 KB"),
        (5300, "5.3 KB"),
        (999_949, "999.9 KB"),
        (999_950, "1.0 MB"),
        (5 * 1000**3, "5.0 GB"),
        (48 * 1000**4, "48.0 TB"),
        (2048 * 1000**4, "2,048.0 TB"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert human_size(size) == text


def test_plural() -> None:
    assert [plural(count, "object") for count in (0, 1, 2, 1000)] == [
        "0 objects",
        "1 object",
        "2 objects",
        "1,000 objects",
    ]
