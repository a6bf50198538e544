"""IAM and bucket policy documents. docs/permissions.md says why each line is there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from s3copy_cli.config import Pipeline

Document = dict[str, Any]
TLS_STATEMENT_ID = "s3copyTlsOnly"
_READ_SOURCE = "ReadSource"

SOURCE_OBJECT_ACTIONS = ("s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectTagging", "s3:GetObjectAnnotation")
DESTINATION_OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:PutObjectAnnotation",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
PROPAGATION_ACTIONS = ("s3:DeleteObject",)
# S3 asks KMS for them in the function's name. Decrypt, because S3 reads the parts of an upload again to complete it.
KMS_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
SOURCE_KMS_ACTIONS = ("kms:Decrypt",)


def trust_policy() -> Document:
    """Who may take on the role: the Lambda service."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }


def role_policy(
    pipeline: Pipeline,
    *,
    propagate_deletes: bool = False,
    encrypt_keys: Sequence[str] = (),
    decrypt_keys: Sequence[str] = (),
) -> Document:
    """What the function may do, and on nothing but this pipeline's resources.

    Args:
        pipeline: whose function.
        propagate_deletes: whether it is to delete at the destination.
        encrypt_keys: ARNs of the keys that S3 encrypts the copies with in its name.
        decrypt_keys: ARNs of the keys that S3 decrypts source objects with in its name.
    """
    source_arn = pipeline.bucket_arn(pipeline.source_bucket)
    destination_arn = pipeline.bucket_arn(pipeline.destination_bucket)
    deleting = [_allow("DeleteAtDestination", PROPAGATION_ACTIONS, f"{destination_arn}/*")] if propagate_deletes else []
    destination_region = pipeline.region_of(pipeline.destination_bucket)
    kms = [
        *_allow_through_s3(pipeline, pipeline.region, "DecryptSource", SOURCE_KMS_ACTIONS, decrypt_keys),
        *_allow_through_s3(pipeline, destination_region, "EncryptCopies", KMS_ACTIONS, encrypt_keys),
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow(_READ_SOURCE, SOURCE_OBJECT_ACTIONS, f"{source_arn}/*"),
            _allow("WriteDestination", DESTINATION_OBJECT_ACTIONS, f"{destination_arn}/*"),
            *deleting,
            *kms,
            _allow("ListBuckets", ("s3:ListBucket",), [source_arn, destination_arn]),
            _allow("WriteLogs", ("logs:CreateLogStream", "logs:PutLogEvents"), f"{pipeline.log_group_arn}:*"),
            _allow("ParkFailedEvents", ("sqs:SendMessage",), pipeline.queue_arn),
            _allow("GoOnWithLargeCopies", ("lambda:InvokeFunction",), pipeline.function_arn),
        ],
    }


def source_buckets_of(document: str | None) -> set[str]:
    """The source buckets that a role's policy names, canonical or None; usually one, none where it is not ours."""
    found = find_statement(json.loads(document), _READ_SOURCE) if document else None
    arns = [str(arn) for arn in _as_list((found or {}).get("Resource", []))]
    return {arn.rpartition(":")[2].removesuffix("/*") for arn in arns if arn.endswith("/*")}


def tls_statement(bucket_arn: str) -> Document:
    """Refuse every request to the bucket that does not come over TLS."""
    return {
        "Sid": TLS_STATEMENT_ID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def find_statement(document: Mapping[str, Any] | None, statement_id: str) -> Document | None:
    """The statement with this Sid, or None."""
    for statement in _as_list((document or {}).get("Statement", [])):
        if statement.get("Sid") == statement_id:
            return dict(statement)
    return None


def with_statement(document: Mapping[str, Any] | None, statement: Document) -> Document:
    """The document with this statement added, or put in the place of the one with the same Sid."""
    base = dict(document) if document else {"Version": "2012-10-17", "Statement": []}
    others = [one for one in _as_list(base.get("Statement", [])) if one.get("Sid") != statement["Sid"]]
    return {**base, "Statement": [*others, statement]}


def canonical(document: Any) -> str:
    """A text that is equal for documents that mean the same: one string is a list of one, order does not count."""
    return json.dumps(_normalise(document), sort_keys=True)


def differing_statements(old: str, new: str) -> tuple[Any, Any]:
    """Of two canonical documents what only the one has, and only the other: statements, as far as they have any.

    A text that is not a document stands as it is.
    """
    try:
        before, after = json.loads(old), json.loads(new)
    except (TypeError, ValueError):
        return old, new
    if not _has_statements(before) or not _has_statements(after):
        return before, after
    only_before = [one for one in before["Statement"] if one not in after["Statement"]]
    only_after = [one for one in after["Statement"] if one not in before["Statement"]]
    frames = [{key: value for key, value in one.items() if key != "Statement"} for one in (before, after)]
    if frames[0] == frames[1]:
        return only_before, only_after
    return [frames[0], *only_before], [frames[1], *only_after]


def _has_statements(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("Statement"), list)


def _normalise(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: sorted((_normalise(one) for one in _as_list(item)), key=repr)
            if key in {"Action", "Resource", "Statement", "NotAction", "NotResource"}
            else _normalise(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return _normalise(value[0]) if len(value) == 1 else sorted((_normalise(one) for one in value), key=repr)
    return value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _allow(statement_id: str, actions: tuple[str, ...], resource: str | list[str]) -> Document:
    return {"Sid": statement_id, "Effect": "Allow", "Action": list(actions), "Resource": resource}


def _allow_through_s3(
    pipeline: Pipeline, region: str, statement_id: str, actions: tuple[str, ...], keys: Sequence[str]
) -> list[Document]:
    """Allowed where S3 of that Region asks, and not to the function itself; nothing without a key."""
    if not keys:
        return []
    suffix = "amazonaws.com.cn" if pipeline.partition == "aws-cn" else "amazonaws.com"
    condition = {"StringEquals": {"kms:ViaService": f"s3.{region}.{suffix}"}}
    resource = keys[0] if len(keys) == 1 else sorted(keys)
    return [{**_allow(statement_id, actions, resource), "Condition": condition}]
