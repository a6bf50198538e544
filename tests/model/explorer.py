"""Every interleaving of a source's writers with the invocations that their events start, breadth first.

What is left out of the search cannot change a result: an invocation that was started but has asked nothing yet is the
same as an event not yet delivered; a crash between two requests that change something is the same as a crash before the
first of them was sent or after it was carried out; and a look at what nobody can change any more may come first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from lambda_handler.requests import (
    AbortUpload,
    CompleteUpload,
    Continue,
    CopyPart,
    CopyWhole,
    DeleteDestination,
    Exists,
    GetLayout,
    GetTags,
    Head,
    HeadPart,
    Pause,
    Side,
)

from .fake_s3 import Answer, Effect, Flight, PutTags, advance, lost_answer
from .judge import EQUAL, judge
from .programs import Event, Node, Program, Tree
from .states import Move, Process, Result, Scope, State, Step, is_event
from .world import Delete, Object, Put, Retag, World, Write, write

ATTEMPTS = 3


class TooManyStates(Exception):  # noqa: N818  (not an error of the program)
    """The search was given up."""


class Explorer:
    """The search for one program in one scope."""

    def __init__(self, program: Program, scope: Scope) -> None:
        self._scope = scope
        self._tree = Tree(program)
        self._worlds: list[World] = []
        self._world_numbers: dict[World, int] = {}
        self._processes: list[Process] = []
        self._process_numbers: dict[Process, int] = {}
        self._steps: dict[tuple[int, int], tuple[Step, ...]] = {}
        self._orphan_steps: dict[tuple[int, int], tuple[Step, ...]] = {}
        self._writes: dict[tuple[int, int], tuple[tuple[int, tuple[int, ...], str], ...]] = {}

    def run(self, max_states: int | None = None) -> Result:
        """Look at every state.

        Raises:
            TooManyStates: there are more than that.
        """
        first = self._first()
        parents: dict[State, State | None] = {first: None}
        frontier = [first]
        steps = 0
        endings: dict[str, int] = {}
        found: dict[str, State] = {}
        pairs = set()
        while frontier:
            following: list[State] = []
            for state in frontier:
                if not state.running and state.written == len(self._scope.writes):
                    world = self._worlds[state.world]
                    verdict = judge(world, self._scope.options, self._scope.writes, state.parked)
                    endings[verdict] = endings.get(verdict, 0) + 1
                    found.setdefault(verdict, state)
                    pairs.add((world.source, world.destination, verdict))
                for move in self._moves(state):
                    steps += 1
                    if move.state not in parents:
                        parents[move.state] = state
                        following.append(move.state)
            if max_states is not None and len(parents) > max_states:
                raise TooManyStates(f"more than {max_states} states")
            frontier = following
        traces = {verdict: self._trace(parents, state) for verdict, state in found.items() if verdict != EQUAL}
        return Result(len(parents), steps, endings, pairs, self._tree.asked(), traces)

    def _first(self) -> State:
        begins = self._scope.begins
        copy = Object(begins.content, begins.headers, begins.tags, begins.parts) if begins else None
        version = int(self._scope.rules.versioned_source)
        source = Object(begins.content, begins.headers, begins.tags, begins.parts, 0, version) if begins else None
        scope = self._scope
        world = self._world(World(source, copy, versions=version))
        return State(world, 0, 0, scope.duplicates, scope.crashes, scope.lost_answers, scope.timeouts, (), ())

    def _moves(self, state: State) -> Iterator[Move]:
        last_seen = -1
        is_written = state.written == len(self._scope.writes)
        if is_written and not self._scope.thorough:
            for process in state.running:
                if self._reads_what_is_settled(process):
                    yield from self._process_moves(state, process)
                    return
        if not is_written:
            yield from self._write_moves(state)
        for process in state.running:
            if process != last_seen:
                yield from self._process_moves(state, process)
            last_seen = process
        for orphan in set(state.orphans):
            yield from self._orphan_moves(state, orphan)

    def _reads_what_is_settled(self, number: int) -> bool:
        """All writes are done, so a look at the source commutes with everything that may still happen."""
        process = self._processes[number]
        asked = self._tree.nodes[process.node].asked
        if process.is_dead:
            return False
        first = asked[0] if isinstance(asked, tuple) else asked
        if isinstance(first, Pause | GetLayout | HeadPart):
            return True
        return isinstance(asked, Head | GetTags | Exists) and asked.side is Side.SOURCE

    def _write_moves(self, state: State) -> Iterator[Move]:
        found = self._writes.get((state.world, state.written))
        if found is None:
            found = self._writes[state.world, state.written] = tuple(self._changes(state.world, state.written))
        for world, started, label in found:
            running = tuple(sorted((*state.running, *started)))
            moved = state._replace(world=world, written=state.written + 1, running=running)
            yield Move(moved, None, None, started, label)
            if started and state.duplicates:
                twice = started * 2
                running = tuple(sorted((*state.running, *twice)))
                moved = moved._replace(duplicates=state.duplicates - 1, running=running)
                yield Move(moved, None, None, twice, f"{label}; its event comes twice")

    def _changes(self, world_number: int, index: int) -> Iterator[tuple[int, tuple[int, ...], str]]:
        world, change, scope = self._worlds[world_number], self._scope.writes[index], self._scope
        is_last = index == len(scope.writes) - 1
        for ticks in (True, False) if scope.any_second else (True,):
            after = write(world, change, ticks=ticks, is_last=is_last, rules=scope.rules)
            event = self._event(change, after)
            started = (self._start(event, 1),) if event else ()
            when = f"in second {after.second}"
            yield self._world(after), started, f"{change} {when}"

    def _event(self, change: Write, world: World) -> Event | None:
        if not is_event(change, self._scope.options):
            return None
        kinds = {Put: "created", Delete: "removed", Retag: "tagged"}
        return Event(kinds[type(change)], world.source)

    def _process_moves(self, state: State, process: int) -> Iterator[Move]:
        steps = self._steps.get((state.world, process))
        if steps is None:
            steps = self._steps[state.world, process] = tuple(self._next_steps(state.world, process))
        others: tuple[int, ...] | None = None
        for step in steps:
            if (
                step.crashes > state.crashes
                or step.lost > state.lost
                or step.timeouts > state.timeouts
                or step.duplicates > state.duplicates
            ):
                continue
            if others is None:
                position = state.running.index(process)
                others = state.running[:position] + state.running[position + 1 :]
            yield self._move(state, step, process, others, state.orphans, is_orphan=False)

    def _orphan_moves(self, state: State, orphan: int) -> Iterator[Move]:
        steps = self._orphan_steps.get((state.world, orphan))
        if steps is None:
            steps = self._orphan_steps[state.world, orphan] = tuple(self._next_orphan_steps(state.world, orphan))
        position = state.orphans.index(orphan)
        others = state.orphans[:position] + state.orphans[position + 1 :]
        for step in steps:
            yield self._move(state, step, orphan, state.running, others, is_orphan=True)

    def _move(
        self,
        state: State,
        step: Step,
        process: int,
        running: tuple[int, ...],
        orphans: tuple[int, ...],
        *,
        is_orphan: bool,
    ) -> Move:
        if step.process is not None:
            running = tuple(sorted((*running, step.process)))
        if step.started:
            running = tuple(sorted((*running, *step.started)))
        if step.orphan is not None:
            orphans = tuple(sorted((*orphans, step.orphan)))
        world = step.world
        if self._worlds[world].uploads:
            world = self._without_orphaned_uploads(world, running, orphans)
        moved = State(
            world,
            state.written,
            state.parked + step.parked,
            state.duplicates - step.duplicates,
            state.crashes - step.crashes,
            state.lost - step.lost,
            state.timeouts - step.timeouts,
            running,
            orphans,
        )
        became = step.orphan if is_orphan else step.process
        return Move(moved, process, became, step.started, step.label, is_orphan)

    def _without_orphaned_uploads(self, number: int, running: tuple[int, ...], orphans: tuple[int, ...]) -> int:
        """Uploads that no invocation knows any more are the lifecycle rule's: they cannot matter."""
        world = self._worlds[number]
        known = {
            upload
            for process in (*running, *orphans)
            for upload in self._tree.nodes[self._processes[process].node].uploads
        }
        kept = tuple(upload for upload in world.uploads if upload.upload_id in known)
        return number if len(kept) == len(world.uploads) else self._world(replace(world, uploads=kept))

    def _next_steps(self, world_number: int, number: int) -> Iterator[Step]:
        process = self._processes[number]
        node = self._tree.nodes[process.node]
        asked = node.asked
        assert asked is not None
        name = _describe(asked, process.flight)
        before = self._worlds[world_number]
        for effect in advance(before, asked, process.flight, self._scope.rules):
            world = self._world(effect.world)
            if effect.answer is None:
                label = f"{name}: {_progress(effect)}"
                yield _step(world, self._process(process._replace(flight=effect.flight)), label)
            elif process.is_dead:
                yield self._retry(world, process, f"{name}: {_outcome(before, effect)}; nobody hears it; retry")
            else:
                yield from self._answered(world, process, node, effect.answer, f"{name}: {_outcome(before, effect)}")
        if process.is_dead:
            yield self._retry(world_number, process, "its last request was never carried out; retry")
        elif _changes_something(asked) or self._scope.thorough:
            yield from self._faults(world_number, process, node, name)

    def _answered(self, world: int, process: Process, node: Node, answer: Answer, label: str) -> Iterator[Step]:
        started: tuple[int, ...] = ()
        if isinstance(node.asked, Continue):
            started = (self._start(Event("continuation", continuation=node.asked, key=repr(node.asked)), 1),)
        step = self._go_on(world, process, self._tree.grow(node, answer), label)._replace(started=started)
        yield step
        if started and self._scope.duplicates:
            twice = started * 2
            yield step._replace(started=twice, duplicates=1, label=f"{label}; the continuation comes twice")
        if not isinstance(node.asked, Pause) and self._scope.lost_answers:
            lost = self._tree.grow(node, lost_answer(type(node.asked).__name__))
            yield self._go_on(world, process, lost, f"{label}; the answer is lost")._replace(started=started, lost=1)
        if not node.is_late and self._scope.timeouts:
            late = self._tree.grow(node, answer, time_is_over=True)
            label = f"{label}; the time is nearly over"
            yield self._go_on(world, process, late, label)._replace(started=started, timeouts=1)

    def _faults(self, world: int, process: Process, node: Node, name: str) -> Iterator[Step]:
        scope = self._scope
        dead = self._process(process._replace(is_dead=True))
        if scope.crashes:
            label = f"crashes during {name}"
            if scope.harder:
                yield self._retry(world, process, f"{label}; retry")._replace(crashes=1, orphan=dead)
            else:
                yield _step(world, dead, label)._replace(crashes=1)
        if scope.lost_answers:
            lost = self._tree.grow(node, lost_answer(type(node.asked).__name__))
            label = f"{name}: the connection breaks"
            step = self._go_on(world, process, lost, label)._replace(lost=1)
            yield step._replace(orphan=dead) if scope.harder else step

    def _next_orphan_steps(self, world_number: int, number: int) -> Iterator[Step]:
        process = self._processes[number]
        node = self._tree.nodes[process.node]
        asked = node.asked
        assert asked is not None
        name = f"late {_describe(asked, process.flight)}"
        before = self._worlds[world_number]
        for effect in advance(before, asked, process.flight, self._scope.rules, late=True):
            world = self._world(effect.world)
            if effect.answer is None:
                again = self._process(process._replace(flight=effect.flight))
                yield _step(world, None, f"{name}: {_progress(effect)}")._replace(orphan=again)
            else:
                yield _step(world, None, f"{name}: {_outcome(before, effect)}; nobody hears it")

    def _go_on(self, world: int, process: Process, node: Node, label: str) -> Step:
        if node.asked is not None:
            return _step(world, self._process(Process(node.serial, process.attempt, None, False)), label)
        if node.failed:
            return self._retry(world, process, f"{label}; fails; retry")
        return _step(world, None, f"{label}; done")

    def _retry(self, world: int, process: Process, label: str) -> Step:
        if process.attempt == ATTEMPTS:
            return _step(world, None, f"{label} (no more: the event is parked)")._replace(parked=1)
        event = self._tree.nodes[process.node].event
        return _step(world, self._start(event, process.attempt + 1), label)

    def _start(self, event: Event, attempt: int) -> int:
        return self._process(Process(self._tree.root(event).serial, attempt, None, False))

    def _process(self, process: Process) -> int:
        number = self._process_numbers.setdefault(process, len(self._processes))
        if number == len(self._processes):
            self._processes.append(process)
        return number

    def _world(self, world: World) -> int:
        number = self._world_numbers.setdefault(world, len(self._worlds))
        if number == len(self._worlds):
            self._worlds.append(world)
        return number

    def _trace(self, parents: dict[State, State | None], end: State) -> list[str]:
        states = [end]
        while (before := parents[states[-1]]) is not None:
            states.append(before)
        states.reverse()
        names: list[tuple[int, bool, str]] = []
        lines = [f"at first: {_show(self._worlds[states[0].world])}"]
        invocations = 0
        for state, after in pairwise(states):
            move = next(move for move in self._moves(state) if move.state == after)
            name = "writer"
            if move.process is not None:
                entry = next(entry for entry in names if entry[:2] == (move.process, move.is_orphan))
                names.remove(entry)
                name = entry[2]
                if move.became is not None:
                    names.append((move.became, move.is_orphan, name))
                for orphan in after.orphans if not move.is_orphan else ():
                    if after.orphans.count(orphan) > state.orphans.count(orphan):
                        names.append((orphan, True, name))
            for started in move.started:
                invocations += 1
                names.append((started, False, f"invocation {invocations}"))
            lines.append(f"{name}: {move.label}")
        lines.append(f"at last: {_show(self._worlds[end.world])}")
        return lines


def _step(world: int, process: int | None, label: str) -> Step:
    return Step(world, process, 0, 0, 0, 0, 0, None, (), label)


def _changes_something(asked: object) -> bool:
    if isinstance(asked, tuple):
        return isinstance(asked[0], CopyPart)
    return isinstance(
        asked, CopyWhole | DeleteDestination | CompleteUpload | CopyPart | AbortUpload | Continue | PutTags
    )


def _describe(asked: object, flight: Flight) -> str:
    if isinstance(asked, tuple):
        return f"{type(asked[0]).__name__} {len(flight) + 1 if isinstance(flight, tuple) else 1} of {len(asked)}"
    if isinstance(asked, Head | GetTags | Exists):
        return f"{type(asked).__name__} {asked.side.value}"
    if isinstance(asked, CopyWhole) and flight is not None:
        return f"CopyWhole of {flight} commits"
    return type(asked).__name__


def _progress(effect: Effect) -> str:
    return f"reads {effect.flight}" if isinstance(effect.flight, Object) else "a part is copied"


def _outcome(before: World, effect: Effect) -> str:
    if effect.world.destination is not before.destination:
        return f"destination is {effect.world.destination or 'nothing'}"
    return str(effect.answer)


def _show(world: World) -> str:
    return f"source {world.source or 'nothing'}, destination {world.destination or 'nothing'}"
