"""Which names a bucket can have that somebody wants a pipeline to join. Pure."""

from __future__ import annotations

import re

from s3copy_cli.config import BUCKET_NAME_MAX_LENGTH
from s3copy_cli.errors import OptionError

# S3 User Guide, "General purpose bucket naming rules"; names from before 2018 in us-east-1 may have capitals and "_",
# and notifications work there as well.
REGION_OF_OLD_NAMES = "us-east-1"
_LEAST = 3
_OLD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_HINT = "Pass the name of a general purpose bucket, e.g. invoices-2026."
# What is no general purpose bucket, by the end of its name, and why it does not do.
_OTHER_THINGS = {
    "--x-s3": "a directory bucket, which sends no notifications and takes no tags",
    "--table-s3": "a table bucket, which holds no objects of its own",
    "-s3alias": "the alias of an access point; notifications belong to its bucket",
    "--ol-s3": "the alias of an Object Lambda access point; notifications belong to its bucket",
    ".mrap": "a multi-Region access point; notifications belong to its buckets",
}


def validate_bucket_name(name: str, option: str, *, may_be_old: bool = True) -> None:
    """Check that a name can be that of a general purpose bucket.

    Args:
        name: what the person typed.
        option: where, e.g. "--source-bucket".
        may_be_old: the bucket may be in us-east-1, where old ones have names that are not given any more.

    Raises:
        OptionError: it cannot; with the rule that is broken, or with what it is instead.
    """
    if name.startswith("arn:"):
        is_bucket = name.partition(":s3:::")[2]
        hint = f"Pass the bucket's name alone: {option} {is_bucket}" if is_bucket else _HINT
        what = "the ARN of a bucket" if is_bucket else "an ARN, e.g. of an access point"
        raise OptionError(option, f"{name!r} is {what}, not a bucket's name", hint)
    if name.startswith("s3://"):
        bucket = name.removeprefix("s3://").partition("/")[0]
        raise OptionError(option, f"{name!r} is an address, not a bucket's name", f"Pass the name: {option} {bucket}")
    for ending, what in _OTHER_THINGS.items():
        if name.endswith(ending):
            raise OptionError(option, f"{name!r} is {what}", _HINT)
    broken = broken_rule(name)
    if broken and not (may_be_old and _OLD_NAME.fullmatch(name) and ".." not in name):
        raise OptionError(option, f"{name!r} is not a bucket's name: {broken}", _HINT)


def broken_rule(name: str) -> str:
    """Which rule keeps a bucket of this name from being created, in words; "" for none."""
    if not _LEAST <= len(name) <= BUCKET_NAME_MAX_LENGTH:
        return f"it has {len(name)} characters, and names have {_LEAST} to {BUCKET_NAME_MAX_LENGTH}"
    odd = next((character for character in name if not re.fullmatch(r"[a-z0-9.-]", character)), None)
    if odd is not None:
        return f"it has {odd!r}, and names have only a-z, 0-9, '-' and '.'"
    if not name[0].isalnum() or not name[-1].isalnum():
        return "names begin and end with a letter or digit"
    if ".." in name:
        return "it has two dots in a row"
    if re.fullmatch(r"\d+(\.\d+){3}", name):
        return "it has the form of an IP address"
    return ""
