"""What counts as equal, different, and not comparable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from s3copy_cli.s3 import ListedObject, ObjectHead
from s3copy_cli.verify.compare import (
    FieldComparison,
    FieldVerdict,
    Outcome,
    Rules,
    are_proved_by_listing,
    compare_heads,
    not_comparable,
)

Head = Callable[..., ObjectHead]
A, B = "a" * 32, "b" * 32
# What S3 calls an upload of one part whose bytes have the MD5 A.
AS_ONE_PART = hashlib.md5(bytes.fromhex(A), usedforsecurity=False).hexdigest()
FULL = "FULL_OBJECT"


def verdicts(source: ObjectHead, destination: ObjectHead) -> dict[str, FieldVerdict]:
    return {field.name: field.verdict for field in compare_heads(source, destination).fields}


def test_the_same_object_is_proved(head: Head) -> None:
    comparison = compare_heads(head(metadata={"a": "1"}), head(metadata={"a": "1"}))
    assert comparison.outcome is Outcome.PROVED
    assert comparison.notable == ()
    assert [field.name for field in comparison.fields] == ["size", "etag", "Content-Type", "x-amz-meta-a"]


@pytest.mark.parametrize(
    ("changes", "name", "expected", "found"),
    [
        ({"size": 6}, "size", "5", "6"),
        ({"etag": B}, "etag", "5d41402abc4b2a76b9719d911017c592", B),
        ({"headers": {"Content-Type": "text/plain"}}, "Content-Type", "text/csv", "text/plain"),
        ({"headers": {}}, "Content-Type", "text/csv", None),
        *[
            ({"headers": {"Content-Type": "text/csv", name: "x"}}, name, None, "x")
            for name in ("Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control", "Expires")
        ],
        ({"metadata": {"owner": "me", "colour": "red"}}, "x-amz-meta-colour", "blue", "red"),
        ({"metadata": {"owner": "me"}}, "x-amz-meta-colour", "blue", None),
        ({"metadata": {"owner": "me", "colour": "blue", "size": "1"}}, "x-amz-meta-size", None, "1"),
        ({"checksums": {"CRC32": "other"}, "checksum_type": FULL}, "checksum-CRC32", "NhCmhg==", "other"),
    ],
)
def test_each_change_is_named_and_nothing_else(
    head: Head, changes: dict[str, Any], name: str, expected: str | None, found: str | None
) -> None:
    common: dict[str, Any] = {
        "metadata": {"owner": "me", "colour": "blue"},
        "checksums": {"CRC32": "NhCmhg=="},
        "checksum_type": FULL,
    }
    comparison = compare_heads(head(**common), head(**{**common, **changes}))
    assert comparison.outcome is Outcome.DIFFERS
    (field,) = comparison.notable
    assert (field.name, field.verdict) == (name, FieldVerdict.DIFFER)
    assert (field.source, field.destination) == (expected, found)


@pytest.mark.parametrize(
    ("source", "destination", "encryptions", "verdict"),
    [
        (A, A, ("AES256", "AES256"), FieldVerdict.EQUAL),
        (A, B, ("AES256", ""), FieldVerdict.DIFFER),
        (f"{A}-3", f"{A}-3", ("", ""), FieldVerdict.EQUAL),
        (f"{A}-3", f"{B}-3", ("", ""), FieldVerdict.NOT_COMPARABLE),
        (f"{A}-3", f"{A}-4", ("", ""), FieldVerdict.NOT_COMPARABLE),
        (f"{A}-3", B, ("", ""), FieldVerdict.NOT_COMPARABLE),
        (A, f"{B}-1", ("", ""), FieldVerdict.DIFFER),
        (f"{AS_ONE_PART}-1", A, ("", ""), FieldVerdict.EQUAL),
        (A, f"{AS_ONE_PART}-1", ("", "AES256"), FieldVerdict.EQUAL),
        (f"{AS_ONE_PART}-1", A, ("aws:kms", ""), FieldVerdict.NOT_COMPARABLE),
        (f"{AS_ONE_PART}-1", f"{AS_ONE_PART}-1", ("", ""), FieldVerdict.EQUAL),
        (f"{A}-1", f"{B}-1", ("", ""), FieldVerdict.DIFFER),
        (f"{A}-1", "opaque", ("", ""), FieldVerdict.NOT_COMPARABLE),
        ("opaque", f"{A}-1", ("", ""), FieldVerdict.NOT_COMPARABLE),
        (f"{A}-1", f"{B}-2", ("", ""), FieldVerdict.NOT_COMPARABLE),
        (A, A, ("aws:kms", "AES256"), FieldVerdict.NOT_COMPARABLE),
        (A, B, ("AES256", "aws:kms"), FieldVerdict.NOT_COMPARABLE),
        (A, B, ("aws:kms:dsse", ""), FieldVerdict.NOT_COMPARABLE),
        (A, A, ("", "SSE-C"), FieldVerdict.NOT_COMPARABLE),
        ("opaque", "opaque", ("", ""), FieldVerdict.NOT_COMPARABLE),
    ],
)
def test_etags_are_compared_only_where_they_say_something(
    head: Head, source: str, destination: str, encryptions: tuple[str, str], verdict: FieldVerdict
) -> None:
    comparison = compare_heads(
        head(etag=source, encryption=encryptions[0]), head(etag=destination, encryption=encryptions[1])
    )
    (field,) = [field for field in comparison.fields if field.name == "etag"]
    assert field.verdict is verdict
    assert bool(field.reason) == (verdict is FieldVerdict.NOT_COMPARABLE)
    outcomes = {
        FieldVerdict.EQUAL: Outcome.PROVED,
        FieldVerdict.DIFFER: Outcome.DIFFERS,
        FieldVerdict.NOT_COMPARABLE: Outcome.UNPROVED,
    }
    assert comparison.outcome is outcomes[verdict]


@pytest.mark.parametrize(
    ("source", "destination", "outcome"),
    [
        (("CRC64NVME", "x", FULL), ("CRC64NVME", "x", FULL), Outcome.PROVED),
        (("CRC64NVME", "x", FULL), ("CRC64NVME", "y", FULL), Outcome.DIFFERS),
        (("CRC32", "x", ""), ("CRC32", "x", FULL), Outcome.PROVED),
        (("SHA256", "x-3", "COMPOSITE"), ("SHA256", "x-3", "COMPOSITE"), Outcome.PROVED),
        (("SHA256", "x-3", "COMPOSITE"), ("SHA256", "y-3", "COMPOSITE"), Outcome.UNPROVED),
        (("SHA256", "x-3", "COMPOSITE"), ("SHA256", "x-4", "COMPOSITE"), Outcome.UNPROVED),
        (("SHA256", "x-3", "COMPOSITE"), ("SHA256", "y", FULL), Outcome.UNPROVED),
        (("CRC32", "x", FULL), ("SHA256", "x", FULL), Outcome.UNPROVED),
        (("CRC32", "x", FULL), None, Outcome.UNPROVED),
    ],
)
def test_a_checksum_proves_what_an_etag_cannot(
    head: Head, source: tuple[str, str, str], destination: tuple[str, str, str] | None, outcome: Outcome
) -> None:
    def encrypted(checksum: tuple[str, str, str] | None, etag: str) -> ObjectHead:
        if checksum is None:
            return head(etag=etag, encryption="aws:kms")
        algorithm, value, kind = checksum
        return head(etag=etag, encryption="aws:kms", checksums={algorithm: value}, checksum_type=kind)

    comparison = compare_heads(encrypted(source, A), encrypted(destination, B))
    assert comparison.outcome is outcome
    # The ETag, at least, is always said to be not comparable here.
    assert any(field.name == "etag" and "aws:kms" in field.reason for field in comparison.notable)


def test_two_empty_objects_are_equal_whatever_their_etags(head: Head) -> None:
    comparison = compare_heads(head(body=b"", etag=A, encryption="aws:kms"), head(body=b"", etag=B))
    assert comparison.outcome is Outcome.PROVED


def test_an_empty_object_with_other_headers_differs(head: Head) -> None:
    assert compare_heads(head(body=b""), head(body=b"", headers={})).outcome is Outcome.DIFFERS


def test_metadata_that_s3_cannot_return_is_not_taken_for_equal(head: Head) -> None:
    comparison = compare_heads(head(missing_metadata=1), head(missing_metadata=1))
    assert comparison.outcome is Outcome.UNPROVED
    assert verdicts(head(missing_metadata=1), head())["x-amz-missing-meta"] is FieldVerdict.NOT_COMPARABLE


def test_the_listing_level_leaves_headers_out(head: Head) -> None:
    assert compare_heads(head(), head(headers={}), rules=Rules("listing")).outcome is Outcome.PROVED


@pytest.mark.parametrize(
    ("source", "destination", "is_proved"),
    [
        ((5, A), (5, A), True),
        ((5, f"{A}-2"), (5, f"{A}-2"), True),
        ((5, A), (6, A), False),
        ((5, A), (5, B), False),
        ((5, A), (5, f"{A}-2"), False),
        ((5, "opaque"), (5, "opaque"), False),
        ((0, A), (0, f"{B}-1"), True),
        ((5, A, "STANDARD_IA"), (5, A), True),
    ],
)
def test_lines_of_listings(source: tuple[int, str], destination: tuple[int, str], is_proved: bool) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def line(size: int, etag: str, storage_class: str = "STANDARD") -> ListedObject:
        return ListedObject("k", size, etag, moment, storage_class)

    rules = Rules("listing")
    assert are_proved_by_listing(line(*source), line(*destination), rules=rules) is is_proved


@pytest.mark.parametrize(
    ("source", "destination", "is_proved"),
    [("STANDARD", "STANDARD", True), ("STANDARD_IA", "STANDARD", False), ("GLACIER", "STANDARD", True)],
)
def test_listings_show_storage_classes(source: str, destination: str, is_proved: bool) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    lines = [ListedObject("k", 5, A, moment, storage_class) for storage_class in (source, destination)]
    assert are_proved_by_listing(lines[0], lines[1], rules=Rules("listing", storage_class=True)) is is_proved


def test_every_outcome_has_a_sigil_of_its_own() -> None:
    assert {outcome.value: outcome.sigil for outcome in Outcome} == {
        "proved": "=",
        "differs": "*",
        "missing": "+",
        "extra": "-",
        "unproved": "?",
        "error": "!",
    }


def etag(reason: str, source: str, destination: str) -> FieldComparison:
    return FieldComparison("etag", FieldVerdict.NOT_COMPARABLE, source, destination, reason)


@pytest.mark.parametrize(
    ("source", "destination", "encryptions", "reason"),
    [
        (A, B, ("aws:kms", ""), "an ETag is not a digest of the bytes under aws:kms"),
        (A, A, ("", "SSE-C"), "an ETag is not a digest of the bytes under SSE-C"),
        (A, B, ("aws:kms", "SSE-C"), "an ETag is not a digest of the bytes under SSE-C and aws:kms"),
        (f"{A}-2", f"{A}-3", ("", ""), "multipart ETags of 2 and 3 parts"),
        (f"{A}-2", f"{B}-2", ("", ""), "two multipart ETags; the parts may be cut differently"),
        (f"{A}-2", A, ("", ""), "a multipart ETag on one side, a plain one on the other"),
        (A, f"{A}-2", ("", ""), "a multipart ETag on one side, a plain one on the other"),
        (A, "opaque", ("", ""), "an ETag that has not the form of an MD5"),
        ("opaque", A, ("", ""), "an ETag that has not the form of an MD5"),
        (f"{A}-1", "opaque", ("", ""), "an ETag that has not the form of an MD5"),
    ],
)
def test_why_etags_say_nothing(
    head: Head, source: str, destination: str, encryptions: tuple[str, str], reason: str
) -> None:
    sides = [
        head(etag=value, encryption=encryption)
        for value, encryption in zip((source, destination), encryptions, strict=True)
    ]
    assert compare_heads(*sides).fields[1] == etag(reason, source, destination)


def checksum(verdict: FieldVerdict, source: str | None, destination: str | None, reason: str = "") -> FieldComparison:
    proves = verdict is not FieldVerdict.NOT_COMPARABLE
    return FieldComparison("checksum-CRC32", verdict, source, destination, reason, proves_content=proves)


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        (("x", FULL), ("x", FULL), checksum(FieldVerdict.EQUAL, "x", "x")),
        (("x", ""), ("x", FULL), checksum(FieldVerdict.EQUAL, "x", "x")),
        (("x", FULL), ("y", FULL), checksum(FieldVerdict.DIFFER, "x", "y")),
        (("x-2", "COMPOSITE"), ("x-2", "COMPOSITE"), checksum(FieldVerdict.EQUAL, "x-2", "x-2")),
        (("x-2", FULL), ("x-2", "COMPOSITE"), checksum(FieldVerdict.EQUAL, "x-2", "x-2")),
        (("x", FULL), None, checksum(FieldVerdict.NOT_COMPARABLE, "x", None, "the destination has no such checksum")),
        (None, ("x", FULL), checksum(FieldVerdict.NOT_COMPARABLE, None, "x", "the source has no such checksum")),
        (
            ("x-2", "COMPOSITE"),
            ("y-2", "COMPOSITE"),
            checksum(
                FieldVerdict.NOT_COMPARABLE, "x-2", "y-2", "two checksums of parts; the parts may be cut differently"
            ),
        ),
        (
            ("x", "COMPOSITE"),
            ("x", FULL),
            checksum(FieldVerdict.NOT_COMPARABLE, "x", "x", "COMPOSITE in the source, FULL_OBJECT at the destination"),
        ),
        (
            ("x-2", "COMPOSITE"),
            ("x-3", "COMPOSITE"),
            checksum(
                FieldVerdict.NOT_COMPARABLE,
                "x-2",
                "x-3",
                "COMPOSITE of 2 parts in the source, COMPOSITE of 3 parts at the destination",
            ),
        ),
    ],
)
def test_checksums_field_by_field(
    head: Head, source: tuple[str, str] | None, destination: tuple[str, str] | None, expected: FieldComparison
) -> None:
    sides = [
        head(checksums={"CRC32": side[0]}, checksum_type=side[1]) if side else head() for side in (source, destination)
    ]
    assert compare_heads(*sides).fields[2] == expected


def test_every_other_field_as_it_is_told(head: Head) -> None:
    comparison = compare_heads(head(missing_metadata=2, metadata={"a": "1"}), head(missing_metadata=1, metadata={}))
    assert comparison.fields == (
        FieldComparison("size", FieldVerdict.EQUAL, "5", "5", is_required=True),
        FieldComparison("etag", FieldVerdict.EQUAL, head().etag, head().etag, proves_content=True),
        FieldComparison("Content-Type", FieldVerdict.EQUAL, "text/csv", "text/csv", is_required=True),
        FieldComparison("x-amz-meta-a", FieldVerdict.DIFFER, "1", None, is_required=True),
        FieldComparison(
            "x-amz-missing-meta",
            FieldVerdict.NOT_COMPARABLE,
            "2",
            "1",
            "S3 cannot return some metadata entries as headers",
            is_required=True,
        ),
    )
    assert compare_heads(head(body=b""), head(body=b"")).fields[0].proves_content
    assert not not_comparable("content", "x").is_required


def test_what_a_side_lacks_is_named_in_the_order_of_names(head: Head) -> None:
    both = compare_heads(head(checksums={"SHA256": "a", "CRC32": "b"}), head(checksums={"MD5": "c"}))
    assert [field.name for field in both.fields[2:5]] == ["checksum-CRC32", "checksum-MD5", "checksum-SHA256"]


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_checksum_declared_to_be_of_parts_is_not_held_against_one_of_all(head: Head, side: str) -> None:
    whole, parts = (
        head(checksums={"CRC32": value}, checksum_type=kind) for value, kind in (("x", FULL), ("y", "COMPOSITE"))
    )
    found = verdicts(whole, parts) if side == "destination" else verdicts(parts, whole)
    assert found["checksum-CRC32"] is FieldVerdict.NOT_COMPARABLE
