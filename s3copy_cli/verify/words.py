"""Numbers in words: pure."""

from __future__ import annotations

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def plural(count: int, noun: str) -> str:
    """ "1 object", "2 objects", "1,000 objects"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def human_size(size: int) -> str:
    """Bytes for a person, in powers of 1,024: "5.2 KB"."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in _UNITS:
        # 1023.95 would be shown as 1024.0.
        if amount < 1023.95 or unit == _UNITS[-1]:
            return f"{amount:,.1f} {unit}"
        amount /= 1024
    raise AssertionError("unreachable")
