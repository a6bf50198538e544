"""What Lambda's answers mean."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from s3copy_cli.errors import AwsError
from s3copy_cli.operate.invoking import Answer, Said, invoke

LOGGED_ID = "00000001-0000-4000-8000-000000000001"


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("lambda", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def add(stubber: Stubber, document: object, **more: Any) -> None:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(content), len(content)), **more}
    answer["ResponseMetadata"] = {"RequestId": "from the header"}
    stubber.add_response("invoke", answer, {"FunctionName": "f", "Payload": b"{}", "LogType": "Tail"})


def tail(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_done(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    add(stubber, {"copied": 2})
    assert invoke(client, "f", b"{}") == Answer(Said.DONE, request_id="from the header")


def test_a_copy_that_goes_on_elsewhere(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    add(stubber, {"copied": 2, "continued": 1})
    assert invoke(client, "f", b"{}").goes_on


def test_the_function_has_logged_each_key_that_failed(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    error = {"errorType": "CopyFailed", "errorMessage": "1 of 2 records failed: 'a'"}
    log = f'START RequestId: {LOGGED_ID} Version: 1\n{{"request_id": "x"}}\nREPORT RequestId: {LOGGED_ID}\tDuration\n'
    add(stubber, error, FunctionError="Unhandled", LogResult=tail(log))
    answer = invoke(client, "f", b"{}")
    assert answer == Answer(Said.FAILED, "CopyFailed: 1 of 2 records failed: 'a'", LOGGED_ID, names_its_keys=True)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"no json", b"[" * 100_000])
def test_a_failure_in_whatever_form(stubbed: tuple[Any, Stubber], content: bytes) -> None:
    client, stubber = stubbed
    add(stubber, content, FunctionError="Unhandled", LogResult="no base 64 at all")
    answer = invoke(client, "f", b"{}")
    assert answer == Answer(Said.FAILED, "the function failed", "from the header")


def test_a_time_out_names_no_keys(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    error = {"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: x Error: Task timed out after 900.00 seconds"}
    add(stubber, error, FunctionError="Unhandled")
    answer = invoke(client, "f", b"{}")
    assert answer.said is Said.FAILED
    assert not answer.names_its_keys
    assert not answer.goes_on


@pytest.mark.parametrize(
    ("code", "status"),
    [("TooManyRequestsException", 429), ("ServiceException", 500), ("ResourceConflictException", 409)],
)
def test_lambda_does_not_run_it_now(stubbed: tuple[Any, Stubber], code: str, status: int) -> None:
    client, stubber = stubbed
    stubber.add_client_error("invoke", code, "Rate Exceeded.", status)
    assert invoke(client, "f", b"{}") == Answer(Said.BUSY, f"{code}: Rate Exceeded.")


def test_a_missing_permission_is_named(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_client_error("invoke", "AccessDeniedException", "not authorized", 403)
    with pytest.raises(AwsError) as caught:
        invoke(client, "f", b"{}")
    assert "lambda:InvokeFunction" in caught.value.hint


@pytest.mark.parametrize("error", [ReadTimeoutError(endpoint_url="u"), ConnectionClosedError(endpoint_url="u")])
def test_no_answer_is_no_failure(error: Exception) -> None:
    class Client:
        def invoke(self, **_: Any) -> None:
            raise error

    client: Any = Client()
    assert invoke(client, "f", b"{}") == Answer(Said.NOTHING, goes_on=True)
