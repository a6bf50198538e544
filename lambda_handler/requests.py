"""What the convergence loop asks of the world: values, so that Lambda, a test or a model checker can answer them.

The loop is a generator: it yields one request, or a tuple of `CopyPart` or of `HeadPart` that may be done side by side,
and is sent the answer (a tuple of answers for a tuple). A request that fails is thrown into it as `RequestError`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .compare import ObjectState


class Side(str, Enum):
    """One of the two buckets."""

    SOURCE = "source"
    DESTINATION = "destination"


@dataclass(frozen=True)
class Head:
    """The object as it is now. Answer: ObjectState, or None if there is none."""

    side: Side
    key: str


@dataclass(frozen=True)
class GetTags:
    """The object's tags. Answer: Mapping[str, str]; {} also where the object is gone."""

    side: Side
    key: str


@dataclass(frozen=True)
class Exists:
    """Whether a listing of the bucket has the key; HEAD cannot tell a missing key and bucket apart. Answer: bool."""

    side: Side
    key: str


@dataclass(frozen=True)
class CopyWhole:
    """One CopyObject, if both objects still are as given. Answer: Copied."""

    key: str
    source: ObjectState
    destination: ObjectState | None
    storage_class: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class DeleteDestination:
    """Delete the destination object, if it still is as given. Answer: None."""

    key: str
    destination: ObjectState


@dataclass(frozen=True)
class GetLayout:
    """The sizes of the source's parts, by GetObjectAttributes. Answer: tuple of bytes, or None where S3 lists none."""

    key: str
    source: ObjectState


@dataclass(frozen=True)
class HeadPart:
    """One part of the source, by HEAD with PartNumber. Answer: PartSize.

    Attributes:
        source: as it was seen; it is not a condition.
    """

    key: str
    source: ObjectState
    number: int


@dataclass(frozen=True)
class PartSize:
    """Answer to HeadPart.

    Attributes:
        size: bytes in this part.
        parts_count: how many parts the object has; None where S3 does not say.
    """

    size: int
    parts_count: int | None


@dataclass(frozen=True)
class BeginUpload:
    """CreateMultipartUpload with everything that S3 does not carry by itself. Answer: the upload's id."""

    key: str
    source: ObjectState
    tags: Mapping[str, str]
    storage_class: str | None = None


@dataclass(frozen=True)
class CopyPart:
    """UploadPartCopy of one range, if the source still is as given. Answer: CopiedPart.

    Attributes:
        first: offset of the first byte; None copies the whole object without a range, which S3 requires of
            objects of 5 MiB or less.
        size: bytes in this part; 0 is an empty part, sent by UploadPart.
    """

    key: str
    source: ObjectState
    upload_id: str
    number: int
    first: int | None
    size: int


@dataclass(frozen=True)
class CopiedPart:
    """One finished part of an open upload; `checksums` by the names of CompletedPart ("ChecksumCRC64NVME", …)."""

    number: int
    etag: str
    size: int
    checksums: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ListParts:
    """The finished parts of an open upload, all pages. Answer: tuple of CopiedPart. Fails with NoSuchUpload."""

    key: str
    upload_id: str


@dataclass(frozen=True)
class CompleteUpload:
    """Make the object of its parts, if the destination still is as given. Answer: Copied."""

    key: str
    upload_id: str
    parts: tuple[CopiedPart, ...]
    size: int
    destination: ObjectState | None
    source: ObjectState


@dataclass(frozen=True)
class AbortUpload:
    """Give an open upload up; one that is gone is fine. Answer: None."""

    key: str
    upload_id: str


@dataclass(frozen=True)
class Copied:
    """What S3 answered to a copy: the new object's ETag and encryption."""

    etag: str
    encryption: str | None


@dataclass(frozen=True)
class Continue:
    """Invoke this function again, asynchronously, to go on with an open upload. Answer: None.

    Attributes:
        source: the source that the upload's parts are of.
        tags: those that the upload was begun with.
        layout: the sizes of its parts, or one size where they are uniform.
        hops: how many continuations there were before.
    """

    key: str
    source: ObjectState
    upload_id: str
    layout: tuple[int, ...]
    hops: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pause:
    """Wait. Answer: None."""

    seconds: float


Request = (
    Head
    | GetTags
    | Exists
    | CopyWhole
    | DeleteDestination
    | GetLayout
    | HeadPart
    | BeginUpload
    | CopyPart
    | ListParts
    | CompleteUpload
    | AbortUpload
    | Continue
    | Pause
)
Asked = Request | tuple[CopyPart, ...] | tuple[HeadPart, ...]
# What a loop yields, what it is sent, and what it returns is up to reconcile.Report.
Loop = Generator[Asked, Any, Any]
