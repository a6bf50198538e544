"""What a pipeline ought to be: pure, from the pipeline's names and the function's package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import (
    ENV_DESTINATION_BUCKET,
    ENV_EXPECTED_BUCKET_OWNER,
    ENV_PIPELINE,
    ENV_SOURCE_BUCKET,
)
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.options import CopyOptions, option_attributes, option_environment, trigger_events
from s3copy_cli.provision.package import HANDLER, Package
from s3copy_cli.provision.policy import canonical, role_policy, tls_statement, trust_policy
from s3copy_cli.provision.resources import DesiredResource, Kind

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Settings:
    """The choices behind a pipeline; every pipeline has the same ones for now.

    Attributes:
        runtime: the function's runtime.
        architecture: the function's processor.
        memory_mb: its memory (MB), which on Lambda also buys processor time.
        timeout_seconds: how long one invocation may take; 15 minutes is Lambda's most, and what a large copy needs.
        log_retention_days: how long log lines are kept.
        queue_retention_seconds: how long a parked event is kept; 14 days is SQS's most.
        max_retries: how often Lambda repeats a failed asynchronous invocation; 2 is its most.
        max_event_age_seconds: how long Lambda keeps trying to deliver an event; 6 hours is its most.
        abort_uploads_after_days: when S3 sweeps multipart uploads that nobody completed.
    """

    runtime: str = "python3.13"
    architecture: str = "arm64"
    memory_mb: int = 256
    timeout_seconds: int = 900
    log_retention_days: int = 30
    queue_retention_seconds: int = 14 * DAY_SECONDS
    max_retries: int = 2
    max_event_age_seconds: int = 21_600
    abort_uploads_after_days: int = 7


@dataclass(frozen=True)
class DesiredState:
    """Every resource of a pipeline as it ought to be, in the order of building.

    Attributes:
        pipeline: whose they are.
        settings: the choices behind them.
        package: the function's code.
        options: what the owner chose about copying.
        resources: by kind, in the order of building.
    """

    pipeline: Pipeline
    settings: Settings
    package: Package
    options: CopyOptions
    resources: Mapping[Kind, DesiredResource]


def function_environment(pipeline: Pipeline, options: CopyOptions) -> dict[str, str]:
    """The function's environment variables: which buckets it joins, who must own them, and how it copies."""
    return {**_identity(pipeline), **option_environment(options)}


def _identity(pipeline: Pipeline) -> dict[str, str]:
    return {
        ENV_PIPELINE: pipeline.name,
        ENV_SOURCE_BUCKET: pipeline.source_bucket,
        ENV_DESTINATION_BUCKET: pipeline.destination_bucket,
        ENV_EXPECTED_BUCKET_OWNER: pipeline.account_id,
    }


def wanted_role_policy(pipeline: Pipeline, options: CopyOptions) -> dict[str, Any]:
    """What the function may do, with these options."""
    return role_policy(pipeline, propagate_deletes=options.propagate_deletes, kms_key_arn=options.kms_key_id)


def permission_statement(pipeline: Pipeline) -> dict[str, str]:
    """Who may invoke the function: S3, for the source bucket, as this account's own."""
    return {
        "principal": "s3.amazonaws.com",
        "action": "lambda:InvokeFunction",
        "source arn": pipeline.bucket_arn(pipeline.source_bucket),
        "source account": pipeline.account_id,
    }


def desired_state(
    pipeline: Pipeline,
    package: Package,
    *,
    tls_not_applicable: str = "",
    settings: Settings | None = None,
    options: CopyOptions | None = None,
    destination_versioning: bool = False,
) -> DesiredState:
    """Write down the whole pipeline.

    Args:
        pipeline: whose resources.
        package: the function's code.
        tls_not_applicable: why a TLS-only bucket policy would lock everybody out here; "" where it would not.
        settings: the choices; None takes the defaults.
        options: what the owner chose about copying; None takes the defaults.
        destination_versioning: the destination bucket is to keep versions; else its versioning stays as it is.
    """
    chosen = settings or Settings()
    copying = options or CopyOptions()
    all_resources = [
        *_buckets(pipeline, chosen, tls_not_applicable, destination_versioning=destination_versioning),
        DesiredResource(Kind.LOG_GROUP, pipeline.log_group, {names.RETENTION_DAYS: chosen.log_retention_days}),
        DesiredResource(
            Kind.DEAD_LETTER_QUEUE,
            pipeline.queue_name,
            {names.RETENTION_SECONDS: chosen.queue_retention_seconds, names.QUEUE_ENCRYPTION: True},
        ),
        DesiredResource(Kind.ROLE, pipeline.role_name, {names.TRUST: canonical(trust_policy())}),
        DesiredResource(
            Kind.ROLE_POLICY,
            pipeline.policy_name,
            {names.DOCUMENT: canonical(wanted_role_policy(pipeline, copying))},
        ),
        DesiredResource(
            Kind.FUNCTION,
            pipeline.function_name,
            {
                names.STATE: names.STATE_ACTIVE,
                names.CODE: package.code_sha256,
                names.RUNTIME: chosen.runtime,
                names.HANDLER: HANDLER,
                names.ROLE: pipeline.role_arn,
                names.TIMEOUT: chosen.timeout_seconds,
                names.MEMORY: chosen.memory_mb,
                names.ARCHITECTURE: chosen.architecture,
                names.ENVIRONMENT: _identity(pipeline),
                **option_attributes(option_environment(copying)),
                names.LOG_GROUP: pipeline.log_group,
                names.LOG_FORMAT: "Text",
            },
        ),
        DesiredResource(
            Kind.ASYNC_INVOCATION,
            pipeline.function_name,
            {
                names.MAX_RETRIES: chosen.max_retries,
                names.MAX_EVENT_AGE: chosen.max_event_age_seconds,
                names.ON_FAILURE: pipeline.queue_arn,
            },
        ),
        DesiredResource(Kind.PERMISSION, pipeline.permission_id, {names.STATEMENT: permission_statement(pipeline)}),
        DesiredResource(
            Kind.TRIGGER,
            pipeline.notification_id,
            {names.EVENTS: trigger_events(copying), names.FUNCTION_ARN: pipeline.function_arn},
        ),
    ]
    return DesiredState(pipeline, chosen, package, copying, {resource.kind: resource for resource in all_resources})


def _buckets(
    pipeline: Pipeline, settings: Settings, tls_not_applicable: str, *, destination_versioning: bool
) -> list[DesiredResource]:
    found = []
    for kind, policy_kind, name in (
        (Kind.SOURCE_BUCKET, Kind.SOURCE_BUCKET_POLICY, pipeline.source_bucket),
        (Kind.DESTINATION_BUCKET, Kind.DESTINATION_BUCKET_POLICY, pipeline.destination_bucket),
    ):
        is_versioned = destination_versioning and kind is Kind.DESTINATION_BUCKET
        found += [
            DesiredResource(
                kind,
                name,
                {
                    names.PUBLIC_ACCESS: "blocked",
                    names.OBJECT_OWNERSHIP: "BucketOwnerEnforced",
                    names.DEFAULT_ENCRYPTION: "AES256",
                    names.ABORT_UPLOADS: settings.abort_uploads_after_days,
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
