"""What the data plane takes and gives. ETags come without their quotes, keys as S3 stores them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True)
class Bucket:
    """A bucket and the account that must own it; S3 refuses every call (403) if another one does.

    Attributes:
        name: its name.
        owner: the account, 12 digits.
        region: where it is; "" for the Region that the program works in.
    """

    name: str
    owner: str
    region: str = ""


class ListedObject(NamedTuple):
    """One line of a listing; a tuple, because there are millions of them, and a frozen dataclass takes twice as long.

    Attributes:
        key: the object's key, decoded.
        size: bytes.
        etag: without quotes.
        last_modified: with time zone; for a multipart object, when its upload began.
        storage_class: "STANDARD" where S3 says nothing.
    """

    key: str
    size: int
    etag: str
    last_modified: datetime
    storage_class: str = "STANDARD"


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What HEAD tells of an object's current version.

    Attributes:
        key: the object's key.
        size: bytes.
        etag: without quotes.
        last_modified: with time zone.
        headers: those of the six content headers and Expires that are set, by their HTTP names
            ("Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control", "Expires").
        metadata: user metadata, names in lower case without the "x-amz-meta-" prefix.
        checksums: algorithm ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", …) to Base64 value, as S3 keeps them.
        checksum_type: "FULL_OBJECT", "COMPOSITE" or "" where there is no checksum.
        encryption: "AES256", "aws:kms", "aws:kms:dsse", "SSE-C", or "" where S3 says nothing.
        storage_class: "STANDARD" where S3 says nothing.
        version_id: "" for unversioned buckets.
        missing_metadata: how many metadata entries S3 could not return as headers (x-amz-missing-meta).
    """

    key: str
    size: int
    etag: str
    last_modified: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str = ""
    encryption: str = ""
    storage_class: str = "STANDARD"
    version_id: str = ""
    missing_metadata: int = 0


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, or one delete marker."""

    key: str
    version_id: str


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """An upload that was begun and neither completed nor aborted."""

    key: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class DeleteFailure:
    """One object that a bulk delete could not delete."""

    key: str
    version_id: str
    code: str
    message: str


@dataclass(frozen=True)
class PutOptions:
    """How an object is to be stored.

    Attributes:
        content_type: its Content-Type; "" leaves S3's default.
        content_encoding: its Content-Encoding, e.g. "gzip"; "" for none.
        metadata: user metadata.
        tags: object tags (at most 10).
    """

    content_type: str = ""
    content_encoding: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
