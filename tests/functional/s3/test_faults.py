# ruff: noqa: ARG005  (not every fault needs the right answer)
"""A server that misbehaves: the request is repeated, or it is an error; never a wrong answer."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import boto3
import pytest

from s3copy_cli.errors import AwsError, CredentialsError
from s3copy_cli.s3 import Bucket, CrtObjectStore, MultipartUpload, ObjectVersion, PutOptions
from s3copy_cli.s3.wire import Call

BUCKET = Bucket("source", "123456789012")
KEYS = [f"key-{number:05}" for number in range(3500)]
MIB = 1024 * 1024


def entry(key: str) -> str:
    return (
        f"<Contents><Key>{quote(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;e&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def page(keys: Iterable[str], token: str = "") -> bytes:
    keys = list(keys)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<EncodingType>url</EncodingType><IsTruncated>{str(bool(token)).lower()}</IsTruncated>"
        f"<KeyCount>{len(keys)}</KeyCount>{''.join(map(entry, keys))}"
        f"{f'<NextContinuationToken>{token}</NextContinuationToken>' if token else ''}</ListBucketResult>"
    ).encode()


def listing(target: str) -> bytes:
    """The right page for a request of ListObjectsV2."""
    query = parse_qs(urlsplit(target).query)
    after = query.get("start-after", query.get("continuation-token", [""]))[0]
    keys = [key for key in KEYS if key > after]
    return page(keys[:1000], keys[999] if len(keys) > 1000 else "")


def error_body(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said so</Message></Error>".encode()


FAULTS = {
    "reset": lambda server, right: None,
    "hang up": lambda server, right: (b"", True),
    "reset in the middle": lambda server, right: server.reply(body=right[:5000], length=len(right), hang_up=True),
    "short body": lambda server, right: server.reply(body=right, length=len(right) + 100, hang_up=True),
    "length too small": lambda server, right: server.reply(body=right, length=len(right) - 50, hang_up=True),
    "slow down": lambda server, right: server.reply(503, error_body("SlowDown")),
    "too many requests": lambda server, right: server.reply(429, error_body("TooManyRequests")),
    "unavailable": lambda server, right: server.reply(503),
    "internal error": lambda server, right: server.reply(500, error_body("InternalError")),
    "request timeout": lambda server, right: server.reply(400, error_body("RequestTimeout")),
    "200 with an error": lambda server, right: server.reply(body=error_body("InternalError")),
    "truncated XML": lambda server, right: server.reply(body=right[:-200]),
    "an entry is missing": lambda server, right: server.reply(body=right.replace(entry("key-01005").encode(), b"")),
    "garbled XML": lambda server, right: server.reply(body=right.replace(b"</Size>", b"</Siz>", 1)),
    "another document": lambda server, right: server.reply(body=b"<html><body>Welcome to the hotel</body></html>"),
    "no document": lambda server, right: server.reply(),
    "a document type": lambda server, right: server.reply(
        body=right.replace(b"<ListBucketResult", b'<!DOCTYPE x [<!ENTITY e "x">]><ListBucketResult', 1)
    ),
    "no end in sight": lambda server, right: server.reply(body=re.sub(rb"<IsTruncated>\w+</IsTruncated>", b"", right)),
    "no next page": lambda server, right: server.reply(
        body=re.sub(rb"<NextContinuationToken>.*?</NextContinuationToken>", b"", right).replace(b">false<", b">true<")
    ),
    "keys out of order": lambda server, right: server.reply(
        body=right.replace(entry(KEYS[2000]).encode(), entry("a").encode())
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_middle_of_a_listing_is_made_good(server: Any, scripted: CrtObjectStore, fault: str) -> None:
    faulty = threading.Lock()

    def script(number: int, asked: Any) -> Any:
        right = listing(asked.target)
        # Once, on a page that is neither the first nor the last.
        if number > 0 and entry(KEYS[2000]).encode() in right and faulty.acquire(blocking=False):
            return FAULTS[fault](server, right)
        return server.reply(body=right)

    server.script = script
    assert [found.key for found in scripted.iter_objects(BUCKET)] == KEYS
    assert faulty.locked()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("truncated XML", "MalformedAnswer"),
        ("another document", "MalformedAnswer"),
        ("no next page", "MalformedAnswer"),
        ("too many requests", "TooManyRequests"),
    ],
)
def test_a_fault_that_stays_is_an_error(
    server: Any, open_scripted: Callable[..., CrtObjectStore], fault: str, code: str
) -> None:
    scripted = open_scripted(storm_seconds=1.0)

    def script(number: int, asked: Any) -> Any:
        right = listing(asked.target)
        return FAULTS[fault](server, right) if number else server.reply(body=right)

    server.script = script
    found = scripted.iter_objects(BUCKET)
    assert [next(found).key for _ in range(1000)] == KEYS[:1000]
    with pytest.raises(AwsError) as caught:
        list(found)
    assert caught.value.code == code
    assert caught.value.doing == "listing bucket source"


def test_empty_pages_are_followed(server: Any, scripted: CrtObjectStore) -> None:
    pages = {"": page([], "t1"), "t1": page(["a"], "t2"), "t2": page([], "t3"), "t3": page([])}

    def script(number: int, asked: Any) -> Any:
        query = parse_qs(urlsplit(asked.target).query)
        token = query.get("continuation-token", [""])[0]
        return server.reply(body=page([], "t2") if "start-after" in query else pages[token])

    server.script = script
    assert [found.key for found in scripted.iter_objects(BUCKET)] == ["a"]


def test_an_empty_page_that_leads_to_itself_does_not_keep_us_for_ever(server: Any, scripted: CrtObjectStore) -> None:
    server.script = lambda *_: server.reply(body=page([], "t"))
    with pytest.raises(AwsError) as caught:
        list(scripted.iter_objects(BUCKET))
    assert caught.value.code == "MalformedAnswer"


def test_a_server_that_stays_silent_is_given_up(server: Any, open_scripted: Callable[..., CrtObjectStore]) -> None:
    store = open_scripted(stall_seconds=0.3)
    silent = threading.Event()

    def script(number: int, asked: Any) -> Any:
        if number == 0:
            server.released.wait(30)
            silent.set()
        return server.reply(headers='ETag: "e"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n')

    server.script = script
    assert store.head(BUCKET, "k") is not None
    server.script = lambda *_: server.released.wait(30) and None
    with pytest.raises(AwsError) as caught:
        store.head(BUCKET, "k")
    assert caught.value.code == "ReadTimeoutError"
    assert "did not answer within 0.3 seconds" in caught.value.happened


def test_refusals_are_the_same_as_from_boto3(server: Any, scripted: CrtObjectStore) -> None:
    server.script = lambda *_: server.reply(403, error_body("AccessDenied"), headers="x-amz-request-id: R1\r\n")
    with pytest.raises(AwsError) as caught:
        list(scripted.iter_objects(BUCKET))
    error = caught.value
    assert (error.code, error.operation, error.request_id) == ("AccessDenied", "ListObjectsV2", "R1")
    assert error.happened == "ListObjectsV2 answered AccessDenied: said so (request R1)"
    assert "s3:ListBucket" in error.hint


@pytest.mark.parametrize("status", [301, 400, 403, 412])
def test_a_refused_head_is_an_error_not_a_missing_object(server: Any, scripted: CrtObjectStore, status: int) -> None:
    # No body follows whatever the length says: it is HEAD.
    server.script = lambda *_: server.reply(status, length=243, headers="x-amz-request-id: R1\r\n")
    with pytest.raises(AwsError) as caught:
        scripted.head(BUCKET, "k")
    assert (caught.value.code, caught.value.operation) == (str(status), "HeadObject")
    assert caught.value.request_id == "R1"


def test_an_object_without_what_every_object_has_is_an_error(server: Any, scripted: CrtObjectStore) -> None:
    server.script = lambda *_: server.reply(length=3)
    with pytest.raises(AwsError) as caught:
        scripted.head(BUCKET, "k")
    assert caught.value.code == "MalformedAnswer"


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_refused_credentials_are_told_as_such(server: Any, scripted: CrtObjectStore, tmp_path: Path, code: str) -> None:
    server.script = lambda *_: server.reply(400, error_body(code))
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    calls: list[Callable[[], object]] = [
        lambda: list(scripted.iter_objects(BUCKET)),
        lambda: scripted.tags(BUCKET, "k"),
        lambda: scripted.put_file(BUCKET, "k", path, PutOptions(), lambda _: None),
        lambda: scripted.delete_versions(BUCKET, [ObjectVersion("k", "v")]),
    ]
    for call in calls:
        with pytest.raises(CredentialsError) as caught:
            call()
        assert caught.value.code == code


def test_nobody_there_is_told_as_such(open_scripted: Callable[..., CrtObjectStore], server: Any) -> None:
    store = open_scripted()
    server.close()
    with pytest.raises(AwsError) as caught:
        store.head(BUCKET, "k")
    assert (caught.value.code, caught.value.operation) == ("EndpointConnectionError", "")


def test_credentials_are_refreshed_as_they_expire(
    server: Any, open_scripted: Callable[..., CrtObjectStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential process, as for SSO and the like: each of its answers is good for a quarter of an hour only."""
    counter, ended = tmp_path / "counter", tmp_path / "ended"
    counter.write_text("0")
    script = tmp_path / "process.py"
    script.write_text(
        "import datetime, json, pathlib, sys\n"
        f"counter = pathlib.Path({str(counter)!r})\n"
        "number = int(counter.read_text()) + 1\n"
        "counter.write_text(str(number))\n"
        f"if pathlib.Path({str(ended)!r}).exists(): sys.exit('the session has ended')\n"
        "# Ten minutes are less than what botocore wants to be left: it renews them at once.\n"
        "until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=9)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'KEY{number}', 'SecretAccessKey': 's',\n"
        "                  'SessionToken': 't', 'Expiration': until.isoformat()}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[profile p]\ncredential_process = {sys.executable} {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    store = open_scripted(boto3.Session(profile_name="p"))
    server.script = lambda *_: server.reply(404)
    for _ in range(3):
        assert store.head(BUCKET, "k") is None
    keys = [re.search(r"Credential=(\w+)/", asked.headers["authorization"]) for asked in server.asked]
    assert len({key[1] for key in keys if key}) > 1
    assert {asked.headers["x-amz-security-token"] for asked in server.asked} == {"t"}
    ended.touch()
    with pytest.raises(CredentialsError, match="the session has ended"):
        store.head(BUCKET, "k")


def test_an_upload_may_take_longer_than_any_other_answer(
    server: Any, open_scripted: Callable[..., CrtObjectStore], tmp_path: Path
) -> None:
    """The link may be slow. The runtime itself ends connections on which nothing moves."""
    stall_seconds = 0.2
    store = open_scripted(stall_seconds=stall_seconds)
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    looked = threading.Event()

    def script(number: int, asked: Any) -> Any:
        if asked.method == "PUT":
            # Until a request that is not answered was given up meanwhile, four times.
            looked.wait(60)
            return server.reply(headers='ETag: "e"\r\n')
        server.released.wait(60)
        return None

    server.script = script
    done = threading.Event()

    def send() -> None:
        store.put_file(BUCKET, "k", path, PutOptions(), lambda _: None)
        done.set()

    upload = threading.Thread(target=send)
    upload.start()
    with pytest.raises(AwsError, match="did not answer"):
        store.head(BUCKET, "k")
    looked.set()
    upload.join(60)
    assert done.is_set()
    assert [asked.method for asked in server.asked].count("PUT") == 1


def test_a_stopped_upload_raises_what_stopped_it_and_is_aborted(
    server: Any, scripted: CrtObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    # Many more parts than are under way at a time: the runtime tells of progress some parts late.
    with path.open("wb") as file:
        file.truncate(640 * MIB)
    begun = (
        b'<InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Bucket>source</Bucket><Key>key</Key><UploadId>U1</UploadId></InitiateMultipartUploadResult>"
    )

    def script(number: int, asked: Any) -> Any:
        if asked.method == "POST":
            return server.reply(body=begun)
        return server.reply(204) if asked.method == "DELETE" else server.reply(headers='ETag: "e"\r\n')

    class EnoughError(Exception):
        pass

    def stop(amount: int) -> None:
        raise EnoughError

    server.script = script
    with pytest.raises(EnoughError):
        scripted.put_file(BUCKET, "key", path, PutOptions(), stop)
    assert ("DELETE", "/source/key?uploadId=U1") in [(asked.method, asked.target) for asked in server.asked]
    assert not [asked for asked in server.asked if asked.method == "POST" and "uploadId" in asked.target]


def test_every_call_carries_the_expected_owner(server: Any, scripted: CrtObjectStore, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"abc")
    large.write_bytes(bytes(8 * MIB + 1))
    upload = "<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>"
    bodies = {
        "tagging": "<Tagging><TagSet/></Tagging>",
        "list-type": page([]).decode(),
        "uploads": "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>",
        "versions": "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>",
        "delete": "<DeleteResult/>",
        "uploadId": "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>",
    }

    def script(number: int, asked: Any) -> Any:
        kind = re.sub(r"[=&].*", "", urlsplit(asked.target).query)
        body = upload if (asked.method, kind) == ("POST", "uploads") else bodies.get(kind, "")
        headers = 'ETag: "e"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Range: bytes 0-0/1\r\n'
        return server.reply(body=body.encode() if asked.method != "HEAD" else b"", headers=headers)

    server.script = script
    for path in (small, large):
        scripted.put_file(BUCKET, path.name, path, PutOptions(), lambda _: None)
    scripted.head(BUCKET, "k")
    scripted.tags(BUCKET, "k")
    scripted.read_range(BUCKET, "k", 0, 1, etag="e")
    list(scripted.iter_objects(BUCKET))
    list(scripted.iter_multipart_uploads(BUCKET))
    list(scripted.iter_versions(BUCKET))
    scripted.delete_versions(BUCKET, [ObjectVersion("\x01", "v"), ObjectVersion("k", "v")])
    scripted.abort_multipart_upload(BUCKET, MultipartUpload("k", "U1"))

    # PutObject; CreateMultipartUpload, two times UploadPart, CompleteMultipartUpload; and one of each other.
    assert len(server.asked) == 1 + 4 + 9
    assert {asked.headers.get("x-amz-expected-bucket-owner") for asked in server.asked} == {BUCKET.owner}
    assert all("s3copy/" in asked.headers["user-agent"] for asked in server.asked)


def test_bytes_are_read_if_they_are_still_the_same(server: Any, scripted: CrtObjectStore) -> None:
    server.script = lambda *_: server.reply(206, b"cde", headers="Content-Range: bytes 2-4/10\r\n")
    assert scripted.read_range(BUCKET, "a/../b", 2, 3, etag="x-2", version_id="v 1") == b"cde"
    (asked,) = server.asked
    assert asked.target == "/source/a/../b?versionId=v%201"
    assert (asked.headers["range"], asked.headers["if-match"]) == ("bytes=2-4", '"x-2"')
    server.script = lambda *_: server.reply(412, error_body("PreconditionFailed"))
    with pytest.raises(AwsError) as caught:
        scripted.read_range(BUCKET, "k", 0, 1, etag="x")
    assert caught.value.code == "PreconditionFailed"
    server.script = lambda *_: server.reply(206, b"abc", headers="Content-Range: bytes 0-2/10\r\n")
    with pytest.raises(AwsError) as caught:
        scripted.read_range(BUCKET, "k", 2, 3, etag="x")
    assert caught.value.code == "MalformedAnswer"
    server.script = lambda *_: server.reply(200, b"abcdefg")
    assert scripted.read_range(BUCKET, "k", 2, 3, etag="x") == b"cde"


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("/lead", "/source//lead"),
        ("dir/", "/source/dir/"),
        ("a//b", "/source/a//b"),
        ("a/../b", "/source/a/../b"),
        ("./a", "/source/./a"),
        (".", "/source/."),
        ("..", "/source/.."),
        ("é\n", "/source/%C3%A9%0A"),
        ("+ %", "/source/%2B%20%25"),
        ("%2F", "/source/%252F"),
        ("a?b#c", "/source/a%3Fb%23c"),
    ],
)
def test_no_key_is_changed_on_the_way_to_the_wire(server: Any, scripted: CrtObjectStore, key: str, target: str) -> None:
    server.script = lambda *_: server.reply(404)
    assert scripted.head(BUCKET, key) is None
    assert [asked.target for asked in server.asked] == [target]


def test_calls_are_traced(server: Any, open_scripted: Callable[..., CrtObjectStore]) -> None:
    lines: list[str] = []
    store = open_scripted(trace=lines.append)
    server.script = lambda *_: server.reply(404)
    assert store.head(BUCKET, "k") is None
    (line,) = lines
    assert re.fullmatch(r"  s3:HeadObject 404 \d+ ms", line)


def test_python_keeps_the_threads_of_the_runtime(server: Any, scripted: CrtObjectStore) -> None:
    """Or each call-back would cost a thread state: half the processor time of a HEAD."""
    server.script = lambda *_: server.reply()
    here = threading.local()
    threads, fresh, done = set(), [], threading.Semaphore(0)

    def note(_: object) -> None:
        threads.add(threading.get_ident())
        if not hasattr(here, "is_known"):
            here.is_known = True
            fresh.append(threading.get_ident())
        done.release()

    for _ in range(10):
        scripted._transport.submit(Call("HeadObject", "HEAD", BUCKET, "looking", "k"), note)
        assert done.acquire(timeout=60)
    assert len(fresh) == len(threads)


def test_many_looks_are_under_way_at_the_same_time(server: Any, scripted: CrtObjectStore) -> None:
    """What makes HEADs fast where an answer takes long: the first is given when 40 requests are there."""
    all_there = threading.Event()

    def script(number: int, asked: Any) -> Any:
        if len(server.asked) >= 40:
            all_there.set()
        all_there.wait(30)
        return server.reply(headers='ETag: "e"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n')

    server.script = script
    looks = [scripted.submit_head(BUCKET, f"k{number}") for number in range(40)]
    assert all(look.result() for look in looks)
    assert all_there.is_set()
