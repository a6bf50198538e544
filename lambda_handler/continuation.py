"""The event by which an invocation hands an unfinished copy on: all that is known travels with it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import Any

from .compare import ObjectState
from .multipart import Continuation
from .requests import Continue
from .strategy import MAX_PARTS, Layout

FIELD = "s3copy_continuation"
VERSION = 1


def write_continuation(asked: Continue, bucket: str, origin: Mapping[str, Any]) -> bytes:
    """The event that has the function go on.

    Args:
        bucket: the source bucket.
        origin: what is known about the event that began it; it comes back as it is.
    """
    source = {**asdict(asked.source), "last_modified": asked.source.last_modified.isoformat()}
    content = {
        "version": VERSION,
        "bucket": bucket,
        "key": asked.key,
        "upload_id": asked.upload_id,
        "hops": asked.hops,
        "layout": [[size, len(list(same))] for size, same in groupby(asked.layout)],
        "tags": dict(asked.tags),
        "source": source,
        "origin": dict(origin),
    }
    return json.dumps({FIELD: content}, separators=(",", ":")).encode()


def read_continuation(content: Mapping[str, Any]) -> Continuation:
    """What `write_continuation` wrote.

    Raises:
        ValueError: it cannot have been written by this version.
    """
    if content.get("version") != VERSION:
        raise ValueError(f"a continuation has version {str(content.get('version'))[:20]!a}, not {VERSION}")
    try:
        source = dict(content["source"])
        source["last_modified"] = datetime.fromisoformat(source["last_modified"])
        layout = _read_layout(content["layout"])
        asked = Continue(
            key=_text(content["key"]),
            source=ObjectState(**source),
            upload_id=_text(content["upload_id"]),
            layout=layout,
            hops=int(content["hops"]),
            tags=dict(content["tags"]),
        )
        continuation = Continuation(asked)
        total = sum(continuation.upload.layout)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a continuation is incomplete: {type(error).__name__} {str(error)[:100]!a}") from error
    if total != asked.source.size or asked.hops < 0:
        raise ValueError("a continuation's parts do not make up its object")
    return continuation


def _read_layout(pairs: Any) -> Layout:
    runs = [(int(size), int(count)) for size, count in pairs]
    if not 1 <= sum(count for _, count in runs) <= MAX_PARTS or any(size < 0 or count < 1 for size, count in runs):
        raise ValueError("a continuation's parts are not such as S3 has")
    return tuple(size for size, count in runs for _ in range(count))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a text was expected")
    return value
