"""Requests become calls of the SDK. Every one carries the expected bucket owner and is counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .compare import CONTENT_HEADERS, ObjectState
from .errors import Failure, RequestError, error_code, is_permanent
from .options import STANDARD
from .requests import Asked, Copied, CopyWhole, DeleteDestination, Exists, GetTags, Head, Pause, Side
from .settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Ended = TypeVar("Ended")

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
    """

    look: S3Client
    copy: S3Client


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

    return Clients(make(_LOOK_ATTEMPTS, _LOOK_READ_TIMEOUT_SECONDS), make(1, _COPY_READ_TIMEOUT_SECONDS))


def known_parameters(client: S3Client, operation: str) -> Collection[str]:
    """The parameters that an operation has in this SDK; the one in the runtime may be older than some of ours."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    return shape.members if shape else ()


class Performer:
    """Answers the requests of the convergence loop with S3.

    Attributes:
        requests: how many requests were sent so far, with the SDK's own repetitions as far as it reports them.
    """

    def __init__(self, clients: Clients, settings: Settings, sleep: Callable[[float], object]) -> None:
        self._clients = clients
        self._settings = settings
        self._sleep = sleep
        self.requests = 0

    def perform(self, asked: Asked) -> Any:
        """Do what is asked and give the answer that its class describes.

        Raises:
            RequestError: the service refused or failed it, or its answer never came.
        """
        match asked:
            case Head(side, key):
                return self._head(side, key)
            case GetTags(side, key):
                return self._tags(side, key)
            case Exists(side, key):
                return self._exists(side, key)
            case CopyWhole():
                return self._copy_whole(asked)
            case DeleteDestination(key, destination):
                return self._delete(key, destination)
            case Pause(seconds):
                return self._sleep(seconds)
            case _:
                raise TypeError(f"no answer to {type(asked).__name__}")

    def _head(self, side: Side, key: str) -> ObjectState | None:
        with _translated("HeadObject", side, self._bucket(side)):
            try:
                response = self._send(lambda: self._clients.look.head_object(**self._object(side, key)))
            except ClientError as error:
                if _status(error.response) == 404:
                    return None
                raise
        return state_from_head(response)

    def _tags(self, side: Side, key: str) -> Mapping[str, str]:
        with _translated("GetObjectTagging", side, self._bucket(side)):
            try:
                response = self._send(lambda: self._clients.look.get_object_tagging(**self._object(side, key)))
            except ClientError as error:
                if _code(error.response) == "NoSuchKey":
                    return {}
                raise
        return {tag["Key"]: tag["Value"] for tag in response["TagSet"]}

    def _exists(self, side: Side, key: str) -> bool:
        bucket, owner = self._bucket(side), self._settings.expected_bucket_owner
        with _translated("ListObjectsV2", side, bucket):
            response = self._send(
                lambda: self._clients.look.list_objects_v2(
                    Bucket=bucket, Prefix=key, MaxKeys=1, ExpectedBucketOwner=owner
                )
            )
        # Of the keys that begin with this one, it is itself the first.
        return any(found["Key"] == key for found in response.get("Contents", ()))

    def _copy_whole(self, asked: CopyWhole) -> Copied:
        parameters: dict[str, Any] = {
            **self._object(Side.DESTINATION, asked.key),
            "CopySource": {"Bucket": self._settings.source_bucket, "Key": asked.key},
            "CopySourceIfMatch": asked.source.etag,
            "ExpectedSourceBucketOwner": self._settings.expected_bucket_owner,
            "MetadataDirective": "COPY",
            "TaggingDirective": "COPY",
        }
        if asked.tags is not None:
            parameters |= {"TaggingDirective": "REPLACE", "Tagging": urlencode(asked.tags)}
        if asked.storage_class:
            parameters["StorageClass"] = asked.storage_class
        parameters |= self._encryption()
        parameters |= self._known("CopyObject", AnnotationDirective="COPY", **_as_seen(asked.destination))
        with _translated("CopyObject", Side.DESTINATION, self._settings.destination_bucket):
            response = self._send(lambda: self._clients.copy.copy_object(**parameters))
        return Copied(response["CopyObjectResult"]["ETag"], response.get("ServerSideEncryption"))

    def _delete(self, key: str, destination: ObjectState) -> None:
        parameters = {
            **self._object(Side.DESTINATION, key),
            **self._known("DeleteObject", **_as_seen(destination)),
        }
        with _translated("DeleteObject", Side.DESTINATION, self._settings.destination_bucket):
            self._send(lambda: self._clients.copy.delete_object(**parameters))

    def _bucket(self, side: Side) -> str:
        return self._settings.source_bucket if side is Side.SOURCE else self._settings.destination_bucket

    def _object(self, side: Side, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket(side), "Key": key, "ExpectedBucketOwner": self._settings.expected_bucket_owner}

    def _encryption(self) -> dict[str, str]:
        key_id = self._settings.options.kms_key_id
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {}

    def _known(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Those of the parameters that the SDK in this runtime knows."""
        known = known_parameters(self._clients.copy, operation)
        return {name: value for name, value in parameters.items() if name in known}

    def _send(self, request: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        self.requests += 1
        try:
            response = request()
        except ClientError as error:
            self.requests += _repetitions(error.response)
            raise
        self.requests += _repetitions(response)
        return response


def drive(loop: Generator[Asked, Any, Ended], perform: Callable[[Asked], Any]) -> Ended:
    """Run a loop of requests to its end; a request that fails is thrown into it."""
    try:
        asked = next(loop)
        while True:
            try:
                answer = perform(asked)
            except RequestError as error:
                asked = loop.throw(error)
            else:
                asked = loop.send(answer)
    except StopIteration as stop:
        ended: Ended = stop.value
        return ended


def _as_seen(destination: ObjectState | None) -> dict[str, str]:
    """The condition that the destination still is what was seen."""
    return {"IfNoneMatch": "*"} if destination is None else {"IfMatch": destination.etag}


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
        storage_class=response.get("StorageClass", STANDARD),
    )


@contextmanager
def _translated(operation: str, side: Side, bucket: str) -> Iterator[None]:
    """The SDK's errors as RequestError, with where and what in the message."""
    place = f"{side.value} bucket {bucket}"
    try:
        yield
    except ClientError as error:
        details: Mapping[str, Any] = error.response.get("Error", {})
        status = _status(error.response)
        code = error_code(_code(error.response), status)
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


def _code(response: Mapping[str, Any]) -> str:
    return str(response.get("Error", {}).get("Code", ""))


def _status(response: Mapping[str, Any]) -> int:
    return int(_metadata(response).get("HTTPStatusCode", 0))


def _repetitions(response: Mapping[str, Any]) -> int:
    return int(_metadata(response).get("RetryAttempts", 0))
