"""S3 out of order for some seconds: nothing is given up for good, and nothing is claimed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from awscrt.exceptions import AwsCrtError
from awscrt.s3 import S3ResponseError

from s3copy_cli.errors import AwsError
from s3copy_cli.s3 import PASSING_CODES, Bucket, CrtObjectStore
from s3copy_cli.s3.answers import is_worth_repeating
from s3copy_cli.verify.compare import Outcome, Rules
from s3copy_cli.verify.objects import ObjectEngine
from s3copy_cli.verify.scope import EVERYTHING

SOURCE = Bucket("source", "123456789012")
DESTINATION = Bucket("destination", "123456789012")
HEADERS = 'ETag: "d41d8cd98f00b204e9800998ecf8427e"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n'
ERROR = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>said so</Message></Error>"
KEYS = [f"key-{number:04}" for number in range(600)]


def page(keys: list[str]) -> bytes:
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size></Contents>"
        for key in keys
    )
    return (
        f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        f"<KeyCount>{len(keys)}</KeyCount>{entries}</ListBucketResult>"
    ).encode()


@pytest.mark.parametrize("status", [500, 503])
def test_a_short_storm_leaves_nothing_unlooked_at(server: Any, scripted: CrtObjectStore, status: int) -> None:
    """The runtime gives up at once after so many failures; we do not."""
    began: list[float] = []

    def script(number: int, asked: Any) -> Any:
        if "list-type" in asked.target:
            return server.reply(body=page(KEYS))
        began.append(time.monotonic())
        if began[-1] < began[0] + 2.5:
            return server.reply(status, length=len(ERROR))
        return server.reply(headers=HEADERS)

    server.script = script
    with ObjectEngine(scripted, SOURCE, DESTINATION, Rules("metadata")) as engine:
        results = list(engine.iter_all())
    assert [result.key for result in results] == KEYS
    assert {(result.outcome, result.message) for result in results} == {(Outcome.PROVED, "")}


def test_a_listing_goes_on_after_a_storm(server: Any, scripted: CrtObjectStore) -> None:
    began: list[float] = []

    def script(number: int, asked: Any) -> Any:
        began.append(time.monotonic())
        if began[-1] < began[0] + 2.5:
            return server.reply(503, ERROR.replace(b"InternalError", b"SlowDown"))
        return server.reply(body=page(KEYS))

    server.script = script
    assert [found.key for found in scripted.iter_objects(SOURCE)] == KEYS


def test_a_storm_that_stays_is_told_as_what_may_pass(server: Any, open_scripted: Callable[..., CrtObjectStore]) -> None:
    store = open_scripted(storm_seconds=0.0)
    server.script = lambda *_: server.reply(503, length=len(ERROR))
    # Many at a time, so that the runtime does not go on for long.
    looks = [store.submit_head(SOURCE, key) for key in KEYS]
    for look in looks:
        with pytest.raises(AwsError) as caught:
            look.result()
        assert caught.value.code in PASSING_CODES
        assert caught.value.operation == "HeadObject"


def test_an_outage_is_not_sat_out_for_each_object(server: Any, open_scripted: Callable[..., CrtObjectStore]) -> None:
    """Nothing is repeated any more, until there is a good answer; then a storm is a storm again."""
    store = open_scripted(outage_seconds=0.0, storm_seconds=3600.0)
    # No limit of its own: what ends each look is the outage.
    server.script = lambda *_: server.reply(429, length=len(ERROR))
    with pytest.raises(AwsError):
        store.head(SOURCE, "a")
    failed = len(server.asked)
    with pytest.raises(AwsError):
        store.head(SOURCE, "b")
    assert len(server.asked) == failed + 1
    server.script = lambda *_: server.reply(headers=HEADERS)
    assert store.head(SOURCE, "c") is not None
    good = len(server.asked)
    server.script = lambda number, _: server.reply(429 if number == good else 200, headers=HEADERS)
    assert store.head(SOURCE, "d") is not None


@pytest.mark.parametrize(
    ("error", "is_repeated"),
    [
        (AwsCrtError(0, "AWS_ERROR_S3_SLOW_DOWN", ""), True),
        (AwsCrtError(0, "AWS_ERROR_S3_INTERNAL_ERROR", ""), True),
        (AwsCrtError(0, "AWS_IO_SOCKET_CLOSED", ""), True),
        (AwsCrtError(0, "AWS_IO_SOCKET_CONNECTION_REFUSED", ""), False),
        (AwsCrtError(0, "AWS_ERROR_HTTP_PROTOCOL_ERROR", ""), False),
        (AwsCrtError(0, "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE", ""), False),
        (S3ResponseError(code=0, name="", message="", status_code=429), True),
        (S3ResponseError(code=0, name="", message="", status_code=403), False),
    ],
)
def test_what_is_worth_repeating(error: Exception, is_repeated: bool) -> None:
    assert is_worth_repeating(error) is is_repeated


def test_an_object_whose_header_http_forbids_fails_alone(server: Any, scripted: CrtObjectStore) -> None:
    def script(number: int, asked: Any) -> Any:
        return server.reply(headers=HEADERS + ("x-amz-meta-a: a\x01b\r\n" if asked.target.endswith("/bad") else ""))

    server.script = script
    # Named, so that one look is all: the runtime repeats a bad answer for ten seconds.
    scope = EVERYTHING.limited_to(["a", "bad", "c"])
    with ObjectEngine(scripted, SOURCE, DESTINATION, Rules("metadata"), scope) as engine:
        results = {result.key: result for result in engine.iter_all()}
    assert (results["a"].outcome, results["c"].outcome) == (Outcome.PROVED, Outcome.PROVED)
    bad = results["bad"]
    assert (bad.outcome, bad.trouble) == (Outcome.ERROR, "")
    assert "looking at 'bad' in bucket" in bad.message
    assert "may hold a control character" in bad.message
