"""The docs name every command and option that there is, and their links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from s3copy_cli.cli import cli as program
from s3copy_cli.commands.common import GlobalOption

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
# What is told by a page of its own; everything else by docs/cli.md or a page that it names.
OWN_PAGES = {"upload": ["upload"], "verify": ["verify"], "repair": ["repair", "verify"], "local": ["local"]}


def iter_commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from iter_commands(command, (*path, name))
        else:
            yield (*path, name), command


def text_of(*pages: str) -> str:
    return "\n".join((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in pages)


def names(option: click.Parameter) -> list[str]:
    return [name for name in option.opts if name.startswith("--")] if isinstance(option, click.Option) else []


def test_every_option_of_every_command_is_in_the_docs() -> None:
    missing = []
    for path, command in iter_commands(program):
        text = text_of(*OWN_PAGES.get(path[0], ["cli", "provisioning", "triggers"]))
        for option in command.params:
            if isinstance(option, GlobalOption):
                continue
            missing += [
                f"{' '.join(path)} {name}"
                for name in names(option)
                if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) and name != "--help"
            ]
    assert not missing


def test_every_command_is_in_the_readme_and_has_its_place() -> None:
    readme, cli = (ROOT / "README.md").read_text(encoding="utf-8"), text_of("cli")
    for path, _ in iter_commands(program):
        assert f"s3copy {path[0]}" in readme, path
        if path[0] not in OWN_PAGES:
            assert f"\n## {path[0]}\n" in cli, path


def test_every_global_option_is_in_the_table_with_its_variable() -> None:
    cli = text_of("cli")
    command = next(command for path, command in iter_commands(program) if path == ("setup",))
    options = [option for option in command.params if isinstance(option, GlobalOption)]
    assert options
    for option in options:
        row = next(line for line in cli.splitlines() if line.startswith("|") and f"`{option.opts[0]}" in line)
        assert f"`S3COPY_{str(option.opts[0]).removeprefix('--').replace('-', '_').upper()}`" in row


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), link
        if anchor:
            assert anchor in anchors(there), link
