from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3copy_cli.local import LocalPaths
from s3copy_cli.local.record import Phase, ServerRecord

MakeRecord = Callable[..., ServerRecord]


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    return LocalPaths(state_dir=tmp_path / "a state" / "local")


@pytest.fixture
def make_record() -> MakeRecord:
    def make(**changes: Any) -> ServerRecord:
        fields: dict[str, Any] = {
            "phase": Phase.SERVING,
            "pid": 4242,
            "birth": "boot:1",
            "token": "t0ken",
            "port": 50123,
            "started_at": "2025-01-02T03:04:05+00:00",
            "interpreter": "/usr/bin/python3",
            "version": "1.5.33",
        }
        return ServerRecord(**(fields | changes))

    return make
