"""`s3copy setup`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.output.result import Result

if TYPE_CHECKING:
    from rich.console import Console


@command(
    "setup",
    "s3copy --local setup                # on the embedded AWS",
    "s3copy setup --dry-run              # what would be done, and nothing else",
    "s3copy setup --name invoices --region eu-west-1",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
def setup(app: App, dry_run: bool) -> Result:
    """Build the pipeline, or bring it back to what it ought to be.

    Creates the source and destination buckets, the log group, the dead-letter queue, the role and its
    policy, the function and its settings, and the trigger. Running it again changes only what differs.
    """
    app.announce("Setting up" + (" (dry run)" if dry_run else ""))
    from s3copy_cli.commands.provisioning import desired_for, execute
    from s3copy_cli.output.plan_text import counts_line, plan_data, print_plan
    from s3copy_cli.provision.plan import plan_setup
    from s3copy_cli.provision.remote import read_remote_state

    desired = desired_for(app)
    plan = plan_setup(desired, read_remote_state(app.aws, app.pipeline))
    if not dry_run:
        execute(app, desired, plan)
    pipeline = app.pipeline

    def text(console: Console) -> None:
        if dry_run:
            print_plan(console, plan)
            console.print(f"\nPlan: {counts_line(plan.counts())}. Nothing was changed.")
            return
        if plan.pending:
            done = counts_line(plan.counts()).replace("to create", "created").replace("to update", "updated")
            console.print(f"Pipeline {pipeline.name} is set up: {done.replace('to keep', 'kept')}.")
        else:
            console.print(f"Pipeline {pipeline.name} is as it ought to be: nothing to change.")
        console.print(f"  source bucket       {pipeline.source_bucket}", soft_wrap=True)
        console.print(f"  destination bucket  {pipeline.destination_bucket}", soft_wrap=True)
        console.print(f"  function            {pipeline.function_name}", soft_wrap=True)
        console.print(f"Next: {app.command('upload sample.csv')}", soft_wrap=True)

    data = {
        "pipeline": pipeline.name,
        "account_id": pipeline.account_id,
        "region": pipeline.region,
        "source_bucket": pipeline.source_bucket,
        "destination_bucket": pipeline.destination_bucket,
        "function": pipeline.function_name,
        "dry_run": dry_run,
        "changed": bool(plan.pending) and not dry_run,
        "counts": plan.counts(),
        "steps": plan_data(plan),
    }
    return Result(data=data, text=text)
