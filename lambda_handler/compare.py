"""What an object looks like, and whether two objects are the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

CONTENT_HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
)

# With any other encryption (SSE-KMS, DSSE-KMS, SSE-C) the ETag says nothing about the content.
_ENCRYPTION_WITH_CONTENT_ETAG = frozenset({None, "AES256"})
_WHOLE_ETAG = re.compile(r"[0-9a-f]{32}")
_MULTIPART_ETAG = re.compile(r"[0-9a-f]{32}-[0-9]+")
_CONTENT_ETAG = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")


@dataclass(frozen=True)
class ObjectState:
    """One object, as HEAD describes it.

    Attributes:
        size: bytes.
        etag: as S3 sent it, with its quotes: conditions need it so.
        version_id: None in a bucket without versioning.
        encryption: S3's name for it ("AES256", "aws:kms", ...), or "SSE-C"; None where S3 names none.
        headers: those of CONTENT_HEADERS that the object has.
        metadata: user metadata.
        storage_class: "STANDARD" where S3 names none.
        checksum_algorithm: "CRC64NVME", "SHA256", ...; None where S3 names none, or was not asked.
        checksum_type: "FULL_OBJECT" or "COMPOSITE".
    """

    size: int
    etag: str
    last_modified: datetime
    version_id: str | None
    encryption: str | None
    headers: Mapping[str, str]
    metadata: Mapping[str, str]
    storage_class: str = "STANDARD"
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Which fields differ, and which cannot tell."""

    differing: tuple[str, ...]
    not_comparable: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Every field was compared and none differs: what could not be compared is not called equal."""
        return not self.differing and not self.not_comparable


def compare(source: ObjectState, destination: ObjectState) -> Comparison:
    """Size, ETag, content headers and user metadata (tags are not part of a HEAD)."""
    differing = [] if source.size == destination.size else ["size"]
    not_comparable = []
    if not (_has_content_etag(source) and _has_content_etag(destination)):
        not_comparable.append("etag")
    elif _bare(source.etag) != _bare(destination.etag):
        differing.append("etag")
    differing += [name for name in CONTENT_HEADERS if source.headers.get(name) != destination.headers.get(name)]
    if source.metadata != destination.metadata:
        differing.append("metadata")
    return Comparison(tuple(differing), tuple(not_comparable))


def is_copy_wrong(source: ObjectState, copy_etag: str, copy_encryption: str | None) -> bool:
    """Whether the ETag that CopyObject answered shows that something else than the source was copied.

    Only two whole-object ETags can show it: the copy of a multipart object has another ETag although it is right.
    """
    return _are_different_digests(_WHOLE_ETAG, source, copy_etag, copy_encryption)


def is_layout_wrong(source: ObjectState, copy_etag: str, copy_encryption: str | None) -> bool:
    """Whether the ETag of a copy in parts shows that its parts are not those of the source."""
    return _are_different_digests(_MULTIPART_ETAG, source, copy_etag, copy_encryption)


def is_still_the_copy(destination: ObjectState | None, copy_etag: str, source: ObjectState) -> bool:
    """Whether the destination is what was just made of the source, and not what another write has put there."""
    if destination is None or _bare(destination.etag) != _bare(copy_etag):
        return False
    return set(compare(source, destination).differing) <= {"etag"}


def _are_different_digests(
    form: re.Pattern[str], source: ObjectState, copy_etag: str, copy_encryption: str | None
) -> bool:
    return (
        source.encryption in _ENCRYPTION_WITH_CONTENT_ETAG
        and copy_encryption in _ENCRYPTION_WITH_CONTENT_ETAG
        and form.fullmatch(_bare(source.etag)) is not None
        and form.fullmatch(_bare(copy_etag)) is not None
        and _bare(source.etag) != _bare(copy_etag)
    )


def _has_content_etag(state: ObjectState) -> bool:
    is_content = _CONTENT_ETAG.fullmatch(_bare(state.etag)) is not None
    return is_content and state.encryption in _ENCRYPTION_WITH_CONTENT_ETAG


def _bare(etag: str) -> str:
    return etag.strip('"')
