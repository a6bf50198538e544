"""Reading buckets: the pipeline's own whole, the owner's as far as they matter to a pipeline that joins them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, is_denied
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.policy import canonical, find_statement, tls_statement
from s3copy_cli.provision.reading import BUCKET_MISSING, answer, first_rule, one_by_one, side_by_side, tag_problem
from s3copy_cli.provision.resources import BUCKET_POLICIES, Kind, RemoteResource
from s3copy_cli.provision.tags import tag_attribute

LIFECYCLE_RULE_ID = "s3copy-abort-incomplete-uploads"
_OUR_RULE = frozenset({"ID", "Status", "Filter", "Prefix", "AbortIncompleteMultipartUpload"})
# Makes reads that do not depend on each other, in whatever way.
MakeCalls = Callable[[Sequence[Callable[[], Any]]], list[Any]]


def read_joined_bucket(aws: Aws, pipeline: Pipeline, kind: Kind) -> list[RemoteResource]:
    """A bucket that the pipeline joins, its own or its owner's, and the bucket's policy."""
    is_source = kind is Kind.SOURCE_BUCKET
    name = pipeline.source_bucket if is_source else pipeline.destination_bucket
    is_adopted = (pipeline.adopted_source_bucket if is_source else pipeline.adopted_destination_bucket) is not None
    if is_adopted:
        return read_adopted_bucket(aws, pipeline, kind, name)
    return read_bucket(aws, pipeline, kind, name, side_by_side)


def read_unused_bucket(aws: Aws, pipeline: Pipeline, kind: Kind) -> list[RemoteResource]:
    """The pipeline's own bucket, where another one has taken its place: if it is there, and ours."""
    is_source = kind is Kind.UNUSED_SOURCE_BUCKET
    name = pipeline.own_source_bucket if is_source else pipeline.own_destination_bucket
    if name in {pipeline.source_bucket, pipeline.destination_bucket}:
        return [RemoteResource(kind, name)]
    found = read_bucket_ownership(aws, pipeline, kind, name)
    # Somebody else's bucket of that name is in nobody's way.
    return [found if found.is_ours else RemoteResource(kind, name)]


def read_bucket(
    aws: Aws, pipeline: Pipeline, kind: Kind, name: str, make_calls: MakeCalls = one_by_one
) -> list[RemoteResource]:
    """A bucket and its policy."""
    found = read_bucket_ownership(aws, pipeline, kind, name)
    if found.is_ours:
        # None where it went between two of the reads.
        complete = answer(lambda: _read_own_bucket(aws, pipeline, found, make_calls), BUCKET_MISSING)
        if complete is not None:
            return list(complete)
        found = RemoteResource(kind, name)
    return [found, replace(found, kind=BUCKET_POLICIES[kind], attributes={})]


def read_bucket_ownership(aws: Aws, pipeline: Pipeline, kind: Kind, name: str) -> RemoteResource:
    """Whether a bucket is there and ours; none of its attributes."""
    call = {"Bucket": name, "ExpectedBucketOwner": pipeline.account_id}
    try:
        if answer(lambda: aws.s3.head_bucket(**call), BUCKET_MISSING) is None:
            return RemoteResource(kind, name)
    except ClientError as error:
        if not is_denied(error):
            raise
        problem = "another account owns it, or your credentials may not look at it (s3:ListBucket)"
        return RemoteResource(kind, name, exists=True, problem=problem)
    try:
        tagging = answer(lambda: aws.s3.get_bucket_tagging(**call), frozenset({"NoSuchTagSet"}))
    except ClientError as error:
        if error_code(error) in BUCKET_MISSING:
            return RemoteResource(kind, name)
        raise
    tags = {tag["Key"]: tag["Value"] for tag in (tagging or {}).get("TagSet", [])}
    problem = tag_problem(pipeline, tags)
    attributes = {names.TAGS: tag_attribute(tags)}
    return RemoteResource(kind, name, exists=True, is_ours=not problem, attributes=attributes, problem=problem)


def _read_own_bucket(
    aws: Aws, pipeline: Pipeline, bucket: RemoteResource, make_calls: MakeCalls
) -> list[RemoteResource]:
    name, s3 = bucket.name, aws.s3
    call = {"Bucket": name, "ExpectedBucketOwner": pipeline.account_id}
    no_block = frozenset({"NoSuchPublicAccessBlockConfiguration"})
    no_ownership = frozenset({"OwnershipControlsNotFoundError"})
    no_encryption = frozenset({"ServerSideEncryptionConfigurationNotFoundError"})
    block, ownership, encryption, lifecycle, versioning, document = make_calls(
        [
            lambda: answer(lambda: s3.get_public_access_block(**call), no_block),
            lambda: answer(lambda: s3.get_bucket_ownership_controls(**call), no_ownership),
            lambda: answer(lambda: s3.get_bucket_encryption(**call), no_encryption),
            lambda: lifecycle_configuration(aws, pipeline, name),
            lambda: s3.get_bucket_versioning(**call),
            lambda: bucket_policy(aws, pipeline, name),
        ]
    )
    default = first_rule(encryption, "ServerSideEncryptionConfiguration").get("ApplyServerSideEncryptionByDefault", {})
    attributes = {
        **bucket.attributes,
        names.PUBLIC_ACCESS: _public_access(block),
        names.OBJECT_OWNERSHIP: first_rule(ownership, "OwnershipControls").get("ObjectOwnership"),
        names.DEFAULT_ENCRYPTION: default.get("SSEAlgorithm"),
        names.BUCKET_KEY: default.get("KMSMasterKeyID"),
        names.ABORT_UPLOADS: _abort_days(lifecycle.get("Rules", [])),
        names.VERSIONING: versioning.get("Status", "off"),
    }
    statement = find_statement(document, tls_statement("")["Sid"])
    policy = RemoteResource(
        BUCKET_POLICIES[bucket.kind],
        name,
        exists=statement is not None,
        is_ours=True,
        attributes={names.TLS_ONLY: canonical(statement)},
    )
    return [replace(bucket, attributes=attributes, policy=document or {}), policy]


def lifecycle_configuration(aws: Aws, pipeline: Pipeline, bucket: str) -> dict[str, Any]:
    """A bucket's lifecycle rules, ours and others', and what S3 keeps next to them; {} without any."""
    answered = answer(
        lambda: aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket, ExpectedBucketOwner=pipeline.account_id),
        frozenset({"NoSuchLifecycleConfiguration"}),
    )
    return {key: value for key, value in (answered or {}).items() if key != "ResponseMetadata"}


def bucket_policy(aws: Aws, pipeline: Pipeline, bucket: str) -> dict[str, Any] | None:
    """A bucket's policy document, or None."""
    answered = answer(
        lambda: aws.s3.get_bucket_policy(Bucket=bucket, ExpectedBucketOwner=pipeline.account_id),
        frozenset({"NoSuchBucketPolicy"}),
    )
    return json.loads(answered["Policy"]) if answered else None


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


def _public_access(answer: Any) -> str:
    flags = (answer or {}).get("PublicAccessBlockConfiguration", {})
    wanted = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return "blocked" if all(flags.get(flag) for flag in wanted) else "not blocked"


def _abort_days(rules: list[dict[str, Any]]) -> int | str | None:
    for rule in rules:
        if rule.get("ID") == LIFECYCLE_RULE_ID and rule.get("Status") == "Enabled":
            days: int | None = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
            is_narrowed = any((rule.get("Filter") or {}).values()) or bool(rule.get("Prefix"))
            others = sorted(set(rule) - _OUR_RULE)
            if others:
                # E.g. an expiration: it would delete objects in our name.
                return f"{days}, with {', '.join(others)}"
            return f"{days}, of some objects only" if is_narrowed else days
    return None
