"""`s3copy setup`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.commands.pipeline_options import given_choices, pipeline_options
from s3copy_cli.output.result import Result
from s3copy_cli.output.safe import safe

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.config import Pipeline
    from s3copy_cli.provision.options import CopyOptions


@command(
    "setup",
    "s3copy --local setup                # on the embedded AWS",
    "s3copy setup --dry-run              # what would be done, and nothing else",
    "s3copy setup --name invoices --region eu-west-1",
    "s3copy setup --source-bucket invoices --destination-bucket invoices-archive",
    "s3copy setup --propagate-deletes --destination-versioning",
    "s3copy setup --kms-key-id alias/copies",
    "s3copy setup --trigger sqs --prefix in/ --suffix .csv --destination-prefix copies/",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@pipeline_options
def setup(app: App, dry_run: bool, **parameters: Any) -> Result:
    """Build the pipeline, or bring it back to what it ought to be.

    Creates the source and destination buckets, the log group, the dead-letter queue, the role and its
    policy, the function and its settings, and the trigger. Running it again changes only what differs.
    What is not given stays as it was.
    """
    app.announce("Setting up" + (" (dry run)" if dry_run else ""))
    from s3copy_cli.commands.provisioning import (
        execute,
        make_plan,
        options_data,
        pipeline_data,
        settings_data,
        settings_facts,
    )
    from s3copy_cli.output.plan_text import counts_line, plan_data, print_plan
    from s3copy_cli.provision.plan import Action, has_older_objects
    from s3copy_cli.provision.resources import Kind

    planned = make_plan(app, given_choices(parameters), handover_seconds=parameters["handover_seconds"])
    plan, choices = planned.plan, planned.choices
    if not dry_run:
        execute(app, planned.desired, plan)
    pipeline = planned.desired.pipeline

    def text(console: Console) -> None:
        if dry_run:
            print_plan(console, plan)
            console.print(f"\nPlan: {counts_line(plan.counts())}. Nothing was changed.")
            return
        if plan.pending:
            console.print(f"Pipeline {pipeline.name} is set up: {counts_line(plan.counts(), is_done=True)}.")
        else:
            console.print(f"Pipeline {pipeline.name} is as it ought to be: nothing to change.")
        facts = [*_bucket_facts(pipeline), ("function", pipeline.function_name)]
        facts += [
            *_option_facts(choices.options),
            *settings_facts(choices.settings, is_reservable=planned.is_reservable),
        ]
        width = max(len(name) for name, _ in facts)
        for name, value in facts:
            console.print(f"  {name:<{width}}  {safe(value)}", soft_wrap=True)
        if has_older_objects(plan, pipeline, choices.options):
            console.print(
                f"To bring over what is in the source bucket already: {app.command('repair')}", soft_wrap=True
            )
        # Of a pipeline that has worked before, what happened in between is what matters.
        is_new = any(step.kind is Kind.FUNCTION and step.action is Action.CREATE for step in plan.steps)
        next_line = f"upload {_sample(choices.options)}" if is_new or not plan.pending else "verify"
        console.print(f"Next: {app.command(next_line)}", soft_wrap=True)

    data = {
        **pipeline_data(pipeline),
        "dry_run": dry_run,
        "changed": bool(plan.pending) and not dry_run,
        "options": options_data(choices),
        "settings": settings_data(choices),
        "counts": plan.counts(),
        "steps": plan_data(plan),
        "warnings": planned.warnings,
    }
    return Result(data=data, text=text)


def _bucket_facts(pipeline: Pipeline) -> list[tuple[str, str]]:
    buckets = {"source bucket": pipeline.source_bucket, "destination bucket": pipeline.destination_bucket}
    regions = {role: pipeline.region_of(bucket) for role, bucket in buckets.items()}
    return [
        (role, bucket + (f" in {regions[role]}" if regions[role] != pipeline.region else ""))
        for role, bucket in buckets.items()
    ]


def _option_facts(options: CopyOptions) -> list[tuple[str, str]]:
    """What is not as it is by default."""
    storage_class = "that of the source object" if options.storage_class == "keep" else options.storage_class
    facts = {
        "deletes": "propagated" if options.propagate_deletes else "",
        "changes of tags": "copied" if options.sync_tags else "",
        "storage class": storage_class if options.storage_class != "STANDARD" else "",
        "KMS key": options.kms_key_id or "",
        "prefix": options.prefix,
        "suffix": options.suffix,
        "destination prefix": options.destination_prefix,
    }
    return [(name, value) for name, value in facts.items() if value]


def _sample(options: CopyOptions) -> str:
    """A file to upload that the pipeline copies."""
    name = "sample.csv" if "sample.csv".endswith(options.suffix) else shlex.quote(f"sample{options.suffix}")
    return f"{name} --prefix {shlex.quote(options.prefix)}" if options.prefix else name
