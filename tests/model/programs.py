"""Handlers as the explorer sees them: a tree of the answers they were given.

A loop decides only from its answers, so a history of answers is its state. A generator cannot be copied; where two
futures part, it is made again and its answers are replayed. The replay also checks that the same answers bring the same
requests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from typing import Any

from lambda_handler.compare import compare
from lambda_handler.errors import RequestError
from lambda_handler.multipart import Continuation
from lambda_handler.options import Options
from lambda_handler.reconcile import Outcome, Report, continue_copy, reconcile
from lambda_handler.requests import (
    Asked,
    CompleteUpload,
    Continue,
    Copied,
    CopyWhole,
    DeleteDestination,
    GetTags,
    Head,
    Loop,
    Side,
)

from .fake_s3 import Answer, PutTags, Wanted, state_of
from .world import KEY, Object

PLENTY_SECONDS = 900.0
# Enough to hand the work over, too little for another part or round.
NEARLY_OVER_SECONDS = 5.0
_FAILED = frozenset({Outcome.FAILED, Outcome.REFUSED})


@dataclass(frozen=True)
class Event:
    """What starts an invocation.

    Attributes:
        kind: "created", "removed", "tagged" or "continuation".
        source: the object as the event describes it.
        continuation: what the invocation before asked for.
        key: the event as a value that can be hashed.
    """

    kind: str
    source: Object | None = None
    continuation: Continue | None = field(default=None, compare=False)
    key: Hashable = None


SecondsLeft = Callable[[], float]
Wanting = Generator[Wanted, Any, Any]


@dataclass(frozen=True)
class Program:
    """A handler under test.

    Attributes:
        begin: a fresh invocation for an event.
        obeys: what the event says matters, not only that there was one.
    """

    name: str
    begin: Callable[[Event, SecondsLeft], Wanting]
    obeys: bool = False


def convergent(options: Options) -> Program:
    """The real loop."""

    def begin(event: Event, seconds_left: SecondsLeft) -> Loop:
        if event.continuation is not None:
            return continue_copy(Continuation(event.continuation), options, seconds_left=seconds_left)
        return reconcile(KEY, options, seconds_left=seconds_left)

    return Program("reconcile", begin)


def without_second_look(options: Options) -> Program:
    """The real loop, but what it asks about the source after a copy is answered from its first look."""
    real = convergent(options)
    return Program("reconcile without step 4", lambda event, seconds_left: _blinded(real.begin(event, seconds_left)))


def _blinded(loop: Wanting) -> Wanting:
    seen: dict[type, Any] = {}
    has_acted = False
    answer: Any = None
    error: RequestError | None = None
    while True:
        try:
            request = loop.throw(error) if error else loop.send(answer)
        except StopIteration as end:
            return end.value
        answer, error = None, None
        is_source_look = isinstance(request, Head | GetTags) and request.side is Side.SOURCE
        if is_source_look and has_acted and type(request) in seen:
            answer = seen[type(request)]
            continue
        try:
            answer = yield request
        except RequestError as thrown:
            error = thrown
        if is_source_look:
            seen[type(request)] = answer
        if isinstance(request, CopyWhole | DeleteDestination | CompleteUpload):
            has_acted = error is None


def obeys_the_event(options: Options) -> Program:
    """Naive: does to the destination what the event says was done to the source."""

    def begin(event: Event, seconds_left: SecondsLeft) -> Generator[Asked, Any, Report]:
        if event.kind == "removed":
            destination = yield Head(Side.DESTINATION, KEY)
            if destination is not None:
                yield DeleteDestination(KEY, destination)
            return Report(Outcome.COPIED)
        if event.source is not None:
            try:
                yield CopyWhole(KEY, state_of(event.source), (yield Head(Side.DESTINATION, KEY)))
            except RequestError as error:
                if error.failure.code not in {"PreconditionFailed", "NoSuchKey"}:
                    raise
                # "There will be another event for that."
        return Report(Outcome.COPIED)

    return Program("obeys the event", begin, obeys=True)


def looks_once(options: Options) -> Program:
    """Naive: compares source and destination once, then copies, with every condition that S3 offers."""

    def begin(event: Event, seconds_left: SecondsLeft) -> Generator[Asked, Any, Report]:
        source = yield Head(Side.SOURCE, KEY)
        destination = yield Head(Side.DESTINATION, KEY)
        if source is None:
            if destination is not None and options.propagate_deletes:
                yield DeleteDestination(KEY, destination)
        elif (
            destination is None
            or (source.etag, source.metadata) != (destination.etag, destination.metadata)
            or (yield GetTags(Side.SOURCE, KEY)) != (yield GetTags(Side.DESTINATION, KEY))
        ):
            yield CopyWhole(KEY, source, destination)
        return Report(Outcome.COPIED)

    return Program("looks once, then copies", begin)


def tags_by_themselves(options: Options) -> Program:
    """Naive: the real loop, but where only the tags differ, it does not copy the object but puts its tags."""
    real = convergent(options)
    return Program(
        "puts tags by themselves", lambda event, seconds_left: _putting_tags(real.begin(event, seconds_left))
    )


def _putting_tags(loop: Wanting) -> Wanting:
    answer: Any = None
    error: RequestError | None = None
    while True:
        try:
            request = loop.throw(error) if error else loop.send(answer)
        except StopIteration as end:
            return end.value
        answer, error = None, None
        try:
            if (
                isinstance(request, CopyWhole)
                and request.tags is not None
                and request.destination
                and compare(request.source, request.destination).equal
            ):
                yield PutTags(request.tags, request.destination)
                answer = Copied(request.source.etag, request.source.encryption)
            else:
                answer = yield request
        except RequestError as thrown:
            error = thrown


class Node:
    """A running or ended invocation: its event and the answers it was given so far.

    Attributes:
        asked: its next request; None once it has ended.
        failed: it has ended, and Lambda will retry it.
        is_late: its time is nearly over.
        uploads: the ids of the uploads that it knows of.
    """

    __slots__ = ("answer", "asked", "children", "event", "failed", "is_late", "parent", "serial", "uploads")

    def __init__(self, serial: int, event: Event, parent: Node | None, answer: Answer | None, is_late: bool) -> None:
        self.serial = serial
        self.event = event
        self.parent = parent
        self.answer = answer
        self.is_late = is_late
        self.asked: Wanted | None = None
        self.failed = False
        self.children: dict[tuple[Hashable, bool], Node] = {}
        self.uploads: frozenset[str] = parent.uploads if parent else frozenset()


class Tree:
    """All histories of one program that the explorer has met."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._roots: dict[Event, Node] = {}
        self.nodes: list[Node] = []

    def root(self, event: Event) -> Node:
        """An invocation that has not asked anything yet."""
        if event.continuation is None and not self._program.obeys:
            event = Event("hint")
        node = self._roots.get(event)
        if node is None:
            node = self._roots[event] = self._add(event, None, None, False)
            if event.continuation is not None:
                node.uploads = frozenset({event.continuation.upload_id})
        return node

    def grow(self, node: Node, answer: Answer, *, time_is_over: bool = False) -> Node:
        """The invocation after this answer."""
        is_late = node.is_late or time_is_over
        child = node.children.get((answer.key, is_late))
        if child is None:
            child = node.children[answer.key, is_late] = self._add(node.event, node, answer, is_late)
        return child

    def asked(self) -> frozenset[str]:
        """The names of all requests that were ever made."""
        asked = (node.asked[0] if isinstance(node.asked, tuple) else node.asked for node in self.nodes)
        return frozenset(type(request).__name__ for request in asked if request is not None)

    def _add(self, event: Event, parent: Node | None, answer: Answer | None, is_late: bool) -> Node:
        node = Node(len(self.nodes), event, parent, answer, is_late)
        self.nodes.append(node)
        if answer is not None and isinstance(answer.value, str):
            node.uploads |= {answer.value}
        self._replay(node)
        return node

    def _replay(self, node: Node) -> None:
        is_late = False
        loop = self._program.begin(node.event, lambda: NEARLY_OVER_SECONDS if is_late else PLENTY_SECONDS)
        asked: Wanted | None = None
        try:
            for step in _path(node):
                is_late = step.is_late
                if step.answer is None:
                    asked = next(loop)
                elif step.answer.failure:
                    asked = loop.throw(RequestError(step.answer.failure))
                else:
                    asked = loop.send(step.answer.value)
                assert step is node or asked == step.asked, "the loop does not decide from its answers alone"
            node.asked = asked
        except StopIteration as end:
            node.failed = end.value.outcome in _FAILED
        except RequestError:
            node.failed = True


def _path(node: Node) -> list[Node]:
    path: list[Node] = []
    step: Node | None = node
    while step is not None:
        path.append(step)
        step = step.parent
    return path[::-1]
