"""Which names a bucket can have that somebody wants a pipeline to join. Pure."""

from __future__ import annotations

import re

from s3copy_cli.errors import UsageError

# S3 User Guide, "General purpose bucket naming rules"; names from before 2018 in us-east-1 may have capitals and "_",
# and notifications work there as well.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_HINT = "Pass the name of a general purpose bucket, e.g. invoices-2026."
# What is no general purpose bucket, by the end of its name, and why it does not do.
_OTHER_THINGS = {
    "--x-s3": "a directory bucket, which sends no notifications and takes no tags",
    "--table-s3": "a table bucket, which holds no objects of its own",
    "-s3alias": "the alias of an access point; notifications belong to its bucket",
    "--ol-s3": "the alias of an Object Lambda access point; notifications belong to its bucket",
    ".mrap": "a multi-Region access point; notifications belong to its buckets",
}


def validate_bucket_name(name: str, option: str) -> None:
    """Check that a name can be that of a general purpose bucket.

    Args:
        name: what the person typed.
        option: where, e.g. "--source-bucket".

    Raises:
        UsageError: it cannot; with what it is instead, where that can be told.
    """
    doing = f"reading {option}"
    if name.startswith("arn:"):
        is_bucket = name.partition(":s3:::")[2]
        hint = f"Pass the bucket's name alone: {option} {is_bucket}" if is_bucket else _HINT
        what = "the ARN of a bucket" if is_bucket else "an ARN, e.g. of an access point"
        raise UsageError(doing, f"{name!r} is {what}, not a bucket's name", hint)
    if name.startswith("s3://"):
        bucket = name.removeprefix("s3://").partition("/")[0]
        raise UsageError(doing, f"{name!r} is an address, not a bucket's name", f"Pass the name: {option} {bucket}")
    for ending, what in _OTHER_THINGS.items():
        if name.endswith(ending):
            raise UsageError(doing, f"{name!r} is {what}", _HINT)
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(doing, f"{name!r} is not a bucket's name", _HINT)
