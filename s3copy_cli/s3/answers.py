"""What became of a request, and the error it stands for: the same as if boto3 had met it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http.client import responses

from awscrt.exceptions import AwsCrtError
from awscrt.s3 import S3ResponseError
from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import from_client_error
from s3copy_cli.errors import AwsError, S3CopyError
from s3copy_cli.s3.wire import Call
from s3copy_cli.s3.xml import parse_error

# The runtime's names for refusals that it repeated until it gave up, without what S3 said.
_GIVEN_UP = {
    "AWS_ERROR_S3_SLOW_DOWN": ("SlowDown", "S3 kept asking to slow down"),
    "AWS_ERROR_S3_INTERNAL_ERROR": ("InternalError", "S3 kept answering with an internal error"),
}
# What the runtime repeats quickly, and not at all once many requests at a time have failed: a storm, which may be over
# in some seconds.
_STORM = {
    *_GIVEN_UP,
    "AWS_ERROR_HTTP_CHANNEL_THROUGHPUT_FAILURE",
    "AWS_ERROR_HTTP_CONNECTION_CLOSED",
    "AWS_ERROR_HTTP_SERVER_CLOSED",
    "AWS_IO_SOCKET_CLOSED",
}
_PROTOCOL_ERROR = "AWS_ERROR_HTTP_PROTOCOL_ERROR"
_NO_WAY = ("AWS_IO_DNS", "AWS_IO_SOCKET_CONNECTION_REFUSED", "AWS_IO_SOCKET_TIMEOUT", "AWS_IO_SOCKET_NO_ROUTE")
_NO_WAY_HINT = "Check the network, --endpoint-url and --region."
_AGAIN_HINT = "Check the network and run the command again: it goes on where it stopped."
# What the runtime itself does not repeat, and S3 means to be repeated.
RETRIED_STATUS = {429}
_RETRIED_CODES = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that says yes.

    Attributes:
        status: of HTTP.
        headers: names as they came.
        body: whole.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """One header's value, "" if there is none."""
        name = name.lower()
        return next((value for found, value in self.headers if found.lower() == name), "")


def is_worth_repeating(error: Exception) -> bool:
    """Whether the same request may fare better in some seconds."""
    if isinstance(error, AwsCrtError) and error.name in _STORM:
        return True
    if not isinstance(error, S3ResponseError):
        return False
    if error.status_code in RETRIED_STATUS:
        return True
    body = parse_error(error.body) if error.body else None
    return body is not None and body.code in _RETRIED_CODES


def translate(call: Call, error: Exception) -> S3CopyError:
    """One of our errors for whatever the runtime says."""
    if isinstance(error, S3ResponseError) and error.status_code:
        return _from_response(call, error)
    name = error.name if isinstance(error, AwsCrtError) else type(error).__name__
    if name in _GIVEN_UP:
        code, message = _GIVEN_UP[name]
        return _refused(call.doing, call.operation, code, message, "", 503)
    if name == _PROTOCOL_ERROR and call.key:
        # Of this one object: the others are looked at. What is wrong with all answers, a listing shows.
        return AwsError(
            call.doing,
            f"the answer to {call.operation} breaks the rules of HTTP: a header of this object, such as its user "
            "metadata, may hold a control character",
            "Store the object again without it. Or something between here and S3 changes answers (a proxy?).",
            code="MalformedAnswer",
            operation=call.operation,
        )
    message = error.message.rstrip(".") if isinstance(error, AwsCrtError) else str(error)
    if name.startswith(_NO_WAY):
        return AwsError(call.doing, f"S3 cannot be reached: {message}", _NO_WAY_HINT, code="EndpointConnectionError")
    return AwsError(call.doing, f"the connection to S3 failed: {message}", _AGAIN_HINT, code=name)


def stalled(call: Call, seconds: float) -> S3CopyError:
    """The error for a server that does not answer."""
    return AwsError(call.doing, f"S3 did not answer within {seconds:g} seconds", _AGAIN_HINT, code="ReadTimeoutError")


def malformed(call: Call, problem: Exception) -> S3CopyError:
    """The error for an answer that is none."""
    return AwsError(
        call.doing,
        f"the answer to {call.operation} is incomplete or garbled: {problem}",
        "Run the command again. If it persists, something between here and S3 changes answers (a proxy?), or the "
        "endpoint does not speak S3's language.",
        code="MalformedAnswer",
        operation="",
    )


def _from_response(call: Call, error: S3ResponseError) -> S3CopyError:
    status = int(error.status_code)
    headers = {name.lower(): value for name, value in error.headers or ()}
    body = parse_error(error.body) if error.body else None
    request_id = headers.get("x-amz-request-id", "")
    operation = error.operation_name or call.operation
    if body is None:
        # HEAD has no body; botocore gives the status for a code then, and so do callers expect it.
        return _refused(call.doing, operation, str(status), responses.get(status, ""), request_id, status)
    return _refused(call.doing, operation, body.code, body.message, request_id or body.request_id, status)


def _refused(doing: str, operation: str, code: str, message: str, request_id: str, status: int) -> S3CopyError:
    metadata = {"RequestId": request_id, "HTTPStatusCode": status}
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    return from_client_error(doing, ClientError(response, operation))  # type: ignore[arg-type]
