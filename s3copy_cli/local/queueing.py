"""Asynchronous events wait for a free process, as on AWS.

AWS keeps an event that finds no free concurrency in its queue, for up to six hours. ministack counts it as a failed
attempt and gives it up after two more, so a burst of uploads on a small machine ends in the dead-letter queue. Here the
event waits instead, and so does a batch of messages from a queue, which ministack would hide for the queue's whole
visibility timeout. Synchronous invocations are still throttled at once: one that waited for its own caller would wait
forever.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_ACCOUNT_IS_FULL = (None, "account")
_LOOK_AGAIN_SECONDS = 1.0

_is_asynchronous: ContextVar[bool] = ContextVar("is_asynchronous", default=False)


def queue_asynchronous_events(lambda_service: Any) -> bool:
    """Changes ministack's Lambda service so; False, and nothing changed, where it is not built as expected."""
    names = ("invoke_async_with_retry", "_run_sqs_batch", "_acquire_execution_slot", "_release_execution_slot")
    if not all(callable(getattr(lambda_service, name, None)) for name in names):
        logging.getLogger(__name__).warning("this ministack is built differently: bursts of events may be parked")
        return False
    invoke_now: Callable[..., None] = lambda_service.invoke_async_with_retry
    run_batch_now: Callable[..., None] = lambda_service._run_sqs_batch
    acquire_now: Callable[..., Any] = lambda_service._acquire_execution_slot
    release_now: Callable[..., None] = lambda_service._release_execution_slot
    freed = threading.Condition()

    def waiting(call: Callable[..., None]) -> Callable[..., None]:
        def invoke(*arguments: Any, **keywords: Any) -> None:
            # ministack starts the attempts of an event in a thread that gets a copy of this context.
            token = _is_asynchronous.set(True)
            try:
                call(*arguments, **keywords)
            finally:
                _is_asynchronous.reset(token)

        return invoke

    def acquire(*arguments: Any, **keywords: Any) -> Any:
        slot = acquire_now(*arguments, **keywords)
        while _is_asynchronous.get() and slot == _ACCOUNT_IS_FULL:
            with freed:
                freed.wait(_LOOK_AGAIN_SECONDS)
            slot = acquire_now(*arguments, **keywords)
        return slot

    def release(*arguments: Any, **keywords: Any) -> None:
        release_now(*arguments, **keywords)
        with freed:
            freed.notify()

    lambda_service.invoke_async_with_retry = waiting(invoke_now)
    lambda_service._run_sqs_batch = waiting(run_batch_now)
    lambda_service._acquire_execution_slot = acquire
    lambda_service._release_execution_slot = release
    return True
