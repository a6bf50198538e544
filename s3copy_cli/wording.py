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
