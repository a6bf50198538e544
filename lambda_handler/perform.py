"""Requests become calls of the SDK. Every one carries the expected bucket owner and is counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from .clients import Clients, known_parameters
from .compare import ObjectState
from .errors import Failure, RequestError
from .events import MAX_KEY_BYTES
from .requests import (
    AbortUpload,
    Asked,
    BeginUpload,
    CompleteUpload,
    Continue,
    Copied,
    CopiedPart,
    CopyPart,
    CopyWhole,
    DeleteDestination,
    Exists,
    GetLayout,
    GetTags,
    Head,
    HeadPart,
    ListParts,
    PartSize,
    Pause,
    Side,
)
from .sdk import (
    CHECKSUM,
    Response,
    as_sent,
    checksums_of,
    code_of,
    raw_headers,
    repetitions_of,
    state_from_head,
    status_of,
    translated,
)
from .settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SECONDS_TO_REPORT = 3.0

# Of nothing. Given, so that the SDK does not choose another algorithm than the upload's.
_EMPTY_CHECKSUMS = {
    "CRC32": "AAAAAA==",
    "CRC32C": "AAAAAA==",
    "CRC64NVME": "AAAAAAAAAAA=",
    "SHA1": "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
    "SHA256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
}


class Performer:
    """Answers the requests of the convergence loop.

    Args:
        sleep: waits for so many seconds.
        payload_of: the event that has this function go on with a copy.
        seconds_left: until the invocation ends; no answer is waited for longer.

    Attributes:
        requests: how many requests were sent so far, with the SDK's own repetitions as far as it reports them.
    """

    def __init__(
        self,
        clients: Clients,
        settings: Settings,
        sleep: Callable[[float], object],
        payload_of: Callable[[Continue], bytes] | None = None,
        seconds_left: Callable[[], float] = lambda: float("inf"),
    ) -> None:
        self._clients = clients
        self._settings = settings
        self._sleep = sleep
        self._payload_of = payload_of
        self._seconds_left = seconds_left
        self._counting = threading.Lock()
        self.requests = 0

    def perform(self, asked: Asked) -> Any:
        """Do what is asked and give the answer that its class describes.

        Raises:
            RequestError: the service refused or failed it, or its answer never came.
        """
        if isinstance(asked, tuple):
            return self._side_by_side(asked)
        return _PERFORMED_BY[type(asked)](self, asked)

    def _side_by_side(self, asked: tuple[CopyPart, ...] | tuple[HeadPart, ...]) -> tuple[Any, ...]:
        """All of them; after the first failure no more are begun, and it is raised when the running ones have ended."""
        has_failed = threading.Event()

        def perform_unless_failed(one: CopyPart | HeadPart) -> Any:
            if has_failed.is_set():
                return None
            try:
                return self.perform(one)
            except BaseException:
                has_failed.set()
                raise

        with ThreadPoolExecutor(self._settings.options.part_concurrency) as pool:
            futures = [pool.submit(perform_unless_failed, one) for one in asked]
        return tuple(future.result() for future in futures)

    def _head(self, asked: Head) -> ObjectState | None:
        if asked.side is Side.DESTINATION and self._is_too_long(asked.key):
            return None  # there can be no such object, so there is nothing to compare or to delete
        parameters = self._object(asked.side, asked.key)
        if asked.side is Side.SOURCE:
            parameters |= self._known("HeadObject", ChecksumMode="ENABLED")
        with self._translated("HeadObject", asked.side):
            try:
                return state_from_head(self._send(self._look(asked.side).head_object, parameters))
            except ClientError as error:
                if status_of(error.response) == 404:
                    return None
                raise

    def _tags(self, asked: GetTags) -> Mapping[str, str]:
        with self._translated("GetObjectTagging", asked.side):
            try:
                response = self._send(self._look(asked.side).get_object_tagging, self._object(asked.side, asked.key))
            except ClientError as error:
                if code_of(error.response) == "NoSuchKey":
                    return {}
                raise
        return {tag["Key"]: tag["Value"] for tag in response["TagSet"]}

    def _exists(self, asked: Exists) -> bool:
        parameters = {**self._in_bucket(asked.side), "Prefix": asked.key, "MaxKeys": 1}
        with self._translated("ListObjectsV2", asked.side):
            response = self._send(self._look(asked.side).list_objects_v2, parameters)
        # Of the keys that begin with this one, it is itself the first.
        return any(found["Key"] == asked.key for found in response.get("Contents", ()))

    def _copy_whole(self, asked: CopyWhole) -> Copied:
        parameters = {
            **self._object(Side.DESTINATION, asked.key),
            **self._copy_source(asked.key, asked.source),
            "MetadataDirective": "COPY",
            "TaggingDirective": "COPY",
            **self._made_as(asked.storage_class),
            **self._known("CopyObject", AnnotationDirective="COPY", **_as_seen(asked.destination)),
        }
        if asked.tags is not None:
            parameters |= {"TaggingDirective": "REPLACE", "Tagging": urlencode(asked.tags)}
        with self._translated("CopyObject"):
            response = self._send(self._copying().copy_object, parameters)
        return Copied(response["CopyObjectResult"]["ETag"], response.get("ServerSideEncryption"))

    def _delete(self, asked: DeleteDestination) -> None:
        condition = self._known("DeleteObject", **_as_seen(asked.destination))
        with self._translated("DeleteObject"):
            self._send(self._copying().delete_object, {**self._object(Side.DESTINATION, asked.key), **condition})

    def _layout(self, asked: GetLayout) -> tuple[int, ...] | None:
        parameters = {
            **self._object(Side.SOURCE, asked.key),
            "ObjectAttributes": ["ETag", "ObjectParts"],
            "MaxParts": 1000,
        }
        sizes: list[int] = []
        with self._translated("GetObjectAttributes", Side.SOURCE):
            while True:
                try:
                    response = self._send(self._clients.look.get_object_attributes, parameters)
                except ClientError as error:
                    if status_of(error.response) in (405, 501):  # another implementation of S3
                        return None
                    raise
                if response.get("ETag", asked.source.etag).strip('"') != asked.source.etag.strip('"'):
                    message = "the source changed before its parts were listed"
                    raise RequestError(Failure("PreconditionFailed", message, "GetObjectAttributes"))
                listed = response.get("ObjectParts", {})
                sizes += [part["Size"] for part in listed.get("Parts", ())]
                if not listed.get("IsTruncated"):
                    return tuple(sizes) or None
                parameters["PartNumberMarker"] = listed["NextPartNumberMarker"]

    def _head_part(self, asked: HeadPart) -> PartSize:
        # Without a condition: if the source changed, the copy of the parts will be refused.
        parameters = {**self._object(Side.SOURCE, asked.key), "PartNumber": asked.number}
        with self._translated("HeadObject", Side.SOURCE):
            try:
                response = self._send(self._clients.look_at_parts().head_object, parameters)
            except ClientError as error:
                if status_of(error.response) == 416:  # a part without bytes has no range
                    return PartSize(0, None)
                raise
        return PartSize(response["ContentLength"], response.get("PartsCount"))

    def _begin(self, asked: BeginUpload) -> str:
        source = asked.source
        headers = {name: as_sent(header) for name, header in source.headers.items()}
        metadata = {name: as_sent(header) for name, header in source.metadata.items()}
        # S3 keeps any text as Expires, the SDK takes dates only; and it takes ASCII only as metadata.
        raw = {"Expires": headers.pop("Expires")} if "Expires" in headers else {}
        raw |= {f"x-amz-meta-{name}": header for name, header in metadata.items() if not header.isascii()}
        parameters = {
            **self._object(Side.DESTINATION, asked.key),
            **headers,
            "Metadata": {name: header for name, header in metadata.items() if header.isascii()},
            **self._made_as(asked.storage_class),
        }
        if asked.tags:
            parameters["Tagging"] = urlencode(asked.tags)
        if source.checksum_algorithm:
            checksum = {"ChecksumAlgorithm": source.checksum_algorithm, "ChecksumType": source.checksum_type}
            given = {name: value for name, value in checksum.items() if value}
            parameters |= self._known("CreateMultipartUpload", **given)
        client = self._copying()
        with self._translated("CreateMultipartUpload"), raw_headers(client, raw):
            response = self._send(client.create_multipart_upload, parameters)
        return str(response["UploadId"])

    def _copy_part(self, asked: CopyPart) -> CopiedPart:
        parameters = {
            **self._object(Side.DESTINATION, asked.key),
            "UploadId": asked.upload_id,
            "PartNumber": asked.number,
        }
        if asked.size == 0:
            algorithm = asked.source.checksum_algorithm
            if algorithm in _EMPTY_CHECKSUMS:
                parameters |= self._known("UploadPart", **{CHECKSUM + algorithm: _EMPTY_CHECKSUMS[algorithm]})
            with self._translated("UploadPart"):
                result = self._send(self._copying_parts().upload_part, {**parameters, "Body": b""})
        else:
            parameters |= self._copy_source(asked.key, asked.source)
            if asked.first is not None:
                parameters["CopySourceRange"] = f"bytes={asked.first}-{asked.first + asked.size - 1}"
            with self._translated("UploadPartCopy"):
                result = self._send(self._copying_parts().upload_part_copy, parameters)["CopyPartResult"]
        return CopiedPart(asked.number, result["ETag"], asked.size, checksums_of(result))

    def _list_parts(self, asked: ListParts) -> tuple[CopiedPart, ...]:
        parameters = {**self._object(Side.DESTINATION, asked.key), "UploadId": asked.upload_id}
        parts: list[CopiedPart] = []
        with self._translated("ListParts"):
            while True:
                response = self._send(self._clients.look_at_destination.list_parts, parameters)
                parts += [
                    CopiedPart(part["PartNumber"], part["ETag"], part["Size"], checksums_of(part))
                    for part in response.get("Parts", ())
                ]
                if not response.get("IsTruncated"):
                    return tuple(parts)
                parameters["PartNumberMarker"] = response["NextPartNumberMarker"]

    def _complete(self, asked: CompleteUpload) -> Copied:
        parts = [{"PartNumber": part.number, "ETag": part.etag, **dict(part.checksums)} for part in asked.parts]
        parameters = {
            **self._object(Side.DESTINATION, asked.key),
            "UploadId": asked.upload_id,
            "MultipartUpload": {"Parts": parts},
            **self._known("CompleteMultipartUpload", MpuObjectSize=asked.size, **_as_seen(asked.destination)),
        }
        with self._translated("CompleteMultipartUpload"):
            response = self._send(self._copying().complete_multipart_upload, parameters)
        return Copied(response["ETag"], response.get("ServerSideEncryption"))

    def _abort(self, asked: AbortUpload) -> None:
        parameters = {**self._object(Side.DESTINATION, asked.key), "UploadId": asked.upload_id}
        with self._translated("AbortMultipartUpload"):
            try:
                self._send(self._clients.look_at_destination.abort_multipart_upload, parameters)
            except ClientError as error:
                if code_of(error.response) != "NoSuchUpload":
                    raise

    def _continue(self, asked: Continue) -> None:
        name = self._settings.function_name
        if self._payload_of is None or not name:
            message = "the function does not know its own name (AWS_LAMBDA_FUNCTION_NAME)"
            raise RequestError(Failure("CannotContinue", message, "Invoke", permanent=True))
        parameters = {"FunctionName": name, "InvocationType": "Event", "Payload": self._payload_of(asked)}
        with translated("Invoke", f"function {name}"):
            self._send(self._clients.functions.invoke, parameters)

    def _pause(self, asked: Pause) -> None:
        self._sleep(asked.seconds)

    def _bucket(self, side: Side) -> str:
        return self._settings.source_bucket if side is Side.SOURCE else self._settings.destination_bucket

    def _in_bucket(self, side: Side) -> dict[str, Any]:
        return {"Bucket": self._bucket(side), "ExpectedBucketOwner": self._settings.expected_bucket_owner}

    def _object(self, side: Side, key: str) -> dict[str, Any]:
        if side is Side.SOURCE:
            return {**self._in_bucket(side), "Key": key}
        if self._is_too_long(key):
            prefix = self._settings.options.destination_prefix
            message = (
                f"with the destination prefix {prefix[:100]!a} the key has {_bytes(prefix + key)} bytes, S3 allows "
                f"{MAX_KEY_BYTES}"
            )
            raise RequestError(Failure("KeyTooLong", message, permanent=True))
        return {**self._in_bucket(side), "Key": self._settings.options.destination_key(key)}

    def _is_too_long(self, key: str) -> bool:
        return _bytes(self._settings.options.destination_key(key)) > MAX_KEY_BYTES

    def _copy_source(self, key: str, source: ObjectState) -> dict[str, Any]:
        return {
            "CopySource": {"Bucket": self._settings.source_bucket, "Key": key},
            "CopySourceIfMatch": source.etag,
            "ExpectedSourceBucketOwner": self._settings.expected_bucket_owner,
        }

    def _made_as(self, storage_class: str | None) -> dict[str, Any]:
        key_id = self._settings.options.kms_key_id
        # With a bucket key, S3 does not have to ask KMS for each object.
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id, "BucketKeyEnabled": True}
        return {**(encryption if key_id else {}), **({"StorageClass": storage_class} if storage_class else {})}

    def _known(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Those of the parameters that the SDK in this runtime knows."""
        known = known_parameters(self._clients.look, operation)
        return {name: value for name, value in parameters.items() if name in known}

    def _look(self, side: Side) -> S3Client:
        return self._clients.look if side is Side.SOURCE else self._clients.look_at_destination

    def _copying(self) -> S3Client:
        return self._clients.copy(self._seconds_to_wait())

    def _copying_parts(self) -> S3Client:
        return self._clients.parts(self._seconds_to_wait())

    def _seconds_to_wait(self) -> float:
        return self._seconds_left() - _SECONDS_TO_REPORT

    def _translated(self, operation: str, side: Side = Side.DESTINATION) -> AbstractContextManager[None]:
        return translated(operation, f"{side.value} bucket {self._bucket(side)}")

    def _send(self, call: Callable[..., Any], parameters: Mapping[str, Any]) -> Response:
        self._count(1)
        try:
            response: Response = call(**parameters)
        except ClientError as error:
            self._count(repetitions_of(error.response))
            raise
        self._count(repetitions_of(response))
        return response

    def _count(self, requests: int) -> None:
        with self._counting:
            self.requests += requests


_PERFORMED_BY: Mapping[type, Callable[[Performer, Any], Any]] = {
    Head: Performer._head,
    GetTags: Performer._tags,
    Exists: Performer._exists,
    CopyWhole: Performer._copy_whole,
    DeleteDestination: Performer._delete,
    GetLayout: Performer._layout,
    HeadPart: Performer._head_part,
    BeginUpload: Performer._begin,
    CopyPart: Performer._copy_part,
    ListParts: Performer._list_parts,
    CompleteUpload: Performer._complete,
    AbortUpload: Performer._abort,
    Continue: Performer._continue,
    Pause: Performer._pause,
}


def _bytes(key: str) -> int:
    return len(key.encode())


def _as_seen(destination: ObjectState | None) -> dict[str, str]:
    """The condition that the destination still is what was seen."""
    return {"IfNoneMatch": "*"} if destination is None else {"IfMatch": destination.etag}
