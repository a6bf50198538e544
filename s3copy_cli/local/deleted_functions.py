"""A deleted function does nothing any more, as on AWS.

AWS drops the events that wait for a deleted function. ministack goes on repeating those that failed, for some fifteen
seconds, and writes their log lines, for which it makes the log group anew: without the tag of whoever had made it, so
that the next setup takes it for somebody else's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

_NOTHING_DONE: Mapping[str, Any] = {"body": None, "log": ""}


def drop_events_of_deleted_functions(lambda_service: Any) -> bool:
    """Changes ministack's Lambda service so; False, and nothing changed, where it is not built as expected."""
    names = ("_execute_function_dispatch", "_emit_lambda_logs")
    has_names = all(callable(getattr(lambda_service, name, None)) for name in names)
    if not has_names or not hasattr(lambda_service, "_functions"):
        logging.getLogger(__name__).warning("this ministack is built differently: deleted functions may go on a while")
        return False
    execute_now: Callable[..., Any] = lambda_service._execute_function_dispatch
    write_now: Callable[..., None] = lambda_service._emit_lambda_logs

    def is_deleted(function: Mapping[str, Any]) -> bool:
        stored = lambda_service._functions.get(function["config"]["FunctionName"])
        # An event has a copy of the function's record, which shares its parts with the one that is stored. A function
        # that was made anew under the same name has a record of its own.
        return stored is None or stored["versions"] is not function["versions"]

    def execute(function: Mapping[str, Any], *arguments: Any, **keywords: Any) -> Any:
        return dict(_NOTHING_DONE) if is_deleted(function) else execute_now(function, *arguments, **keywords)

    def write(function: Mapping[str, Any], *arguments: Any, **keywords: Any) -> None:
        if not is_deleted(function):
            write_now(function, *arguments, **keywords)

    lambda_service._execute_function_dispatch = execute
    lambda_service._emit_lambda_logs = write
    return True
