"""`s3copy setup`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.commands.pipeline_options import given_choices, pipeline_options
from s3copy_cli.output.result import Result
from s3copy_cli.output.safe import safe

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.provision.options import CopyOptions
    from s3copy_cli.provision.plan import Plan


@command(
    "setup",
    "s3copy --local setup                # on the embedded AWS",
    "s3copy setup --dry-run              # what would be done, and nothing else",
    "s3copy setup --name invoices --region eu-west-1",
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
        settings_lines,
    )
    from s3copy_cli.output.plan_text import counts_line, plan_data, print_plan

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
            done = counts_line(plan.counts())
            for verb, past in (("create", "created"), ("update", "updated"), ("keep", "kept"), ("delete", "deleted")):
                done = done.replace(f"to {verb}", past)
            console.print(f"Pipeline {pipeline.name} is set up: {done}.")
        else:
            console.print(f"Pipeline {pipeline.name} is as it ought to be: nothing to change.")
        for role, bucket in (("source", pipeline.source_bucket), ("destination", pipeline.destination_bucket)):
            where = f" in {pipeline.region_of(bucket)}" if pipeline.region_of(bucket) != pipeline.region else ""
            console.print(f"  {role + ' bucket':<18}  {bucket}{where}", soft_wrap=True)
        console.print(f"  function            {pipeline.function_name}", soft_wrap=True)
        for line in [*_option_lines(choices.options), *settings_lines(choices.settings)]:
            console.print(line, soft_wrap=True)
        if pipeline.adopted_source_bucket and plan.pending:
            console.print(f"To bring over what is in that bucket already: {app.command('repair')}", soft_wrap=True)
        next_command = "verify" if _has_chosen_otherwise(plan) else "upload sample.csv"
        console.print(f"Next: {app.command(next_command)}", soft_wrap=True)

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


def _has_chosen_otherwise(plan: Plan) -> bool:
    """Whether another trigger has taken over, or other keys are copied: then there is something to look after."""
    from s3copy_cli.provision import resources as names
    from s3copy_cli.provision.plan import Action

    chosen = {names.PREFIX, names.SUFFIX, names.DESTINATION_PREFIX}
    return any(
        step.action is Action.DELETE or chosen & {change.attribute for change in step.changes} for step in plan.pending
    )


def _option_lines(options: CopyOptions) -> list[str]:
    """What is not as it is by default."""
    lines = []
    if options.propagate_deletes:
        lines.append("  deletes             propagated")
    if options.sync_tags:
        lines.append("  changes of tags     copied")
    if options.storage_class != "STANDARD":
        kept = "that of the source object" if options.storage_class == "keep" else options.storage_class
        lines.append(f"  storage class       {kept}")
    if options.kms_key_id:
        lines.append(f"  KMS key             {options.kms_key_id}")
    for what, affix in (
        ("prefix", options.prefix),
        ("suffix", options.suffix),
        ("destination prefix", options.destination_prefix),
    ):
        if affix:
            lines.append(f"  {what:<18}  {safe(affix)}")
    return lines
