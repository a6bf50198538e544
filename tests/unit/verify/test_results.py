"""From two sides of a key to a result: the short cut says nothing that the long way does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.s3 import ObjectHead
from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome, Rules, compare_heads, compare_tags
from s3copy_cli.verify.results import Seen, judge, judge_at_a_glance

Head = Callable[..., ObjectHead]
MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)
A, B = "a" * 32, "b" * 32

HEADS = st.builds(
    ObjectHead,
    key=st.just("k"),
    size=st.sampled_from([0, 5]),
    etag=st.sampled_from([A, B, f"{A}-1", f"{A}-2", f"{B}-2", "opaque", ""]),
    last_modified=st.just(MOMENT),
    headers=st.sampled_from([{}, {"Content-Type": "text/csv"}]),
    metadata=st.sampled_from([{}, {"a": ""}]),
    checksums=st.sampled_from([{}, {"CRC32": "x"}, {"CRC32": "y"}, {"SHA256": "x-2"}]),
    checksum_type=st.sampled_from(["", "FULL_OBJECT", "COMPOSITE"]),
    encryption=st.sampled_from(["", "AES256", "aws:kms", "aws:kms:dsse", "SSE-C"]),
    storage_class=st.sampled_from(["STANDARD", "GLACIER"]),
    missing_metadata=st.sampled_from([0, 1]),
)
RULES = st.builds(
    Rules, st.sampled_from(["listing", "metadata", "content"]), st.booleans(), st.booleans(), st.booleans()
)


@given(HEADS, HEADS, RULES)
def test_the_short_cut_proves_only_what_every_field_proves(
    source: ObjectHead, destination: ObjectHead, rules: Rules
) -> None:
    alike = [replace(source, **{name: getattr(destination, name)}) for name in ("encryption", "storage_class")]
    for other in (destination, *alike):
        glance = judge_at_a_glance("k", source, other, rules)
        if glance is not None:
            assert glance.outcome is Outcome.PROVED
            assert compare_heads(source, other, rules).outcome is Outcome.PROVED
            assert not rules.tags
            assert not rules.prove_all


@pytest.mark.parametrize("change", ["storage_class", "last_modified", "version_id"])
def test_the_short_cut_is_taken_where_only_something_else_differs(head: Head, change: str) -> None:
    changed: dict[str, Any] = {"storage_class": "GLACIER", "last_modified": MOMENT, "version_id": "v"}
    destination = head(**{change: changed[change]})
    result = judge_at_a_glance("k", head(), destination, Rules())
    assert result is not None
    assert (result.key, result.size, result.etag, result.fields) == ("k", 5, head().etag, ())
    assert (result.source_modified, result.destination_modified) == (head().last_modified, destination.last_modified)


@pytest.mark.parametrize(
    "changes",
    [
        {"etag": A},
        {"size": 6},
        {"headers": {}},
        {"metadata": {"a": "1"}},
        {"checksums": {"CRC32": "x"}},
        {"checksum_type": "COMPOSITE"},
        {"missing_metadata": 1},
        {"encryption": "aws:kms"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_short_cut_is_not_taken_where_anything_differs(head: Head, changes: dict[str, Any]) -> None:
    assert judge_at_a_glance("k", head(), head(**changes), Rules()) is None
    assert judge_at_a_glance("k", head(**changes), head(), Rules()) is None


@pytest.mark.parametrize("rules", [Rules(tags=True), Rules("content", prove_all=True)])
def test_the_short_cut_is_not_taken_where_more_is_asked_for(head: Head, rules: Rules) -> None:
    assert judge_at_a_glance("k", head(), head(), rules) is None


def test_one_side_only(head: Head) -> None:
    there, gone = Seen(head("d/k")), Seen(None)
    assert judge("k", gone, gone, Rules()) == (None, False)
    extra, _ = judge("k", gone, there, Rules())
    assert extra is not None
    assert (extra.key, extra.outcome, extra.size) == ("k", Outcome.EXTRA, 5)
    assert (extra.etag, extra.source_modified, extra.destination_modified) == (
        head().etag,
        None,
        head().last_modified,
    )
    missing, _ = judge("k", there, gone, Rules())
    assert missing is not None
    assert (missing.key, missing.outcome, missing.size) == ("k", Outcome.MISSING, 5)
    assert (missing.etag, missing.source_modified, missing.destination_modified) == (
        head().etag,
        head().last_modified,
        None,
    )


KMS = {"encryption": "aws:kms"}


@pytest.mark.parametrize(
    ("rules", "source", "destination", "is_due"),
    [
        (Rules("content"), KMS, KMS, True),
        (Rules("metadata"), KMS, KMS, False),
        (Rules("content"), {}, {}, False),
        (Rules("content"), {**KMS, "size": 0}, {**KMS, "size": 0}, False),
        (Rules("content"), KMS, {**KMS, "size": 6}, False),
        (Rules("content"), KMS, {**KMS, "headers": {}}, False),
        (Rules("content"), {**KMS, "missing_metadata": 1}, KMS, False),
        (Rules("content", prove_all=True), {}, {}, True),
        (Rules("content", prove_all=True), {}, {"headers": {}}, True),
        (Rules("content", prove_all=True), {}, {"size": 6}, False),
        (Rules("content", prove_all=True), {"size": 0}, {"size": 0}, False),
    ],
)
def test_when_the_bytes_are_read(
    head: Head, rules: Rules, source: dict[str, Any], destination: dict[str, Any], is_due: bool
) -> None:
    sides = Seen(head(**source)), Seen(head(**destination))
    assert judge("k", *sides, rules)[1] is is_due
    read = FieldComparison("content", FieldVerdict.EQUAL, None, None, proves_content=True)
    assert judge("k", *sides, rules, read)[1] is False


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        ({"a": "1"}, {"a": "1"}, {"tag-a": "equal"}),
        ({"a": "1"}, {"a": "2"}, {"tag-a": "differ"}),
        ({"a": "1"}, {"A": "1"}, {"tag-a": "differ", "tag-A": "differ"}),
        ({"a": ""}, {}, {"tag-a": "differ"}),
        ({}, {"a": ""}, {"tag-a": "differ"}),
        ({}, {}, {}),
        ("denied", {}, {"tags": "not_comparable"}),
        ({}, "denied", {"tags": "not_comparable"}),
        ("denied", "denied", {"tags": "not_comparable"}),
    ],
)
def test_tags(source: dict[str, str] | str, destination: dict[str, str] | str, expected: dict[str, str]) -> None:
    fields = compare_tags(source, destination)
    assert {field.name: field.verdict.value for field in fields} == expected
    assert all(field.is_required and not field.proves_content for field in fields)
    assert [field.reason for field in fields if field.reason] == (["denied"] if "tags" in expected else [])


def test_both_reasons_why_tags_cannot_be_read() -> None:
    assert compare_tags("one", "two")[0].reason == "one; two"


@pytest.mark.parametrize(
    ("source", "destination", "verdict", "outcome"),
    [
        ("STANDARD_IA", "STANDARD_IA", "equal", Outcome.PROVED),
        ("STANDARD_IA", "STANDARD", "differ", Outcome.DIFFERS),
        ("STANDARD", "GLACIER", "differ", Outcome.DIFFERS),
        ("GLACIER", "STANDARD_IA", "not_comparable", Outcome.PROVED),
        ("DEEP_ARCHIVE", "STANDARD", "not_comparable", Outcome.PROVED),
    ],
)
def test_storage_classes(head: Head, source: str, destination: str, verdict: str, outcome: Outcome) -> None:
    comparison = compare_heads(head(storage_class=source), head(storage_class=destination), Rules(storage_class=True))
    (field,) = [field for field in comparison.fields if field.name == "storage-class"]
    assert (field.verdict.value, field.source, field.destination) == (verdict, source, destination)
    assert (source in field.reason) == (verdict == "not_comparable")
    assert comparison.outcome is outcome
    assert "storage-class" not in {
        field.name for field in compare_heads(head(storage_class=source), head(storage_class=destination)).fields
    }


@pytest.mark.parametrize(
    ("rules", "compared"),
    [
        (Rules("listing"), ("size", "ETag")),
        (Rules(), ("size", "ETag", "checksums", "headers", "metadata")),
        (
            Rules("content", tags=True, storage_class=True),
            (
                *("size", "ETag", "checksums", "headers", "metadata", "storage class", "tags"),
                "the bytes where nothing else proves them",
            ),
        ),
        (
            Rules("content", prove_all=True),
            ("size", "ETag", "checksums", "headers", "metadata", "every byte"),
        ),
    ],
)
def test_what_is_said_to_be_compared(rules: Rules, compared: tuple[str, ...]) -> None:
    assert rules.compared == compared


@pytest.mark.parametrize(
    ("outcome", "behind", "propagate_deletes", "is_pending"),
    [
        (Outcome.PROVED, 1, True, False),
        (Outcome.ERROR, 1, True, False),
        (Outcome.MISSING, 0, False, True),
        (Outcome.DIFFERS, 0, False, True),
        (Outcome.EXTRA, 0, False, False),
        (Outcome.EXTRA, 0, True, True),
        (Outcome.UNPROVED, 1, False, True),
        (Outcome.UNPROVED, 0, False, False),
        (Outcome.UNPROVED, -1, False, False),
    ],
)
def test_what_something_under_way_would_explain(
    head: Head, outcome: Outcome, behind: int, propagate_deletes: bool, is_pending: bool
) -> None:
    from s3copy_cli.verify.results import ObjectResult

    result = ObjectResult("k", outcome, source_modified=MOMENT, destination_modified=MOMENT - timedelta(seconds=behind))
    assert result.may_be_under_way(propagate_deletes=propagate_deletes) is is_pending


def test_the_short_cut_is_not_taken_where_a_class_that_is_kept_differs(head: Head) -> None:
    rules = Rules(storage_class=True)
    assert judge_at_a_glance("k", head(), head(), rules) is not None
    assert judge_at_a_glance("k", head(), head(storage_class="GLACIER"), rules) is None


def test_rules_decide_which_fields_are_judged(head: Head) -> None:
    source, destination = Seen(head()), Seen(head(headers={}))
    for level, outcome in (("listing", Outcome.PROVED), ("metadata", Outcome.DIFFERS)):
        result, _ = judge("k", source, destination, Rules(level))  # type: ignore[arg-type]
        assert result is not None
        assert result.outcome is outcome


def test_bytes_are_due_from_the_first_one_on_and_never_of_one_side(head: Head) -> None:
    rules = Rules("content")
    for size in (1, 2):
        one = Seen(head(size=size, encryption="aws:kms"))
        assert judge("k", one, one, rules)[1] is True
        assert judge("k", one, Seen(None), rules)[1] is False
        assert judge("k", Seen(None), one, rules)[1] is False
