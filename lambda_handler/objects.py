"""The S3 requests. Every one carries the expected bucket owner and is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .compare import CONTENT_HEADERS, ObjectState
from .errors import Failure, RequestError, error_code, is_permanent
from .reconcile import Copied
from .settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The function's time-out is 300 seconds: a copy that long must still be reported by us, not cut off by Lambda.
_COPY_READ_TIMEOUT_SECONDS = 280
_LOOK_READ_TIMEOUT_SECONDS = 15
_LOOK_ATTEMPTS = 3
_CONNECT_TIMEOUT_SECONDS = 5

_HEAD_FORBIDDEN = (
    "S3 answers HEAD with 403 when the role lacks s3:GetObject, when the key is missing and the role lacks "
    "s3:ListBucket, or when the bucket belongs to another account"
)


@dataclass(frozen=True)
class Clients:
    """S3 clients, made once for the life of the process.

    Attributes:
        look: for reading; the SDK repeats what failed.
        copy: for copying; the SDK repeats nothing. A copy whose answer was lost may have been carried out, so the
            next step is to look, not to copy again.
        copy_parameters: the parameters that CopyObject has in this SDK. The one in the Lambda runtime may be older
            than the conditions on the destination.
    """

    look: S3Client
    copy: S3Client
    copy_parameters: frozenset[str]


def make_clients() -> Clients:
    """Clients for the Region and credentials of the environment."""
    session = boto3.session.Session()

    def make(attempts: int, read_timeout: int) -> S3Client:
        config = Config(
            user_agent_extra="s3copy",
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            read_timeout=read_timeout,
            tcp_keepalive=True,
        )
        client: S3Client = session.client("s3", config=config)
        return client

    copy = make(1, _COPY_READ_TIMEOUT_SECONDS)
    return Clients(make(_LOOK_ATTEMPTS, _LOOK_READ_TIMEOUT_SECONDS), copy, copy_parameters(copy))


def copy_parameters(client: S3Client) -> frozenset[str]:
    """The parameters that this client's CopyObject knows."""
    shape = client.meta.service_model.operation_model("CopyObject").input_shape
    return frozenset(shape.members) if shape else frozenset()


class S3Objects:
    """The objects of one key in both buckets; see reconcile.Objects.

    Attributes:
        requests: how many requests were sent so far, with the SDK's own repetitions as far as it reports them.
    """

    def __init__(self, clients: Clients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self.requests = 0

    def head_source(self, key: str) -> ObjectState | None:
        """The source object as it is now; None if there is none."""
        return self._head("source", self._settings.source_bucket, key)

    def head_destination(self, key: str) -> ObjectState | None:
        """The destination object as it is now; None if there is none."""
        return self._head("destination", self._settings.destination_bucket, key)

    def source_tags(self, key: str) -> Mapping[str, str]:
        """The source object's tags."""
        return self._tags("source", self._settings.source_bucket, key)

    def destination_tags(self, key: str) -> Mapping[str, str]:
        """The destination object's tags."""
        return self._tags("destination", self._settings.destination_bucket, key)

    def copy(self, key: str, source: ObjectState, destination: ObjectState | None) -> Copied:
        """Copy the source with its metadata and tags, only if both objects still are as given here."""
        parameters: dict[str, Any] = {
            "Bucket": self._settings.destination_bucket,
            "Key": key,
            "ExpectedBucketOwner": self._settings.expected_bucket_owner,
            "CopySource": {"Bucket": self._settings.source_bucket, "Key": key},
            "CopySourceIfMatch": source.etag,
            "ExpectedSourceBucketOwner": self._settings.expected_bucket_owner,
            "MetadataDirective": "COPY",
            "TaggingDirective": "COPY",
        }
        if_known = {"AnnotationDirective": "COPY"}
        if_known |= {"IfNoneMatch": "*"} if destination is None else {"IfMatch": destination.etag}
        parameters |= {name: value for name, value in if_known.items() if name in self._clients.copy_parameters}
        with _translated("CopyObject", "destination", self._settings.destination_bucket):
            response = self._send(lambda: self._clients.copy.copy_object(**parameters))
        return Copied(response["CopyObjectResult"]["ETag"], response.get("ServerSideEncryption"))

    def _head(self, side: str, bucket: str, key: str) -> ObjectState | None:
        owner = self._settings.expected_bucket_owner
        with _translated("HeadObject", side, bucket):
            try:
                response = self._send(
                    lambda: self._clients.look.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=owner)
                )
            except ClientError as error:
                if _status(error.response) == 404:
                    return None
                raise
        return state_from_head(response)

    def _tags(self, side: str, bucket: str, key: str) -> Mapping[str, str]:
        owner = self._settings.expected_bucket_owner
        with _translated("GetObjectTagging", side, bucket):
            response = self._send(
                lambda: self._clients.look.get_object_tagging(Bucket=bucket, Key=key, ExpectedBucketOwner=owner)
            )
        return {tag["Key"]: tag["Value"] for tag in response["TagSet"]}

    def _send(self, request: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        self.requests += 1
        try:
            response = request()
        except ClientError as error:
            self.requests += _repetitions(error.response)
            raise
        self.requests += _repetitions(response)
        return response


def state_from_head(response: Mapping[str, Any]) -> ObjectState:
    """An object, from HeadObject's answer."""
    headers = {name: str(response[name]) for name in CONTENT_HEADERS if name in response and name != "Expires"}
    # The SDK parses Expires, and drops what is no date; newer ones also give the text.
    expires = response.get("ExpiresString", response.get("Expires"))
    if expires is not None:
        headers["Expires"] = expires.isoformat() if isinstance(expires, datetime) else str(expires)
    return ObjectState(
        size=response["ContentLength"],
        etag=response["ETag"],
        last_modified=response["LastModified"],
        version_id=response.get("VersionId"),
        encryption="SSE-C" if "SSECustomerAlgorithm" in response else response.get("ServerSideEncryption"),
        headers=headers,
        metadata=response.get("Metadata", {}),
    )


@contextmanager
def _translated(operation: str, side: str, bucket: str) -> Iterator[None]:
    """The SDK's errors as RequestError, with where and what in the message."""
    place = f"{side} bucket {bucket}"
    try:
        yield
    except ClientError as error:
        details: Mapping[str, Any] = error.response.get("Error", {})
        status = _status(error.response)
        code = error_code(str(details.get("Code", "")), status)
        message = str(details.get("Message", ""))
        if operation == "HeadObject" and status == 403:
            message = _HEAD_FORBIDDEN
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
        raise RequestError(Failure(type(error).__name__, f"{place}: {error}", operation)) from error


def _metadata(response: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = response.get("ResponseMetadata", {})
    return found


def _status(response: Mapping[str, Any]) -> int:
    return int(_metadata(response).get("HTTPStatusCode", 0))


def _repetitions(response: Mapping[str, Any]) -> int:
    return int(_metadata(response).get("RetryAttempts", 0))
