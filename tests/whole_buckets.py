"""Everything about a bucket that somebody may have set, to see that nobody touched it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SETTINGS = (
    "get_bucket_location",
    "get_bucket_versioning",
    "get_bucket_tagging",
    "get_bucket_policy",
    "get_bucket_lifecycle_configuration",
    "get_bucket_encryption",
    "get_public_access_block",
    "get_bucket_ownership_controls",
    "get_bucket_acl",
    "get_bucket_notification_configuration",
    "list_multipart_uploads",
)


def state_of(client: Any, bucket: str, operations: Iterable[str] = SETTINGS) -> dict[str, Any]:
    """What these operations answer; the error's code where there is no such setting."""

    def read(operation: str) -> Any:
        try:
            answer = getattr(client, operation)(Bucket=bucket)
        except client.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"}

    return {operation: read(operation) for operation in operations}
