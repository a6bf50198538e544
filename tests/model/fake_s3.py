"""Two buckets with one key, as S3 behaves: an immutable world, and what one atomic step of a request makes of it.

Pure. A request that S3 carries out in several steps (a CopyObject reads, then commits; a multipart copy reads part by
part) has several steps here as well, between which anything else may happen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from lambda_handler.compare import ObjectState
from lambda_handler.errors import Failure
from lambda_handler.requests import (
    AbortUpload,
    Asked,
    BeginUpload,
    CompleteUpload,
    Continue,
    Copied,
    CopiedPart,
    CopyPart,
    CopyWhole,
    DeleteDestination,
    Exists,
    GetLayout,
    GetTags,
    Head,
    HeadPart,
    ListParts,
    PartSize,
    Pause,
    Side,
)

from .world import Object, Rules, Upload, World

_SECOND_ZERO = datetime(2026, 1, 1, tzinfo=timezone.utc)
_Parts = tuple[CopyPart, ...] | tuple[HeadPart, ...]


@dataclass(frozen=True)
class Answer:
    """What a request is answered; equal if `key` is.

    Attributes:
        key: the answer as a value that can be hashed.
        value: what the loop is sent.
        failure: if there is one, it is thrown into the loop instead.
    """

    key: Hashable
    value: object = None
    failure: Failure | None = None

    def __str__(self) -> str:
        return self.failure.code if self.failure else str(self.key)


# How far a request is: nothing done yet; the source as a CopyObject has read it; the answers to the parts so far.
Flight = Object | tuple[Answer, ...] | None


@dataclass(frozen=True)
class PutTags:
    """PutObjectTagging at the destination: what one naive handler does. Answer: None.

    Attributes:
        destination: as it was seen; it is not a condition, for this request has none.
    """

    tags: Mapping[str, str]
    destination: ObjectState


Wanted = Asked | PutTags


@dataclass(frozen=True)
class Effect:
    """One atomic step of a request: the world after it, and the answer, or how far the request is now."""

    world: World
    answer: Answer | None
    flight: Flight = None


def advance(world: World, request: Wanted, flight: Flight, rules: Rules, *, late: bool = False) -> tuple[Effect, ...]:
    """What the next atomic step of this request may do: usually one effect, more where S3 leaves it open.

    Args:
        late: the caller is gone and the request lives on.
    """
    if isinstance(request, tuple):
        return _next_part(world, request, flight if isinstance(flight, tuple) else ())
    if isinstance(request, CopyWhole):
        if isinstance(flight, Object):
            return _commit_copy(world, request, flight, rules, late)
        return (_read_for_copy(world, request),)
    if isinstance(request, CompleteUpload):
        return _complete(world, request, rules, late)
    if isinstance(request, DeleteDestination):
        return (_delete(world, request, rules, late),)
    if isinstance(request, BeginUpload):
        return (_begin(world, request),)
    if isinstance(request, CopyPart):
        changed, answer = _copy_part(world, request)
        return (Effect(changed, answer),)
    if isinstance(request, PutTags):
        return (_put_tags(world, request, late),)
    if isinstance(request, AbortUpload):
        remaining = tuple(upload for upload in world.uploads if upload.upload_id != request.upload_id)
        return (Effect(replace(world, uploads=remaining), Answer("aborted")),)
    return (Effect(world, _look(world, request)),)


def _look(world: World, request: Asked) -> Answer:
    """The requests that change nothing."""
    if isinstance(request, Pause | Continue):
        return Answer("done")
    if isinstance(request, ListParts):
        upload = _upload(world, request.upload_id)
        if upload is None:
            return _no_such_upload("ListParts")
        return Answer(("parts", upload.parts), tuple(_copied_part(*part) for part in upload.parts))
    if isinstance(request, GetLayout | HeadPart):
        source = world.source
        if source is None or source.etag != request.source.etag:
            return _changed_source(source, type(request).__name__)
        if isinstance(request, GetLayout):
            return Answer("no layout", None)
        if not 1 <= request.number <= max(1, len(source.parts)):
            return _failed("InvalidPartNumber", "HeadObject", permanent=True)
        size = source.parts[request.number - 1] if source.parts else source.size
        return Answer(("part", request.number, size), PartSize(size, len(source.parts) or None))
    assert isinstance(request, Head | GetTags | Exists), f"unknown request {request!r}"
    shown = world.source if request.side is Side.SOURCE else world.destination
    if isinstance(request, Head):
        return Answer(shown.as_head_shows_it(), state_of(shown)) if shown else Answer("nothing", None)
    if isinstance(request, Exists):
        return Answer(shown is not None, shown is not None)
    tags = shown.tags if shown else ""
    return Answer(("tags", tags), tags_of(tags))


def state_of(shown: Object) -> ObjectState:
    """The object as the function's HEAD sees it."""
    return ObjectState(
        size=shown.size,
        etag=shown.etag,
        last_modified=_SECOND_ZERO + timedelta(seconds=shown.second),
        version_id=f"v{shown.version}" if shown.version else None,
        encryption="AES256",
        headers={"ContentType": "text/plain"},
        metadata={"name": shown.headers},
    )


def tags_of(name: str) -> dict[str, str]:
    """The tag set of that name."""
    return {"name": name} if name else {}


def _tag_name(tags: Mapping[str, str]) -> str:
    return tags.get("name", "")


def _read_for_copy(world: World, request: CopyWhole) -> Effect:
    source = world.source
    if source is None or source.etag != request.source.etag:
        return Effect(world, _changed_source(source, "CopyObject"))
    return Effect(world, None, source)


def _commit_copy(world: World, request: CopyWhole, read: Object, rules: Rules, late: bool) -> tuple[Effect, ...]:
    if not _is_as_seen(world.destination, request.destination, rules):
        return (Effect(world, _failed("PreconditionFailed", "CopyObject")),)
    all_tags = {read.tags}
    if world.source is not None and world.source.as_head_shows_it() == read.as_head_shows_it():
        # Nothing says that S3 reads an object and its tags at one moment.
        all_tags.add(world.source.tags)
    if request.tags is not None:
        all_tags = {_tag_name(request.tags)}
    # One CopyObject makes an object without parts, whatever the source is.
    copies = [replace(read, tags=tags, parts=(), second=0, version=0) for tags in sorted(all_tags)]
    kind = _lateness(world.destination, request.destination) if late else ""
    return tuple(Effect(_put(world, copy, kind), _copied(copy)) for copy in copies)


def _put_tags(world: World, request: PutTags, late: bool) -> Effect:
    if world.destination is None:
        return Effect(world, _failed("NoSuchKey", "PutObjectTagging"))
    kind = _lateness(world.destination, request.destination) if late else ""
    return Effect(_put(world, replace(world.destination, tags=_tag_name(request.tags)), kind), Answer("tagged"))


def _delete(world: World, request: DeleteDestination, rules: Rules, late: bool) -> Effect:
    if not _is_as_seen(world.destination, request.destination, rules):
        return Effect(world, _failed("PreconditionFailed", "DeleteObject"))
    kind = _lateness(world.destination, request.destination) if late else ""
    return Effect(_put(world, None, kind), Answer("deleted"))


def _begin(world: World, request: BeginUpload) -> Effect:
    upload_id = f"upload-{world.begun + 1}"
    upload = Upload(upload_id, request.source.metadata["name"], _tag_name(request.tags))
    changed = replace(world, uploads=(*world.uploads, upload), begun=world.begun + 1)
    return Effect(changed, Answer(upload_id, upload_id))


def _next_part(world: World, requests: _Parts, done: tuple[Answer, ...]) -> tuple[Effect, ...]:
    request = requests[len(done)]
    changed, answer = _copy_part(world, request) if isinstance(request, CopyPart) else (world, _look(world, request))
    if answer.failure:
        return (Effect(changed, answer),)
    done = (*done, answer)
    if len(done) < len(requests):
        return (Effect(changed, None, done),)
    return (Effect(changed, Answer(tuple(part.key for part in done), tuple(part.value for part in done))),)


def _copy_part(world: World, request: CopyPart) -> tuple[World, Answer]:
    source, upload = world.source, _upload(world, request.upload_id)
    if upload is None:
        return world, _no_such_upload("UploadPartCopy")
    if source is None or source.etag != request.source.etag:
        return world, _changed_source(source, "UploadPartCopy")
    part = (request.number, source.content, request.first or 0, request.size)
    others = tuple(other for other in upload.parts if other[0] != request.number)
    changed = replace(upload, parts=tuple(sorted((*others, part))))
    uploads = tuple(changed if other is upload else other for other in world.uploads)
    return replace(world, uploads=uploads), Answer(part, _copied_part(*part))


def _complete(world: World, request: CompleteUpload, rules: Rules, late: bool) -> tuple[Effect, ...]:
    upload = _upload(world, request.upload_id)
    if upload is None:
        return (Effect(world, _no_such_upload("CompleteMultipartUpload")),)
    if tuple(part.number for part in request.parts) != tuple(part[0] for part in upload.parts):
        return (Effect(world, _failed("InvalidPart", "CompleteMultipartUpload", permanent=True)),)
    if not _is_as_seen(world.destination, request.destination, rules):
        return (Effect(world, _failed("PreconditionFailed", "CompleteMultipartUpload")),)
    made = Object(_content_of(upload), upload.headers, upload.tags, tuple(part[3] for part in upload.parts))
    if made.size != request.size:
        return (Effect(world, _failed("InvalidRequest", "CompleteMultipartUpload", permanent=True)),)
    finished = replace(world, uploads=tuple(other for other in world.uploads if other is not upload))
    kind = _lateness(world.destination, request.destination) if late else ""
    taken = (Effect(_put(finished, made, kind), _copied(made)),)
    # S3 may let a write win that came after the upload began: it answers as if all were well.
    return (*taken, Effect(replace(finished, outdone=True), _copied(made))) if upload.overtaken else taken


def _content_of(upload: Upload) -> str:
    contents = sorted({content for _, content, _, _ in upload.parts})
    offset = 0
    for _, _, first, size in upload.parts:
        if first != offset:
            return f"torn {contents}"
        offset += size
    return contents[0] if len(contents) == 1 else f"mixed {contents}"


def _lateness(now: Object | None, seen: ObjectState | None) -> str:
    if now is None or seen is None:
        return "nothing" if now is None and seen is None else ""
    return "bytes" if now.etag == seen.etag else ""


def _put(world: World, made: Object | None, late: str) -> World:
    uploads = tuple(replace(upload, overtaken=True) for upload in world.uploads)
    return replace(world, destination=made, late=late, outdone=False, uploads=uploads)


def _is_as_seen(now: Object | None, seen: ObjectState | None, rules: Rules) -> bool:
    if not rules.destination_conditions:
        return True
    return now is None if seen is None else now is not None and now.etag == seen.etag


def _upload(world: World, upload_id: str) -> Upload | None:
    return next((upload for upload in world.uploads if upload.upload_id == upload_id), None)


def _copied(made: Object) -> Answer:
    return Answer(("copied", made.etag), Copied(made.etag, "AES256"))


def _copied_part(number: int, content: str, first: int, size: int) -> CopiedPart:
    digest = hashlib.md5(f"{content} {first} {size}".encode(), usedforsecurity=False).hexdigest()
    return CopiedPart(number, f'"{digest}"', size)


def _changed_source(source: Object | None, operation: str) -> Answer:
    return _failed("PreconditionFailed" if source else "NoSuchKey", operation)


def _no_such_upload(operation: str) -> Answer:
    return _failed("NoSuchUpload", operation)


def _failed(code: str, operation: str, *, permanent: bool = False) -> Answer:
    return Answer(("failed", code, operation), failure=Failure(code, "in the model", operation, permanent=permanent))


def lost_answer(operation: str) -> Answer:
    """The connection broke: nobody knows whether the request was carried out."""
    return _failed("ConnectionClosedError", operation)
