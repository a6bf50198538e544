"""What every test may use."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import botocore.loaders
import hypothesis
import pytest

# How fast an example is depends on what else the machine does, and is nothing that a test says.
hypothesis.settings.register_profile("s3copy", deadline=None)
hypothesis.settings.load_profile("s3copy")

Found = TypeVar("Found")
Eventually = Callable[..., object]


FIGURE = "figure"


def pytest_collection_finish() -> None:
    """Look for cycles among a hundred thousand new objects at a time, and not among those that stay.

    Each client of boto3 is tens of thousands of objects: by default, looking for cycles is half of what such tests do.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 10)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Figures that tests have found, with `record_property("figure", …)`: also when several processes run them."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            if name == FIGURE:
                terminalreporter.write_line(str(value))


@pytest.fixture(scope="session", autouse=True)
def _one_loader() -> Iterator[None]:
    """Each session of boto3 reads the service models anew, for half a second; reading them once is enough."""
    loader = botocore.loaders.create_loader()
    paths = list(loader.search_paths)

    def create(*_: object) -> botocore.loaders.Loader:
        # Each session of boto3 adds its own.
        loader.search_paths[:] = paths
        return loader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", create)
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees neither the developer's AWS configuration nor their s3copy variables."""
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "S3COPY_")) and not name.startswith("S3COPY_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")


@pytest.fixture
def eventually() -> Callable[[Callable[[], Found]], Found]:
    """Wait until a condition holds: `eventually(lambda: thing_that_becomes_true(), seconds=30)`.

    Returns the first true value; fails with the last one when the time is over.
    """

    def wait(condition: Callable[[], Found], seconds: float = 30.0) -> Found:
        deadline = time.monotonic() + seconds
        pause = 0.02
        found = condition()
        while not found:
            if time.monotonic() > deadline:
                pytest.fail(f"not true within {seconds} s: last value {found!r}")
            time.sleep(pause)  # the one place: polling, bounded by the deadline above
            pause = min(pause * 1.5, 0.5)
            found = condition()
        return found

    return wait
