import threading
from types import SimpleNamespace
from typing import Any

from s3copy_cli.local.updates import let_invocations_end


class Ministack:
    """As much of it as is changed: two processes of a function, one of them busy, and one of another function."""

    def __init__(self) -> None:
        self.busy, self.idle, self.other = (SimpleNamespace(name=name, in_use=name == "busy") for name in NAMES)
        self.killed: list[str] = []
        workers = {"0:us:s3copy:$LATEST": [self.busy, self.idle], "0:us:other:$LATEST": [self.other]}
        self.runtime = SimpleNamespace(_workers=workers, _lock=threading.Lock(), kill_workers=self.kill)
        self.service: Any = SimpleNamespace(
            _update_code=lambda name: self.service.invalidate_worker(name, qualifier="$LATEST"),
            _update_config=lambda name: self.service.invalidate_worker(name, qualifier="$LATEST"),
            invalidate_worker=self.invalidate,
            release_worker=self.release,
        )

    def kill(self, workers: list[Any]) -> None:
        self.killed += [worker.name for worker in workers]

    def invalidate(self, name: str, **_: str) -> None:
        self.kill(self.runtime._workers.pop(f"0:us:{name}:$LATEST", []))

    def release(self, worker: Any) -> None:
        if worker is not None:
            worker.in_use = False


NAMES = ("busy", "idle", "other")


def test_an_update_ends_idle_processes_at_once_and_busy_ones_when_they_are_done() -> None:
    ministack = Ministack()
    assert let_invocations_end(ministack.service, ministack.runtime)
    ministack.service._update_config("s3copy")
    assert ministack.killed == ["idle"]
    ministack.service.release_worker(None)
    ministack.service.release_worker(ministack.busy)
    assert ministack.killed == ["idle", "busy"]
    ministack.service.release_worker(ministack.busy)
    assert ministack.killed == ["idle", "busy"]


def test_a_deletion_ends_all_at_once() -> None:
    ministack = Ministack()
    let_invocations_end(ministack.service, ministack.runtime)
    ministack.service.invalidate_worker("s3copy")
    assert ministack.killed == ["busy", "idle"]


def test_another_ministack_is_left_as_it_is() -> None:
    ministack = Ministack()
    before = ministack.service.release_worker
    assert not let_invocations_end(ministack.service, SimpleNamespace())
    assert ministack.service.release_worker == before
