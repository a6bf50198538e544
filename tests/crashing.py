"""A program that dies at a chosen call: before it is sent, or after it was done and before its answer is seen."""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import boto3
import pytest

from s3copy_cli.cli import run as run_program
from s3copy_cli.s3.crt_store import CrtObjectStore

# Event source mappings have names of AWS's making, others in each run.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
READING = ("Get", "Head", "List", "Describe", "Filter")


class CrashError(BaseException):
    """The process dies here. Not an Exception: nothing may handle it."""


@dataclass(frozen=True)
class Point:
    """One call of a command, and the side of it on which the process dies.

    Attributes:
        call: the operation, what it is about, and how many like it came before.
        is_answered: it was done, and only its answer is lost.
    """

    call: str
    is_answered: bool

    def __str__(self) -> str:
        return f"{'after' if self.is_answered else 'before'} {self.call}"


@dataclass
class Calls:
    """The writing calls of a command as they are made, and where it dies.

    Parallel steps make their calls in any order, so a call is known by what it is and not by its number.
    """

    dies_at: Point | None = None
    made: list[str] = field(default_factory=list)
    reads: int = 0
    is_dead: bool = False
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, what: str, *, is_reading: bool = False) -> str:
        """A call is about to be made; its full name."""
        with self._lock:
            if self.is_dead:
                raise CrashError
            if is_reading:
                self.reads += 1
                return ""
            call = f"{what} #{self._seen[what]}" if self._seen[what] else what
            self._seen[what] += 1
            self.made.append(call)
            if self.dies_at == Point(call, is_answered=False):
                self.is_dead = True
                raise CrashError
            return call

    def after(self, call: str) -> None:
        """Its answer is there."""
        with self._lock:
            if call and self.dies_at == Point(call, is_answered=True):
                self.is_dead = True
            if self.is_dead:
                raise CrashError

    @property
    def points(self) -> list[Point]:
        """Where a command that made these calls may die."""
        return [Point(call, is_answered) for call in sorted(self.made) for is_answered in (False, True)]


def call_name(model: Any, params: Any) -> str:
    """What botocore is about to call, and about what."""
    path = _UUID.sub("ID", params.get("url_path", "").rstrip("/"))
    return f"{model.service_model.service_name}:{model.name} {path}".rstrip()


@contextmanager
def watching(calls: Calls) -> Iterator[None]:
    """Every call that begins in this block goes through `calls`: boto3's, and those of the data plane that delete."""
    original = boto3.Session.__init__

    def before(model: Any, params: Any, context: dict[str, Any], **_: Any) -> None:
        context["crashing"] = calls.before(call_name(model, params), is_reading=model.name.startswith(READING))

    def after(context: dict[str, Any], **_: Any) -> None:
        calls.after(context.get("crashing", ""))

    def with_hooks(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call", before)
        self.events.register("after-call", after)

    def hooked(operation: str, send: Any) -> Any:
        def call(self: Any, bucket: Any, what: Any) -> Any:
            name = calls.before(f"data plane:{operation} {bucket.name}")
            answer = send(self, bucket, what)
            calls.after(name)
            return answer

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3.Session, "__init__", with_hooks)
        for operation in ("delete_versions", "abort_multipart_upload"):
            patch.setattr(CrtObjectStore, operation, hooked(operation, getattr(CrtObjectStore, operation)))
        yield
    for thread in threading.enumerate():
        if thread.name.startswith("s3copy-"):
            thread.join(30)


@dataclass(frozen=True)
class Said:
    """What one command came to."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def data(self) -> dict[str, Any]:
        """The envelope's data; the command must have been given --json."""
        return dict(json.loads(self.stdout)["data"])


def run(*arguments: str, calls: Calls | None = None, expect: int | None = 0) -> Said:
    """Run a command line in this process.

    Raises:
        CrashError: it died where `calls` says.
    """
    with watching(calls or Calls()):
        return run_unwatched(*arguments, expect=expect)


def run_unwatched(*arguments: str, expect: int | None = 0) -> Said:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        exit_code = int(run_program(list(arguments), os.environ))
    said = Said(exit_code, out.getvalue(), err.getvalue())
    assert "Traceback" not in said.stderr, said
    assert expect is None or exit_code == expect, (arguments, said)
    return said


@dataclass(frozen=True)
class Scenario:
    """A command, and the world that it begins in.

    Attributes:
        command: the command line that dies.
        prepare: makes the world; the account is empty before.
        afterwards: the command line that has to finish what was begun; the same one unless given.
        put_away: after the teardown: looks at what of the world was not ours, and removes it.
    """

    command: tuple[str, ...]
    prepare: Callable[[], None]
    afterwards: tuple[str, ...] = ()
    put_away: Callable[[], None] = lambda: None

    def record(self) -> list[Point]:
        """Run it undisturbed; where it may die."""
        self.prepare()
        calls = Calls()
        run(*self.command, calls=calls)
        return calls.points

    def die_at(self, point: Point) -> bool:
        """Die there; then run again, find nothing left to do, and take everything down.

        Returns:
            Whether it came there: a call that repairs what an emulator sometimes forgets is not made each time.

        Raises:
            AssertionError: what went wrong.
        """
        self.prepare()
        calls = Calls(dies_at=point)
        with suppress(CrashError):
            run(*self.command, calls=calls)
        again = self.afterwards or self.command
        run(*again)
        if again[0] != "teardown":
            plan = run("setup", "--dry-run", "--json").data
            assert set(plan["counts"]) <= {"keep", "n/a"}, plan["steps"]
        run("teardown", "--yes")
        self.put_away()
        return calls.is_dead


def chosen(points: list[Point], sample: str) -> list[Point]:
    """Every n-th point, beginning with another one on each day; "all" for every one."""
    if sample == "all":
        return points
    stride = max(len(points) // int(sample), 1)
    return points[date.today().day % stride :: stride][: int(sample)]


def try_points(
    name: str, scenario: Scenario, sample: str, account: Callable[[], dict[str, Any]], empty_account: Callable[[], None]
) -> str:
    """Die at the points, one after the other.

    Args:
        name: what the scenario is called.
        scenario: which command, and where.
        sample: at how many points, or "all".
        account: everything in the account.
        empty_account: removes it all, without the program.

    Returns:
        How many there were, in words.

    Raises:
        AssertionError: naming the points after which something was wrong.
    """
    points = scenario.record()
    assert points
    empty_account()
    tried = chosen(points, sample)
    failed, missed = {}, []
    for point in tried:
        try:
            if not scenario.die_at(point):
                missed.append(point)
            assert not any(account().values()), account()
        except AssertionError as error:
            failed[point] = str(error)
            empty_account()
    assert not failed, "\n".join(f"{point}: {why[:800]}" for point, why in failed.items())
    assert len(missed) <= min(2, len(tried) - 1), missed
    return f"{name}: {len(points)} crash points, {len(tried) - len(missed)} tried" + (
        f", not {missed}" if missed else ""
    )
