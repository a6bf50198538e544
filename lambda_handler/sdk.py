"""What the SDK answers, in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from .compare import CONTENT_HEADERS, ObjectState
from .errors import KMS_CODES, Failure, RequestError, error_code, is_permanent
from .options import STANDARD

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Response = Mapping[str, Any]

CHECKSUM = "Checksum"

_HEAD_FORBIDDEN = (
    "S3 answers HEAD with 403 when the role lacks s3:GetObject, when the key is missing and the role lacks "
    "s3:ListBucket, when the bucket belongs to another account, or when the object is encrypted with a KMS key that "
    "the role may not use"
)
_ARCHIVED = "the source object is in an archive: restore it, then have it copied again"
_KEY_UNUSABLE = "the KMS key can not be used, by S3 in the role's name"
_ARCHIVED_CODES = frozenset({"InvalidObjectState", "ObjectNotInActiveTierError"})


def state_from_head(response: Mapping[str, Any]) -> ObjectState:
    """An object, from HeadObject's answer."""
    headers = {name: str(response[name]) for name in CONTENT_HEADERS if name in response and name != "Expires"}
    # The SDK parses Expires, and drops what is no date; newer ones also give the text.
    expires = response.get("ExpiresString", response.get("Expires"))
    if expires is not None:
        is_parsed = isinstance(expires, datetime)
        headers["Expires"] = format_datetime(expires, usegmt=True) if is_parsed else str(expires)
    algorithms = [name[len(CHECKSUM) :] for name, _ in checksums_of(response)]
    return ObjectState(
        size=response["ContentLength"],
        etag=response["ETag"],
        last_modified=response["LastModified"],
        version_id=response.get("VersionId"),
        encryption="SSE-C" if "SSECustomerAlgorithm" in response else response.get("ServerSideEncryption"),
        headers=headers,
        metadata=response.get("Metadata", {}),
        storage_class=response.get("StorageClass", STANDARD),
        checksum_algorithm=algorithms[0] if algorithms else None,
        checksum_type=response.get("ChecksumType"),
    )


@contextmanager
def translated(operation: str, place: str) -> Iterator[None]:
    """The SDK's errors as RequestError, with where and what in the message."""
    try:
        yield
    except ClientError as error:
        details: Mapping[str, Any] = error.response.get("Error", {})
        status = status_of(error.response)
        code = error_code(code_of(error.response), status)
        message = str(details.get("Message", ""))
        if operation == "HeadObject" and status == 403:
            message = _HEAD_FORBIDDEN
        if code in _ARCHIVED_CODES:
            message = f"{_ARCHIVED} ({message})"
        if code.startswith(KMS_CODES):
            message = f"{_KEY_UNUSABLE} ({message})"
        raise RequestError(
            Failure(
                code=code,
                message=f"{place}: {message}",
                operation=operation,
                request_id=str(_metadata(error.response).get("RequestId", "")),
                permanent=is_permanent(code, status),
            )
        ) from error
    except BotoCoreError as error:
        # No answer, or none that could be read: whether S3 did it is unknown.
        permanent = isinstance(error, ParamValidationError)
        raise RequestError(
            Failure(type(error).__name__, f"{place}: {error}", operation, permanent=permanent)
        ) from error


def _metadata(response: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = response.get("ResponseMetadata", {})
    return found


def checksums_of(response: Response) -> tuple[tuple[str, str], ...]:
    names = [name for name in response if name.startswith(CHECKSUM) and name != "ChecksumType"]
    return tuple((name, response[name]) for name in sorted(names))


def as_sent(header: str) -> str:
    """A header's text as the SDK has to be given it: UTF-8 is what it sends, but it reads UTF-8 as Latin-1.

    S3 itself sends ASCII only: for anything else, words encoded by RFC 2047, which it decodes when they come back.
    """
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


@contextmanager
def raw_headers(client: S3Client, headers: Mapping[str, str]) -> Iterator[None]:
    """Send these headers with CreateMultipartUpload as they are, though the SDK would refuse them."""
    event, handler_id = "before-call.s3.CreateMultipartUpload", "s3copy-headers"

    def add_headers(params: dict[str, Any], **_: object) -> None:
        params["headers"].update(headers)

    client.meta.events.register(event, add_headers, unique_id=handler_id)
    try:
        yield
    finally:
        client.meta.events.unregister(event, unique_id=handler_id)


def code_of(response: Mapping[str, Any]) -> str:
    return str(response.get("Error", {}).get("Code", ""))


def status_of(response: Mapping[str, Any]) -> int:
    return int(_metadata(response).get("HTTPStatusCode", 0))


def repetitions_of(response: Mapping[str, Any]) -> int:
    return int(_metadata(response).get("RetryAttempts", 0))
