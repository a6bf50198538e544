"""What the fixed-answer server says to S3 requests, as bytes on the wire."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape, unescape

from .population import CRC32, PAGE, Population, population
from .uploads import Memory, Stored, body_and_crc, md5

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_LISTING_TAIL = {
    "ListBucketResult": b"</ListBucketResult>",
    "ListVersionsResult": b"</ListVersionsResult>",
}
_REMEMBERED = (b"content-type", b"content-encoding", b"content-disposition", b"content-language", b"cache-control")
_BODY_PATTERN = bytes(range(256)) * 256
_REQUEST_ID = b"x-amz-request-id: FIXEDANSWER00000\r\nServer: fixed\r\n"
_OBJECT_HEADERS = (
    b"HTTP/1.1 %s\r\n" + _REQUEST_ID + b"Accept-Ranges: bytes\r\nContent-Type: text/csv\r\nCache-Control: no-cache\r\n"
    b"x-amz-meta-origin: bench\r\nx-amz-meta-batch: 2026-01-05\r\nx-amz-server-side-encryption: AES256\r\n"
    b"x-amz-checksum-crc32: " + CRC32.encode() + b"\r\nx-amz-checksum-type: FULL_OBJECT\r\n"
    b'Last-Modified: %s\r\nETag: "%s"\r\nContent-Length: %d\r\n%s\r\n'
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: "GET" and so on.
        path: still percent-encoded, without the query.
        query: still percent-encoded; "" if there is none.
        headers: by lower-case name.
        body: as it came.
    """

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    body: memoryview


def response(
    body: bytes = b"", status: str = "200 OK", headers: str = "", content_type: str = "application/xml"
) -> bytes:
    """A whole answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}"
    return head.encode() + _REQUEST_ID + b"\r\n" + body


def error(status: str, code: str, message: str = "fixed answer") -> bytes:
    """An S3 error."""
    body = (
        f"{_XML}<Error><Code>{code}</Code><Message>{message}</Message><RequestId>FIXEDANSWER00000</RequestId></Error>"
    )
    return response(body.encode(), status)


class S3Answers:
    """All buckets. Names promise what is in them; what clients write is remembered without its bytes."""

    def __init__(self) -> None:
        self._memories: dict[str, Memory] = {}

    def head_fast(self, path: bytes) -> bytes | None:
        """The answer to HEAD for an object of a population; None where it takes more than that."""
        _, bucket, key = path.decode().split("/", 2) if path.count(b"/") > 1 else ("", "", "")
        memory = self._memories.get(bucket)
        if memory is None or memory.population is None or "%" in key:
            return None
        number = memory.find(key)
        return None if number is None else _head_of(memory.population, number)

    def answer(self, request: Request) -> bytes:
        """The answer to any request that is for S3."""
        bucket, _, encoded_key = request.path.lstrip("/").partition("/")
        if not bucket:
            return error("501 Not Implemented", "NotImplemented")
        memory = self._memories.get(bucket)
        if memory is None:
            memory = self._memories[bucket] = Memory(population(bucket))
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if encoded_key:
            return self._object(memory, unquote(encoded_key), request, query)
        return self._bucket(memory, bucket, request, query)

    def _bucket(self, memory: Memory, bucket: str, request: Request, query: Mapping[str, str]) -> bytes:
        if request.method == "POST" and "delete" in query:
            return _delete_many(memory, request)
        if request.method == "HEAD":
            return response(headers="x-amz-bucket-region: us-east-1\r\n")
        if request.method == "PUT":
            return response()
        if request.method != "GET":
            return error("501 Not Implemented", "NotImplemented")
        fixed = {
            # What makes ETags digests, so that verify takes a listing's word for it.
            "encryption": f"<ServerSideEncryptionConfiguration {_NAMESPACE}><Rule><ApplyServerSideEncryptionByDefault>"
            "<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>"
            "</ServerSideEncryptionConfiguration>",
            "location": f"<LocationConstraint {_NAMESPACE}/>",
            "versioning": f"<VersioningConfiguration {_NAMESPACE}/>",
            "uploads": f"<ListMultipartUploadsResult {_NAMESPACE}><Bucket>{bucket}</Bucket>"
            "<IsTruncated>false</IsTruncated></ListMultipartUploadsResult>",
        }
        for name, text in fixed.items():
            if name in query:
                return response((_XML + text).encode())
        if set(query) & {"acl", "policy", "tagging", "lifecycle", "notification", "object-lock"}:
            return error("404 Not Found", "NoSuchConfiguration")
        return _listing(memory, bucket, query)

    def _object(self, memory: Memory, key: str, request: Request, query: Mapping[str, str]) -> bytes:
        if "tagging" in query and request.method == "GET":
            return response(f"{_XML}<Tagging {_NAMESPACE}><TagSet/></Tagging>".encode())
        do: Callable[[Memory, str, Request, Mapping[str, str]], bytes] | None = {
            "HEAD": _get,
            "GET": _get,
            "PUT": _put,
            "POST": _post,
            "DELETE": _delete,
        }.get(request.method)
        return do(memory, key, request, query) if do else error("501 Not Implemented", "NotImplemented")


def _head_of(objects: Population, number: int, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    entry = objects.entry(number)
    return _OBJECT_HEADERS % (status, entry.last_modified_header.encode(), entry.etag.encode(), entry.size, more)


def _get(memory: Memory, key: str, request: Request, query: Mapping[str, str]) -> bytes:
    is_head = request.method == "HEAD"
    stored = memory.stored.get(key)
    number = memory.find(key) if stored is None else None
    if stored is not None and is_head:
        return _head_stored(stored)
    if number is None or memory.population is None:
        # The bytes of uploads are not kept.
        return response(status="404 Not Found") if is_head else error("404 Not Found", "NoSuchKey")
    if is_head:
        return _head_of(memory.population, number)
    entry = memory.population.entry(number)
    body = (_BODY_PATTERN * (entry.size // len(_BODY_PATTERN) + 1))[: entry.size]
    status, more = "200 OK", ""
    wanted = re.fullmatch(rb"bytes=(\d+)-(\d*)", request.headers.get(b"range", b""))
    if wanted:
        first, last = int(wanted[1]), min(int(wanted[2] or entry.size - 1), entry.size - 1)
        if first > last:
            return error("416 Requested Range Not Satisfiable", "InvalidRange")
        body, status, more = body[first : last + 1], "206 Partial Content", f"bytes {first}-{last}/{entry.size}"
    headers = f'ETag: "{entry.etag}"\r\nLast-Modified: {entry.last_modified_header}\r\n'
    return response(body, status, headers + (f"Content-Range: {more}\r\n" if more else ""), "text/csv")


def _head_stored(stored: Stored) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in stored.headers.items()]
    crc32 = base64.b64encode(stored.crc32.to_bytes(4, "big")).decode()
    lines.append(f"x-amz-checksum-crc32: {crc32}\r\nx-amz-checksum-type: FULL_OBJECT\r\n")
    lines.append(f'Last-Modified: Mon, 05 Jan 2026 12:00:00 GMT\r\nETag: "{stored.etag}"\r\n')
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {stored.size}\r\n{''.join(lines)}"
    return head.encode() + _REQUEST_ID + b"\r\n"


def _remember(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    kept = {
        name.decode(): value.decode("latin-1")
        for name, value in headers.items()
        if name in _REMEMBERED or name.startswith(b"x-amz-meta-")
    }
    encoding = kept.pop("content-encoding", "").replace("aws-chunked", "").strip(", ")
    return {**kept, "content-encoding": encoding} if encoding else kept


def _put(memory: Memory, key: str, request: Request, query: Mapping[str, str]) -> bytes:
    body, crc = body_and_crc(request.body, request.headers)
    if "uploadId" in query:
        upload = memory.uploads.get(query["uploadId"])
        if upload is None:
            return error("404 Not Found", "NoSuchUpload")
        number = int(query["partNumber"])
        upload.parts[number] = (len(body), crc)
        # No digest of the bytes: it would cost more than receiving them, and nobody asks for a part's ETag again.
        return response(headers=f'ETag: "{number:032x}"\r\n')
    stored = Stored(len(body), md5(body), crc, _remember(request.headers))
    memory.stored[key] = stored
    return response(headers=f'ETag: "{stored.etag}"\r\n')


def _post(memory: Memory, key: str, request: Request, query: Mapping[str, str]) -> bytes:
    if "uploads" in query:
        upload_id = memory.begin(key, _remember(request.headers))
        text = f"<Key>{escape(key)}</Key><UploadId>{upload_id}</UploadId>"
        text = f"<InitiateMultipartUploadResult {_NAMESPACE}>{text}</InitiateMultipartUploadResult>"
        return response((_XML + text).encode())
    upload = memory.uploads.pop(query.get("uploadId", ""), None)
    if upload is None:
        return error("404 Not Found", "NoSuchUpload")
    stored = memory.stored[key] = upload.complete()
    text = f'<Key>{escape(key)}</Key><ETag>"{stored.etag}"</ETag>'
    text = f"<CompleteMultipartUploadResult {_NAMESPACE}>{text}</CompleteMultipartUploadResult>"
    return response((_XML + text).encode())


def _delete(memory: Memory, key: str, request: Request, query: Mapping[str, str]) -> bytes:
    if "uploadId" in query:
        memory.uploads.pop(query["uploadId"], None)
    else:
        memory.delete(key)
    return response(status="204 No Content").replace(b"Content-Length: 0\r\n", b"")


def _delete_many(memory: Memory, request: Request) -> bytes:
    text = bytes(body_and_crc(request.body, request.headers)[0]).decode()
    keys = [unescape(key, {"&quot;": '"', "&#34;": '"'}) for key in re.findall(r"<Key>([^<]*)</Key>", text)]
    for key in keys:
        memory.delete(key)
    deleted = ""
    if "<Quiet>true</Quiet>" not in text:
        deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
    return response(f"{_XML}<DeleteResult {_NAMESPACE}>{deleted}</DeleteResult>".encode())


def _listing(memory: Memory, bucket: str, query: Mapping[str, str]) -> bytes:
    """ListObjects, ListObjectsV2 and ListObjectVersions over the population; what clients wrote is not listed."""
    objects = memory.population or Population("flat", 0)
    versions = "versions" in query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = min(int(query.get("max-keys") or PAGE), PAGE)
    after = query.get("key-marker") or query.get("marker") or query.get("start-after", "")
    if "continuation-token" in query:
        first = int(query["continuation-token"].removeprefix("after-"))
    else:
        first = max(objects.first_after(after), objects.first_after(prefix, inclusive=True))
    if after.endswith(delimiter) and delimiter and after.startswith(prefix):
        # The marker is itself a common prefix: none of what it stands for is listed again.
        first = max(first, objects.first_after(after + "\U0010ffff"))
    end = objects.first_after(prefix + "\U0010ffff") if prefix else objects.count

    entries: list[bytes] = []
    common: list[str] = []
    last_name = ""
    count = 0
    first = memory.next_present(first)
    while first < end and count < limit:
        key = objects.key(first)
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut >= 0:
            last_name = key[: cut + len(delimiter)]
            common.append(last_name)
            count += 1
            first = objects.first_after(last_name + "\U0010ffff")
        else:
            last = _run(memory, objects, first, min(end, first + limit - count), prefix, delimiter)
            entries.append(objects.lines(first, last, versions=versions))
            count += last - first
            last_name = objects.key(last - 1)
            first = last
        first = memory.next_present(first)
    is_truncated = first < end and count > 0

    encode: Callable[[str], str] = quote if query.get("encoding-type") == "url" else escape
    name = "ListVersionsResult" if versions else "ListBucketResult"
    head = [f"<Name>{bucket}</Name><Prefix>{encode(prefix)}</Prefix><MaxKeys>{limit}</MaxKeys>"]
    head.append(f"<Delimiter>{encode(delimiter)}</Delimiter>" if delimiter else "")
    head.append("<EncodingType>url</EncodingType>" if query.get("encoding-type") == "url" else "")
    head.append(f"<IsTruncated>{'true' if is_truncated else 'false'}</IsTruncated>")
    if query.get("list-type") == "2":
        head.append(f"<KeyCount>{count}</KeyCount>")
        head.append(f"<NextContinuationToken>after-{first}</NextContinuationToken>" if is_truncated else "")
    elif is_truncated and versions:
        head.append(
            f"<NextKeyMarker>{encode(last_name)}</NextKeyMarker><NextVersionIdMarker>null</NextVersionIdMarker>"
        )
    elif is_truncated:
        head.append(f"<NextMarker>{encode(last_name)}</NextMarker>")
    tail = "".join(f"<CommonPrefixes><Prefix>{encode(text)}</Prefix></CommonPrefixes>" for text in common)
    begin = f"{_XML}<{name} {_NAMESPACE}>{''.join(head)}".encode()
    return response(b"".join([begin, *entries, tail.encode(), _LISTING_TAIL[name]]))


def _run(memory: Memory, objects: Population, first: int, end: int, prefix: str, delimiter: str) -> int:
    """The end of the objects from `first` on that are listed one after the other, each by itself."""
    if delimiter and objects.layout == "tree" and len(prefix) <= len("events/"):
        return first + 1
    if not memory.has_deletions:
        return end
    last = first
    while last < end and memory.next_present(last) == last:
        last += 1
    return last
