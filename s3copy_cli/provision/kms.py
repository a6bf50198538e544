"""The KMS key of the copies: which one is meant, and whether S3 can encrypt with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import S3CopyError, UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.resources import Kind, RemoteResource

_KEY_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}"
_ALIAS = r"alias/[A-Za-z0-9/_-]+"
_REFERENCE = re.compile(
    rf"(?:arn:(?P<partition>[a-z-]+):kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{{12}}):(?=key/|alias/))?"
    rf"(?:(?:key/)?(?P<key>{_KEY_ID})|(?P<alias>{_ALIAS}))"
)
# What S3 can encrypt with (S3 User Guide, "Using server-side encryption with AWS KMS keys").
_WANTED_SPEC, _WANTED_USAGE = "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"


COPIES, SOURCE_OBJECTS = "the copies", "source objects"
_OPTIONS = {COPIES: "--kms-key-id", SOURCE_OBJECTS: "--source-kms-key-id"}


@dataclass(frozen=True)
class KmsKey:
    """A key that is to encrypt the copies, or that source objects are encrypted with.

    Attributes:
        arn: the key's own ARN, however it was named; "" where it is not known.
        unchecked: why it could not be looked at, in words; "" if it was.
    """

    arn: str
    unchecked: str = ""


def find_key(
    aws: Aws, pipeline: Pipeline, reference: str, purpose: str = COPIES, *, any_account: bool = False
) -> KmsKey:
    """The key that is meant by an id, an alias name, or the ARN of either.

    Args:
        aws: where to ask.
        pipeline: whose objects it is for; it must be a key of the bucket's Region, and of the same account.
        reference: what the person typed.
        purpose: whose key it is, for messages.
        any_account: it may belong to another account.

    Raises:
        UsageError: it is no name of a key, or one of another account or Region.
        S3CopyError: there is no such key, or S3 cannot encrypt with it.
        AwsError: KMS refused or failed the request; but a key that may not be looked at is only said to be so, unless
            it was named by an alias.
    """
    doing = f"choosing the KMS key {reference} for {purpose}"
    region = _region_of(pipeline, purpose)
    derived_arn = arn_of(pipeline, reference, purpose, any_account=any_account)
    with translate_errors(doing, region=region):
        try:
            metadata: Mapping[str, Any] = aws.kms_in(region).describe_key(KeyId=reference)["KeyMetadata"]
        except ClientError as error:
            if error_code(error) == "NotFoundException":
                raise S3CopyError(
                    doing,
                    f"there is no such key in account {pipeline.account_id} and {region}",
                    f"Look which there are: aws kms list-aliases --region {region}",
                    code="KmsKeyNotFound",
                ) from error
            if derived_arn is None or not is_denied(error):
                raise
            return KmsKey(derived_arn, "you lack kms:DescribeKey on it, so whether S3 can use it was not checked")
    problem = describe_problem(metadata)
    if problem:
        raise S3CopyError(
            doing,
            problem,
            f'Enable it, or choose a symmetric key that is enabled; for no key: {_OPTIONS[purpose]} ""',
            code="KmsKeyUnusable",
        )
    return KmsKey(metadata["Arn"])


def find_bucket_key(aws: Aws, pipeline: Pipeline, bucket: RemoteResource) -> KmsKey | None:
    """The key by which a bucket encrypts what names none, if the role needs a grant for it.

    AWS's own key for S3 (aws/s3) needs none: its policy admits whoever may use S3 in the account.

    Raises:
        AwsError: KMS failed the request.
    """
    if bucket.is_adopted and bucket.exists and names.DEFAULT_ENCRYPTION not in bucket.attributes:
        option = _OPTIONS[SOURCE_OBJECTS if bucket.kind is Kind.SOURCE_BUCKET else COPIES]
        return KmsKey(
            "",
            f"the encryption of your {bucket.kind.value} {bucket.name} may not be read "
            "(s3:GetEncryptionConfiguration): if it encrypts with a KMS key of yours, "
            f"name the key with {option}, or the function may not use it",
        )
    reference = bucket.attributes.get(names.BUCKET_KEY)
    if not reference or not str(bucket.attributes.get(names.DEFAULT_ENCRYPTION, "")).startswith("aws:kms"):
        return None
    if str(reference).endswith("alias/aws/s3"):
        return None
    if re.fullmatch(rf"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{{12}}:key/(?:{_KEY_ID})", str(reference)):
        # Nothing to look up: an ARN is what the policy needs.
        return KmsKey(str(reference))
    region = pipeline.region_of(bucket.name)
    try:
        return KmsKey(aws.kms_in(region).describe_key(KeyId=reference)["KeyMetadata"]["Arn"])
    except ClientError as error:
        problem = f"KMS does not show the key {reference} of the {bucket.kind.value} ({error_code(error)})"
        if re.fullmatch(_KEY_ID, str(reference)):
            arn = f"arn:{pipeline.partition}:kms:{region}:{pipeline.account_id}:key/{reference}"
            return KmsKey(arn, problem)
        return KmsKey("", f"{problem}, so the function is not given the use of it")


def arn_of(pipeline: Pipeline, reference: str, purpose: str = COPIES, *, any_account: bool = False) -> str | None:
    """A key's own ARN as far as its name tells: None of an alias.

    Raises:
        UsageError: it is no name of a key, or one of another account or Region.
    """
    doing = f"choosing the KMS key of {purpose}"
    found = _REFERENCE.fullmatch(reference)
    if found is None or (found["region"] is None and reference.startswith("key/")):
        raise UsageError(
            doing,
            f"{reference!r} is neither a key's id or ARN nor an alias",
            f'Pass one such as {_OPTIONS[purpose]} alias/copies; "" for no key any more.',
        )
    partition, region, account = here = (
        pipeline.partition,
        _region_of(pipeline, purpose),
        pipeline.account_id,
    )
    if found["region"] and any_account and found.group("partition", "region") == here[:2]:
        return reference if found["key"] else None
    if found["region"] and found.group("partition", "region", "account") != here:
        raise UsageError(
            doing,
            f"{reference} is in account {found['account']} and {found['region']}, "
            f"the bucket of {purpose} in account {account} and {region}",
            f"Choose a key of the bucket's Region{'' if any_account else ' and account'}.",
        )
    return f"arn:{partition}:kms:{region}:{account}:key/{found['key']}" if found["key"] else None


def _region_of(pipeline: Pipeline, purpose: str) -> str:
    """The Region in which S3 uses a key: that of the bucket."""
    return pipeline.region_of(pipeline.destination_bucket if purpose == COPIES else pipeline.source_bucket)


def describe_problem(metadata: Mapping[str, Any]) -> str:
    """Why S3 cannot encrypt with this key (DescribeKey, KeyMetadata), in words; "" where it can."""
    state = metadata.get("KeyState", "Enabled")
    spec, usage = metadata.get("KeySpec", _WANTED_SPEC), metadata.get("KeyUsage", _WANTED_USAGE)
    if (spec, usage) != (_WANTED_SPEC, _WANTED_USAGE):
        return f"S3 encrypts with symmetric keys only; this one is for {usage}, and its kind is {spec}"
    return "" if state == "Enabled" else f"the key is not enabled: its state is {state}"
