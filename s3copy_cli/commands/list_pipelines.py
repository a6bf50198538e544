"""`s3copy list`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import command
from s3copy_cli.output.result import Result
from s3copy_cli.output.safe import safe

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.provision.inventory import Inventory, Leftover, ListedPipeline


@command("list", "s3copy --local list", "s3copy list --all-regions", "s3copy list --json")
@click.option("--all-regions", is_flag=True, help="Look in every Region that has Lambda.")
def list_pipelines(app: App, all_regions: bool) -> Result:
    """Show the pipelines in the account and Region, and what is left of others.

    A pipeline is known by its function. What carries a pipeline's tag and has no function is shown as left
    over, if your credentials may look for it (tag:GetResources); roles are not found that way.
    """
    app.terminal.say(f"Listing pipelines · {app.where}")
    from s3copy_cli.provision.inventory import take_inventory, take_inventory_of_all_regions

    found = take_inventory_of_all_regions(app.aws) if all_regions else take_inventory(app.aws)
    return Result(data=_data(found), text=lambda console: _text(console, app, found))


def _data(found: Inventory) -> dict[str, Any]:
    return {
        "regions": list(found.regions),
        "skipped_regions": list(found.skipped_regions),
        "pipelines": [
            {
                "pipeline": one.name,
                "region": one.region,
                "source_bucket": one.source_bucket,
                "destination_bucket": one.destination_bucket,
                "trigger": one.trigger,
                "state": one.state,
                "changed_at": one.changed_at.isoformat(timespec="seconds") if one.changed_at else None,
                "problem": one.problem,
            }
            for one in found.pipelines
        ],
        "leftovers": [{"pipeline": one.name, "region": one.region, "arns": list(one.arns)} for one in found.leftovers],
        "leftovers_not_looked_for": dict(found.leftovers_not_looked_for),
    }


def _text(console: Console, app: App, found: Inventory) -> None:
    where = f"in {found.regions[0]}" if len(found.regions) == 1 else f"in {len(found.regions)} Regions"
    if not found.pipelines:
        console.print(f"There is no pipeline {where}.")
    width = max((len(one.name) for one in found.pipelines), default=0)
    for one in found.pipelines:
        _print_pipeline(console, one, width)
    for leftover in found.leftovers:
        _print_leftover(console, app, leftover)
    reasons = sorted(set(found.leftovers_not_looked_for.values()))
    if reasons:
        console.print(f"What is left of pipelines without a function was not looked for: {'; '.join(reasons)}.")
    if found.skipped_regions:
        console.print(f"Not enabled in this account: {', '.join(found.skipped_regions)}.", soft_wrap=True)


def _print_pipeline(console: Console, one: ListedPipeline, width: int) -> None:
    changed = f"{one.changed_at:%Y-%m-%d %H:%M} UTC" if one.changed_at else "unknown"
    console.print(
        f"{safe(one.name):<{width}}  {one.region}  {one.state}, trigger {safe(one.trigger)}, changed {changed}",
        soft_wrap=True,
    )
    if one.source_bucket or one.destination_bucket:
        console.print(f"    {safe(one.source_bucket)} -> {safe(one.destination_bucket)}", soft_wrap=True)
    if one.problem:
        console.print(f"    ! {safe(one.problem)}", soft_wrap=True)


def _print_leftover(console: Console, app: App, leftover: Leftover) -> None:
    # arn:partition:service:…
    services = Counter(arn.split(":")[2] for arn in leftover.arns)
    what = ", ".join(f"{count} in {service}" for service, count in sorted(services.items()))
    console.print(
        f"Left of pipeline {safe(leftover.name)} in {leftover.region}, which has no function: {what}.", soft_wrap=True
    )
    for arn in leftover.arns:
        console.print(f"    {safe(arn)}", soft_wrap=True)
    line = f"teardown --name {safe(leftover.name)} --region {leftover.region}"
    console.print(f"    Remove it: s3copy {line}{' --local' if app.options.local else ''}", soft_wrap=True)
