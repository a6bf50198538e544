"""Objects of which one field is changed at a time, and what verify must then name: on moto and on the embedded AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

BODY = b"a,b\n1,2\n"
OTHER = BODY.replace(b"1", b"9")
BASE: dict[str, Any] = {
    "ContentType": "text/csv",
    "ContentEncoding": "identity",
    "ContentDisposition": "attachment",
    "ContentLanguage": "de",
    "CacheControl": "max-age=60",
    "Expires": datetime(2030, 1, 1, tzinfo=timezone.utc),
    "Metadata": {"owner": "me", "empty": "", "name": "=?UTF-8?B?w6TDtsO8?="},
    "Tagging": "team=blue&empty=",
    "StorageClass": "STANDARD_IA",
    "ChecksumAlgorithm": "CRC32",
}
TAGS = ("--tags",)


@dataclass(frozen=True)
class Case:
    """One change at the destination.

    Attributes:
        changes: how the copy is stored anew; None leaves an option out.
        fields: what verify must name: "*" differs, "?" not comparable. Nothing else may be named.
        body: the copy's bytes.
        source: how the source differs from `BASE`.
        outcome: what the object then is.
        options: of verify.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = BODY
    source: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = "*"
    options: tuple[str, ...] = ()

    def stored(self) -> dict[str, Any]:
        """How the copy is stored."""
        options = {**BASE, **self.source, **self.changes}
        return {option: value for option, value in options.items() if value is not None}


def metadata(**entries: str | None) -> dict[str, Any]:
    """`BASE`'s metadata with these changes; None takes one away."""
    changed = {**BASE["Metadata"], **entries}
    return {"Metadata": {name: value for name, value in changed.items() if value is not None}}


def named(entry: Mapping[str, Any]) -> dict[str, str]:
    """The fields that verify names of an object, with their signs."""
    signs = {"differ": "*", "not_comparable": "?"}
    return {name: signs[found["result"]] for name, found in entry.get("fields", {}).items()}


# What every implementation of S3 holds.
CASES: dict[str, Case] = {
    "bytes added": Case({}, {"size": "*", "etag": "*", "checksum-CRC32": "*"}, BODY + b"3,4\n"),
    "bytes, size kept": Case({}, {"etag": "*", "checksum-CRC32": "*"}, OTHER),
    "bytes, read": Case({}, {"etag": "*", "checksum-CRC32": "*", "content": "*"}, OTHER, options=("--prove-all",)),
    "Content-Type": Case({"ContentType": "text/plain"}, {"Content-Type": "*"}),
    "Content-Encoding": Case({"ContentEncoding": "gzip"}, {"Content-Encoding": "*"}),
    "Content-Disposition": Case({"ContentDisposition": "inline"}, {"Content-Disposition": "*"}),
    "Content-Language": Case({"ContentLanguage": "en"}, {"Content-Language": "*"}),
    "Cache-Control": Case({"CacheControl": "no-store"}, {"Cache-Control": "*"}),
    "Expires": Case({"Expires": datetime(2030, 1, 2, tzinfo=timezone.utc)}, {"Expires": "*"}),
    "Expires gone": Case({"Expires": None}, {"Expires": "*"}),
    "metadata changed": Case(metadata(owner="you"), {"x-amz-meta-owner": "*"}),
    "metadata in another case": Case(metadata(owner="Me"), {"x-amz-meta-owner": "*"}),
    "metadata emptied": Case(metadata(owner=""), {"x-amz-meta-owner": "*"}),
    "metadata gone": Case(metadata(owner=None), {"x-amz-meta-owner": "*"}),
    "metadata added": Case(metadata(added="1"), {"x-amz-meta-added": "*"}),
    "empty metadata gone": Case(metadata(empty=None), {"x-amz-meta-empty": "*"}),
    "metadata outside ASCII": Case(metadata(name="=?UTF-8?B?w6Q=?="), {"x-amz-meta-name": "*"}),
    "tag changed": Case({"Tagging": "team=red&empty="}, {"tag-team": "*"}, options=TAGS),
    "tag in another case": Case({"Tagging": "team=Blue&empty="}, {"tag-team": "*"}, options=TAGS),
    "tag gone": Case({"Tagging": "empty="}, {"tag-team": "*"}, options=TAGS),
    "empty tag gone": Case({"Tagging": "team=blue"}, {"tag-empty": "*"}, options=TAGS),
    "tag added": Case({"Tagging": "team=blue&empty=&new=1"}, {"tag-new": "*"}, options=TAGS),
}
