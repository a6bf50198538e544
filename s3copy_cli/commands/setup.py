"""`s3copy setup`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.output.result import Result

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.provision.options import CopyOptions

# Those of general purpose buckets that a copy may name (CopyObject, StorageClass).
_STORAGE_CLASSES = (
    "keep",
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY",
)


@command(
    "setup",
    "s3copy --local setup                # on the embedded AWS",
    "s3copy setup --dry-run              # what would be done, and nothing else",
    "s3copy setup --name invoices --region eu-west-1",
    "s3copy setup --propagate-deletes --destination-versioning",
    "s3copy setup --kms-key-id alias/copies",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option(
    "--propagate-deletes/--no-propagate-deletes",
    default=None,
    help="Delete at the destination what is deleted, or expires, in the source.",
)
@click.option("--destination-versioning", is_flag=True, help="Have the destination bucket keep versions.")
@click.option(
    "--accept-permanent-deletes",
    is_flag=True,
    help="Propagate deletes also to a bucket that keeps no versions.",
)
@click.option("--sync-tags/--no-sync-tags", default=None, help="Copy changes of tags alone.")
@click.option(
    "--storage-class",
    type=click.Choice(_STORAGE_CLASSES),
    metavar="keep|CLASS",
    help="Storage class of the copies: the source object's, or e.g. STANDARD_IA.",
)
@click.option(
    "--kms-key-id",
    metavar="KEY",
    envvar="S3COPY_KMS_KEY_ID",
    help='Encrypt the copies with this KMS key (id, alias or ARN); "" as the bucket does by default.',
)
def setup(
    app: App,
    dry_run: bool,
    propagate_deletes: bool | None,
    destination_versioning: bool,
    accept_permanent_deletes: bool,
    sync_tags: bool | None,
    storage_class: str | None,
    kms_key_id: str | None,
) -> Result:
    """Build the pipeline, or bring it back to what it ought to be.

    Creates the source and destination buckets, the log group, the dead-letter queue, the role and its
    policy, the function and its settings, and the trigger. Running it again changes only what differs.
    Options about copying that are not given stay as they were.
    """
    app.announce("Setting up" + (" (dry run)" if dry_run else ""))
    from s3copy_cli.commands.provisioning import desired_for, execute, options_data
    from s3copy_cli.output.plan_text import counts_line, plan_data, print_plan
    from s3copy_cli.provision.options import GivenOptions, chosen_options, deployed_options
    from s3copy_cli.provision.plan import plan_setup
    from s3copy_cli.provision.remote import read_remote_state
    from s3copy_cli.provision.resources import Kind

    given = GivenOptions(propagate_deletes, accept_permanent_deletes, sync_tags, storage_class, kms_key_id)
    remote = read_remote_state(app.aws, app.pipeline)
    options = _with_key_arn(app, chosen_options(given, deployed_options(remote[Kind.FUNCTION])))
    desired = desired_for(app, options, destination_versioning=destination_versioning)
    plan = plan_setup(desired, remote, app.command("setup"))
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
        for line in _option_lines(options):
            console.print(line, soft_wrap=True)
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
        "options": options_data(options),
        "counts": plan.counts(),
        "steps": plan_data(plan),
    }
    return Result(data=data, text=text)


def _with_key_arn(app: App, options: CopyOptions) -> CopyOptions:
    """The options with the key's own ARN, whatever it was called, if S3 can use it."""
    from s3copy_cli.provision.kms import find_key

    if options.kms_key_id is None:
        return options
    key = find_key(app.aws, app.pipeline, options.kms_key_id)
    if key.unchecked:
        app.terminal.warn(f"KMS key {key.arn}: {key.unchecked}")
    return replace(options, kms_key_id=key.arn)


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
    return lines
