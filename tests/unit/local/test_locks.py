import itertools
import os
from pathlib import Path

import pytest

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local.locks import exclusive_lock, is_locked, try_lock


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert is_locked(file) is False
    assert not file.exists()
    held = try_lock(file)
    assert held is not None
    assert is_locked(file) is True
    assert try_lock(file) is None
    os.close(held)
    assert is_locked(file) is False
    again = try_lock(file)
    assert again is not None
    os.close(again)


def test_a_lock_on_a_deleted_file_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lock"
    really_open = os.open

    def open_then_lose(path: Path, *arguments: int) -> int:
        descriptor = really_open(path, *arguments)
        file.unlink()  # A reset comes between opening and locking.
        return descriptor

    monkeypatch.setattr(os, "open", open_then_lose)
    assert try_lock(file) is None
    monkeypatch.undo()
    held = try_lock(file)
    assert held is not None
    os.close(held)


def test_waiting_ends_with_an_error_that_names_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    clock = itertools.count(0.0, 10.0)
    naps: list[float] = []
    held = try_lock(file)
    assert held is not None
    with (
        pytest.raises(LocalAwsError) as caught,
        exclusive_lock(file, wait_seconds=35, clock=lambda: next(clock), sleep=naps.append),
    ):
        pass
    os.close(held)
    assert str(file) in caught.value.happened
    assert "35 s" in caught.value.happened
    assert len(naps) == 3


def test_waiting_ends_when_the_other_lets_go(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    held = try_lock(file)
    assert held is not None
    with exclusive_lock(file, wait_seconds=1, clock=lambda: 0.0, sleep=lambda _: os.close(held)):
        assert is_locked(file)
    assert not is_locked(file)
