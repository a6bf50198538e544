"""Each field is changed behind the pipeline's back, and verify names exactly it. Relies on moto.

What moto cannot hold (a checksum or an ETag of one's own choice, an archived object) is in tests/unit/verify.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from s3copy_cli.deployed import ENV_STORAGE_CLASS, ENV_SYNC_TAGS

from ...field_changes import BASE, BODY, CASES, OTHER, Case, named  # noqa: TID252 (shared with the end-to-end tests)

Run = Callable[..., Any]

KMS = {"ServerSideEncryption": "aws:kms"}
ALL: dict[str, Case] = {
    **CASES,
    "Cache-Control gone": Case({"CacheControl": None}, {"Cache-Control": "*"}),
    "tag changed, not asked for": Case({"Tagging": "team=red"}, {}, outcome="="),
    "encrypted with a key": Case(KMS, {}, outcome="="),
    "encrypted with a key, other checksum": Case(
        {**KMS, "ChecksumAlgorithm": "SHA256"},
        {"etag": "?", "checksum-CRC32": "?", "checksum-SHA256": "?"},
        outcome="?",
    ),
    "encrypted with a key, other checksum, bytes read": Case(
        {**KMS, "ChecksumAlgorithm": "SHA256"}, options=("--level", "content"), outcome="="
    ),
    "encrypted with a key, other checksum, other bytes": Case(
        {**KMS, "ChecksumAlgorithm": "SHA256"},
        {"etag": "?", "checksum-CRC32": "?", "checksum-SHA256": "?", "content": "*"},
        OTHER,
        options=("--level", "content"),
    ),
}


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, ...], Any]:
    """What verify says with each set of options; filled by the first test that asks."""
    return {}


@pytest.fixture
def found(request: pytest.FixtureRequest, answers: dict[tuple[str, ...], Any]) -> dict[tuple[str, ...], Any]:
    """The same: all cases are keys of one pipeline, because making one takes longer than verifying it."""
    if not answers:
        world, s3copy = request.getfixturevalue("world"), request.getfixturevalue("s3copy")
        for name, case in ALL.items():
            world.put(name, BODY, **BASE)
            world.put_copy(name, case.body, **case.stored())
        for options in {case.options for case in ALL.values()}:
            data = s3copy("verify", "--wait", "0", "--json", "--max-listed", "0", *options, expect=3).data
            answers[options] = {entry["key"]: entry for entry in data["objects"]}
    return answers


@pytest.mark.parametrize("name", ALL)
def test_what_was_changed_is_named_and_nothing_else(found: dict[tuple[str, ...], Any], name: str) -> None:
    case = ALL[name]
    entry = found[case.options][name]
    assert (named(entry), entry["sigil"]) == (case.fields, case.outcome)


@pytest.mark.parametrize(
    ("variables", "copy", "fields"),
    [
        ({ENV_STORAGE_CLASS: "keep"}, {"StorageClass": "STANDARD"}, {"storage-class"}),
        ({ENV_STORAGE_CLASS: "STANDARD"}, {"StorageClass": "STANDARD"}, set()),
        ({ENV_SYNC_TAGS: "1"}, {"Tagging": "team=red&empty="}, {"tag-team"}),
        ({ENV_SYNC_TAGS: "0"}, {"Tagging": "team=red&empty="}, set()),
    ],
    ids=["class kept", "class not kept", "tags carried over", "tags not carried over"],
)
def test_what_the_pipeline_keeps_is_compared(
    world: Any, s3copy: Run, variables: dict[str, str], copy: dict[str, str], fields: set[str]
) -> None:
    world.set_variables(**variables)
    world.put("k", BODY, **BASE)
    world.put_copy("k", BODY, **{**BASE, **copy})
    data = s3copy("verify", "--wait", "0", "--json", expect=3 if fields else 0).data
    assert set(data["objects"][0].get("fields", {})) == fields
    assert ("storage class" in data["compared"]) == (variables.get(ENV_STORAGE_CLASS) == "keep")
    assert ("tags" in data["compared"]) == (variables.get(ENV_SYNC_TAGS) == "1")


def test_parts_that_are_cut_differently_are_proved_by_their_bytes(world: Any, s3copy: Run) -> None:
    body = bytes(range(256)) * 4 * 1024 * 11  # 11 MiB
    mib = 1024 * 1024
    world.put_in_parts(world.pipeline.source_bucket, "k", [body[: 5 * mib], body[5 * mib :]])
    world.put_in_parts(world.pipeline.destination_bucket, "k", [body[: 6 * mib], body[6 * mib :]])
    entry = s3copy("verify", "--wait", "0", "--json", expect=3).data["objects"][0]
    assert (entry["sigil"], set(entry["fields"])) == ("?", {"etag"})
    assert "cut differently" in entry["fields"]["etag"]["reason"]
    assert s3copy("verify", "--json", "--level", "content", expect=0).data["counts"]["proved"] == 1
    changed = body[: 7 * mib] + b"!" + body[7 * mib + 1 :]
    world.put_in_parts(world.pipeline.destination_bucket, "k", [changed[: 6 * mib], changed[6 * mib :]])
    data = s3copy("verify", "--wait", "0", "--json", "--level", "content", expect=3).data
    content = data["objects"][0]["fields"]["content"]
    assert content["result"] == "differ"
    assert (content["source"], content["destination"]) == (f"0x00 at byte {7 * mib}", f"0x21 at byte {7 * mib}")
    text = " ".join(s3copy("verify", "--wait", "0", "--level", "content", expect=3).stdout.split())
    assert f"content: 0x00 at byte {7 * mib} -> 0x21 at byte {7 * mib}" in text


def test_one_part_is_proved_against_a_plain_upload(world: Any, s3copy: Run) -> None:
    world.put_in_parts(world.pipeline.source_bucket, "k", [BODY])
    world.aws.s3.put_object(Bucket=world.pipeline.destination_bucket, Key="k", Body=BODY, ContentType="text/csv")
    assert s3copy("verify", "--json", expect=0).data["objects"][0]["sigil"] == "="
    world.aws.s3.put_object(Bucket=world.pipeline.destination_bucket, Key="k", Body=BODY[::-1], ContentType="text/csv")
    entry = s3copy("verify", "--wait", "0", "--json", expect=3).data["objects"][0]
    assert entry["fields"]["etag"]["result"] == "differ"


class TestListing:
    """The level that asks for no single object."""

    @pytest.fixture
    def heads(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        from s3copy_cli.s3 import CrtObjectStore

        asked: list[str] = []
        submit_head = CrtObjectStore.submit_head

        def noted(self: CrtObjectStore, bucket: Any, key: str) -> Any:
            asked.append(key)
            return submit_head(self, bucket, key)

        monkeypatch.setattr(CrtObjectStore, "submit_head", noted)
        return asked

    def test_etags_of_buckets_without_keys_are_proof(self, world: Any, s3copy: Run, heads: list[str]) -> None:
        world.put_both("k")
        data = s3copy("verify", "--json", "--level", "listing", expect=0).data
        assert (data["counts"]["proved"], heads) == (1, [])
        assert data["compared"] == ["size", "ETag"]

    @pytest.mark.parametrize("side", ["source", "destination"])
    def test_etags_of_a_bucket_that_encrypts_with_a_key_are_none(
        self, world: Any, s3copy: Run, heads: list[str], side: str
    ) -> None:
        bucket = getattr(world.pipeline, f"{side}_bucket")
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
        world.aws.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        world.put_both("k")
        outcome = s3copy("verify", "--level", "listing", "--verbose", expect=0)
        assert f"ETags may not be digests: bucket {bucket} encrypts by aws:kms" in outcome.stderr
        assert len(heads) == 2

    def test_etags_of_copies_that_the_pipeline_encrypts_with_a_key_are_none(
        self, world: Any, s3copy: Run, heads: list[str]
    ) -> None:
        """The bucket's own default says nothing of them: `listing` proves no more than `metadata`."""
        world.set_variables(S3COPY_KMS_KEY_ID="arn:aws:kms:us-east-1:123456789012:key/k")
        world.put("k")
        world.put_copy("k", ServerSideEncryption="aws:kms", ChecksumAlgorithm="SHA256")
        data = s3copy("verify", "--json", "--wait", "0", "--level", "listing", expect=3).data
        assert (data["counts"]["unproved"], set(heads)) == (1, {"k"})

    def test_encryption_that_may_not_be_read_is_not_guessed(
        self, world: Any, s3copy: Run, heads: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from botocore.client import BaseClient
        from botocore.exceptions import ClientError

        call = BaseClient._make_api_call

        def denied(self: BaseClient, operation: str, parameters: Any) -> Any:
            if operation == "GetBucketEncryption":
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
            return call(self, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", denied)
        world.put_both("k")
        outcome = s3copy("verify", "--level", "listing", "--verbose", expect=0)
        assert "does not tell how it encrypts (AccessDenied)" in outcome.stderr
        assert len(heads) == 2
