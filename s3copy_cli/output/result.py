"""A command's result as a value, and its two renderings: text and the JSON envelope."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s3copy_cli.errors import ExitCode, S3CopyError

if TYPE_CHECKING:
    from rich.console import Console

RESULT_VERSION = "1"


@dataclass(frozen=True)
class Problem:
    """One entry of the envelope's `errors`."""

    code: str
    message: str
    hint: str = ""

    @classmethod
    def from_error(cls, error: S3CopyError) -> Problem:
        """The entry for one of our exceptions."""
        return cls(code=error.code, message=f"{error.doing}: {error.happened}", hint=error.hint)


@dataclass(frozen=True)
class Result:
    """What a command found or did.

    Attributes:
        data: the envelope's `data`; only JSON types, its keys are a contract (docs/json.md).
        text: writes the same for a person.
        exit_code: the process's exit code.
        problems: the envelope's `errors`.
    """

    data: Mapping[str, Any]
    text: Callable[[Console], None]
    exit_code: ExitCode = ExitCode.OK
    problems: Sequence[Problem] = ()


def envelope(command: str, result: Result) -> str:
    """The result as one JSON object, ended by a newline."""
    return _dump(command, result.exit_code, dict(result.data), result.problems)


def error_envelope(command: str, exit_code: ExitCode, problems: Sequence[Problem]) -> str:
    """A failure, or several, as the same object."""
    return _dump(command, exit_code, {}, problems)


def _dump(command: str, exit_code: ExitCode, data: dict[str, Any], problems: Sequence[Problem]) -> str:
    status = {ExitCode.OK: "success", ExitCode.DIFFERENCES: "differences"}.get(exit_code, "error")
    document = {
        "s3copy_result_version": RESULT_VERSION,
        "command": command,
        "status": status,
        "exit_code": int(exit_code),
        "data": data,
        "errors": [{"code": p.code, "message": p.message, "hint": p.hint} for p in problems],
    }
    # ASCII only: a key may hold lone surrogates or terminal escapes, and no encoding may get in the way.
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"
