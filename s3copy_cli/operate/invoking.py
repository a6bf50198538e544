"""Invoking the function, and waiting for its answer."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError, ResponseStreamingError

from s3copy_cli.aws_errors import error_code, translate_errors

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import InvocationResponseTypeDef

# Lambda does not run the function now, and says so before it has begun (Lambda API, Invoke).
_BUSY_CODES = frozenset(
    {
        "EC2ThrottledException",
        "ResourceConflictException",
        "ResourceNotReadyException",
        "ServiceException",
        "ServiceUnavailableException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
# Under this name the function says that it has logged each key that failed (docs/function.md).
_NAMED_ITS_KEYS = "CopyFailed"
_REQUEST_ID = re.compile(r"RequestId: ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_MAX_MESSAGE = 500


class Said(Enum):
    """How an invocation ended."""

    DONE = "done"
    FAILED = "failed"
    BUSY = "busy"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invocation came to.

    Attributes:
        said: how it ended; after "nothing" it may still be running.
        message: why it failed, or why Lambda did not run it.
        request_id: of the execution, as in its log lines; empty where it is not told.
        names_its_keys: whether the function has logged the keys that failed.
        goes_on: whether a copy may still be running.
    """

    said: Said
    message: str = ""
    request_id: str = ""
    names_its_keys: bool = False
    goes_on: bool = False


def invoke(client: LambdaClient, function_name: str, payload: bytes) -> Answer:
    """Run the function on one event and wait until it has ended.

    Args:
        client: one that waits as long as the function may run, and does not repeat requests.
        function_name: the function.
        payload: the event.

    Raises:
        AwsError: Lambda refuses, e.g. because this is not allowed.
        CredentialsError: the credentials are not good.
    """
    with translate_errors(f"invoking the function {function_name}"):
        try:
            answer = client.invoke(FunctionName=function_name, Payload=payload, LogType="Tail")
            content = answer["Payload"].read()
        except (ReadTimeoutError, ConnectionClosedError, ResponseStreamingError):
            return Answer(Said.NOTHING, goes_on=True)
        except ClientError as error:
            if error_code(error) not in _BUSY_CODES:
                raise
            return Answer(Said.BUSY, _busy_message(error))
    document = _document(content)
    if not answer.get("FunctionError"):
        # The function counts its outcomes; "continued" is a copy that another invocation goes on with.
        return Answer(Said.DONE, request_id=_request_id(answer), goes_on="continued" in document)
    return _failure(document, _request_id(answer))


def _busy_message(error: ClientError) -> str:
    response: Any = error.response
    reason = str(response.get("Reason", ""))
    message = str(response.get("message") or response.get("Error", {}).get("Message", ""))
    return f"{error_code(error)}: {' '.join(part for part in (reason, message) if part)}"[:_MAX_MESSAGE]


def _document(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _failure(document: Mapping[str, Any], request_id: str) -> Answer:
    kind, message = str(document.get("errorType", "")), str(document.get("errorMessage", ""))
    text = ": ".join(part for part in (kind, message) if part) or "the function failed"
    return Answer(Said.FAILED, text[:_MAX_MESSAGE], request_id, names_its_keys=kind == _NAMED_ITS_KEYS)


def _request_id(answer: InvocationResponseTypeDef) -> str:
    """The execution's id; the log's word comes first, for the embedded AWS answers with another one."""
    try:
        tail = base64.b64decode(answer.get("LogResult", ""), validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        tail = ""
    # Last, because lines of the function may quote anything; Lambda's own END and REPORT come after them.
    found = _REQUEST_ID.findall(tail)
    return str(found[-1]) if found else str(answer["ResponseMetadata"].get("RequestId", ""))
