"""Each field is changed at the destination behind the pipeline's back, and `verify --json` names exactly it.

One pipeline of the embedded AWS, with one object for each case, copied by the function that really runs. What the
embedded AWS cannot hold is in tests/functional/verify: test_fields.py (moto) and test_fields_of_a_fake_server.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"

BODY = b"a,b\n1,2\n"
OTHER = BODY.replace(b"1", b"9")
BASE: dict[str, Any] = {
    "ContentType": "text/csv",
    "ContentEncoding": "identity",
    "ContentDisposition": "attachment",
    "ContentLanguage": "de",
    "CacheControl": "max-age=60",
    "Expires": datetime(2030, 1, 1, tzinfo=timezone.utc),
    "Metadata": {"owner": "me", "empty": "", "name": "=?UTF-8?B?w6TDtsO8?="},
    "Tagging": "team=blue&empty=",
    "StorageClass": "STANDARD_IA",
    "ChecksumAlgorithm": "CRC32",
}


# The embedded AWS takes any key's name.
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:000000000000:key/k"}


@dataclass(frozen=True)
class Case:
    """One change.

    Attributes:
        changes: how the copy is stored anew; None leaves an option out.
        fields: what verify must name: "*" differs, "?" not comparable. Nothing else may be named.
        body: the copy's bytes.
        source: how the source differs from `BASE`.
        outcome: what the object then is.
        options: of verify.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = BODY
    source: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = "*"
    options: tuple[str, ...] = ("--tags",)


def metadata(**entries: str | None) -> dict[str, Any]:
    changed = {**BASE["Metadata"], **entries}
    return {"Metadata": {name: value for name, value in changed.items() if value is not None}}


def checksum(algorithm: str) -> Case:
    """Other bytes under a key of KMS, so that the ETag says nothing: the checksum alone tells."""
    encrypted = {"ChecksumAlgorithm": algorithm, **KMS}
    name = f"checksum-{algorithm}"
    return Case(encrypted, {name: "*", "etag": "?"}, OTHER, source={"ChecksumAlgorithm": algorithm})


CASES: dict[str, Case] = {
    "nothing": Case(outcome="="),
    "bytes added": Case({}, {"size": "*", "etag": "*", "checksum-CRC32": "*"}, BODY + b"3,4\n"),
    "bytes, size kept": Case({}, {"etag": "*", "checksum-CRC32": "*"}, OTHER),
    "bytes, read": Case({}, {"etag": "*", "checksum-CRC32": "*", "content": "*"}, OTHER, options=("--prove-all",)),
    "Content-Type": Case({"ContentType": "text/plain"}, {"Content-Type": "*"}),
    "Content-Encoding": Case({"ContentEncoding": "gzip"}, {"Content-Encoding": "*"}),
    "Content-Disposition": Case({"ContentDisposition": "inline"}, {"Content-Disposition": "*"}),
    "Content-Language": Case({"ContentLanguage": "en"}, {"Content-Language": "*"}),
    "Content-Language gone": Case({"ContentLanguage": None}, {"Content-Language": "*"}),
    "Cache-Control": Case({"CacheControl": "no-store"}, {"Cache-Control": "*"}),
    "Expires": Case({"Expires": datetime(2030, 1, 2, tzinfo=timezone.utc)}, {"Expires": "*"}),
    "Expires gone": Case({"Expires": None}, {"Expires": "*"}),
    "metadata changed": Case(metadata(owner="you"), {"x-amz-meta-owner": "*"}),
    "metadata in another case": Case(metadata(owner="Me"), {"x-amz-meta-owner": "*"}),
    "metadata emptied": Case(metadata(owner=""), {"x-amz-meta-owner": "*"}),
    "metadata gone": Case(metadata(owner=None), {"x-amz-meta-owner": "*"}),
    "metadata added": Case(metadata(added="1"), {"x-amz-meta-added": "*"}),
    "empty metadata gone": Case(metadata(empty=None), {"x-amz-meta-empty": "*"}),
    "metadata outside ASCII": Case(metadata(name="=?UTF-8?B?w6Q=?="), {"x-amz-meta-name": "*"}),
    "tag changed": Case({"Tagging": "team=red&empty="}, {"tag-team": "*"}),
    "tag in another case": Case({"Tagging": "team=Blue&empty="}, {"tag-team": "*"}),
    "tag gone": Case({"Tagging": "empty="}, {"tag-team": "*"}),
    "empty tag gone": Case({"Tagging": "team=blue"}, {"tag-empty": "*"}),
    "tag added": Case({"Tagging": "team=blue&empty=&new=1"}, {"tag-new": "*"}),
    "tag outside ASCII": Case({"Tagging": "team=bl%C3%BC&empty="}, {"tag-team": "*"}),
    "storage class": Case({"StorageClass": "STANDARD"}, {"storage-class": "*"}),
    "checksum CRC32": checksum("CRC32"),
    "checksum CRC32C": checksum("CRC32C"),
    "checksum CRC64NVME": checksum("CRC64NVME"),
    "checksum SHA1": checksum("SHA1"),
    "checksum SHA256": checksum("SHA256"),
    "checksum of another algorithm": Case(
        {"ChecksumAlgorithm": "SHA256", **KMS},
        {"etag": "?", "checksum-CRC32": "?", "checksum-SHA256": "?"},
        outcome="?",
    ),
    "checksum of another algorithm, read": Case(
        {"ChecksumAlgorithm": "SHA256", **KMS},
        {"etag": "?", "checksum-CRC32": "?", "checksum-SHA256": "?", "content": "*"},
        OTHER,
        options=("--level", "content"),
    ),
}
# Tags are compared where they are asked for only.
WITHOUT_TAGS = {"tag changed", "tag in another case", "tag gone", "empty tag gone", "tag added", "tag outside ASCII"}
MISSING, EXTRA = "missing", "extra"
SIGNS = {"differ": "*", "not_comparable": "?"}

Answers = Mapping[tuple[str, ...], Mapping[str, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def answers(shared: Any) -> Answers:
    """What verify says of each object after the changes, by its options."""
    shared.s3copy("setup", "--storage-class", "keep", expect=0)
    s3 = shared.clients("s3")
    for key, case in CASES.items():
        s3.put_object(Bucket=SOURCE, Key=key, Body=BODY, **{**BASE, **case.source})
    s3.put_object(Bucket=SOURCE, Key=MISSING, Body=BODY, **BASE)
    before = shared.s3copy("verify", "--wait", "120", "--tags", "--json", expect=0).data
    assert before["counts"]["proved"] == len(CASES) + 1

    for key, case in CASES.items():
        changed = {**BASE, **case.source, **case.changes}
        given = {option: value for option, value in changed.items() if value is not None}
        s3.put_object(Bucket=DESTINATION, Key=key, Body=case.body, **given)
    s3.delete_object(Bucket=DESTINATION, Key=MISSING)
    s3.put_object(Bucket=DESTINATION, Key=EXTRA, Body=BODY, **BASE)

    found = {}
    for options in dict.fromkeys(case.options for case in CASES.values()):
        data = shared.s3copy("verify", "--wait", "0", "--json", "--max-listed", "0", *options, expect=3).data
        found[options] = {entry["key"]: entry for entry in data["objects"]}
        assert len(found[options]) == len(CASES) + 2
    return found


def named(entry: Mapping[str, Any]) -> dict[str, str]:
    """The fields that are named, with their signs."""
    return {name: SIGNS[field["result"]] for name, field in entry.get("fields", {}).items()}


@pytest.mark.parametrize("name", CASES)
def test_exactly_what_was_changed_is_named(answers: Answers, name: str) -> None:
    case = CASES[name]
    entry = answers[case.options][name]
    assert (named(entry), entry["sigil"]) == (case.fields, case.outcome)


def test_what_is_not_there_on_one_side_is_named_so(answers: Answers) -> None:
    for found in answers.values():
        assert [found[key]["sigil"] for key in (MISSING, EXTRA)] == ["+", "-"]
        assert [named(found[key]) for key in (MISSING, EXTRA)] == [{}, {}]


def test_tags_are_compared_where_asked_for_only(answers: Answers) -> None:
    for name in WITHOUT_TAGS:
        assert answers["--prove-all",][name]["sigil"] == "="
        assert answers["--tags",][name]["sigil"] == "*"


def test_equal_bytes_prove_what_etags_and_checksums_cannot(answers: Answers) -> None:
    name = "checksum of another algorithm"
    assert [answers[options][name]["sigil"] for options in (("--tags",), ("--level", "content"))] == ["?", "="]
