"""What setup, plan and deploy have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from s3copy_cli.aws_errors import translate_errors
from s3copy_cli.commands.app import App
from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import recorded_pipeline
from s3copy_cli.output.plan_text import step_line
from s3copy_cli.provision import remote as world
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.adoption import check_given_buckets, find_buckets
from s3copy_cli.provision.checks import concurrency_problem, role_warning
from s3copy_cli.provision.choices import Choices, GivenChoices, record_attributes, recorded_choices, resolve
from s3copy_cli.provision.denials import describe_denials
from s3copy_cli.provision.desired import (
    HANDOVER_SECONDS,
    BucketKeys,
    DesiredState,
    desired_state,
    function_environment,
)
from s3copy_cli.provision.execute import Executor
from s3copy_cli.provision.kms import COPIES, SOURCE_OBJECTS, find_bucket_key, find_key
from s3copy_cli.provision.notes import describe_notes
from s3copy_cli.provision.package import build_package
from s3copy_cli.provision.plan import Plan, plan_setup
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.record import Record
from s3copy_cli.provision.refusals import refuse_lost_settings
from s3copy_cli.provision.resources import Kind, RemoteResource, RemoteState
from s3copy_cli.provision.settings import Settings, option_of, settings_record
from s3copy_cli.provision.unseen import describe_unseen, find_unseen


@dataclass(frozen=True)
class Planned:
    """What is to be done, and for what.

    Attributes:
        choices: what holds from now on.
        desired: the pipeline with these choices.
        plan: how it gets there.
        warnings: what the owner should know, in words.
        is_reservable: whether Lambda would keep as many executions as are to be kept.
    """

    choices: Choices
    desired: DesiredState
    plan: Plan
    warnings: list[str]
    is_reservable: bool = True


@dataclass(frozen=True)
class _Found:
    """What AWS says about the choices; the choices with the ARNs of their keys."""

    choices: Choices
    keys: BucketKeys
    is_reservable: bool
    warnings: list[str]


def patience() -> Patience:
    """Waiting by the real clock."""
    return Patience(clock=time.monotonic, sleep=time.sleep)


def read_pipeline(app: App) -> tuple[Pipeline, RemoteResource]:
    """The pipeline between the buckets that its function names, and the function; its own buckets without one.

    Raises:
        AwsError: Lambda refused or failed a call.
    """
    pipeline = app.pipeline
    with translate_errors(f"reading pipeline {pipeline.name} in {pipeline.region}", region=app.aws.region):
        function = world.read_function(app.aws, pipeline)
    # What somebody else's function names is not our pipeline's.
    variables = function.attributes.get(names.ENVIRONMENT, {}) if function.is_ours else {}
    return recorded_pipeline(pipeline, variables), function


def make_plan(
    app: App, given: GivenChoices, *, check_role: bool = True, handover_seconds: float | None = None
) -> Planned:
    """Read what is there and decide what a setup would do; changes nothing.

    Args:
        app: the run.
        given: what the command line says.
        check_role: look at a role of the owner's.
        handover_seconds: how long an old trigger stays in force next to a new one; None for what AWS needs.

    Raises:
        S3CopyError: something stands in the way, or a choice cannot be kept.
    """
    check_given_buckets(app.pipeline, given)
    _, function = read_pipeline(app)
    recorded = recorded_choices(function, reset_settings=given.reset_settings)
    choices = resolve(given, recorded)
    pipeline = find_buckets(app.aws, app.pipeline, choices)
    remote = world.read_remote_state(app.aws, pipeline, function)
    if not given.reset_settings:
        refuse_lost_settings(remote)
    found = _look_up(app, pipeline, choices, remote, check_role=check_role)
    desired = desired_for(
        app,
        pipeline,
        found.choices,
        keys=found.keys,
        is_reservable=found.is_reservable,
        handover_seconds=handover_seconds,
    )
    plan = plan_setup(desired, remote, app.command("setup"))
    warnings, unseen = [*found.warnings, *describe_notes(desired, remote)], find_unseen(remote).expected
    if function.is_ours and unseen and recorded.settings.trigger != choices.settings.trigger:
        warnings.append(f"What is not looked at of the old trigger stays: {describe_unseen(unseen)}")
    for warning in warnings:
        app.terminal.warn(warning)
    return Planned(found.choices, desired, plan, warnings, found.is_reservable)


def desired_for(
    app: App,
    pipeline: Pipeline,
    choices: Choices,
    *,
    keys: BucketKeys | None = None,
    is_reservable: bool = True,
    handover_seconds: float | None = None,
) -> DesiredState:
    """The pipeline as it ought to be where this run works, with these choices.

    Args:
        app: the run.
        pipeline: with the buckets that it joins.
        choices: what the owner chose.
        handover_seconds: how long an old trigger stays in force next to a new one; None for what AWS needs.
        keys: by which the buckets encrypt.
        is_reservable: whether Lambda would keep as many executions as are to be kept.
    """
    tls_not_applicable = ""
    if not app.aws.s3_is_https:
        place = "on the embedded AWS" if app.aws.is_embedded else f"at {app.aws.endpoint_url}"
        tls_not_applicable = f"not applicable {place}: it speaks plain HTTP and the policy would lock everybody out"
    if handover_seconds is None:
        handover_seconds = 0.0 if app.aws.is_embedded else HANDOVER_SECONDS
    return desired_state(
        pipeline,
        build_package(),
        choices,
        tls_not_applicable=tls_not_applicable,
        handover_seconds=handover_seconds,
        keys=keys or BucketKeys(),
        is_reservable=is_reservable,
    )


def execute(app: App, desired: DesiredState, plan: Plan) -> None:
    """Take the plan's steps, saying each."""
    Executor(
        aws=app.aws,
        desired=desired,
        record=Record(
            app.aws,
            desired.pipeline,
            wanted=record_attributes(function_environment(desired.pipeline, desired.choices)),
            planned=plan.recorded,
            patience=patience().briefly(),
            command=app.command,
        ),
        patience=patience(),
        on_step=lambda step: app.terminal.say(step_line(step)),
        on_wait=lambda line: app.terminal.say(f"    {line}"),
    ).execute(plan)


def pipeline_data(pipeline: Pipeline) -> dict[str, Any]:
    """What the pipeline is and which buckets it joins, for the JSON envelope."""
    adopted = (pipeline.adopted_source_bucket, pipeline.adopted_destination_bucket)
    return {
        "pipeline": pipeline.name,
        "account_id": pipeline.account_id,
        "region": pipeline.region,
        "source_bucket": pipeline.source_bucket,
        "destination_bucket": pipeline.destination_bucket,
        "destination_region": pipeline.region_of(pipeline.destination_bucket),
        "adopted_buckets": [name for name in adopted if name is not None],
        "function": pipeline.function_name,
    }


def options_data(choices: Choices) -> dict[str, Any]:
    """The choices about copying for the JSON envelope."""
    return asdict(choices.options)


def settings_data(choices: Choices) -> dict[str, Any]:
    """The choices about what is built for the JSON envelope."""
    settings = choices.settings
    return {**asdict(settings), "tags": dict(settings.tags), "source_kms_keys": list(settings.source_kms_keys)}


def settings_facts(settings: Settings, *, is_reservable: bool = True) -> list[tuple[str, str]]:
    """What is not as it is by default: name and value.

    Args:
        settings: what was chosen.
        is_reservable: whether Lambda keeps as many executions as are to be kept.
    """
    record = settings_record(settings)
    if not is_reservable:
        record = {**record, "reserved_concurrency": f"none yet, instead of {settings.reserved_concurrency}"}
    return [(option_of(name).removeprefix("--").replace("-", " "), _words(value)) for name, value in record.items()]


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join("=".join(one) if isinstance(one, list) else str(one) for one in value)
    if value is None:
        return "never"
    return "yes" if value is True else str(value)


def _look_up(app: App, pipeline: Pipeline, choices: Choices, remote: RemoteState, *, check_role: bool) -> _Found:
    """Ask AWS what the choices mean, side by side, and nothing that they do not need."""
    aws, settings = app.aws, choices.settings
    warnings = describe_denials(pipeline, remote, settings.role_arn or "")

    def key(reference: str, purpose: str) -> str:
        found = find_key(aws, pipeline, reference, purpose, any_account=purpose == SOURCE_OBJECTS)
        if found.unchecked:
            warnings.append(f"KMS key {found.arn}: {found.unchecked}")
        return found.arn

    def bucket_key(kind: Kind, *, is_named: bool) -> str | None:
        found = find_bucket_key(aws, pipeline, remote[kind])
        # Who named a key knows why.
        if found and found.unchecked and not is_named:
            warnings.append(found.unchecked)
        return found.arn or None if found else None

    def role() -> None:
        warning = role_warning(aws, settings.role_arn, pipeline.account_id)
        if warning:
            warnings.append(warning)

    references = [(one, SOURCE_OBJECTS) for one in settings.source_kms_keys]
    references += [(choices.options.kms_key_id, COPIES)] if choices.options.kms_key_id else []
    jobs: list[Callable[[], Any]] = [
        lambda: bucket_key(Kind.SOURCE_BUCKET, is_named=bool(settings.source_kms_keys)),
        lambda: bucket_key(Kind.DESTINATION_BUCKET, is_named=bool(choices.options.kms_key_id)),
        lambda: concurrency_problem(aws, remote[Kind.FUNCTION], settings.reserved_concurrency),
        *([role] if settings.role_arn and check_role else []),
    ]
    # Clients are made here, not in the threads: making them is not thread-safe.
    _ = (aws.kms, aws.kms_in(pipeline.destination_region or ""))
    with ThreadPoolExecutor(max_workers=8) as pool:
        keys = pool.map(lambda each: key(*each), references)
        answers = list(pool.map(lambda job: job(), jobs))
        arns = dict(zip(references, keys, strict=True))
    source_keys = tuple(sorted({arns[each] for each in references if each[1] == SOURCE_OBJECTS}))
    copies_key = next((arn for (_, purpose), arn in arns.items() if purpose == COPIES), None)
    problem = str(answers[2])
    return _Found(
        replace(
            choices,
            options=replace(choices.options, kms_key_id=copies_key),
            settings=replace(settings, source_kms_keys=source_keys),
        ),
        BucketKeys(source=answers[0], destination=answers[1]),
        is_reservable=not problem,
        warnings=sorted(warnings) + ([problem] if problem else []),
    )
