"""What counts as equal, different, and not comparable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from s3copy_cli.s3 import ListedObject, ObjectHead
from s3copy_cli.verify.compare import FieldVerdict, Outcome, compare_heads, compare_listed

Head = Callable[..., ObjectHead]
A, B = "a" * 32, "b" * 32
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
        (A, f"{B}-1", ("", ""), FieldVerdict.NOT_COMPARABLE),
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
    assert compare_heads(head(), head(headers={}), level="listing").outcome is Outcome.PROVED


@pytest.mark.parametrize(
    ("source", "destination", "outcome"),
    [
        ((5, A), (5, A), Outcome.PROVED),
        ((5, f"{A}-2"), (5, f"{A}-2"), Outcome.PROVED),
        ((5, A), (6, A), Outcome.DIFFERS),
        ((5, A), (5, f"{A}-2"), Outcome.UNPROVED),
        ((5, "opaque"), (5, "opaque"), Outcome.UNPROVED),
        ((0, A), (0, f"{B}-1"), Outcome.PROVED),
    ],
)
def test_lines_of_listings(source: tuple[int, str], destination: tuple[int, str], outcome: Outcome) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    comparison = compare_listed(ListedObject("k", *source, moment), ListedObject("k", *destination, moment))
    assert comparison.outcome is outcome


def test_every_outcome_has_a_sigil_of_its_own() -> None:
    assert {outcome.value: outcome.sigil for outcome in Outcome} == {
        "proved": "=",
        "differs": "*",
        "missing": "+",
        "extra": "-",
        "unproved": "?",
        "error": "!",
    }
