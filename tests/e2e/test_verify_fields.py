"""Each field is changed at the destination behind the pipeline's back, and `verify --json` names exactly it.

One pipeline of the embedded AWS, with one object for each case, copied by the function that really runs. What the
embedded AWS cannot hold is in tests/functional/verify: test_fields.py (moto) and test_fields_of_a_fake_server.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ..field_changes import BASE, BODY, CASES, OTHER, TAGS, Case, named  # noqa: TID252 (shared with the functional tests)

pytestmark = pytest.mark.e2e

SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"

# The embedded AWS takes any key's name.
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:000000000000:key/k"}


def checksum(algorithm: str) -> Case:
    """Other bytes under a key of KMS, so that the ETag says nothing: the checksum alone tells."""
    encrypted = {"ChecksumAlgorithm": algorithm, **KMS}
    name = f"checksum-{algorithm}"
    return Case(encrypted, {name: "*", "etag": "?"}, OTHER, source={"ChecksumAlgorithm": algorithm})


ALL: dict[str, Case] = {
    **CASES,
    "nothing": Case(outcome="="),
    "Content-Language gone": Case({"ContentLanguage": None}, {"Content-Language": "*"}),
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
# Tags are compared with all of them, but where other options are tried.
ALL = {name: case if case.options else replace(case, options=TAGS) for name, case in ALL.items()}
# Tags are compared where they are asked for only.
WITHOUT_TAGS = {"tag changed", "tag in another case", "tag gone", "empty tag gone", "tag added", "tag outside ASCII"}
MISSING, EXTRA = "missing", "extra"

Answers = Mapping[tuple[str, ...], Mapping[str, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def answers(shared: Any) -> Answers:
    """What verify says of each object after the changes, by its options."""
    shared.s3copy("setup", "--storage-class", "keep", expect=0)
    s3 = shared.clients("s3")
    for key, case in ALL.items():
        s3.put_object(Bucket=SOURCE, Key=key, Body=BODY, **{**BASE, **case.source})
    s3.put_object(Bucket=SOURCE, Key=MISSING, Body=BODY, **BASE)
    before = shared.s3copy("verify", "--wait", "120", "--tags", "--json", expect=0).data
    assert before["counts"]["proved"] == len(ALL) + 1

    for key, case in ALL.items():
        s3.put_object(Bucket=DESTINATION, Key=key, Body=case.body, **case.stored())
    s3.delete_object(Bucket=DESTINATION, Key=MISSING)
    s3.put_object(Bucket=DESTINATION, Key=EXTRA, Body=BODY, **BASE)

    found = {}
    for options in dict.fromkeys(case.options for case in ALL.values()):
        data = shared.s3copy("verify", "--wait", "0", "--json", "--max-listed", "0", *options, expect=3).data
        found[options] = {entry["key"]: entry for entry in data["objects"]}
        assert len(found[options]) == len(ALL) + 2
    return found


@pytest.mark.parametrize("name", ALL)
def test_exactly_what_was_changed_is_named(answers: Answers, name: str) -> None:
    case = ALL[name]
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
