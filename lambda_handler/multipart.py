"""A copy in parts, with the source's own part boundaries, so that its ETag comes out the same.

What is open survives a failed round, and, handed on, the end of an invocation: parts that S3 has are not copied again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .compare import ObjectState
from .errors import Failure, RequestError
from .options import Options, storage_class_of
from .requests import (
    AbortUpload,
    Asked,
    BeginUpload,
    CompleteUpload,
    Continue,
    Copied,
    CopiedPart,
    CopyPart,
    GetLayout,
    GetTags,
    HeadPart,
    ListParts,
    PartSize,
    Side,
)
from .strategy import (
    Layout,
    compact_layout,
    expand_layout,
    first_bytes,
    is_layout_of,
    own_layout,
    uniform_layout,
)

NOT_REPRODUCIBLE = "layout not reproducible"

# Kept back at the end of an invocation for handing on, and for what takes longer than it did before.
_RESERVE_SECONDS = 30.0
_RESERVE_SHARE = 0.2
_SECONDS_TO_COMPLETE = 10.0
_SECONDS_TO_COMPLETE_A_PART = 0.01
_CAUTION = 1.5  # times what the parts before took
# Parts that take long are handed out a few at a time, so that the clock is looked at between them.
_SECONDS_BETWEEN_LOOKS = 10.0
_MOST_TURNS = 8

T = TypeVar("T")
Steps = Generator[Asked, Any, T]


@dataclass(frozen=True)
class Upload:
    """An open multipart upload, and what its parts are of.

    Attributes:
        source: the source that its parts are copied from.
        tags: those it was begun with.
        layout: the sizes of all parts.
    """

    upload_id: str
    source: ObjectState
    tags: Mapping[str, str]
    layout: Layout


@dataclass(frozen=True)
class Continuation:
    """A copy that another invocation began.

    Attributes:
        asked: what that invocation asked for.
    """

    asked: Continue

    @property
    def upload(self) -> Upload:
        """The upload that it left open."""
        asked = self.asked
        return Upload(asked.upload_id, asked.source, asked.tags, expand_layout(asked.layout, asked.source.size))


def reserve_of(budget: float) -> float:
    """How many of these seconds nothing new is to be begun in, so that what is under way can be ended or handed on."""
    return min(_RESERVE_SECONDS, _RESERVE_SHARE * budget)


@dataclass
class Work:
    """What is known about one key over all rounds of one invocation.

    Attributes:
        upload: the open upload, None if there is none.
        hops: how many continuations came before this invocation.
        copied_parts: how many parts this invocation has copied.
        exact_layout: the boundaries that HEAD of every part gave, and the ETag of the source they are of.
        busy: S3 asked for fewer requests.
        notes: what is worth knowing about the copy.
        budget: the seconds that there were at the start.
        reserve: how many of them are not to be spent on parts.
    """

    key: str
    options: Options
    seconds_left: Callable[[], float]
    upload: Upload | None = None
    hops: int = 0
    copied_parts: int = 0
    exact_layout: tuple[str, Layout | None] | None = None
    busy: bool = False
    notes: tuple[str, ...] = ()
    budget: float = field(init=False)
    reserve: float = field(init=False)

    def __post_init__(self) -> None:
        self.budget = self.seconds_left()
        self.reserve = reserve_of(self.budget)

    def note(self, text: str) -> None:
        """Remember what is worth knowing, once."""
        if text not in self.notes:
            self.notes += (text,)


@dataclass(frozen=True)
class HandOn:
    """The time is nearly over: the copy is to go on in another invocation."""


@dataclass(frozen=True)
class Made:
    """The object that the parts were put together to."""

    copied: Copied
    upload: Upload


def copy_in_parts(
    work: Work, source: ObjectState, destination: ObjectState | None, count: int | None
) -> Steps[Made | HandOn]:
    """Begin an upload or go on with the open one, copy what it lacks, and complete it."""
    finished: dict[int, CopiedPart] = {}
    if work.upload is None:
        layout = yield from _find_layout(work, source, count)
        tags = yield GetTags(Side.SOURCE, work.key)
        upload_id = yield BeginUpload(work.key, source, tags, storage_class_of(work.options, source.storage_class))
        work.upload = Upload(upload_id, source, tags, layout)
    else:
        listed: tuple[CopiedPart, ...] = yield ListParts(work.key, work.upload.upload_id)
        finished = {part.number: part for part in listed if _belongs(part, work.upload.layout)}
    upload = work.upload
    missing = [part for part in _parts(work.key, upload) if part.number not in finished]
    if not (yield from _copy_parts(work, missing, finished)):
        return HandOn()
    if not _has_time_to_complete(work):
        return HandOn()
    in_order = tuple(finished[number] for number in sorted(finished))
    copied = yield CompleteUpload(work.key, upload.upload_id, in_order, source.size, destination, source)
    work.upload = None
    return Made(copied, upload)


def give_up(work: Work) -> Steps[None]:
    """Abort the open upload. What cannot be aborted is swept by the bucket's lifecycle rule."""
    upload, work.upload = work.upload, None
    if upload:
        try:
            yield AbortUpload(work.key, upload.upload_id)
        except RequestError:
            work.note("an upload was left open")


def hand_on(work: Work) -> Steps[Failure | None]:
    """Have another invocation go on with the open upload; a failure if that is not to be."""
    upload = work.upload
    assert upload  # noqa: S101  (nothing else can be handed on)
    if work.hops >= work.options.max_hops:
        message = f"the copy is not finished after {work.hops} continuations"
        return Failure("TooManyContinuations", message, "Invoke")
    layout = compact_layout(upload.layout)
    yield Continue(work.key, upload.source, upload.upload_id, layout, work.hops, upload.tags)
    return None


def learn_exact_layout(work: Work, source: ObjectState, upload: Upload) -> Steps[bool]:
    """After the ETag came out different: whether HEAD of every part gives other boundaries than those copied with."""
    count = len(upload.layout)
    if count == 1 or (work.exact_layout and work.exact_layout[0] == source.etag):
        return False
    exact = yield from _head_every_part(work, source, count)
    work.exact_layout = (source.etag, exact)
    return exact is not None and exact != upload.layout


def _find_layout(work: Work, source: ObjectState, count: int | None) -> Steps[Layout]:
    if count is None:
        return own_layout(source.size)
    if work.exact_layout and work.exact_layout[0] == source.etag and work.exact_layout[1]:
        return work.exact_layout[1]
    if count == 1:
        return (source.size,)
    listed = yield GetLayout(work.key, source)
    if is_layout_of(listed, source, count):
        return tuple(listed)
    first: PartSize = yield HeadPart(work.key, source, 1)
    if first.size and first.parts_count in (count, None):
        guess = uniform_layout(source.size, first.size)
        if is_layout_of(guess, source, count):
            return guess  # the copy's ETag will tell whether it is right
    exact = yield from _head_every_part(work, source, count)
    work.exact_layout = (source.etag, exact)
    if exact:
        return exact
    work.note(NOT_REPRODUCIBLE)
    return own_layout(source.size)


def _head_every_part(work: Work, source: ObjectState, count: int) -> Steps[Layout | None]:
    """None where the answers do not make up the source."""
    sizes: list[int] = []
    at_once = work.options.part_concurrency * _MOST_TURNS
    for start in range(1, count + 1, at_once):
        numbers = range(start, min(start + at_once, count + 1))
        answers = yield tuple(HeadPart(work.key, source, number) for number in numbers)
        sizes += [answer.size for answer in answers]
        if sum(sizes) > source.size:
            return None
    layout = tuple(sizes)
    return layout if is_layout_of(layout, source, count) else None


def _parts(key: str, upload: Upload) -> list[CopyPart]:
    layout, source = upload.layout, upload.source
    return [
        # A range is refused for small objects; the whole needs none.
        CopyPart(key, source, upload.upload_id, number, None if size == source.size else first, size)
        for number, (first, size) in enumerate(zip(first_bytes(layout), layout, strict=True), 1)
    ]


def _belongs(part: CopiedPart, layout: Layout) -> bool:
    return part.number <= len(layout) and part.size == layout[part.number - 1]


def _copy_parts(work: Work, missing: list[CopyPart], finished: dict[int, CopiedPart]) -> Steps[bool]:
    """Copy parts until all are there or the time is up; whether all are there."""
    at_once = work.options.part_concurrency
    if work.busy:
        at_once = max(1, at_once // 2)
    seconds_a_turn = None
    begun = 0
    while begun < len(missing):
        left = work.seconds_left()
        turns = _affordable_turns(left - work.reserve, seconds_a_turn)
        if turns == 0:
            return False
        wave = tuple(missing[begun : begun + at_once * turns])
        copied: tuple[CopiedPart, ...] = yield wave
        finished.update((part.number, part) for part in copied)
        begun += len(wave)
        work.copied_parts += len(wave)
        after = work.seconds_left()
        seconds_a_turn = (left - after) / turns if after < left else 0.0  # both may be endless
    return True


def _affordable_turns(seconds: float, seconds_a_turn: float | None) -> int:
    """How many turns of parts to hand out before the next look at the clock; 0 where there is no time for one.

    Args:
        seconds: that may be spent.
        seconds_a_turn: what a turn took before; None where none was made yet.
    """
    if seconds <= 0:
        return 0
    if seconds_a_turn is None:
        return 1  # without a try nothing would be known
    if seconds_a_turn == 0:
        return _MOST_TURNS
    wanted = max(1.0, _SECONDS_BETWEEN_LOOKS / seconds_a_turn)
    return int(min(_MOST_TURNS, wanted, seconds / (_CAUTION * seconds_a_turn)))


def _has_time_to_complete(work: Work) -> bool:
    parts = len(work.upload.layout) if work.upload else 0
    needed = _SECONDS_TO_COMPLETE + _SECONDS_TO_COMPLETE_A_PART * parts
    return work.seconds_left() >= min(needed, work.budget / 2)
