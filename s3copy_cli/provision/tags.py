"""The tags of a pipeline's resources: whose they are, and those that the owner chose. Pure.

Others tag our resources too (cost allocation, automation). So a resource itself says which of its tags s3copy has set:
their keys are the value of a tag of our own. Nothing else would survive a setup that is killed half-way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from s3copy_cli.config import OWNERSHIP_TAG, Pipeline

OWN_KEYS_TAG = "s3copy:tags"
# What S3, IAM, Lambda, SQS, CloudWatch Logs and EventBridge all take: 50 tags. Three are ours: on a
# function and on a rule there is one more that says what is to be undone.
MAX_TAGS = 47
_KEY_MAX, _VALUE_MAX = 128, 256
# IAM's and CloudWatch Logs' pattern ([\p{L}\p{Z}\p{N}_.:/=+\-@]); spaces in keys are left out, they separate the keys.
_OUTSIDE = re.compile(r"[^\w.:/=+\-@]")
_OUTSIDE_VALUE = re.compile(r"[^\w .:/=+\-@]")
Pairs = Sequence[tuple[str, str]]


def tags_problem(pairs: Any) -> str:
    """Why these tags cannot be on every resource, in words; "" where they can."""
    if not isinstance(pairs, tuple) or not all(_is_pair(pair) for pair in pairs):
        return f"{pairs!r} is not a list of keys and values"
    keys = [key for key, _ in pairs]
    # IAM takes keys that differ only in case for the same one.
    doubles = {key for key in keys if sum(other.lower() == key.lower() for other in keys) > 1}
    if doubles:
        return f"the key {min(doubles)!r} is there twice (upper and lower case are the same to IAM)"
    if len(keys) > MAX_TAGS:
        return f"{len(keys)} tags are too many: AWS allows 50, of which s3copy needs three"
    if len(" ".join(keys)) > _VALUE_MAX:
        return f"all keys together may have {_VALUE_MAX} characters"
    return next((problem for key, value in pairs if (problem := _pair_problem(key, value))), "")


def wanted_tags(pipeline: Pipeline, own: Pairs) -> dict[str, str]:
    """All tags of a resource that s3copy makes."""
    listed = {OWN_KEYS_TAG: " ".join(sorted(key for key, _ in own))} if own else {}
    return {**pipeline.tags, **dict(own), **listed}


def tag_attribute(tags: Mapping[str, str]) -> dict[str, str | None]:
    """Those of a resource's tags that s3copy has set, for a plan; None where one has gone."""
    listed = tags.get(OWN_KEYS_TAG, "").split()
    return {key: tags.get(key) for key in (OWNERSHIP_TAG, *listed)}


def tag_writes(old: Mapping[str, Any], new: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The tags to set, and the keys to remove, for a change of that attribute."""
    own = sorted(key for key in new if key != OWNERSHIP_TAG)
    listed = {OWN_KEYS_TAG: " ".join(own)} if own else {}
    gone = [key for key in old if key not in new]
    return {**new, **listed}, sorted([*gone, OWN_KEYS_TAG] if gone and not own else gone)


def parse_tag(text: str) -> tuple[str, str]:
    """A tag as it is typed: KEY=VALUE.

    Raises:
        ValueError: it has no "=".
    """
    key, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"{text!r} is not KEY=VALUE")
    return key, value


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair)


def _pair_problem(key: str, value: str) -> str:
    if not 0 < len(key) <= _KEY_MAX:
        return f"the key {key!r} must have 1 to {_KEY_MAX} characters"
    if len(value) > _VALUE_MAX:
        return f"the value of {key!r} must have at most {_VALUE_MAX} characters"
    if key.lower().startswith(("aws:", "s3copy:")):
        return f"keys that begin like {key!r} are reserved"
    outside = _OUTSIDE.search(key) or _OUTSIDE_VALUE.search(value)
    if outside:
        where = "letters, digits and . : / = + - @ _ (in values also spaces)"
        return f"the tag {key}={value} has {outside[0]!r}; every service takes {where}"
    return ""
