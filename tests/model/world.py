"""The world outside the function: two buckets with one key, and what writers do to the source. Immutable, pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

KEY = "key"
WHOLE_SIZE = 10
_MIB = 1024 * 1024
TWO_PARTS = (5 * _MIB, 1)
# Three parts; their number and the first one's size would allow another division, so that a first guess is wrong.
UNEVEN_PARTS = (5 * _MIB, 6 * _MIB, 1)
_Value = TypeVar("_Value")


def _hash_once(cls: type[_Value]) -> type[_Value]:
    """Worlds are looked up very often: compute a value's hash once."""
    compute: Callable[[object], int] = cls.__hash__

    def cached(self: object) -> int:
        found: int | None = self.__dict__.get("_hash")
        if found is None:
            found = compute(self)
            object.__setattr__(self, "_hash", found)
        return found

    cls.__hash__ = cached  # type: ignore[method-assign]
    return cls


@_hash_once
@dataclass(frozen=True)
class Object:
    """One object.

    Attributes:
        content: the name of its bytes.
        headers: the name of its content headers and user metadata, all together.
        tags: the name of its tags; "" for none.
        parts: sizes in bytes, if it was uploaded in parts: they are in its ETag.
        second: LastModified. Always 0 at the destination: nothing may rest on what cannot be relied on there.
        version: 0 in a bucket without versioning.
    """

    content: str
    headers: str = "h1"
    tags: str = ""
    parts: tuple[int, ...] = ()
    second: int = 0
    version: int = 0

    @property
    def etag(self) -> str:
        """As S3 sends it, with its quotes: the same for the same bytes in the same parts."""
        digest = hashlib.md5(f"{self.content} {self.parts}".encode(), usedforsecurity=False).hexdigest()
        return f'"{digest}-{len(self.parts)}"' if self.parts else f'"{digest}"'

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(self.parts) if self.parts else WHOLE_SIZE

    def as_head_shows_it(self) -> Object:
        """HEAD shows no tags."""
        return replace(self, tags="")

    def __str__(self) -> str:
        named = "/".join(filter(None, (self.content, self.headers, self.tags)))
        return f"{named} in {len(self.parts)} parts" if self.parts else named


@_hash_once
@dataclass(frozen=True)
class Upload:
    """An open multipart upload.

    Attributes:
        parts: number, name of the bytes, offset and size of every finished part.
        overtaken: the destination was written or deleted since the upload began: S3 may then let that one win.
    """

    upload_id: str
    headers: str
    tags: str
    parts: tuple[tuple[int, str, int, int], ...] = ()
    overtaken: bool = False


@_hash_once
@dataclass(frozen=True)
class World:
    """Everything outside the function.

    Attributes:
        second: the time of the last write to the source.
        versions: how many versions the source bucket has made.
        begun: how many uploads were ever begun.
        late: the last change of the destination was made by a request whose caller was gone (harder mode), and
            the destination had ... as that caller had seen it: "bytes", "nothing"; "" for any other change.
        outdone: an upload was completed since, and S3 let that change win.
        past: the source's states of this second that a later write might return to.
        returned: a write made the source look to HEAD as it had looked before a different state in between.
    """

    source: Object | None = None
    destination: Object | None = None
    second: int = 0
    versions: int = 0
    uploads: tuple[Upload, ...] = ()
    begun: int = 0
    late: str = ""
    outdone: bool = False
    past: tuple[Object | None, ...] = ()
    returned: bool = False


@dataclass(frozen=True)
class Rules:
    """Which S3 this is.

    Attributes:
        destination_conditions: the SDK knows If-Match and If-None-Match for writes to the destination.
        versioned_source: the source bucket keeps versions.
    """

    destination_conditions: bool = True
    versioned_source: bool = False


@dataclass(frozen=True)
class Put:
    """A writer's PUT, or a finished multipart upload."""

    content: str
    headers: str = "h1"
    tags: str = ""
    parts: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"PUT {Object(self.content, self.headers, self.tags, self.parts)}"


@dataclass(frozen=True)
class Retag:
    """A writer changes the tags, which leaves LastModified alone."""

    tags: str

    def __str__(self) -> str:
        return f"PUT tags {self.tags or '(none)'}"


@dataclass(frozen=True)
class Delete:
    """A writer's DELETE."""

    def __str__(self) -> str:
        return "DELETE"


Write = Put | Retag | Delete


def write(world: World, change: Write, *, ticks: bool, is_last: bool, rules: Rules) -> World:
    """The world after a writer's change of the source, in a later second or in the same one."""
    second = world.second + ticks
    before, versions = world.source, world.versions
    after: Object | None
    if isinstance(change, Put):
        versions += rules.versioned_source
        after = Object(change.content, change.headers, change.tags, change.parts, second, versions)
    elif isinstance(change, Retag):
        after = replace(before, tags=change.tags) if before else None
    else:
        after = None
    past = (before,) if ticks else (*world.past, before)
    # Tags come and go without a new LastModified; that is no matter of seconds.
    returned = world.returned or (isinstance(change, Put) and _returns(past, after))
    # What cannot matter any more is forgotten, so that equal futures are equal worlds.
    past = () if is_last or returned else past
    return replace(world, source=after, second=second, versions=versions, past=past, returned=returned)


def _returns(past: tuple[Object | None, ...], after: Object | None) -> bool:
    if after is None:
        return False
    shown = after.as_head_shows_it()
    for index, earlier in enumerate(past):
        if earlier is not None and earlier.as_head_shows_it() == shown:
            return any(state != after for state in past[index:])
    return False
