"""Doing things side by side, and having the results in order: the only place where verify looks ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def iter_in_order(
    items: Iterable[Item], begin: Callable[[Item], Future[Result] | Result], window: int
) -> Generator[tuple[Item, Result], None, None]:
    """Each item with its result, in the items' order.

    Args:
        items: taken one by one, as the results are.
        begin: begins with an item; returns its result if that is known at once.
        window: how many items may be begun before the first of them is done; bounds memory.
    """
    waiting: deque[tuple[Item, Future[Result] | Result]] = deque()
    try:
        for item in items:
            begun = begin(item)
            if not waiting and not isinstance(begun, Future):
                yield item, begun
                continue
            waiting.append((item, begun))
            if len(waiting) >= window:
                yield _settled(waiting.popleft())
            # What is done already is handed out at once: somebody may be waiting for it.
            while waiting and _is_done(waiting[0][1]):
                yield _settled(waiting.popleft())
        while waiting:
            yield _settled(waiting.popleft())
    finally:
        # After an error, or when nobody wants the rest.
        for _, begun in waiting:
            if isinstance(begun, Future):
                begun.cancel()


def _is_done(begun: object) -> bool:
    return not isinstance(begun, Future) or begun.done()


def _settled(entry: tuple[Item, Future[Result] | Result]) -> tuple[Item, Result]:
    item, begun = entry
    return item, begun.result() if isinstance(begun, Future) else begun
