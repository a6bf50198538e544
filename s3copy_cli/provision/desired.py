"""What a pipeline ought to be: pure, from the pipeline's names and the function's package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import (
    ENV_DESTINATION_BUCKET,
    ENV_DESTINATION_REGION,
    ENV_EXPECTED_BUCKET_OWNER,
    ENV_PIPELINE,
    ENV_SOURCE_BUCKET,
)
from s3copy_cli.errors import UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import Choices, check_environment_size, choice_environment
from s3copy_cli.provision.notifications import trigger_entry
from s3copy_cli.provision.options import CopyOptions, option_attributes, option_environment
from s3copy_cli.provision.package import HANDLER, Package
from s3copy_cli.provision.policy import canonical, role_policy, tls_statement, trust_policy
from s3copy_cli.provision.resources import DesiredResource, Kind
from s3copy_cli.provision.settings import DAY_SECONDS, NO_BOUNDARY, Settings, settings_record
from s3copy_cli.provision.triggers.wanted import (
    Trigger,
    check_reservation,
    event_queue_access,
    trigger_resources,
)

# The same for every pipeline.
# 14 days is SQS's most; 2 retries and 6 hours are Lambda's (PutFunctionEventInvokeConfig).
QUEUE_RETENTION_SECONDS = 14 * DAY_SECONDS
MAX_RETRIES = 2
MAX_EVENT_AGE_SECONDS = 21_600
ABORT_UPLOADS_AFTER_DAYS = 7
# S3 User Guide, "Enabling Amazon EventBridge": changes take about five minutes to take effect.
HANDOVER_SECONDS = 300.0


@dataclass(frozen=True)
class DesiredState:
    """Every resource of a pipeline as it ought to be, in the order of building.

    Attributes:
        pipeline: whose they are.
        package: the function's code.
        choices: what the owner chose.
        role_document: what the function needs to be allowed.
        resources: by kind, in the order of building.
        handover_seconds: how long an old trigger stays in force next to a new one.
    """

    pipeline: Pipeline
    package: Package
    choices: Choices
    role_document: Mapping[str, Any]
    resources: Mapping[Kind, DesiredResource]
    handover_seconds: float = 0.0

    @property
    def needed_document(self) -> Mapping[str, Any]:
        """What the function's role has to allow in all, also where it is in several policies."""
        if Kind.EVENT_QUEUE_ACCESS not in self.resources:
            return self.role_document
        added = event_queue_access(self.pipeline)["Statement"]
        return {**self.role_document, "Statement": [*self.role_document["Statement"], *added]}

    @property
    def options(self) -> CopyOptions:
        """What the owner chose about copying."""
        return self.choices.options

    @property
    def settings(self) -> Settings:
        """What the owner chose about what is built."""
        return self.choices.settings


def function_environment(pipeline: Pipeline, choices: Choices) -> dict[str, str]:
    """The function's environment variables: which buckets it joins, who must own them, and what was chosen."""
    return {**_identity(pipeline), **choice_environment(choices)}


def _identity(pipeline: Pipeline) -> dict[str, str]:
    return {
        ENV_PIPELINE: pipeline.name,
        ENV_SOURCE_BUCKET: pipeline.source_bucket,
        ENV_DESTINATION_BUCKET: pipeline.destination_bucket,
        ENV_EXPECTED_BUCKET_OWNER: pipeline.account_id,
        **({ENV_DESTINATION_REGION: pipeline.destination_region} if pipeline.destination_region else {}),
    }


@dataclass(frozen=True)
class BucketKeys:
    """The KMS keys by which the buckets encrypt what names none, as ARNs; None for a bucket that needs no grant."""

    source: str | None = None
    destination: str | None = None


def wanted_role_policy(pipeline: Pipeline, choices: Choices, keys: BucketKeys = BucketKeys()) -> dict[str, Any]:
    """What the function may do, with these choices, where the buckets have these keys."""
    copies_key = choices.options.kms_key_id or keys.destination
    source_keys = {*choices.settings.source_kms_keys, *([keys.source] if keys.source else [])}
    return role_policy(
        pipeline,
        propagate_deletes=choices.options.propagate_deletes,
        encrypt_keys=[copies_key] if copies_key else [],
        decrypt_keys=sorted(source_keys),
    )


def wanted_entry(desired: DesiredState) -> dict[str, Any]:
    """Our entry in the source bucket's notifications."""
    attributes = desired.resources[Kind.TRIGGER].attributes
    return trigger_entry(
        desired.pipeline,
        attributes[names.EVENTS],
        queue_arn=attributes.get(names.QUEUE_ARN, ""),
        prefix=attributes.get(names.PREFIX, ""),
        suffix=attributes.get(names.SUFFIX, ""),
    )


def desired_state(
    pipeline: Pipeline,
    package: Package,
    choices: Choices | None = None,
    *,
    tls_not_applicable: str = "",
    handover_seconds: float = HANDOVER_SECONDS,
    keys: BucketKeys = BucketKeys(),
    is_reservable: bool = True,
) -> DesiredState:
    """Write down the whole pipeline.

    Args:
        pipeline: whose resources.
        package: the function's code.
        choices: what the owner chose; None takes the defaults.
        tls_not_applicable: why a TLS-only bucket policy would lock everybody out here; "" where it would not.
        handover_seconds: how long an old trigger stays in force next to a new one.
        keys: by which the buckets encrypt.
        is_reservable: whether Lambda would keep as many executions as are to be kept; else they stay as they are.

    Raises:
        UsageError: Lambda has no room for the choices, they contradict each other, or they are about a bucket that is
            the owner's.
    """
    chosen = choices or Choices()
    settings, copying = chosen.settings, chosen.options
    check_environment_size(function_environment(pipeline, chosen))
    check_reservation(Trigger(settings.trigger), settings.reserved_concurrency)
    document = wanted_role_policy(pipeline, chosen, keys)
    tags = {**pipeline.tags, **dict(settings.tags)}
    not_our_role = f"yours: {settings.role_arn}" if settings.role_arn else ""
    boundary = {names.BOUNDARY: None if settings.permissions_boundary == NO_BOUNDARY else settings.permissions_boundary}
    reserved = {names.RESERVED_CONCURRENCY: settings.reserved_concurrency}
    all_resources = [
        *_buckets(pipeline, settings, tls_not_applicable),
        DesiredResource(
            Kind.LOG_GROUP, pipeline.log_group, {names.RETENTION_DAYS: settings.log_retention_days, names.TAGS: tags}
        ),
        DesiredResource(
            Kind.DEAD_LETTER_QUEUE,
            pipeline.queue_name,
            {names.RETENTION_SECONDS: QUEUE_RETENTION_SECONDS, names.QUEUE_ENCRYPTION: True, names.TAGS: tags},
        ),
        DesiredResource(
            Kind.ROLE,
            pipeline.role_name,
            {
                names.TRUST: canonical(trust_policy()),
                names.DESCRIPTION: f"s3copy pipeline {pipeline.name}: what its function may do",
                names.TAGS: tags,
                **(boundary if settings.permissions_boundary else {}),
            },
            not_applicable=not_our_role,
        ),
        DesiredResource(
            Kind.ROLE_POLICY,
            pipeline.policy_name,
            {names.DOCUMENT: canonical(document)},
            not_applicable=not_our_role,
        ),
        DesiredResource(
            Kind.FUNCTION,
            pipeline.function_name,
            {
                names.STATE: names.STATE_ACTIVE,
                names.CODE: package.code_sha256,
                names.RUNTIME: settings.runtime,
                names.HANDLER: HANDLER,
                names.DESCRIPTION: f"s3copy pipeline {pipeline.name}",
                names.ROLE: settings.role_arn or pipeline.role_arn,
                names.TIMEOUT: settings.timeout_seconds,
                names.MEMORY: settings.memory_mb,
                names.ARCHITECTURE: settings.architecture,
                names.ENVIRONMENT: _identity(pipeline),
                **option_attributes(option_environment(copying)),
                names.SETTINGS: settings_record(settings),
                names.TAGS: tags,
                **(reserved if is_reservable else {}),
                names.LOG_GROUP: pipeline.log_group,
                names.LOG_FORMAT: "Text",
                names.RECURSIVE_LOOPS: names.LOOPS_TERMINATE,
            },
        ),
        DesiredResource(
            Kind.ASYNC_INVOCATION,
            pipeline.function_name,
            {
                names.MAX_RETRIES: MAX_RETRIES,
                names.MAX_EVENT_AGE: MAX_EVENT_AGE_SECONDS,
                names.ON_FAILURE: pipeline.queue_arn,
            },
        ),
        *trigger_resources(
            pipeline,
            Trigger(settings.trigger),
            copying,
            timeout_seconds=settings.timeout_seconds,
            tags=tags,
            not_our_role=not_our_role,
            reserved_concurrency=settings.reserved_concurrency if is_reservable else None,
        ),
    ]
    by_kind = {resource.kind: resource for resource in all_resources}
    in_order = {kind: by_kind[kind] for kind in Kind if kind in by_kind}
    return DesiredState(pipeline, package, chosen, document, in_order, handover_seconds)


def _buckets(pipeline: Pipeline, settings: Settings, tls_not_applicable: str) -> list[DesiredResource]:
    found = []
    source = (Kind.SOURCE_BUCKET, Kind.SOURCE_BUCKET_POLICY, pipeline.source_bucket)
    destination = (Kind.DESTINATION_BUCKET, Kind.DESTINATION_BUCKET_POLICY, pipeline.destination_bucket)
    for (kind, policy_kind, name), is_versioned, is_adopted in (
        (source, settings.source_versioning, pipeline.adopted_source_bucket is not None),
        (destination, settings.destination_versioning, pipeline.adopted_destination_bucket is not None),
    ):
        if is_adopted:
            if is_versioned:
                raise _adopted_versioning(kind, name)
            found += [
                DesiredResource(kind, name, {}, is_adopted=True),
                DesiredResource(policy_kind, name, {}, not_applicable="the bucket is yours: its policy is left alone"),
            ]
            continue
        found += [
            DesiredResource(
                kind,
                name,
                {
                    names.PUBLIC_ACCESS: "blocked",
                    names.OBJECT_OWNERSHIP: "BucketOwnerEnforced",
                    names.DEFAULT_ENCRYPTION: "AES256",
                    names.ABORT_UPLOADS: ABORT_UPLOADS_AFTER_DAYS,
                    names.TAGS: {**pipeline.tags, **dict(settings.tags)},
                    **({names.VERSIONING: names.VERSIONING_ENABLED} if is_versioned else {}),
                },
            ),
            DesiredResource(
                policy_kind,
                name,
                {names.TLS_ONLY: canonical(tls_statement(pipeline.bucket_arn(name)))},
                not_applicable=tls_not_applicable,
            ),
        ]
    return found


def _adopted_versioning(kind: Kind, name: str) -> UsageError:
    option = "source-versioning" if kind is Kind.SOURCE_BUCKET else "destination-versioning"
    return UsageError(
        f"planning the {kind.value} {name}",
        f"--{option} would change the settings of a bucket that is yours",
        f"Pass --no-{option}, and turn versioning on yourself if you want it: "
        f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled",
    )
