"""Requests as they go onto the wire: pure. Every key arrives as it is, because paths are encoded here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from s3copy_cli.s3.types import Bucket

# Never encoded in a path or a query (RFC 3986, unreserved); "/" only in paths.
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the requests for one bucket go.

    Attributes:
        host: the Host header, with a port where it is not the scheme's own.
        base_path: what comes before the key: "/", or "/bucket/" where the bucket is in the path.
    """

    host: str
    base_path: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        operation: S3's name for it, e.g. "HeadObject".
        method: of HTTP.
        bucket: which bucket.
        doing: what it is for, as the first part of an error's message.
        key: the object's key; "" for requests about the bucket.
        query: parameters; their names are plain, their values as they are, "" for those without one.
        headers: besides those that every request has.
        body: what is sent.
    """

    operation: str
    method: str
    bucket: Bucket
    doing: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def path(self, endpoint: Endpoint) -> str:
        """The request's target."""
        path = endpoint.base_path + quote(self.key, safe=_UNRESERVED + "/")
        if not self.query:
            return path
        # An empty value keeps its "=": that is how it is signed.
        pairs = (f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in self.query.items())
        return f"{path}?{'&'.join(pairs)}"
