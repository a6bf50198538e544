"""Whether the ETags in a listing are digests: a listing does not show how each object is encrypted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code, translate_errors
from s3copy_cli.verify.compare import OPAQUE_ENCRYPTIONS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from s3copy_cli.s3 import Bucket

_UNTOLD = frozenset({"AccessDenied", "403", "MethodNotAllowed", "NotImplemented", "501"})
# What is said of a bucket without a default: there SSE-S3 holds, or nothing.
_NO_DEFAULT = "ServerSideEncryptionConfigurationNotFoundError"


def find_etag_obstacle(client: S3Client, buckets: Iterable[Bucket]) -> str:
    """Why the ETags in the listings of these buckets may not be digests of the bytes; empty if they are.

    They are where a bucket encrypts by SSE-S3 or not at all. An object that was stored in such a bucket with a KMS key
    of its own is not seen; its ETag is arbitrary then, and not that of the other side.

    Raises:
        AwsError: a bucket is gone, or S3 cannot be reached.
        CredentialsError: the credentials are no longer good.
    """
    for bucket in buckets:
        doing = f"asking how bucket {bucket.name} encrypts"
        with translate_errors(doing):
            try:
                answer = client.get_bucket_encryption(Bucket=bucket.name, ExpectedBucketOwner=bucket.owner)
            except ClientError as error:
                code = error_code(error)
                if code == _NO_DEFAULT:
                    continue
                if code in _UNTOLD:
                    return f"bucket {bucket.name} does not tell how it encrypts ({code})"
                raise
        for rule in answer["ServerSideEncryptionConfiguration"]["Rules"]:
            algorithm = rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "")
            if algorithm in OPAQUE_ENCRYPTIONS:
                return f"bucket {bucket.name} encrypts by {algorithm}"
    return ""
