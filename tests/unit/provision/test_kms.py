"""Which KMS key is meant, and whether S3 can encrypt with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.errors import UsageError
from s3copy_cli.provision.kms import arn_of, describe_problem

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION_ID = "mrk-" + "1234abcd" * 4
PREFIX = "arn:aws:kms:eu-west-1:123456789012:"


@pytest.mark.parametrize("key_id", [KEY_ID, MULTI_REGION_ID])
def test_an_id_and_an_arn_are_the_same_key(key_id: str) -> None:
    assert arn_of(PIPELINE, key_id) == arn_of(PIPELINE, f"{PREFIX}key/{key_id}") == f"{PREFIX}key/{key_id}"


@pytest.mark.parametrize("alias", ["alias/copies", "alias/aws/s3", f"{PREFIX}alias/copies"])
def test_only_kms_knows_the_key_of_an_alias(alias: str) -> None:
    assert arn_of(PIPELINE, alias) is None


def test_other_partitions_have_other_arns() -> None:
    china = replace(PIPELINE, region="cn-north-1", partition="aws-cn")
    assert arn_of(china, KEY_ID) == f"arn:aws-cn:kms:cn-north-1:123456789012:key/{KEY_ID}"
    with pytest.raises(UsageError):
        arn_of(china, f"arn:aws:kms:cn-north-1:123456789012:key/{KEY_ID}")


@pytest.mark.parametrize(
    "reference",
    [
        "",
        " ",
        "copies",
        "alias/",
        f"key/{KEY_ID}",
        f"{KEY_ID}\n",
        KEY_ID[:-1],
        f"{PREFIX}{KEY_ID}",
        f"{PREFIX}copies",
        f"arn:aws:s3:::{KEY_ID}",
    ],
)
def test_what_names_no_key_is_wrong_usage(reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        arn_of(PIPELINE, reference)
    assert repr(reference) in caught.value.happened
    assert "--kms-key-id" in caught.value.hint


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        (f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}", "us-east-1"),
        (f"arn:aws:kms:eu-west-1:999999999999:key/{KEY_ID}", "999999999999"),
        ("arn:aws:kms:us-east-1:123456789012:alias/copies", "us-east-1"),
    ],
)
def test_a_key_of_another_account_or_region_is_wrong_usage(reference: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        arn_of(PIPELINE, reference)
    assert named in caught.value.happened
    assert "eu-west-1" in caught.value.happened


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"KeyState": "Disabled"}, "Disabled"),
        ({"KeyState": "PendingDeletion"}, "PendingDeletion"),
        ({"KeySpec": "RSA_4096"}, "RSA_4096"),
        ({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, "GENERATE_VERIFY_MAC"),
        ({"KeyUsage": "SIGN_VERIFY", "KeySpec": "ECC_NIST_P256", "KeyState": "Disabled"}, "SIGN_VERIFY"),
    ],
)
def test_keys_that_s3_cannot_encrypt_with(metadata: dict[str, Any], named: str) -> None:
    usable = {"KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}
    assert describe_problem(usable) == ""
    assert named in describe_problem({**usable, **metadata})
