import contextvars
import logging
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from s3copy_cli.local.queueing import queue_asynchronous_events


class LambdaService(SimpleNamespace):
    """As much of ministack's as is changed: two processes, attempts in threads of their own."""

    def __init__(self, refusal: str = "account") -> None:
        super().__init__()
        self.free = 2
        self.most = 0
        self.busy = 0
        self.lock = threading.Lock()
        self.results: list[Any] = []
        self.threads: list[threading.Thread] = []
        self.refusal = refusal
        self.gate = threading.Event()

        def acquire(func: str) -> Any:
            with self.lock:
                if self.free == 0:
                    return None, self.refusal
                self.free -= 1
                self.busy += 1
                self.most = max(self.most, self.busy)
                return func, None

        def release(key: str) -> None:
            with self.lock:
                self.free += 1
                self.busy -= 1

        def invoke(func: str) -> None:
            context = contextvars.copy_context()
            self.threads.append(threading.Thread(target=context.run, args=(self.run, func)))
            self.threads[-1].start()

        self._acquire_execution_slot: Callable[..., Any] = acquire
        self._release_execution_slot: Callable[..., None] = release
        self.invoke_async_with_retry: Callable[..., None] = invoke
        self._run_sqs_batch: Callable[..., None] = self.run

    def run(self, func: str) -> None:
        slot, limit = self._acquire_execution_slot(func)
        if slot is None:
            self.results.append(limit)
            return
        self.gate.wait(30)
        self.results.append("done")
        self._release_execution_slot(slot)

    def finish(self) -> None:
        self.gate.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


def test_without_the_change_a_burst_fails() -> None:
    service = LambdaService()
    for number in range(5):
        service.invoke_async_with_retry(str(number))
    for thread in service.threads[2:]:
        thread.join(30)
    service.finish()
    assert sorted(service.results) == ["account", "account", "account", "done", "done"]


def test_events_wait_until_all_are_done() -> None:
    service = LambdaService()
    assert queue_asynchronous_events(service) is True
    for number in range(40):
        service.invoke_async_with_retry(str(number))
    service.finish()
    assert service.results == ["done"] * 40
    assert (service.most, service.free) == (2, 2)


def test_batches_of_a_queue_wait_as_well() -> None:
    service = LambdaService()
    queue_asynchronous_events(service)
    service.threads = [threading.Thread(target=service._run_sqs_batch, args=(str(one),)) for one in range(10)]
    for thread in service.threads:
        thread.start()
    service.finish()
    assert service.results == ["done"] * 10
    assert (service.most, service.free) == (2, 2)


def test_a_synchronous_invocation_is_refused_at_once() -> None:
    service = LambdaService()
    queue_asynchronous_events(service)
    for number in range(2):
        service.invoke_async_with_retry(str(number))
    while service.free:
        pass
    assert service._acquire_execution_slot("sync") == (None, "account")
    service.finish()


def test_a_functions_own_limit_is_not_waited_for() -> None:
    service = LambdaService(refusal="function")
    queue_asynchronous_events(service)
    service.free = 0
    service.invoke_async_with_retry("disabled")
    service.finish()
    assert service.results == ["function"]


def test_another_ministack_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    service = SimpleNamespace(invoke_async_with_retry=print)
    with caplog.at_level(logging.WARNING):
        assert queue_asynchronous_events(service) is False
    assert service == SimpleNamespace(invoke_async_with_retry=print)
    assert "bursts of events may be parked" in caplog.text
