"""What is said about an error: every failure that the function names itself has a remedy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lambda_handler
from s3copy_cli.verify.health import Health
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
    assert say(code) != say("SomethingNew")


def test_the_remedies_name_the_commands() -> None:
    assert "'SETUP'" in say("AccessDenied")
    assert "'DEPLOY'" in say("KeyError", ErrorKind.UNHANDLED)


def test_a_role_that_is_only_seconds_old_is_given_time() -> None:
    assert "--wait 120" in say("AccessDenied")


def test_access_denied_names_the_permission_that_aws_names() -> None:
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: kms:Decrypt on resource: x"
    )
    text = remedy(ErrorKind.HANDLED, "AccessDenied", "SETUP", "DEPLOY", operation="CopyObject", message=message)
    assert "lacks a permission: kms:Decrypt." in text
    assert "'SETUP'" in text


@pytest.mark.parametrize(
    ("operation", "permission"),
    [("UploadPartCopy", "s3:PutObject"), ("GetObjectTagging", "s3:GetObjectTagging"), ("Invoke", "lambda:Invoke")],
)
def test_access_denied_without_a_name_tells_what_the_request_needs(operation: str, permission: str) -> None:
    assert permission in remedy(ErrorKind.HANDLED, "AccessDenied", "SETUP", "DEPLOY", operation=operation)


def test_a_time_out_names_the_setting_and_the_size() -> None:
    text = remedy(ErrorKind.TIMEOUT, "Timeout", "SETUP", "DEPLOY", health=Health(timeout=900), size=5_200_000_000)
    assert "time-out (900 s) with an object of 5.2 GB" in text
    assert "time-out:" in say("Timeout", ErrorKind.TIMEOUT)


def test_out_of_memory_names_the_setting() -> None:
    text = remedy(ErrorKind.OUT_OF_MEMORY, "OutOfMemory", "SETUP", "DEPLOY", health=Health(memory_mb=256))
    assert "out of memory (256 MB)" in text
    assert "'SETUP'" in text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NoSuchBucket", "'SETUP'"),
        ("InvalidObjectState", "Restore it first"),
        ("KMS.DisabledException", "KMS key is disabled"),
        ("KMS.NotFoundException", "about to be deleted"),
        ("SlowDown", "fewer requests"),
        ("TooManyRequestsException", "fewer requests"),
        ("ReadTimeoutError", "No answer came in time"),
        ("SettingsError", "'DEPLOY'"),
        ("SomethingNew", "Read the message"),
    ],
)
def test_each_class_of_failure_has_its_words(code: str, words: str) -> None:
    text = say(code)
    assert words in text
    assert "{" not in text
