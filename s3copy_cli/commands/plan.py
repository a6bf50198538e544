"""`s3copy plan`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.commands.pipeline_options import given_choices, options_on_the_line, pipeline_options
from s3copy_cli.errors import ExitCode
from s3copy_cli.output.result import Result

if TYPE_CHECKING:
    from rich.console import Console


@command(
    "plan",
    "s3copy plan                          # exit code 0: as it ought to be; 3: changes pending",
    "s3copy plan --memory 512             # what setup --memory 512 would do",
    "s3copy plan --show-policy            # for whoever makes the role",
)
@click.option("--show-policy", is_flag=True, help="Print the policies that the function's role needs, as JSON.")
@pipeline_options
def plan(app: App, show_policy: bool, **parameters: Any) -> Result:
    """Show what setup would do, and change nothing.

    Compares everything that setup sets with what is there, attribute by attribute. Takes the same options as setup.
    """
    app.announce("Planning")
    from s3copy_cli.commands.provisioning import make_plan, options_data, pipeline_data, settings_data
    from s3copy_cli.output.plan_text import counts_line, plan_data, print_plan
    from s3copy_cli.provision.policy import trust_policy

    told = options_on_the_line()
    planned = make_plan(
        app,
        given_choices(parameters),
        check_role=not show_policy,
        handover_seconds=parameters["handover_seconds"],
    )
    found, pipeline = planned.plan, planned.desired.pipeline
    policies = {"trust_policy": trust_policy(), "role_policy": dict(planned.desired.needed_document)}

    def text(console: Console) -> None:
        if show_policy:
            console.print(json.dumps(policies, indent=2), soft_wrap=True)
            return
        print_plan(console, found)
        if found.pending:
            setup = app.command(" ".join(["setup", *told]))
            console.print(f"\nPlan: {counts_line(found.counts())}. Do it with: {setup}", soft_wrap=True)
        else:
            console.print(f"\nPipeline {pipeline.name} is as it ought to be: nothing to change.")

    data = {
        **pipeline_data(pipeline),
        "options": options_data(planned.choices),
        "settings": settings_data(planned.choices),
        "pending": len(found.pending),
        "counts": found.counts(),
        "steps": plan_data(found),
        "warnings": planned.warnings,
        **policies,
    }
    is_pending = bool(found.pending) and not show_policy
    return Result(data=data, text=text, exit_code=ExitCode.DIFFERENCES if is_pending else ExitCode.OK)
