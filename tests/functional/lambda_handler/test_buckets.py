"""The function on moto: what a copy keeps, and changes that come between two requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import pytest

from lambda_handler.drive import drive
from lambda_handler.errors import CopyFailed
from lambda_handler.function import build_function
from lambda_handler.options import DEFAULT_OPTIONS, Options
from lambda_handler.perform import Performer
from lambda_handler.reconcile import Outcome, Report, reconcile
from lambda_handler.requests import Asked, CopyWhole, Head, Side

SOURCE, DESTINATION = "p-source", "p-destination"
KEY = "sample.csv"
CONTEXT = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 300_000)


def run(performer: Performer, key: str = KEY, options: Options = DEFAULT_OPTIONS) -> Report:
    return drive(reconcile(key, options, seconds_left=lambda: 300.0), performer.perform)


class Interrupted(Performer):
    """Somebody else acts before the first copy, or before the second look at the source."""

    before_copy: Callable[[], object] | None = None
    before_second_look: Callable[[], object] | None = None
    looks = 0

    def perform(self, asked: Asked) -> Any:
        if isinstance(asked, Head) and asked.side is Side.SOURCE:
            self.looks += 1
            if self.looks == 2 and self.before_second_look:
                self.before_second_look()
        if isinstance(asked, CopyWhole):
            action, self.before_copy = self.before_copy, None
            if action:
                action()
        return super().perform(asked)


@pytest.fixture
def interrupted(s3, clients, settings) -> Interrupted:
    return Interrupted(clients, settings, lambda _: None)


def read(s3, key: str = KEY, bucket: str = DESTINATION) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def test_everything_that_describes_an_object_is_kept(s3, performer) -> None:
    headers: dict[str, Any] = {
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="s.csv"',
        "ContentEncoding": "identity",
        "ContentLanguage": "en-GB",
        "ContentType": "text/csv; charset=utf-8",
        "Expires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        "Metadata": {"colour": "blue", "origin": "test"},
    }
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"a,b\n1,2\n", Tagging="team=data&cost=a%20b", **headers)
    assert run(performer).outcome is Outcome.COPIED
    assert performer.requests == 4

    copied = s3.head_object(Bucket=DESTINATION, Key=KEY)
    source = s3.head_object(Bucket=SOURCE, Key=KEY)
    assert read(s3) == b"a,b\n1,2\n"
    assert {name: copied[name] for name in headers} == headers
    assert copied["ETag"] == source["ETag"]
    tags = s3.get_object_tagging(Bucket=DESTINATION, Key=KEY)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "data", "cost": "a b"}
    assert run(performer).outcome is Outcome.ALREADY_EQUAL


@pytest.mark.parametrize(
    "change",
    [
        {"Body": b"other"},
        {"Body": b"longer than before"},
        {"CacheControl": "no-cache"},
        {"ContentDisposition": "inline"},
        {"ContentEncoding": "identity"},
        {"ContentLanguage": "de"},
        {"ContentType": "text/plain"},
        {"Expires": datetime(2031, 1, 1, tzinfo=timezone.utc)},
        {"Metadata": {"colour": "red"}},
        {"Metadata": {}},
        {"Tagging": "a=2"},  # not "": moto leaves the tags of an object that is replaced by an untagged one
    ],
    ids=str,
)
def test_a_change_of_one_thing_is_copied(s3, performer, change: dict[str, Any]) -> None:
    start: dict[str, Any] = {
        "Body": b"first",
        "CacheControl": "max-age=60",
        "ContentType": "text/csv",
        "Metadata": {"colour": "blue"},
        "Tagging": "a=1",
    }
    s3.put_object(Bucket=SOURCE, Key=KEY, **start)
    run(performer)
    s3.put_object(Bucket=SOURCE, Key=KEY, **{**start, **change})
    assert run(performer).outcome is Outcome.COPIED
    assert run(performer).outcome is Outcome.ALREADY_EQUAL


@pytest.mark.parametrize("body", [b"", b"x"])
def test_the_smallest_objects(s3, performer, body: bytes) -> None:
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=body)
    assert run(performer).outcome is Outcome.COPIED
    assert read(s3) == body


def test_a_source_overwritten_between_head_and_copy(s3, interrupted) -> None:
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"old")
    interrupted.before_copy = lambda: s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"new", ContentType="text/new")
    report = run(interrupted)
    assert report.rounds == 2
    assert read(s3) == b"new"
    assert s3.head_object(Bucket=DESTINATION, Key=KEY)["ContentType"] == "text/new"
    assert report.source is not None
    assert report.source.etag == f'"{hashlib.md5(b"new", usedforsecurity=False).hexdigest()}"'


def test_a_source_overwritten_after_the_copy(s3, interrupted) -> None:
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"old")
    interrupted.before_second_look = lambda: s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"new")
    report = run(interrupted)
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert read(s3) == b"new"


def test_metadata_changed_after_the_copy(s3, interrupted) -> None:
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"same")
    interrupted.before_second_look = lambda: s3.put_object(
        Bucket=SOURCE, Key=KEY, Body=b"same", Metadata={"colour": "red"}
    )
    report = run(interrupted)
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert s3.head_object(Bucket=DESTINATION, Key=KEY)["Metadata"] == {"colour": "red"}


def test_a_source_deleted_between_head_and_copy(s3, interrupted) -> None:
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"old")
    interrupted.before_copy = lambda: s3.delete_object(Bucket=SOURCE, Key=KEY)
    report = run(interrupted)
    assert (report.outcome, report.rounds) == (Outcome.SOURCE_MISSING, 2)
    assert "Contents" not in s3.list_objects_v2(Bucket=DESTINATION)


def test_a_versioned_source(s3, performer) -> None:
    s3.put_bucket_versioning(Bucket=SOURCE, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"one")
    version = s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"two")["VersionId"]
    report = run(performer)
    assert report.source is not None
    assert report.source.version_id == version
    assert read(s3) == b"two"
    s3.delete_object(Bucket=SOURCE, Key=KEY)
    assert run(performer).outcome is Outcome.SOURCE_MISSING


def test_an_old_sdk_copies_too(s3, old_clients, settings) -> None:
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"abc", Tagging="a=1")
    performer = Performer(old_clients(), settings, lambda _: None)
    assert run(performer).outcome is Outcome.COPIED
    assert run(performer).outcome is Outcome.ALREADY_EQUAL


def test_a_missing_destination_bucket_is_permanent(s3, performer) -> None:
    s3.put_object(Bucket=SOURCE, Key=KEY, Body=b"abc")
    s3.delete_bucket(Bucket=DESTINATION)
    report = run(performer)
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 1)
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("NoSuchBucket", True)


ODD_KEYS = [
    "a b",
    "a+b",
    "100%",
    "%2F",
    "%252F",
    "a//b",
    "/lead",
    "dir/",
    "\U0001f600/é",
    "line\nbreak",
    "\"quoted\" 'twice'",
    "?version=1&x#y",
    "a=b;c,d:e@f",
    "é" * 512,
]


def event(*keys: str) -> dict[str, Any]:
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": "2026-01-02T03:04:05.000Z",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": SOURCE}, "object": {"key": quote_plus(key)}},
        }
        for key in keys
    ]
    return {"Records": records}


def test_the_whole_function_with_odd_keys(s3, settings, capsys) -> None:
    for number, key in enumerate(ODD_KEYS):
        s3.put_object(Bucket=SOURCE, Key=key, Body=str(number).encode())
    function = build_function(settings)
    assert function(event(*ODD_KEYS), CONTEXT) == {"copied": len(ODD_KEYS)}
    for number, key in enumerate(ODD_KEYS):
        assert read(s3, key) == str(number).encode()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["key"] for line in lines[:-1]] == ODD_KEYS
    assert {line["requests"] for line in lines[:-1]} == {4}
    assert lines[-1]["outcomes"]["copied"] == len(ODD_KEYS)


def test_the_whole_function_with_a_failing_key(s3, settings, capsys) -> None:
    for key in ("frozen", "good"):
        storage_class = "GLACIER" if key == "frozen" else "STANDARD"
        s3.put_object(Bucket=SOURCE, Key=key, Body=b"abc", StorageClass=storage_class)
    with pytest.raises(CopyFailed, match="1 of 2 records failed: 'frozen'"):
        build_function(settings)(event("frozen", "good"), CONTEXT)
    assert read(s3, "good") == b"abc"
    frozen = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (frozen["outcome"], frozen["error"]["operation"]) == ("failed", "CopyObject")
    assert frozen["error"]["code"] == "ObjectNotInActiveTierError"
    assert frozen["error"]["permanent"]
