"""Numbers in words: pure."""

from __future__ import annotations

_UNITS = ("KB", "MB", "GB", "TB")


def plural(count: int, noun: str) -> str:
    """ "1 object", "2 objects", "1,000 objects"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def human_size(size: int) -> str:
    """Bytes for a person, in powers of 1,000: "5.2 KB"."""
    if size < 1000:
        return plural(size, "byte")
    value = float(size)
    for unit in _UNITS:
        value /= 1000
        # 999.95 would be shown as 1000.0.
        if value < 999.95 or unit == _UNITS[-1]:
            break
    return f"{value:,.1f} {unit}"


def human_duration(seconds: float) -> str:
    """Seconds for a person: "350 ms", "1.2 s", "4 min 10 s", "2 h 5 min"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        # 59.96 would be shown as 60.0.
        return f"{min(seconds, 59.9):.1f} s".replace(".0 s", " s")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
