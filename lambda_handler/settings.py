"""The function's settings: its environment variables, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import SettingsError
from .options import DEFAULT_OPTIONS, KEEP, STANDARD, Options

PIPELINE = "S3COPY_PIPELINE"
SOURCE_BUCKET = "S3COPY_SOURCE_BUCKET"
DESTINATION_BUCKET = "S3COPY_DESTINATION_BUCKET"
DESTINATION_REGION = "S3COPY_DESTINATION_REGION"
EXPECTED_BUCKET_OWNER = "S3COPY_EXPECTED_BUCKET_OWNER"
PROPAGATE_DELETES = "S3COPY_PROPAGATE_DELETES"
SYNC_TAGS = "S3COPY_SYNC_TAGS"
STORAGE_CLASS = "S3COPY_STORAGE_CLASS"
FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"  # set by Lambda
KMS_KEY_ID = "S3COPY_KMS_KEY_ID"
PREFIX = "S3COPY_PREFIX"
SUFFIX = "S3COPY_SUFFIX"
DESTINATION_PREFIX = "S3COPY_DESTINATION_PREFIX"


@dataclass(frozen=True)
class Settings:
    """Which buckets the function joins, and how it copies.

    Attributes:
        expected_bucket_owner: the account id that both buckets must belong to; sent with every request.
        options: what the user chose about copying.
        function_name: its own; None outside Lambda.
        destination_region: where the destination bucket is; None if in the function's own Region.
    """

    pipeline: str
    source_bucket: str
    destination_bucket: str
    expected_bucket_owner: str
    options: Options = DEFAULT_OPTIONS
    function_name: str | None = None
    destination_region: str | None = None


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
    region = environment.get(DESTINATION_REGION) or None
    if region and not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}", region):
        raise SettingsError(f"{DESTINATION_REGION} is not a Region's name: {region!a}")
    options = _read_options(environment)
    name = environment.get(FUNCTION_NAME)
    return Settings(pipeline, source_bucket, destination_bucket, owner, options, name, region)


def _read_options(environment: Mapping[str, str]) -> Options:
    storage_class = environment.get(STORAGE_CLASS) or STANDARD
    if storage_class != KEEP and not re.fullmatch(r"[A-Z][A-Z0-9_]*", storage_class):
        raise SettingsError(f"{STORAGE_CLASS} is neither {KEEP!a} nor a storage class: {storage_class!a}")
    return Options(
        propagate_deletes=_is_on(environment, PROPAGATE_DELETES),
        sync_tags=_is_on(environment, SYNC_TAGS),
        storage_class=storage_class,
        kms_key_id=environment.get(KMS_KEY_ID) or None,
        prefix=environment.get(PREFIX, ""),
        suffix=environment.get(SUFFIX, ""),
        destination_prefix=environment.get(DESTINATION_PREFIX, ""),
    )


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "")
    if value not in ("", "1"):
        # What deletes objects must not depend on how a word is read.
        raise SettingsError(f'{name} must be "1" or not be set: {value!a}')
    return value == "1"
