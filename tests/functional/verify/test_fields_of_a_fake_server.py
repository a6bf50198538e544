"""Fields that neither emulator can hold: a server tells of objects as S3 does, and `verify --json` is run against it.

The account, the function and the log are moto's; what is read of objects comes from `FakeS3`.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

from s3copy_cli.deployed import ENV_STORAGE_CLASS
from s3copy_cli.s3.connection import Location
from s3copy_cli.s3.wire import Endpoint

Run = Callable[..., Any]

BODY = b"a,b\n1,2\n"
OTHER = BODY.replace(b"1", b"9")
WRITTEN = "Sun, 01 Mar 2026 12:00:00 GMT"
LISTED = "2026-03-01T12:00:00.000Z"
CHECKSUM = "x-amz-checksum-"
CRC = f"{CHECKSUM}crc32"
TYPE = f"{CHECKSUM}type"
ENCRYPTION = "x-amz-server-side-encryption"
OPAQUE = {ENCRYPTION: "aws:kms", "ETag": '"0123456789abcdef0123456789abcdef"'}
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
ONE_PART = hashlib.md5(bytes.fromhex(MD5), usedforsecurity=False).hexdigest() + "-1"
PARTS = MD5 + "-2"
OTHER_PARTS = "f" * 32 + "-2"


@dataclass(frozen=True)
class Stored:
    """An object as this server tells of it.

    Attributes:
        headers: of the answers to HEAD and GET, besides those that every object has.
        body: its bytes.
        is_readable: whether GET shows them, and its tags.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = BODY
    is_readable: bool = True


class FakeS3(ThreadingHTTPServer):
    """Answers LIST, HEAD, GET and GetObjectTagging, path style.

    Attributes:
        buckets: key -> object, by bucket.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.buckets: dict[str, dict[str, Stored]] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeS3

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._object()

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = parse_qs(split.query, keep_blank_values=True)
        if "list-type" in query:
            self._listing(unquote(split.path).strip("/"), query)
        else:
            self._object("tagging" in query)

    def _listing(self, bucket: str, query: Mapping[str, list[str]]) -> None:
        objects = sorted(self.server.buckets[bucket].items())
        after = query.get("start-after", [""])[0]
        found = [(key, stored) for key, stored in objects if key > after]
        entries = "".join(
            f"<Contents><Key>{quote(key)}</Key><LastModified>{LISTED}</LastModified>"
            f"<ETag>{_headers(stored)['ETag']}</ETag><Size>{len(stored.body)}</Size>"
            f"<StorageClass>{stored.headers.get('x-amz-storage-class', 'STANDARD')}</StorageClass></Contents>"
            for key, stored in found
        )
        self._send(
            200,
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix></Prefix><KeyCount>{len(found)}</KeyCount><MaxKeys>1000</MaxKeys>"
            f"<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode(),
        )

    def _object(self, are_tags: bool = False) -> None:
        bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        stored = self.server.buckets[bucket].get(key)
        if stored is None:
            self._send(404, b"")
        elif self.command == "GET" and not stored.is_readable:
            self._send(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
        elif are_tags:
            self._send(200, b"<Tagging><TagSet></TagSet></Tagging>")
        elif self.command == "GET":
            size = len(stored.body)
            headers = {**_headers(stored), "Content-Range": f"bytes 0-{size - 1}/{size}"}
            # A checksum of the whole object is not sent along with a range of it.
            self._send(206, stored.body, {n: v for n, v in headers.items() if not n.startswith(CHECKSUM)})
        else:
            self._send(200, stored.body, _headers(stored))

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _headers(stored: Stored) -> dict[str, str]:
    etag = hashlib.md5(stored.body, usedforsecurity=False).hexdigest()
    return {"ETag": f'"{etag}"', "Last-Modified": WRITTEN, "Content-Type": "text/csv", **stored.headers}


@dataclass(frozen=True)
class Case:
    """Two objects, and what verify must name: "*" differs, "?" not comparable; nothing else."""

    source: Stored
    destination: Stored
    fields: Mapping[str, str]
    outcome: str = "*"
    options: tuple[str, ...] = ()
    reason: str = ""


def both(common: Mapping[str, str], source: Mapping[str, str], destination: Mapping[str, str]) -> list[Stored]:
    """Both sides with the same bytes: what they have in common, and what they have not."""
    return [Stored({**common, **source}), Stored({**common, **destination})]


def etags(source: str, destination: str) -> list[Stored]:
    """Both sides with ETags of their own."""
    return both({}, {"ETag": f'"{source}"'}, {"ETag": f'"{destination}"'})


def composite(value: str, kind: str = "COMPOSITE") -> dict[str, str]:
    """A CRC32 and what it is over."""
    return {CRC: value, TYPE: kind}


ALGORITHMS = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5", "xxhash64", "xxhash3", "xxhash128"]
CASES = {
    **{
        f"checksum {algorithm}": Case(
            *both({TYPE: "FULL_OBJECT"}, {CHECKSUM + algorithm: "AAAA"}, {CHECKSUM + algorithm: "BBBB"}),
            {f"checksum-{algorithm.upper()}": "*"},
        )
        for algorithm in ALGORITHMS
    },
    "ETag alone": Case(*etags(MD5, "f" * 32), {"etag": "*"}),
    "size alone": Case(
        *[Stored({"ETag": f'"{MD5}"'}, body) for body in (BODY, BODY + b"3")],
        {"size": "*"},
    ),
    "ETags of KMS": Case(
        *both(OPAQUE, {}, {}), {"etag": "?"}, "?", reason="an ETag is not a digest of the bytes under aws:kms"
    ),
    "ETags of DSSE": Case(
        *both({**OPAQUE, ENCRYPTION: "aws:kms:dsse"}, {}, {}), {"etag": "?"}, "?", reason="under aws:kms:dsse"
    ),
    "ETags of SSE-C": Case(
        *both({f"{ENCRYPTION}-customer-algorithm": "AES256"}, {}, {}), {"etag": "?"}, "?", reason="under SSE-C"
    ),
    "ETags of KMS, equal checksums": Case(*both({**OPAQUE, **composite("AAAA", "FULL_OBJECT")}, {}, {}), {}, "="),
    "ETags of KMS, equal bytes": Case(*both(OPAQUE, {}, {}), {}, "=", ("--level", "content")),
    "ETags of KMS, other bytes": Case(
        Stored(OPAQUE), Stored(OPAQUE, OTHER), {"etag": "?", "content": "*"}, "*", ("--level", "content")
    ),
    "ETags of KMS, bytes that may not be read": Case(
        Stored(OPAQUE),
        Stored(OPAQUE, is_readable=False),
        {"etag": "?", "content": "?"},
        "?",
        ("--level", "content"),
        "AccessDenied",
    ),
    "ETags that are no MD5": Case(*etags("abc", "def"), {"etag": "?"}, "?", reason="not the form of an MD5"),
    "ETags of as many parts": Case(*etags(PARTS, OTHER_PARTS), {"etag": "?"}, "?", reason="may be cut differently"),
    "ETags of other numbers of parts": Case(
        *etags(PARTS, MD5 + "-3"), {"etag": "?"}, "?", reason="multipart ETags of 2 and 3 parts"
    ),
    "ETag of parts and a plain one": Case(
        *etags(PARTS, MD5), {"etag": "?"}, "?", reason="a multipart ETag on one side, a plain one on the other"
    ),
    "ETag of one part and its plain one": Case(*etags(ONE_PART, MD5), {}, "="),
    "ETag of one part and another plain one": Case(*etags(ONE_PART, "f" * 32), {"etag": "*"}),
    "equal checksums of parts": Case(*both(composite("AAAA-2"), {"ETag": '"x"'}, {"ETag": '"y"'}), {}, "="),
    "checksums of parts": Case(
        *both(OPAQUE, composite("AAAA-2"), composite("BBBB-2")),
        {"etag": "?", "checksum-CRC32": "?"},
        "?",
        reason="two checksums of parts; the parts may be cut differently",
    ),
    "checksums of other numbers of parts": Case(
        *both(OPAQUE, composite("AAAA-2"), composite("AAAA-3")),
        {"etag": "?", "checksum-CRC32": "?"},
        "?",
        reason="COMPOSITE of 2 parts in the source, COMPOSITE of 3 parts at the destination",
    ),
    "checksum of parts and of the full object": Case(
        *both(OPAQUE, composite("AAAA-2"), composite("AAAA", "FULL_OBJECT")),
        {"etag": "?", "checksum-CRC32": "?"},
        "?",
        reason="COMPOSITE of 2 parts in the source, FULL_OBJECT at the destination",
    ),
    "checksum on one side only": Case(
        *both(OPAQUE, composite("AAAA", "FULL_OBJECT"), {}),
        {"etag": "?", "checksum-CRC32": "?"},
        "?",
        reason="the destination has no such checksum",
    ),
    "metadata that HTTP cannot carry": Case(
        *both({}, {}, {"x-amz-missing-meta": "1"}),
        {"x-amz-missing-meta": "?"},
        "?",
        reason="S3 cannot return some metadata entries as headers",
    ),
    "tags that may not be read": Case(
        Stored(), Stored(is_readable=False), {"tags": "?"}, "?", ("--tags",), "AccessDenied"
    ),
    "class of an archived source": Case(*both({}, {"x-amz-storage-class": "DEEP_ARCHIVE"}, {}), {}, "="),
    "class of an archived source, nothing proved": Case(
        *both(OPAQUE, {"x-amz-storage-class": "DEEP_ARCHIVE"}, {}),
        {"etag": "?", "storage-class": "?"},
        "?",
        reason="the source is archived (DEEP_ARCHIVE)",
    ),
    "class": Case(*both({}, {"x-amz-storage-class": "GLACIER_IR"}, {}), {"storage-class": "*"}),
}
SIGNS = {"differ": "*", "not_comparable": "?"}


@pytest.fixture(scope="module")
def fake_s3() -> Iterator[FakeS3]:
    server = FakeS3()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, ...], Any]:
    """What verify says with each set of options; filled by the first test that asks."""
    return {}


@pytest.fixture
def found(
    request: pytest.FixtureRequest,
    answers: dict[tuple[str, ...], Any],
    fake_s3: FakeS3,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[tuple[str, ...], Any]:
    """The same: all cases are keys of one pipeline, because making one takes longer than verifying it."""
    if not answers:
        world, s3copy = request.getfixturevalue("world"), request.getfixturevalue("s3copy")
        world.set_variables(**{ENV_STORAGE_CLASS: "keep"})
        host = f"127.0.0.1:{fake_s3.server_port}"

        def locate(client: Any, bucket: str) -> Location:
            return Location(Endpoint(host, f"/{bucket}/"), is_https=False, user_agent="test")

        monkeypatch.setattr("s3copy_cli.s3.crt_store.locate", locate)
        fake_s3.buckets = {
            world.pipeline.source_bucket: {key: case.source for key, case in CASES.items()},
            world.pipeline.destination_bucket: {key: case.destination for key, case in CASES.items()},
        }
        for options in {case.options for case in CASES.values()}:
            data = s3copy("verify", "--wait", "0", "--json", "--max-listed", "0", *options, expect=3).data
            answers[options] = {entry["key"]: entry for entry in data["objects"]}
    return answers


@pytest.mark.parametrize("name", CASES)
def test_exactly_what_is_not_equal_is_named(found: dict[tuple[str, ...], Any], name: str) -> None:
    case = CASES[name]
    entry = found[case.options][name]
    fields = entry.get("fields", {})
    assert entry["sigil"] == case.outcome, fields
    assert {name: SIGNS[field["result"]] for name, field in fields.items()} == case.fields
    assert case.reason in " ".join(field["reason"] for field in fields.values())
