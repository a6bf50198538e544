"""`s3copy deploy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.output.result import Result

if TYPE_CHECKING:
    from rich.console import Console


@command("deploy", "s3copy deploy", "s3copy deploy --dry-run")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
def deploy(app: App, dry_run: bool) -> Result:
    """Update the function's code and settings, if they differ, and wait until they are in force.

    How it copies (setup's options) stays as it is.
    """
    app.announce("Deploying" + (" (dry run)" if dry_run else ""))
    from s3copy_cli.commands.provisioning import desired_for, execute, options_data, read_pipeline, settings_data
    from s3copy_cli.output.plan_text import plan_data, print_plan
    from s3copy_cli.provision.checks import concurrency_problem
    from s3copy_cli.provision.choices import recorded_choices
    from s3copy_cli.provision.plan import plan_deploy
    from s3copy_cli.provision.refusals import refuse_lost_settings
    from s3copy_cli.provision.remote import read_remote_state

    pipeline, function = read_pipeline(app)
    choices = recorded_choices(function)
    remote = read_remote_state(app.aws, pipeline, function)
    refuse_lost_settings(remote)
    problem = concurrency_problem(app.aws, function, choices.settings.reserved_concurrency)
    if problem:
        app.terminal.warn(problem)
    desired = desired_for(app, pipeline, choices, is_reservable=not problem)
    plan = plan_deploy(desired, remote, app.command("setup"))
    if not dry_run:
        execute(app, desired, plan)
    code_sha256 = desired.package.code_sha256

    def text(console: Console) -> None:
        if dry_run:
            print_plan(console, plan)
            console.print("\nNothing was changed.")
        elif plan.pending:
            console.print(f"Function {app.pipeline.function_name} is deployed and active (code {code_sha256}).")
        else:
            console.print(f"Function {app.pipeline.function_name} is up to date: nothing to change.")

    data = {
        "pipeline": app.pipeline.name,
        "function": app.pipeline.function_name,
        "code_sha256": code_sha256,
        "package_bytes": len(desired.package.content),
        "dry_run": dry_run,
        "changed": bool(plan.pending) and not dry_run,
        "options": options_data(desired.choices),
        "settings": settings_data(desired.choices),
        "steps": plan_data(plan),
    }
    return Result(data=data, text=text)
