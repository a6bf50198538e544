"""Runs a loop of requests."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from .errors import RequestError
from .requests import Asked

Ended = TypeVar("Ended")


def drive(loop: Generator[Asked, Any, Ended], perform: Callable[[Asked], Any]) -> Ended:
    """Run a loop of requests to its end; a request that fails is thrown into it."""
    try:
        asked = next(loop)
        while True:
            try:
                answer = perform(asked)
            except RequestError as error:
                asked = loop.throw(error)
            else:
                asked = loop.send(answer)
    except StopIteration as stop:
        ended: Ended = stop.value
        return ended
