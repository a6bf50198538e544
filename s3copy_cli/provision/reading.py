"""What the readers of the world have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code, is_denied
from s3copy_cli.config import OWNERSHIP_TAG, Pipeline

BUCKET_MISSING = frozenset({"404", "NoSuchBucket", "NotFound"})


def answer(call: Callable[[], Any], missing: frozenset[str]) -> Any:
    """What the call answers, or None if it says that there is no such thing."""
    try:
        return call()
    except ClientError as error:
        if error_code(error) in missing:
            return None
        raise


def if_offered(call: Callable[[], Any], missing: frozenset[str] = frozenset()) -> Any:
    """What the call answers; None where there is no such thing, it may not be made, or the service does not know it."""
    try:
        return answer(call, missing)
    except ClientError as error:
        # Services that are like AWS answer a call they do not know with one of these and a code of their own.
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if is_denied(error) or status in {404, 405, 501}:
            return None
        raise


def one_by_one(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the calls answer, made one after another."""
    return [call() for call in calls]


def side_by_side(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the calls answer, all under way at the same time; raises what the first of them raises."""
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


def first_rule(found: Any, key: str) -> dict[str, Any]:
    """The first of the rules of a bucket's setting; {} without any."""
    rules = (found or {}).get(key, {}).get("Rules", [])
    return dict(rules[0]) if rules else {}


def tag_problem(pipeline: Pipeline, tags: Mapping[str, str]) -> str:
    """Why something with these tags is not this pipeline's, in words; "" where it is."""
    owner = tags.get(OWNERSHIP_TAG)
    if owner == pipeline.name:
        return ""
    if owner is None:
        return f"it has no tag {OWNERSHIP_TAG}={pipeline.name}"
    return f"its tag says {OWNERSHIP_TAG}={owner}"


def parsed(text: Any) -> dict[str, Any]:
    """A JSON object that AWS keeps as a text; {} for anything else."""
    if isinstance(text, dict):
        return text
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
