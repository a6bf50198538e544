"""What setup and deploy have in common."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from s3copy_cli.aws import translate_errors
from s3copy_cli.commands.app import App
from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import recorded_pipeline
from s3copy_cli.output.plan_text import step_line
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import Choices
from s3copy_cli.provision.desired import DesiredState, desired_state
from s3copy_cli.provision.execute import Executor
from s3copy_cli.provision.package import build_package
from s3copy_cli.provision.plan import Plan
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.remote import read_function
from s3copy_cli.provision.resources import RemoteResource


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
        function = read_function(app.aws, pipeline)
    # What somebody else's function names is not our pipeline's.
    variables = function.attributes.get(names.ENVIRONMENT, {}) if function.is_ours else {}
    return recorded_pipeline(pipeline, variables), function


def desired_for(app: App, pipeline: Pipeline, choices: Choices) -> DesiredState:
    """The pipeline as it ought to be where this run works, with these choices.

    Args:
        app: the run.
        pipeline: with the buckets that it joins.
        choices: what the owner chose.
    """
    tls_not_applicable = ""
    if not app.aws.s3_is_https:
        place = "on the embedded AWS" if app.aws.is_embedded else f"at {app.aws.endpoint_url}"
        tls_not_applicable = f"not applicable {place}: it speaks plain HTTP and the policy would lock everybody out"
    return desired_state(pipeline, build_package(), choices, tls_not_applicable=tls_not_applicable)


def execute(app: App, desired: DesiredState, plan: Plan) -> None:
    """Take the plan's steps, saying each."""
    Executor(
        aws=app.aws,
        desired=desired,
        patience=patience(),
        on_step=lambda step: app.terminal.say(step_line(step)),
        on_wait=lambda line: app.terminal.say(f"    {line}"),
    ).execute(plan)


def options_data(choices: Choices) -> dict[str, Any]:
    """The choices about copying for the JSON envelope."""
    return asdict(choices.options)


def settings_data(choices: Choices) -> dict[str, Any]:
    """The choices about what is built for the JSON envelope."""
    return asdict(choices.settings)
