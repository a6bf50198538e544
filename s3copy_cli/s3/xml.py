"""S3's answers, read strictly: what is not complete and well-formed is an error, never a shorter answer. Pure.

Pages of a listing are the one thing that must be fast: their entries are taken apart by a regular expression that
accepts nothing but the plain shape that S3 writes, and what is around them by the XML parser. A page with any other
shape goes through the XML parser as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache, partial
from urllib.parse import unquote_plus
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from s3copy_cli.s3.types import DeleteFailure, ListedObject, MultipartUpload, ObjectVersion

# The order of AWS; other implementations take the slower way.
_ENTRY = re.compile(
    "<Contents><Key>([!-%'-;=-~]+)</Key>"
    "<LastModified>([0-9T:.Z-]+)</LastModified>"
    '<ETag>(?:&quot;|&#34;|")?([0-9A-Za-z+/=._-]*)(?:&quot;|&#34;|")?</ETag>'
    "(?:<Checksum(?:Algorithm|Type)>[0-9A-Z_]+</Checksum(?:Algorithm|Type)>)*"
    "<Size>([0-9]+)</Size>"
    "(?:<StorageClass>([A-Z_]+)</StorageClass>)?"
    r"</Contents>\s*"
)
# What `_ENTRY.split` gives for each entry: what stands before it, and its five groups.
_COLUMNS = 6
# A ListedObject of a tuple, without a call into Python for each.
_LISTED = partial(tuple.__new__, ListedObject)
_VERSIONING = ("VersioningConfiguration", "GetBucketVersioningResponse")


class MalformedAnswerError(ValueError):
    """An answer that is not what S3 would say: cut short, garbled, or something else altogether."""


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """One page of a listing.

    Attributes:
        objects: its entries, in S3's order.
        is_truncated: whether more follow.
        token: where they follow; "" on the last page.
    """

    objects: Sequence[ListedObject]
    is_truncated: bool
    token: str = ""


@dataclass(frozen=True, slots=True)
class VersionPage:
    """One page of versions and delete markers, and the markers of the next page if `is_truncated`."""

    versions: Sequence[ObjectVersion]
    is_truncated: bool
    key_marker: str = ""
    version_marker: str = ""


@dataclass(frozen=True, slots=True)
class UploadPage:
    """One page of open uploads, and the markers of the next page if `is_truncated`."""

    uploads: Sequence[MultipartUpload]
    is_truncated: bool
    key_marker: str = ""
    upload_marker: str = ""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What S3 says when it refuses."""

    code: str
    message: str
    request_id: str = ""


def parse_objects(body: bytes) -> ObjectPage:
    """A page of ListObjectsV2.

    Raises:
        MalformedAnswerError: it is not one.
    """
    try:
        pieces = _ENTRY.split(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedAnswerError("not UTF-8") from error
    # What is around the entries, and then one column of them after the other: no loop of ours touches a single entry.
    rest, keys, times, etags, sizes, classes = (pieces[column::_COLUMNS] for column in range(_COLUMNS))
    root = _root("".join(rest).encode(), "ListBucketResult")
    if root.find("Contents") is not None:
        # Another shape, of some at least.
        root, keys = _root(body, "ListBucketResult"), []
    is_encoded = root.findtext("EncodingType") == "url"
    objects = [_from_element(entry, is_encoded) for entry in root.iterfind("Contents")]
    if keys:
        keys = [_decoded(key, is_encoded) if "%" in key or "+" in key else key for key in keys]
        names = [name or "STANDARD" for name in classes]
        objects = list(map(_LISTED, zip(keys, map(int, sizes), etags, map(_parse_time, times), names, strict=True)))
    count = root.findtext("KeyCount")
    prefixes = sum(1 for _ in root.iterfind("CommonPrefixes"))
    if count is not None and _number(count) != len(objects) + prefixes:
        raise MalformedAnswerError(f"a page of {count} keys has {len(objects) + prefixes}")
    is_truncated = _truth(root, "IsTruncated")
    token = root.findtext("NextContinuationToken") or ""
    if is_truncated and not token:
        raise MalformedAnswerError("a page that is not the last names no next one")
    return ObjectPage(objects, is_truncated, token)


def parse_versions(body: bytes) -> VersionPage:
    """A page of ListObjectVersions.

    Raises:
        MalformedAnswerError: it is not one.
    """
    root = _root(body, "ListVersionsResult")
    is_encoded = root.findtext("EncodingType") == "url"
    versions = [
        ObjectVersion(_decoded(_text(entry, "Key"), is_encoded), entry.findtext("VersionId") or "null")
        for entry in root
        if entry.tag in ("Version", "DeleteMarker")
    ]
    return VersionPage(
        versions,
        _truth(root, "IsTruncated"),
        _decoded(root.findtext("NextKeyMarker") or "", is_encoded),
        root.findtext("NextVersionIdMarker") or "",
    )


def parse_uploads(body: bytes) -> UploadPage:
    """A page of ListMultipartUploads.

    Raises:
        MalformedAnswerError: it is not one.
    """
    root = _root(body, "ListMultipartUploadsResult")
    is_encoded = root.findtext("EncodingType") == "url"
    uploads = [
        MultipartUpload(_decoded(_text(entry, "Key"), is_encoded), _text(entry, "UploadId"))
        for entry in root.iterfind("Upload")
    ]
    return UploadPage(
        uploads,
        _truth(root, "IsTruncated"),
        _decoded(root.findtext("NextKeyMarker") or "", is_encoded),
        root.findtext("NextUploadIdMarker") or "",
    )


def parse_tags(body: bytes) -> dict[str, str]:
    """The tags of GetObjectTagging.

    Raises:
        MalformedAnswerError: it is no such answer.
    """
    tag_set = _root(body, "Tagging").find("TagSet")
    if tag_set is None:
        raise MalformedAnswerError("no TagSet")
    return {_text(tag, "Key"): tag.findtext("Value") or "" for tag in tag_set.iterfind("Tag")}


def parse_deleted(body: bytes) -> list[DeleteFailure]:
    """What DeleteObjects could not delete.

    Raises:
        MalformedAnswerError: it is no such answer.
    """
    return [
        DeleteFailure(
            key=failure.findtext("Key") or "",
            version_id=failure.findtext("VersionId") or "",
            code=failure.findtext("Code") or "Unknown",
            message=failure.findtext("Message") or "",
        )
        for failure in _root(body, "DeleteResult").iterfind("Error")
    ]


def parse_is_versioned(body: bytes) -> bool:
    """Whether GetBucketVersioning tells of versioning, enabled or suspended.

    Raises:
        MalformedAnswerError: it is no such answer.
    """
    # moto puts one more element around it.
    return any(element.tag == "Status" for element in _root(body, *_VERSIONING).iter())


def parse_error(body: bytes) -> ErrorBody | None:
    """An error's body, or None if it is not one."""
    try:
        root = _root(body, "Error")
    except MalformedAnswerError:
        return None
    code = root.findtext("Code")
    if not code:
        return None
    return ErrorBody(code, root.findtext("Message") or "", root.findtext("RequestId") or "")


def delete_body(versions: Sequence[ObjectVersion]) -> bytes:
    """The body of DeleteObjects; every character of every key must be one that XML 1.0 has."""

    def parts() -> Iterator[str]:
        yield '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        for version in versions:
            # Parsers turn a bare carriage return into a line feed.
            key = escape(version.key, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
            yield f"<Object><Key>{key}</Key><VersionId>{escape(version.version_id)}</VersionId></Object>"
        yield "<Quiet>true</Quiet></Delete>"

    return "".join(parts()).encode()


def parse_time(text: str) -> datetime:
    """A time as S3 writes it in XML, e.g. "2026-01-01T00:00:00.000Z".

    Raises:
        MalformedAnswerError: it is none.
    """
    return _parse_time(text)


# Neighbours in a listing were often written in the same second.
@lru_cache(4096)
def _parse_time(text: str) -> datetime:
    try:
        # Python 3.10 takes no "Z".
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError as error:
        raise MalformedAnswerError(f"{text!r} is not a time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _from_element(entry: ElementTree.Element, is_encoded: bool) -> ListedObject:
    return ListedObject(
        _decoded(_text(entry, "Key"), is_encoded),
        _number(_text(entry, "Size")),
        (entry.findtext("ETag") or "").strip('"'),
        parse_time(_text(entry, "LastModified")),
        entry.findtext("StorageClass") or "STANDARD",
    )


def _root(body: bytes, *names: str) -> ElementTree.Element:
    """The root element, which has one of these names; the namespace is taken off all names."""
    # S3 writes UTF-8 without a document type; entities have no business here.
    if b"<!DOCTYPE" in body or b"\0" in body:
        raise MalformedAnswerError("a document type, or no UTF-8")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  (document types, and with them entities, are refused above)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise MalformedAnswerError(f"not XML: {error}") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag not in names:
        raise MalformedAnswerError(f"{root.tag} instead of {names[0]}")
    return root


def _text(entry: ElementTree.Element, name: str) -> str:
    text = entry.findtext(name)
    if not text:
        raise MalformedAnswerError(f"no {name} in {entry.tag}")
    return text


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise MalformedAnswerError(f"{text!r} is not a number")
    return int(text)


def _truth(root: ElementTree.Element, name: str) -> bool:
    text = _text(root, name)
    if text not in ("true", "false"):
        raise MalformedAnswerError(f"{name} is {text!r}")
    return text == "true"


def _decoded(text: str, is_encoded: bool) -> str:
    if not is_encoded or ("%" not in text and "+" not in text):
        return text
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedAnswerError(f"{text!r} is not UTF-8") from error
