"""What a person reads of verify: whole keys where a program reads, words that fit their number, commands to copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

Run = Callable[..., Any]
NOW = ("--wait", "0")


@pytest.fixture(autouse=True)
def _no_waiting_for_log_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    from s3copy_cli.verify import run

    monkeypatch.setattr(run, "_INGESTION_LAG", timedelta(0))


def words(outcome: Any) -> str:
    return " ".join(outcome.stdout.split())


def test_a_long_key_is_neither_cut_nor_folded_in_a_pipe(
    world: Any, s3copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    key = "long/" + "0123456789" * 80
    world.put(key)
    world.park(key)
    lines = s3copy("verify", *NOW, expect=3).stdout.splitlines()
    # In the table, as a title, and as a parked event.
    assert sum(key in line for line in lines) == 3
    assert max(map(len, lines)) < 2000


def test_one_differs_and_two_differ(world: Any, s3copy: Run) -> None:
    for key in ("a", "b"):
        world.put(key)
        world.put_copy(key, b"other")
    assert "2 differ (*)" in s3copy("verify", *NOW, expect=3).stdout
    assert "1 differs (*)" in s3copy("verify", *NOW, "--prefix", "a", expect=3).stdout


def test_next_commands_are_about_the_same_pipeline_and_objects(world: Any, s3copy: Run) -> None:
    world.put("my key")
    text = words(s3copy("verify", *NOW, "--region", "eu-west-1", "--tags", "my key", expect=3))
    assert "s3copy repair --tags 'my key' --region eu-west-1" in text
    assert "s3copy repair --prefix 'my '" in words(s3copy("verify", *NOW, "--prefix", "my ", expect=3))


def test_a_list_on_stdout_and_quiet_leave_stderr_silent(world: Any, s3copy: Run) -> None:
    world.put("a")
    outcome = s3copy("verify", *NOW, "--missing", "/dev/stdout", "--quiet", expect=3)
    assert (outcome.stdout.split("\t")[0], outcome.stderr) == ("a", "")
    assert "takes the JSON object" in s3copy("verify", "--missing", "/dev/stdout", "--json", expect=2).stdout


def test_next_commands_look_as_closely(world: Any, s3copy: Run) -> None:
    world.put("a")
    world.put_copy("a", b"x" * len(b"a"), ServerSideEncryption="aws:kms", ChecksumAlgorithm="SHA256")
    assert "s3copy repair --level content" in words(s3copy("verify", *NOW, "--level", "content", expect=3))
    world.put("b")
    assert "s3copy repair --level listing" in words(s3copy("verify", *NOW, "--level", "listing", "b", expect=3))


def test_a_key_that_neither_bucket_has_is_called_so(world: Any, s3copy: Run) -> None:
    world.put("a")
    text = words(s3copy("verify", *NOW, "typo", expect=3))
    assert "! typo: in neither bucket" in text
    assert "0 proved, 1 in neither bucket (!)" in text
    assert "could not be looked at" not in text


def test_a_key_that_is_no_utf_8(world: Any, s3copy: Run) -> None:
    for arguments in (["\udcff"], ["--prefix", "\udcff"]):
        assert "is no UTF-8" in s3copy("verify", *arguments, expect=2).stderr
