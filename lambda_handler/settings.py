"""The function's settings: its environment variables, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import SettingsError

PIPELINE = "S3COPY_PIPELINE"
SOURCE_BUCKET = "S3COPY_SOURCE_BUCKET"
DESTINATION_BUCKET = "S3COPY_DESTINATION_BUCKET"
EXPECTED_BUCKET_OWNER = "S3COPY_EXPECTED_BUCKET_OWNER"


@dataclass(frozen=True)
class Settings:
    """Which buckets the function joins.

    Attributes:
        expected_bucket_owner: the account id that both buckets must belong to; sent with every request.
    """

    pipeline: str
    source_bucket: str
    destination_bucket: str
    expected_bucket_owner: str


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in these environment variables.

    Raises:
        SettingsError: a variable is missing or cannot be meant; the message names it.
    """
    names = (PIPELINE, SOURCE_BUCKET, DESTINATION_BUCKET, EXPECTED_BUCKET_OWNER)
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SettingsError(f"environment variable not set: {', '.join(missing)}; run `s3copy deploy`")
    pipeline, source_bucket, destination_bucket, owner = (environment[name] for name in names)
    if source_bucket == destination_bucket:
        # Every copy would start the function again, for ever.
        raise SettingsError(f"{SOURCE_BUCKET} and {DESTINATION_BUCKET} name the same bucket, {source_bucket!a}")
    if not re.fullmatch(r"[0-9]{12}", owner):
        raise SettingsError(f"{EXPECTED_BUCKET_OWNER} is not a 12-digit account id: {owner!a}")
    return Settings(pipeline, source_bucket, destination_bucket, owner)
