"""Making hostile text harmless for a terminal: keys, metadata and log lines are other people's words."""

from __future__ import annotations

import unicodedata

# Categories that move the cursor, change direction or cannot be printed: control, format, surrogate,
# private use, unassigned, line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(text: str) -> str:
    """The text with every character that could act on a terminal written as a backslash escape.

    Ordinary text in any script, and emoji, stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def escape_key(text: str) -> str:
    """As `safe`, and reversible: a backslash of the text itself is doubled, so that each escape has one meaning.

    The escapes are those of Python and JSON: `\\\\`, `\\n`, `\\r`, `\\t`, `\\xNN`, `\\uNNNN`, `\\UNNNNNNNN`. The result
    is one line without tabs.
    """
    return safe(text.replace("\\", "\\\\"))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, the middle left out where there are more."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    tail = limit - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :]}"


def _escape(char: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char) or char.encode("unicode_escape").decode("ascii")
