from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.s3 import DeleteFailure, ListedObject, MultipartUpload, ObjectVersion
from s3copy_cli.s3.xml import (
    MalformedAnswerError,
    delete_body,
    parse_deleted,
    parse_error,
    parse_is_versioned,
    parse_objects,
    parse_tags,
    parse_time,
    parse_uploads,
    parse_versions,
)

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
# As AWS writes it, and in another order with what else there may be.
SHAPES = {
    "AWS": (
        "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;e-2&quot;</ETag>"
        "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
        "<Size>7</Size><StorageClass>GLACIER</StorageClass></Contents>"
    ),
    "other": (
        '\n <Contents>\n <Size>7</Size><ETag>"e-2"</ETag><Owner><ID>o</ID></Owner><Key>{key}</Key>'
        "<StorageClass>GLACIER</StorageClass><LastModified>2026-01-02T03:04:05Z</LastModified></Contents>\n"
    ),
}


def page(entries: str, *, count: int | None = None, truncated: str = "false", token: str = "", more: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult {NAMESPACE}><Name>b</Name><Prefix></Prefix>'
        f"{f'<NextContinuationToken>{token}</NextContinuationToken>' if token else ''}"
        f"{'' if count is None else f'<KeyCount>{count}</KeyCount>'}<EncodingType>url</EncodingType>"
        f"<IsTruncated>{truncated}</IsTruncated>{entries}{more}</ListBucketResult>"
    ).encode()


@pytest.mark.parametrize("shape", SHAPES)
@given(keys=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5))
def test_entries_come_back_whatever_the_key(shape: str, keys: list[str]) -> None:
    entries = "".join(SHAPES[shape].format(key=quote_plus(key, safe="/")) for key in keys)
    found = parse_objects(page(entries, count=len(keys), truncated="true", token="t+/="))
    assert found.objects == [ListedObject(key, 7, "e-2", MOMENT, "GLACIER") for key in keys]
    assert (found.is_truncated, found.token) == (True, "t+/=")


@given(cut=st.integers(0), garbled=st.integers(0), byte=st.integers(0, 255))
def test_a_page_that_was_damaged_never_loses_an_entry_silently(cut: int, garbled: int, byte: int) -> None:
    entries = "".join(SHAPES["AWS"].format(key=key) for key in ("a", "b", "c"))
    body = page(entries, count=3)
    with pytest.raises(MalformedAnswerError):
        parse_objects(body[: cut % len(body)])
    position = garbled % len(body)
    damaged = body[:position] + bytes([byte]) + body[position + 1 :]
    try:
        found = parse_objects(damaged)
    except MalformedAnswerError:
        return
    assert len(found.objects) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html/>",
        page("", truncated="maybe"),
        page("", truncated="true"),
        page("", count=1),
        page(SHAPES["AWS"].format(key="a"), count=2),
        page(SHAPES["AWS"].format(key="%FF")),
        page(SHAPES["AWS"].format(key="")),
        page(SHAPES["AWS"].format(key="&a;")),
        page(SHAPES["AWS"].format(key="a").replace("<Size>7</Size>", "")),
        page(SHAPES["AWS"].format(key="a").replace("<Size>7</Size>", "<Size>-7</Size>")),
        page(SHAPES["AWS"].format(key="a").replace("2026-01-02", "2026-13-02")),
        page(SHAPES["other"].format(key="a").replace("LastModified", "Modified")),
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + page(""),
        page("").decode().encode("utf-16"),
        page("").replace(b"<IsTruncated>false</IsTruncated>", b""),
        page("") + page(""),
    ],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        parse_objects(body)


def test_a_page_without_entries_is_one() -> None:
    assert parse_objects(page("", count=0)).objects == []


def test_keys_that_are_not_encoded_are_left_alone() -> None:
    body = page(SHAPES["AWS"].format(key="a+b%20c")).replace(b"<EncodingType>url</EncodingType>", b"")
    assert [entry.key for entry in parse_objects(body).objects] == ["a+b%20c"]


def test_versions_and_markers() -> None:
    body = (
        f"<ListVersionsResult {NAMESPACE}><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<NextKeyMarker>b+%2B</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>"
        "<Version><Key>a%01</Key><VersionId>v1</VersionId></Version><DeleteMarker><Key>b+%2B</Key>"
        "<VersionId>v2</VersionId></DeleteMarker><Version><Key>c</Key></Version></ListVersionsResult>"
    )
    found = parse_versions(body.encode())
    assert found.versions == [ObjectVersion("a\x01", "v1"), ObjectVersion("b +", "v2"), ObjectVersion("c", "null")]
    assert (found.is_truncated, found.key_marker, found.version_marker) == (True, "b +", "v2")


def test_open_uploads() -> None:
    body = (
        f"<ListMultipartUploadsResult {NAMESPACE}><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<NextKeyMarker>pl%20ain</NextKeyMarker><NextUploadIdMarker>2</NextUploadIdMarker>"
        "<Upload><Key>a+b%2B%01</Key><UploadId>1</UploadId></Upload></ListMultipartUploadsResult>"
    )
    found = parse_uploads(body.encode())
    assert found.uploads == [MultipartUpload("a b+\x01", "1")]
    assert (found.is_truncated, found.key_marker, found.upload_marker) == (True, "pl ain", "2")


def test_tags() -> None:
    tags = "<Tag><Key>a b</Key><Value>&lt;x&gt;</Value></Tag><Tag><Key>e</Key><Value/></Tag>"
    body = f"<Tagging><TagSet>{tags}</TagSet></Tagging>"
    assert parse_tags(body.encode()) == {"a b": "<x>", "e": ""}
    with pytest.raises(MalformedAnswerError):
        parse_tags(b"<Tagging/>")


def test_what_could_not_be_deleted() -> None:
    body = (
        "<DeleteResult><Error><Key>b</Key><VersionId>v</VersionId><Code>AccessDenied</Code><Message>locked</Message>"
        "</Error></DeleteResult>"
    )
    assert parse_deleted(body.encode()) == [DeleteFailure("b", "v", "AccessDenied", "locked")]
    assert parse_deleted(b"<DeleteResult/>") == []


def test_a_delete_names_every_key_exactly() -> None:
    keys = ["a&b<c>", "tab\tline\nreturn\r", "😀 '\"", "]]>"]
    from xml.etree import ElementTree

    root = ElementTree.fromstring(delete_body([ObjectVersion(key, "v&1") for key in keys]))  # noqa: S314
    names = [element.text for element in root.iter() if element.tag.endswith("}Key")]
    assert names == keys
    assert {element.text for element in root.iter() if element.tag.endswith("}VersionId")} == {"v&1"}


def test_errors() -> None:
    found = parse_error(b"<Error><Code>AccessDenied</Code><Message>no</Message><RequestId>R</RequestId></Error>")
    assert found is not None
    assert (found.code, found.message, found.request_id) == ("AccessDenied", "no", "R")
    for other in (b"", b"<html/>", b"<Error/>", b"oops"):
        assert parse_error(other) is None


@pytest.mark.parametrize(
    ("body", "is_versioned"),
    [
        ("<VersioningConfiguration/>", False),
        ("<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", True),
    ],
)
def test_versioning(body: str, is_versioned: bool) -> None:
    assert parse_is_versioned(body.encode()) is is_versioned


def test_times() -> None:
    assert parse_time("2026-01-02T03:04:05.000Z") == parse_time("2026-01-02T03:04:05+00:00") == MOMENT
    for text in ("", "yesterday", "Z"):
        with pytest.raises(MalformedAnswerError):
            parse_time(text)
