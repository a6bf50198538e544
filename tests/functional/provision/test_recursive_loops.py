"""Lambda's detection of functions that start themselves for ever is left on, and put back on.

moto has no such call, so a stand-in answers it; without that, moto's own answer is that of a service without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Run = Callable[..., Any]
DRIFT = {"attribute": "recursive loops", "old": "Allow", "new": "Terminate"}


class Loops:
    """What Lambda would answer, and what it was told."""

    def __init__(self) -> None:
        self.is_set_to = "Terminate"
        self.refusal: ClientError | None = None
        self.told: list[dict[str, str]] = []

    def get(self, **_: str) -> dict[str, str]:
        if self.refusal is not None:
            raise self.refusal
        return {"RecursiveLoop": self.is_set_to}

    def put(self, **call: str) -> dict[str, str]:
        self.told.append(call)
        self.is_set_to = call["RecursiveLoop"]
        return {"RecursiveLoop": self.is_set_to}


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> Loops:
    """Lambda's two calls about recursive loops."""
    state, original = Loops(), boto3.Session.client

    def with_answer(self: Any, *arguments: Any, **keywords: Any) -> Any:
        made = original(self, *arguments, **keywords)
        if hasattr(made, "get_function_recursion_config"):
            made.get_function_recursion_config = state.get
            made.put_function_recursion_config = state.put
        return made

    monkeypatch.setattr(boto3.Session, "client", with_answer)
    return state


def changes(outcome: Any) -> list[Any]:
    return [change for step in outcome.data["steps"] for change in step["changes"]]


@pytest.mark.parametrize("command", ["setup", "deploy"])
def test_detection_that_was_switched_off_is_drift_and_switched_on_again(
    s3copy: Run, loops: Loops, command: str
) -> None:
    s3copy("setup", expect=0)
    assert loops.told == [], "Lambda's default is on"
    loops.is_set_to = "Allow"
    assert changes(s3copy("plan", "--json", expect=3)) == [DRIFT]
    assert changes(s3copy(command, "--json", expect=0)) == [DRIFT]
    assert loops.told == [{"FunctionName": "s3copy", "RecursiveLoop": "Terminate"}]
    assert changes(s3copy("plan", "--json", expect=0)) == []


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDeniedException", 403), ("404", 404), ("NotImplemented", 501), ("405", 405)]
)
def test_where_it_cannot_be_looked_at_nothing_is_claimed(s3copy: Run, loops: Loops, code: str, status: int) -> None:
    s3copy("setup", expect=0)
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    loops.refusal = ClientError(answer, "GetFunctionRecursionConfig")
    assert changes(s3copy("plan", "--json", expect=0)) == []


def test_a_look_that_failed_is_an_error(s3copy: Run, loops: Loops) -> None:
    s3copy("setup", expect=0)
    answer: Any = {"Error": {"Code": "ServiceException"}, "ResponseMetadata": {"HTTPStatusCode": 500}}
    loops.refusal = ClientError(answer, "GetFunctionRecursionConfig")
    (problem,) = s3copy("plan", "--json", expect=1).envelope["errors"]
    assert problem["code"] == "ServiceException"
    assert problem["message"].startswith("reading pipeline s3copy in eu-west-1: ")
