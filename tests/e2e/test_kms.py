"""Copies under a KMS key: asked for, noted by the emulator (which encrypts nothing), and proved by checksums alone.

Relies on the embedded AWS with IAM enforced. It does not ask for the role's permissions on the key: that is shown here,
so that `docs/permissions.md` calls them unchecked for a reason; when the emulator begins to ask, this test says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
SAMPLE = Path(__file__).parents[2] / "sample.csv"
POLICY = {"RoleName": "s3copy-us-east-1", "PolicyName": "s3copy-copy"}


def test_copies_are_made_under_the_key_and_proved_by_their_checksums(
    s3copy: Run, clients: Callable[[str], Any]
) -> None:
    kms, s3, iam = clients("kms"), clients("s3"), clients("iam")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/copies", TargetKeyId=key["KeyId"])
    s3copy("setup", "--kms-key-id", "alias/copies", expect=0)
    assert s3copy("setup", "--json", expect=0).data["changed"] is False

    document = iam.get_role_policy(**POLICY)["PolicyDocument"]
    without_key = [one for one in document["Statement"] if one["Sid"] != "EncryptCopies"]
    assert len(without_key) == len(document["Statement"]) - 1
    iam.put_role_policy(**POLICY, PolicyDocument=json.dumps({**document, "Statement": without_key}))

    s3copy("upload", str(SAMPLE), "--wait", expect=0)
    head = s3.head_object(Bucket=DESTINATION, Key="sample.csv", ChecksumMode="ENABLED")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key["Arn"])

    # By the checksum: that an ETag is no proof under a key is shown in tests/unit/verify and tests/functional/verify.
    assert "ChecksumCRC32" in head
    assert s3copy("verify", "--json", expect=0).data["counts"]["proved"] == 1
