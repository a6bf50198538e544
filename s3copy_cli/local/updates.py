"""An invocation that is under way is not cut off by an update of its function, as on AWS.

AWS lets it end with the code and the settings that it began with. ministack ends all processes of the function at once:
an event of a queue would then stay hidden for the queue's whole visibility timeout.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_is_update: ContextVar[bool] = ContextVar("is_update", default=False)


def let_invocations_end(lambda_service: Any, runtime: Any) -> bool:
    """Changes ministack's Lambda service so; False, and nothing changed, where it is not built as expected.

    Args:
        lambda_service: has the operations.
        runtime: has the processes.
    """
    names = ("_update_code", "_update_config", "invalidate_worker", "release_worker")
    has_names = all(callable(getattr(lambda_service, name, None)) for name in names)
    if not has_names or not all(hasattr(runtime, name) for name in ("_workers", "_lock", "kill_workers")):
        logging.getLogger(__name__).warning("this ministack is built differently: updates may cut copies off")
        return False
    invalidate_now: Callable[..., None] = lambda_service.invalidate_worker
    release_now: Callable[[Any], None] = lambda_service.release_worker
    ending: list[Any] = []

    def updating(update: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            token = _is_update.set(True)
            try:
                return update(*arguments, **keywords)
            finally:
                _is_update.reset(token)

        return call

    def invalidate(name: str, *arguments: Any, **keywords: Any) -> None:
        if _is_update.get():
            with runtime._lock:
                # By account, Region, function and version.
                for key, workers in runtime._workers.items():
                    if key.split(":")[-2] == name:
                        ending.extend(worker for worker in workers if worker.in_use)
                        workers[:] = [worker for worker in workers if not worker.in_use]
        invalidate_now(name, *arguments, **keywords)

    def release(worker: Any) -> None:
        release_now(worker)
        with runtime._lock:
            is_old = worker in ending
            if is_old:
                ending.remove(worker)
        if is_old:
            runtime.kill_workers([worker])

    lambda_service._update_code = updating(lambda_service._update_code)
    lambda_service._update_config = updating(lambda_service._update_config)
    lambda_service.invalidate_worker = invalidate
    lambda_service.release_worker = release
    return True
