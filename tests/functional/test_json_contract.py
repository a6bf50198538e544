"""docs/json.md and what the commands print are the same contract."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., Any]
ENVELOPE = {"s3copy_result_version", "command", "status", "exit_code", "data", "errors"}


def documented(command: str) -> set[str]:
    """The keys of `data` in the command's table: the first column of each row."""
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    match = re.search(rf"^## {command}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert match, command
    rows = [line.split("|")[1] for line in match.group(1).splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("a\n")
    return tmp_path


def test_each_command_prints_the_documented_keys_and_no_others(s3copy: Run, folder: Path) -> None:
    lines = {
        "setup": [["setup", "--dry-run"], ["setup"]],
        "plan": [["plan"]],
        "deploy": [["deploy", "--dry-run"], ["deploy"]],
        "upload": [["upload", str(folder / "a.csv"), "--dry-run"]],
        "list": [["list"]],
        "teardown": [["teardown", "--dry-run"], ["teardown", "--yes"]],
    }
    for command, variants in lines.items():
        for arguments in variants:
            envelope = s3copy(*arguments, "--json", expect=0).envelope
            assert set(envelope) == ENVELOPE
            assert set(envelope["data"]) == documented(command), command
            assert envelope["command"] == command
            for step in envelope["data"].get("steps", []):
                assert set(step) == {"resource", "name", "action", "reason", "changes"}


@pytest.mark.parametrize(
    ("arguments", "exit_code"), [(["deploy"], 1), (["verify"], 1), (["upload", "/nonexistent"], 2), (["teardown"], 0)]
)
def test_a_failure_is_the_same_object(s3copy: Run, arguments: list[str], exit_code: int) -> None:
    envelope = s3copy(*arguments, "--json", expect=exit_code).envelope
    assert set(envelope) == ENVELOPE
    assert envelope["exit_code"] == exit_code
    for error in envelope["errors"]:
        assert set(error) == {"code", "message", "hint"}
        assert all(error.values())
