"""Reading a bucket of the owner's, as far as it matters to a pipeline that joins it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws, is_denied
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.reading import BUCKET_MISSING, answer, first_rule
from s3copy_cli.provision.resources import BUCKET_POLICIES, Kind, RemoteResource


def read_adopted_bucket(aws: Aws, pipeline: Pipeline, kind: Kind, name: str) -> list[RemoteResource]:
    """A bucket of the owner's, as far as it matters to the pipeline, and its policy, which does not exist for us.

    What may not be read is not known, and that is no error.
    """
    s3 = aws.s3_in(pipeline.region_of(name))
    call = {"Bucket": name, "ExpectedBucketOwner": pipeline.account_id}
    policy = RemoteResource(BUCKET_POLICIES[kind], name, is_adopted=True)

    def read(look: Callable[[], Any], missing: frozenset[str] = frozenset()) -> Any:
        try:
            return answer(look, missing)
        except ClientError as error:
            if not is_denied(error):
                raise
            return None

    if answer(lambda: read(lambda: s3.head_bucket(**call)) or {}, BUCKET_MISSING) is None:
        return [RemoteResource(kind, name, is_adopted=True), policy]
    versioning = read(lambda: s3.get_bucket_versioning(**call))
    no_encryption = frozenset({"ServerSideEncryptionConfigurationNotFoundError"})
    # {} where there is none, None where it may not be read.
    encryption = read(lambda: answer(lambda: s3.get_bucket_encryption(**call), no_encryption) or {})
    rules = read(lambda: s3.get_bucket_policy(**call), frozenset({"NoSuchBucketPolicy"}))
    bucket = RemoteResource(
        kind,
        name,
        exists=True,
        is_adopted=True,
        attributes={
            **({names.VERSIONING: versioning.get("Status", "off")} if versioning is not None else {}),
            **(_default_encryption(encryption) if encryption is not None else {}),
        },
        policy=json.loads(rules["Policy"]) if rules else {},
    )
    return [bucket, policy]


def _default_encryption(found: Any) -> dict[str, Any]:
    """How a bucket encrypts what is put into it: the algorithm, and the key where it is one of KMS."""
    rule = first_rule(found, "ServerSideEncryptionConfiguration").get("ApplyServerSideEncryptionByDefault", {})
    key = {names.BUCKET_KEY: rule["KMSMasterKeyID"]} if rule.get("KMSMasterKeyID") else {}
    return {names.DEFAULT_ENCRYPTION: rule.get("SSEAlgorithm"), **key}
