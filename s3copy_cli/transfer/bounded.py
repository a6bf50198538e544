"""Work in parallel on a long or endless sequence, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


def bounded_map(
    pool: ThreadPoolExecutor, work: Callable[[Item], Done], items: Iterable[Item], *, in_flight: int
) -> Generator[Done, None, None]:
    """Results as they come, in any order.

    What `work` raises is raised here; then, and when the generator is closed, what has not begun is not begun.

    Args:
        pool: who works.
        work: what is done with each item.
        items: taken no faster than the work is done.
        in_flight: how many items may wait or be worked on.
    """
    running: set[Future[Done]] = set()
    try:
        for item in items:
            if len(running) >= in_flight:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
            running.add(pool.submit(work, item))
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in running:
            future.cancel()
