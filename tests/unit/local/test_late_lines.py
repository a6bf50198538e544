import io
import os
import queue
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from s3copy_cli.local.late_lines import keep_late_lines


class Time:
    """Seconds that pass only by sleeping; `events` happen when their time has come."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.events: list[tuple[float, Callable[[], object]]] = []

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        while self.events and self.events[0][0] <= self.seconds:
            self.events.pop(0)[1]()


class Worker:
    """As much of ministack's as is changed."""

    def __init__(self, proc: Any, thread: Any = None) -> None:
        self._proc = proc
        self._stderr_queue: queue.Queue[str] = queue.Queue()
        self._stderr_thread = thread

    def _drain_stderr(self) -> str:
        lines = []
        while not self._stderr_queue.empty():
            lines.append(self._stderr_queue.get_nowait())
        return "\n".join(lines)

    def _drain_stderr_bounded(self, first_line_wait: float = 0.05) -> str:  # noqa: ARG002 (as ministack has it)
        return self._drain_stderr()


@pytest.fixture
def passing() -> Time:
    return Time()


@pytest.fixture
def worker_class(passing: Time) -> type[Worker]:
    class Changed(Worker):
        pass

    assert keep_late_lines(Changed, sleep=passing.sleep, monotonic=lambda: passing.seconds)
    return Changed


@pytest.fixture
def pipe() -> Iterator[tuple[io.BufferedReader, io.BufferedWriter]]:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer  # type: ignore[misc]


@pytest.mark.parametrize("name", ["_drain_stderr", "_drain_stderr_bounded"])
def test_what_an_ended_process_wrote_is_waited_for(worker_class: type[Worker], name: str) -> None:
    reader = SimpleNamespace(join=lambda _: worker._stderr_queue.put("the error"))
    worker = worker_class(None, reader)
    assert getattr(worker, name)() == "the error"


def test_lines_that_come_while_the_process_goes_on(worker_class: type[Worker], passing: Time, pipe: Any) -> None:
    reader, writer = pipe
    worker = worker_class(SimpleNamespace(stderr=reader))
    worker._stderr_queue.put("first")
    writer.write(b"second\n")

    def read_late() -> None:
        worker._stderr_queue.put(reader.read(100).decode().strip())

    # Written already, and the thread that reads it is not given the processor for long.
    passing.events = [(0.3, read_late)]
    assert worker._drain_stderr_bounded() == "first\nsecond"
    assert passing.seconds < 0.4


def test_a_function_that_writes_nothing_is_not_waited_for_for_long(
    worker_class: type[Worker], passing: Time, pipe: Any
) -> None:
    assert worker_class(SimpleNamespace(stderr=pipe[0]))._drain_stderr_bounded(first_line_wait=0.1) == ""
    assert passing.seconds < 0.2


def test_a_function_that_never_stops_writing_is_given_up(worker_class: type[Worker], passing: Time, pipe: Any) -> None:
    reader, writer = pipe
    writer.write(b"never read")
    assert worker_class(SimpleNamespace(stderr=reader))._drain_stderr_bounded() == ""
    assert passing.seconds < 3


def test_another_ministack_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    class Other:
        pass

    assert not keep_late_lines(Other)
    assert "built differently" in caplog.text
