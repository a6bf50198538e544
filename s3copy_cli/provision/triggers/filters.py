"""Which keys start the function, in the languages of S3's notifications and of EventBridge. Pure.

The function looks at each key itself, so a filter may let more pass than was chosen, but never less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from s3copy_cli.errors import OptionError

MAX_KEY_BYTES = 1024
# EventBridge's quota for one event pattern, in characters.
MAX_PATTERN_CHARACTERS = 2048
# S3 compares its filters with keys in an encoded form, of which these characters are no part. AWS says how a space and
# others are to be encoded, but not which ones, and other implementations of S3 do not encode at all.
_PLAIN = "[A-Za-z0-9/_.-]*"


def check_filter(prefix: str, suffix: str, destination_prefix: str) -> None:
    """Refuse what no key can begin or end with.

    Raises:
        OptionError: saying which.
    """
    for option, text in (("--prefix", prefix), ("--suffix", suffix), ("--destination-prefix", destination_prefix)):
        length = len(text.encode(errors="surrogatepass"))
        if length >= MAX_KEY_BYTES + (option != "--destination-prefix"):
            raise OptionError(
                option,
                f"it has {length:,} bytes, and a key has at most {MAX_KEY_BYTES:,}",
                "Choose a shorter one.",
            )
        odd = next((character for character in text if not _can_be_in_a_key(character)), None)
        if odd is not None:
            # They could neither be a variable of the function nor be written in XML.
            raise OptionError(option, f"it has the character {odd!a}", "Choose one without it.")


def notification_filter(prefix: str, suffix: str) -> dict[str, str]:
    """The prefix and suffix for S3's own filter, by rule name: as much of them as is the same in every encoding."""
    head = re.match(_PLAIN, prefix)
    tail = re.search(rf"{_PLAIN}\Z", suffix)
    rules = {"prefix": head[0] if head else "", "suffix": tail[0] if tail else ""}
    return {name: value for name, value in rules.items() if value}


def key_pattern(prefix: str, suffix: str) -> list[Any]:
    """What an EventBridge rule says of the key; [] for any key. It compares keys as they are."""
    if prefix and suffix:
        # A key may be shorter than both together: "ab" and "bc" are the two ends of "abc".
        overlaps = [
            prefix + suffix[length:]
            for length in range(1, min(len(prefix), len(suffix)) + 1)
            if prefix.endswith(suffix[:length])
        ]
        return [{"wildcard": f"{_escaped(prefix)}*{_escaped(suffix)}"}, *overlaps]
    if prefix:
        return [{"prefix": prefix}]
    return [{"suffix": suffix}] if suffix else []


def event_pattern(bucket: str, events: list[str], prefix: str, suffix: str) -> dict[str, Any]:
    """The pattern of the rule.

    Args:
        bucket: the source bucket.
        events: what a notification of S3 would ask for, e.g. "s3:ObjectCreated:*".
        prefix: keys begin so.
        suffix: keys end so.
    """
    kinds = sorted({kind for event in events for kind in _DETAIL_TYPES[event]})

    def with_key(key: list[Any]) -> dict[str, Any]:
        detail = {"bucket": {"name": [bucket]}, **({"object": {"key": key}} if key else {})}
        return {"source": ["aws.s3"], "detail-type": kinds, "detail": detail}

    # What is too long for a rule lets more pass, and the function ignores it.
    keys = (key_pattern(prefix, suffix), key_pattern(prefix, ""), key_pattern("", suffix))
    fitting = (found for key in keys if len(pattern_text(found := with_key(key))) <= MAX_PATTERN_CHARACTERS)
    return next(fitting, with_key([]))


def pattern_text(pattern: Mapping[str, Any]) -> str:
    """A pattern as EventBridge is told it: as short as it can be."""
    return json.dumps(pattern, ensure_ascii=False, separators=(",", ":"))


_DETAIL_TYPES: Mapping[str, tuple[str, ...]] = {
    "s3:ObjectCreated:*": ("Object Created",),
    "s3:ObjectRemoved:*": ("Object Deleted",),
    "s3:LifecycleExpiration:*": ("Object Deleted",),
    "s3:ObjectTagging:*": ("Object Tags Added", "Object Tags Deleted"),
}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*")


def _can_be_in_a_key(character: str) -> bool:
    return character not in "\x00\ufffe\uffff" and not "\ud800" <= character <= "\udfff" and (character >= " ")
