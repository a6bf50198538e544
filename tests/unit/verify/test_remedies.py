"""What is said about an error: every failure that the function names itself has a remedy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lambda_handler
from s3copy_cli.verify.log_lines import ErrorKind
from s3copy_cli.verify.remedies import remedy


def say(code: str, kind: ErrorKind = ErrorKind.HANDLED) -> str:
    return remedy(kind, code, "SETUP", "DEPLOY")


def iter_own_codes() -> Iterator[str]:
    """The literal codes that the function's sources give to Failure."""
    for path in Path(next(iter(lambda_handler.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failure":
                code = node.args[0] if node.args else None
                if isinstance(code, ast.Constant):
                    yield str(code.value)


OWN_CODES = sorted(set(iter_own_codes()))


def test_the_functions_own_codes_are_found() -> None:
    assert {"ObjectTooLarge", "OutOfTime", "CopyDiffers", "SourceChanging", "WrongBucket", "UnknownEvent"} <= {
        *OWN_CODES
    }


@pytest.mark.parametrize("code", OWN_CODES)
def test_every_failure_of_the_functions_own_has_a_remedy(code: str) -> None:
    # The names of exceptions, which it passes on, have the default: there the message is what to read.
    assert say(code) != say("ReadTimeoutError")


def test_the_remedies_name_the_commands() -> None:
    assert "'SETUP'" in say("AccessDenied")
    assert "'DEPLOY'" in say("KeyError", ErrorKind.UNHANDLED)


def test_a_role_that_is_only_seconds_old_is_given_time() -> None:
    assert "--wait 120" in say("AccessDenied")
