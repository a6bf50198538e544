"""One line for each AWS call, for --verbose: operation, answer, time. Never parameters, never credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3


def trace_calls(
    session: boto3.Session, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
) -> None:
    """Report every call that clients of this session make from now on.

    Args:
        session: clients created from it later are traced too.
        write: takes one line.
        clock: seconds, for the duration of each call.
    """

    def before(context: dict[str, Any], **_: Any) -> None:
        context["s3copy_started"] = clock()

    def after(http_response: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        milliseconds = (clock() - context.get("s3copy_started", clock())) * 1000
        write(f"  {model.service_model.service_name}:{model.name} {http_response.status_code} {milliseconds:.0f} ms")

    session.events.register("before-call", before)
    session.events.register("after-call", after)
