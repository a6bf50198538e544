"""What HEAD's headers tell of an object: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache

from s3copy_cli.s3.types import ObjectHead
from s3copy_cli.s3.xml import MalformedAnswerError

_CONTENT_HEADERS = {
    "content-type": "Content-Type",
    "content-encoding": "Content-Encoding",
    "content-disposition": "Content-Disposition",
    "content-language": "Content-Language",
    "cache-control": "Cache-Control",
    "expires": "Expires",
}
_METADATA = "x-amz-meta-"
_CHECKSUM = "x-amz-checksum-"
# Groups of headers without a common prefix.
_CONTENT = "content"
_OTHER = "other"
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}


def parse_head(key: str, headers: Iterable[tuple[str, str]]) -> ObjectHead:
    """An object by the headers of an answer to HEAD.

    Raises:
        MalformedAnswerError: what every object has is not there.
    """
    content: dict[str, str] = {}
    metadata: dict[str, str] = {}
    checksums: dict[str, str] = {}
    other: dict[str, str] = {}
    groups = {_CONTENT: content, _METADATA: metadata, _CHECKSUM: checksums, _OTHER: other}
    for raw_name, value in headers:
        prefix, name = _place(raw_name)
        group = groups[prefix]
        # Several headers of one name are one value, as for every HTTP header that may be repeated.
        group[name] = f"{group[name]},{value}" if group is metadata and name in group else value
    checksum_type = checksums.pop("TYPE", "")
    size = other.get("content-length", "")
    if not (size.isascii() and size.isdigit()) or "etag" not in other or "last-modified" not in other:
        raise MalformedAnswerError("no Content-Length, ETag or Last-Modified")
    is_customers_key = "x-amz-server-side-encryption-customer-algorithm" in other
    missing = other.get("x-amz-missing-meta", "0")
    return ObjectHead(
        key=key,
        size=int(size),
        etag=other["etag"].strip('"'),
        last_modified=parse_http_time(other["last-modified"]),
        headers=content,
        metadata=metadata,
        checksums=checksums,
        checksum_type=checksum_type if checksums else "",
        encryption="SSE-C" if is_customers_key else other.get("x-amz-server-side-encryption", ""),
        storage_class=other.get("x-amz-storage-class", "STANDARD"),
        version_id=other.get("x-amz-version-id", ""),
        missing_metadata=int(missing) if missing.isascii() and missing.isdigit() else 1,
    )


@lru_cache(1024)
def _place(name: str) -> tuple[str, str]:
    """To which group a header belongs, and what it is called there. The same few names are in every answer."""
    name = name.lower()
    for prefix in (_METADATA, _CHECKSUM):
        if name.startswith(prefix):
            bare = name[len(prefix) :]
            return prefix, bare.upper() if prefix == _CHECKSUM else bare
    return (_CONTENT, _CONTENT_HEADERS[name]) if name in _CONTENT_HEADERS else (_OTHER, name)


@lru_cache(4096)
def parse_http_time(text: str) -> datetime:
    """A time as HTTP writes it, e.g. "Thu, 01 Jan 2026 00:00:00 GMT".

    Raises:
        MalformedAnswerError: it is none.
    """
    try:
        if len(text) == 29 and text.endswith(" GMT"):
            # Three times as fast as the general way, which takes all that HTTP ever allowed.
            return datetime(
                int(text[12:16]),
                _MONTHS[text[8:11]],
                int(text[5:7]),
                int(text[17:19]),
                int(text[20:22]),
                int(text[23:25]),
                tzinfo=timezone.utc,
            )
        return parsedate_to_datetime(text).astimezone(timezone.utc)
    except (KeyError, ValueError) as error:
        raise MalformedAnswerError(f"{text!r} is not a time") from error
