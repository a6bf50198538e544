from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3copy_cli.transfer.bounded import bounded_map


def test_every_item_is_worked_on_once_and_never_too_many_at_a_time() -> None:
    lock = threading.Lock()
    taken = finished = most = 0

    def items() -> Iterator[int]:
        nonlocal taken, most
        for number in range(500):
            with lock:
                taken += 1
                most = max(most, taken - finished)
            yield number

    def work(number: int) -> int:
        nonlocal finished
        with lock:
            finished += 1
        return number * 2

    with ThreadPoolExecutor(4) as pool:
        results = list(bounded_map(pool, work, items(), in_flight=8))
    assert sorted(results) == list(range(0, 1000, 2))
    assert most <= 9


def test_an_error_is_raised_and_what_waits_is_not_begun() -> None:
    release = threading.Event()
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            raise ValueError("no")
        release.wait(10)
        return number

    with ThreadPoolExecutor(2) as pool:
        try:
            with pytest.raises(ValueError, match="no"):
                list(bounded_map(pool, work, range(100), in_flight=10))
        finally:
            release.set()
    assert len(begun) < 10
