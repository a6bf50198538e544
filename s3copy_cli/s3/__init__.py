"""The S3 data plane: list, head, put, delete in bulk.

Commands talk to `ObjectStore`; which client stands behind it is this package's own business.
"""

from s3copy_cli.s3.crt_store import CrtObjectStore, open_store
from s3copy_cli.s3.store import PASSING_CODES, HeadUnderWay, ObjectStore
from s3copy_cli.s3.types import (
    Bucket,
    DeleteFailure,
    ListedObject,
    MultipartUpload,
    ObjectHead,
    ObjectVersion,
    PutOptions,
)

__all__ = [
    "PASSING_CODES",
    "Bucket",
    "CrtObjectStore",
    "DeleteFailure",
    "HeadUnderWay",
    "ListedObject",
    "MultipartUpload",
    "ObjectHead",
    "ObjectStore",
    "ObjectVersion",
    "PutOptions",
    "open_store",
]
