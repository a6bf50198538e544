"""How an object is to be copied. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .compare import ObjectState
from .errors import Failure

MAX_COPY_OBJECT_BYTES = 5 * 1024**3


@dataclass(frozen=True)
class CopyWhole:
    """One CopyObject: the whole object in one request."""

    name: str = "copy_object"
    parts: int = 1


@dataclass(frozen=True)
class Refuse:
    """This object cannot be copied; `failure` says why."""

    failure: Failure


def choose_strategy(source: ObjectState) -> CopyWhole | Refuse:
    """One CopyObject, up to the 5 GiB that S3 allows it."""
    if source.size > MAX_COPY_OBJECT_BYTES:
        message = (
            f"the object has {source.size} bytes; "
            f"one CopyObject can copy {MAX_COPY_OBJECT_BYTES} (5 GiB), and larger objects are not supported"
        )
        return Refuse(Failure("ObjectTooLarge", message, permanent=True))
    return CopyWhole()
