from __future__ import annotations

from datetime import timedelta

import pytest

from lambda_handler.compare import CONTENT_HEADERS, compare, is_copy_wrong

OTHER = '"' + "1" * 32 + '"'
MULTIPART = '"' + "2" * 32 + '-3"'


def test_equal_objects_are_equal_whenever_they_were_written(state, epoch) -> None:
    compared = compare(state(), state(last_modified=epoch + timedelta(days=1), version_id="other"))
    assert compared.equal
    assert compared.differing == ()
    assert compared.not_comparable == ()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("size", {"size": 4}),
        ("etag", {"etag": OTHER}),
        ("etag", {"etag": MULTIPART}),
        ("metadata", {"metadata": {}}),
        ("metadata", {"metadata": {"colour": "red"}}),
        ("metadata", {"metadata": {"colour": "blue", "more": "1"}}),
    ],
)
def test_one_changed_field_is_named(state, field: str, changes: dict[str, object]) -> None:
    assert compare(state(), state(**changes)).differing == (field,)
    assert compare(state(**changes), state()).differing == (field,)


@pytest.mark.parametrize("header", CONTENT_HEADERS)
def test_one_changed_header_is_named(state, header: str) -> None:
    with_header = state(headers={"ContentType": "text/csv", header: "a"})
    changed = state(headers={"ContentType": "text/csv", header: "b"})
    assert compare(with_header, changed).differing == (header,)
    without = state(headers={name: value for name, value in with_header.headers.items() if name != header})
    assert compare(with_header, without).differing == (header,)


def test_equal_multipart_etags_are_equal_content(state) -> None:
    assert compare(state(etag=MULTIPART), state(etag=MULTIPART)).equal


@pytest.mark.parametrize("encryption", ["aws:kms", "aws:kms:dsse", "SSE-C", "aws:fsx"])
def test_an_etag_that_is_no_digest_proves_nothing(state, encryption: str) -> None:
    for compared in (compare(state(encryption=encryption), state()), compare(state(), state(encryption=encryption))):
        assert compared.not_comparable == ("etag",)
        assert compared.differing == ()
        assert not compared.equal


def test_an_etag_of_another_form_proves_nothing(state) -> None:
    assert compare(state(etag='"opaque"'), state(etag='"opaque"')).not_comparable == ("etag",)


def test_quotes_are_not_part_of_an_etag(state) -> None:
    assert compare(state(), state(etag=state().etag.strip('"'))).equal


def test_no_encryption_header_is_as_comparable_as_sse_s3(state) -> None:
    assert compare(state(encryption=None), state()).equal


def test_a_copy_with_another_whole_etag_is_wrong(state) -> None:
    assert is_copy_wrong(state(), OTHER, "AES256")
    assert is_copy_wrong(state(encryption=None), OTHER, None)
    assert not is_copy_wrong(state(), state().etag, "AES256")


@pytest.mark.parametrize(
    ("source", "copy_etag", "copy_encryption"),
    [
        ({"etag": MULTIPART}, OTHER, "AES256"),
        ({}, MULTIPART, "AES256"),
        ({}, OTHER, "aws:kms"),
        ({"encryption": "aws:kms"}, OTHER, "AES256"),
    ],
)
def test_other_etags_do_not_show_a_wrong_copy(state, source, copy_etag: str, copy_encryption: str) -> None:
    assert not is_copy_wrong(state(**source), copy_etag, copy_encryption)
