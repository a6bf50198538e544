"""What to do about an error in the log, in plain words: pure."""

from __future__ import annotations

from s3copy_cli.verify.log_lines import ErrorKind

_BY_KIND = {
    ErrorKind.TIMEOUT: "An execution was longer than the function's time-out: a very large object, or S3 was slow. "
    "Lambda has retried it; if the object is still missing, upload it again.",
    ErrorKind.OUT_OF_MEMORY: "The function ran out of memory. Run '{setup}' to restore its memory size.",
    ErrorKind.CRASH: "The function's process ended by itself. Run '{deploy}' to put the packaged code back.",
    ErrorKind.INIT: "The function's code cannot be loaded. Run '{deploy}' to put the packaged code back.",
    ErrorKind.UNHANDLED: "A defect in the function, or code that is not s3copy's. Run '{deploy}', then upload again.",
    ErrorKind.HANDLED: "Read the message; when its cause is gone, upload the object again.",
}
_BY_CODE = {
    "AccessDenied": "The function's role may not do this. Run '{setup}' to restore its policy, then upload the object "
    "again. IAM takes some seconds to apply a policy, and Lambda retries after a minute by itself: right after a "
    "setup, run verify with --wait 120 first. Objects encrypted with a KMS key also need permission on that key.",
    "NoSuchBucket": "A bucket of the pipeline is gone. Run '{setup}' to build it again.",
    "InvalidObjectState": "The object is archived. Restore it first, then upload it again.",
    "ObjectNotInActiveTierError": "The object is archived. Restore it first, then upload it again.",
    "SlowDown": "S3 asked to slow down; Lambda retries by itself. Run verify again in a few minutes.",
    "SettingsError": "The function's environment variables are wrong. Run '{deploy}' to restore them.",
    "UnknownEvent": "Something other than S3 invoked the function. Look for a trigger that is not s3copy's.",
    "WrongBucket": "Another bucket invokes this function. Remove that trigger.",
    "InvalidRequest": "S3 cannot copy this object in one request, e.g. because it is larger than 5 GiB.",
    "ObjectTooLarge": "The object is larger than one copy request allows (5 GiB); the function does not copy it. Copy "
    "it by other means (aws s3 cp), or put it into the source in smaller files.",
    "CopyDiffers": "The copy was not equal to the source, probably because the source changed meanwhile. Lambda "
    "retries by itself; if the object still differs, upload it again.",
    "SourceChanging": "The object is overwritten faster than it can be copied. Lambda retries by itself; run verify "
    "again when nobody writes to it.",
    "OutOfTime": "One event named more than the function could do before its time-out. Lambda retries by itself; if "
    "the object is still missing, upload it again.",
    "DestinationChanging": "Something else writes to the destination bucket. Find out what, then upload the object "
    "again.",
    "LayoutDiffers": "The object's parts could not be reproduced in time. Lambda retries by itself; if the object is "
    "still missing, upload it again.",
    "PreconditionFailed": "The object changed while it was copied. Lambda retries by itself; run verify again when "
    "nobody writes to it.",
    "CannotContinue": "A copy longer than one execution could not be handed on. Run '{setup}' to restore the "
    "function's policy, then upload the object again.",
    "TooManyContinuations": "The object takes longer to copy than the function may go on, about four hours. Upload it "
    "in larger parts.",
    "KMS.DisabledException": "The object's KMS key is disabled. Enable it, then upload the object again.",
    **dict.fromkeys(
        ("KMS.KMSInvalidStateException", "KMS.NotFoundException"),
        "The object's KMS key can not be used: it is gone, or about to be deleted. Cancel its deletion, or choose "
        "another one for the copies (the setup option --kms-key-id), then upload the object again.",
    ),
}


def remedy(kind: ErrorKind, code: str, setup_command: str, deploy_command: str) -> str:
    """One or two sentences for a person.

    Args:
        kind: how the error came about.
        code: AWS's error code, or the exception's name.
        setup_command: the command line that rebuilds the pipeline.
        deploy_command: the command line that updates the function.
    """
    template = _BY_CODE.get(code) or _BY_KIND[kind]
    return template.format(setup=setup_command, deploy=deploy_command)
