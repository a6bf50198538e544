from __future__ import annotations

from datetime import datetime, timezone

import pytest

from s3copy_cli.s3.heads import parse_head, parse_http_time
from s3copy_cli.s3.xml import MalformedAnswerError

NEEDED = [("Content-Length", "3"), ("ETag", '"e-2"'), ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")]


def test_head_tells_all() -> None:
    head = parse_head(
        "k",
        [
            *NEEDED,
            ("content-type", "text/csv"),
            ("Cache-Control", "no-store"),
            ("Expires", "when it suits"),
            ("x-amz-meta-Owner", "me"),
            ("x-amz-meta-empty", ""),
            ("x-amz-meta-twice", "a"),
            ("x-amz-meta-twice", "b"),
            ("x-amz-checksum-crc32", "abc=-2"),
            ("x-amz-checksum-type", "COMPOSITE"),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            ("x-amz-version-id", "v"),
            ("x-amz-missing-meta", "1"),
            ("x-amz-storage-class", "GLACIER"),
            ("Server", "AmazonS3"),
        ],
    )
    assert (head.key, head.size, head.etag) == ("k", 3, "e-2")
    assert head.last_modified == datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert (head.checksums, head.checksum_type) == ({"CRC32": "abc=-2"}, "COMPOSITE")
    assert head.headers == {"Content-Type": "text/csv", "Cache-Control": "no-store", "Expires": "when it suits"}
    assert head.metadata == {"owner": "me", "empty": "", "twice": "a,b"}
    assert (head.encryption, head.version_id, head.missing_metadata) == ("SSE-C", "v", 1)
    assert head.storage_class == "GLACIER"


def test_what_s3_leaves_out_has_its_default() -> None:
    head = parse_head(
        "k", [*NEEDED, ("x-amz-checksum-type", "FULL_OBJECT"), ("x-amz-server-side-encryption", "aws:kms")]
    )
    assert (head.encryption, head.version_id, head.storage_class) == ("aws:kms", "", "STANDARD")
    assert (head.checksums, head.checksum_type, head.missing_metadata) == ({}, "", 0)


@pytest.mark.parametrize("missing", range(3))
def test_an_answer_without_what_every_object_has_is_refused(missing: int) -> None:
    with pytest.raises(MalformedAnswerError):
        parse_head("k", [header for number, header in enumerate(NEEDED) if number != missing])


def test_times() -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    assert parse_http_time("Tue, 03 Feb 2026 04:05:06 GMT") == moment
    assert parse_http_time("Tuesday, 03-Feb-26 04:05:06 GMT") == moment
    for text in ("", "Tue, 03 Foo 2026 04:05:06 GMT", "Tue, 33 Feb 2026 04:05:06 GMT"):
        with pytest.raises(MalformedAnswerError):
            parse_http_time(text)
