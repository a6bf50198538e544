"""Doing things side by side, and having the results in order: the only place where verify looks ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Begun(Protocol[Result_co]):
    """Something under way, such as a `Future`."""

    def done(self) -> bool:
        """Whether `result` needs no waiting."""

    def result(self) -> Result_co:
        """What it came to, or its error."""

    def cancel(self) -> bool:
        """Nobody wants the result any more."""


class Known(Generic[Result]):
    """A result that needed no work."""

    __slots__ = ("_result",)

    def __init__(self, result: Result) -> None:
        self._result = result

    def done(self) -> bool:
        """See Begun."""
        return True

    def result(self) -> Result:
        """See Begun."""
        return self._result

    def cancel(self) -> bool:
        """See Begun."""
        return False


def _nothing_known(_: object) -> None:
    return None


def iter_in_order(
    items: Iterable[Item],
    begin: Callable[[Item], Begun[Result]],
    window: int,
    known: Callable[[Item], Result | None] = _nothing_known,
) -> Generator[tuple[Item, Result], None, None]:
    """Each item with its result, in the items' order.

    Args:
        items: taken one by one, as the results are.
        begin: begins with an item.
        window: how many items may be begun before the first of them is done; bounds memory.
        known: the result of an item that takes no work, None for one to begin with.
    """
    waiting: deque[tuple[Item, Begun[Result]]] = deque()
    try:
        for item in items:
            result = known(item)
            if result is not None and not waiting:
                yield item, result
                continue
            waiting.append((item, begin(item) if result is None else Known(result)))
            # What is done already is handed out at once: somebody may be waiting for it.
            while waiting and (len(waiting) >= window or waiting[0][1].done()):
                first, begun = waiting.popleft()
                yield first, begun.result()
        while waiting:
            first, begun = waiting.popleft()
            yield first, begun.result()
    finally:
        # After an error, or when nobody wants the rest.
        for _, begun in waiting:
            begun.cancel()
