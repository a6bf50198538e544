"""What to do about an error in the log, in plain words: pure."""

from __future__ import annotations

import re

from s3copy_cli.verify.health import Health
from s3copy_cli.verify.log_lines import ErrorKind
from s3copy_cli.wording import human_size

# Seconds; Lambda's limit, and what setup gives the function.
_LONGEST_TIMEOUT = 900
# How an object is brought over when the cause of its failure is gone.
AGAIN = "run repair"

_BY_KIND = {
    ErrorKind.TIMEOUT: "An execution was longer than the function's time-out{timeout}{size}: a very large object, or "
    "S3 was slow. Lambda has retried it; if the object is still missing, run '{setup}' to restore the time-out, then "
    "{again}.",
    ErrorKind.OUT_OF_MEMORY: "The function ran out of memory{memory}. Run '{setup}' to restore its memory size, then "
    "{again}.",
    ErrorKind.CRASH: "The function's process ended by itself. Run '{deploy}' to put the packaged code back.",
    ErrorKind.INIT: "The function could not be started. Run '{deploy}' to put the packaged code back.",
    ErrorKind.UNHANDLED: "A defect in the function, or code that is not s3copy's. Run '{deploy}', then {again}.",
    ErrorKind.HANDLED: "Read the message; when its cause is gone, {again}.",
}
_DENIED = (
    "The function's role lacks a permission: {permission}. Run '{setup}' to restore its policy, then {again}. IAM "
    "takes some seconds to apply a policy, and Lambda retries after a minute by itself: right after a setup, run "
    "verify with --wait 120 first. Objects encrypted with a KMS key also need permission on that key."
)
_ARCHIVED = "The object is archived. Restore it first, then {again}."
_BUSY = "AWS asked for fewer requests; Lambda retries by itself. Run verify again in a few minutes."
_AWS_FAILED = "AWS failed for a moment; Lambda retries by itself. If the object is still missing, {again}."
_NO_ANSWER = "No answer came in time; Lambda retries by itself. If the object is still missing, {again}."
_KMS = "Look at the KMS key of the object, or of the destination bucket: it must be enabled, in this Region, and "
_BY_CODE = {
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "AllAccessDisabled": "AWS has disabled access to this bucket. Ask AWS Support why.",
    "NoSuchBucket": "A bucket of the pipeline is gone. Run '{setup}' to build it again, then {again}.",
    "InvalidObjectState": _ARCHIVED,
    "ObjectNotInActiveTierError": _ARCHIVED,
    "SlowDown": _BUSY,
    "TooManyRequestsException": _BUSY,
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "InternalError": _AWS_FAILED,
    "ServiceUnavailable": _AWS_FAILED,
    "500": _AWS_FAILED,
    "503": _AWS_FAILED,
    "RequestTimeout": _NO_ANSWER,
    "ReadTimeoutError": _NO_ANSWER,
    "ConnectTimeoutError": _NO_ANSWER,
    "EndpointConnectionError": _NO_ANSWER,
    "ConnectionClosedError": _NO_ANSWER,
    "SettingsError": "The function's environment variables are wrong. Run '{deploy}' to restore them.",
    "UnknownEvent": "Something other than S3 invoked the function. Look for a trigger that is not s3copy's.",
    "WrongBucket": "Another bucket invokes this function. Remove that trigger.",
    "InvalidRequest": "S3 does not take this copy as one request, e.g. because the object is larger than 5 GiB.",
    "ObjectTooLarge": "The object has more than 10,000 parts can hold; the function does not copy it. Copy it by other "
    "means (aws s3 cp), or put it into the source in smaller files.",
    "KeyTooLong": "With the pipeline's destination prefix the key is longer than S3 allows. Put the object under a "
    "shorter key, or choose a shorter prefix: '{setup} --destination-prefix P', then {again}.",
    "CopyDiffers": "The copy was not equal to the source, probably because the source changed meanwhile. Lambda "
    "retries by itself; if the object still differs, {again}.",
    "SourceChanging": "The object is overwritten faster than it can be copied. Lambda retries by itself; run verify "
    "again when nobody writes to it.",
    "OutOfTime": "One event named more than the function could do before its time-out{timeout}. Lambda retries by "
    "itself; if the object is still missing, {again}.",
    "DestinationChanging": "Something else writes to the destination bucket. Find out what, then {again}.",
    "LayoutDiffers": "The object's parts could not be reproduced in time. Lambda retries by itself; if the object is "
    "still missing, {again}.",
    "PreconditionFailed": "The object changed while it was copied. Lambda retries by itself; run verify again when "
    "nobody writes to it.",
    "CannotContinue": "A copy longer than one execution could not be handed on. Run '{setup}' to restore the "
    "function's policy, then {again}.",
    "TooManyContinuations": "The object takes longer to copy than the function may go on, about four hours. Upload it "
    "in larger parts.",
    "KMS.DisabledException": "The object's KMS key is disabled. Enable it, then {again}.",
    **dict.fromkeys(
        ("KMS.KMSInvalidStateException", "KMS.NotFoundException"),
        "The object's KMS key can not be used: it is gone, or about to be deleted. Cancel its deletion, or choose "
        "another one for the copies (the setup option --kms-key-id), then {again}.",
    ),
    "KMS.InvalidKeyUsageException": _KMS + "a symmetric key for encryption. Then {again}.",
}
# What a request of the function needs, where AWS does not say which permission is missing.
_NEEDED = {
    "HeadObject": "s3:GetObject (and s3:ListBucket, to tell a missing object)",
    "CopyObject": "s3:GetObject and s3:GetObjectTagging on the source, s3:PutObject and s3:PutObjectTagging on the "
    "destination",
    "UploadPartCopy": "s3:GetObject on the source, s3:PutObject on the destination",
    "CreateMultipartUpload": "s3:PutObject and s3:PutObjectTagging",
    "CompleteMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListParts": "s3:ListMultipartUploadParts",
    "ListObjectsV2": "s3:ListBucket",
    "GetObjectTagging": "s3:GetObjectTagging",
    "GetObjectAttributes": "s3:GetObjectAttributes",
    "DeleteObject": "s3:DeleteObject",
    "Invoke": "lambda:InvokeFunction",
}
_NAMED = re.compile(r"not authorized to perform: ([a-z0-9-]{2,30}:[A-Za-z]{3,60})\b")


def remedy(
    kind: ErrorKind,
    code: str,
    setup_command: str,
    deploy_command: str,
    *,
    operation: str = "",
    message: str = "",
    health: Health | None = None,
    size: int | None = None,
) -> str:
    """One or two sentences for a person.

    Args:
        kind: how the error came about.
        code: AWS's error code, or the exception's name.
        setup_command: the command line that rebuilds the pipeline.
        deploy_command: the command line that updates the function.
        operation: the request that failed, empty if none is known.
        message: what AWS said.
        health: the function's settings, None if nobody has looked.
        size: bytes of the largest object concerned, None if it is not known.
    """
    health = health or Health()
    return (_BY_CODE.get(code) or _BY_KIND[kind]).format(
        setup=setup_command,
        deploy=deploy_command,
        again=AGAIN,
        permission=missing_permission(operation, message),
        timeout=f" ({health.timeout} s)" if health.timeout else "",
        memory=f" ({health.memory_mb:,} MB)" if health.memory_mb else "",
        size=f" with an object of {human_size(size)}" if size else "",
    )


def restoring_command(
    kind: ErrorKind, code: str, setup_command: str, deploy_command: str, health: Health | None = None
) -> str:
    """The command line that the remedy names; empty if it names none, or none that could change anything."""
    text = _BY_CODE.get(code) or _BY_KIND[kind]
    if kind is ErrorKind.TIMEOUT and health is not None and (health.timeout or 0) >= _LONGEST_TIMEOUT:
        return ""
    return setup_command if "{setup}" in text else deploy_command if "{deploy}" in text else ""


def missing_permission(operation: str, message: str) -> str:
    """The permission that AWS names, else those that the request needs."""
    named = _NAMED.search(message)
    if named:
        return named[1]
    return _NEEDED.get(operation) or (f"the one for {operation}" if operation else "one that AWS does not name")
