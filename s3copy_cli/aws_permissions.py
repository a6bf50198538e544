"""Which IAM action an API operation needs; named in error messages."""

from __future__ import annotations

import re

# Only where the action is not `<service>:<Operation>` (Service Authorization Reference).
_ACTIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CopyObject": "s3:GetObject and s3:PutObject",
    "CreateBucket": "s3:CreateBucket and s3:TagResource",
    "DeleteBucket": "s3:DeleteBucket",
    "DeleteObjects": "s3:DeleteObject and s3:DeleteObjectVersion",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "PutObject": "s3:PutObject",
    "GetObjectTagging": "s3:GetObjectTagging",
    "PutObjectTagging": "s3:PutObjectTagging",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "Invoke": "lambda:InvokeFunction",
    # Operations of the same name in several services; where AWS names the action, that is what is told.
    "ListTagsForResource": "events:ListTagsForResource or logs:ListTagsForResource",
    "TagResource": "events:TagResource, lambda:TagResource or logs:TagResource",
    "UntagResource": "events:UntagResource, lambda:UntagResource or logs:UntagResource",
    "GetResources": "tag:GetResources",
}
_SERVICES = (
    ("cloudwatch", ("GetMetricData",)),
    ("kms", ("DescribeKey",)),
    ("sqs", ("Queue", "SendMessage", "ReceiveMessage", "ChangeMessageVisibility", "DeleteMessage")),
    ("logs", ("LogGroup", "LogEvents", "LogStream", "RetentionPolicy")),
    ("iam", ("Role",)),
    ("sts", ("CallerIdentity",)),
    ("events", ("Rule", "Targets")),
    (
        "lambda",
        (
            "EventSourceMapping",
            "Function",
            "Permission",
            "GetPolicy",
            "EventInvokeConfig",
            "ListTags",
            "AccountSettings",
        ),
    ),
    ("s3", ("Bucket", "Object")),
)


# E.g. "User: … is not authorized to perform: events:PutRule on resource: … because no identity-based policy …".
_NAMED = re.compile(r"not authorized to perform: ?\[?([a-z0-9-]+:[A-Za-z*]+)\b")


def iam_action(operation: str, message: str = "") -> str:
    """The IAM action behind an API operation, e.g. "s3:ListBucket" for "HeadBucket".

    For operations that s3copy does not use the operation's own name comes back.

    Args:
        operation: the API operation.
        message: AWS's own, which mostly names the action; one operation may need several.
    """
    named = _NAMED.search(message)
    if named:
        return named[1]
    if operation in _ACTIONS:
        return _ACTIONS[operation]
    for service, parts in _SERVICES:
        if any(part in operation for part in parts):
            return f"{service}:{operation}"
    return operation
