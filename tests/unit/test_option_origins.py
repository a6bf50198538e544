"""A value that cannot be meant is called by where it was read: the option, its variable, or the key in the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest

from s3copy_cli import cli
from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import PipelineOption, command
from s3copy_cli.commands.pipeline_options import file_options, given_choices, pipeline_options
from s3copy_cli.config import Pipeline
from s3copy_cli.output.result import Result
from s3copy_cli.provision.adoption import check_given_buckets
from s3copy_cli.provision.choices import Choices, resolve

PIPELINE = Pipeline("s3copy", "123456789012", "eu-west-1")
TOO_LONG = "x" * 2000
# Each option that has a limit, with a value beyond it, as typed and as the file has it.
BEYOND: dict[str, tuple[str, str]] = {
    "--memory": ("64", "64"),
    "--timeout": ("901", "901"),
    "--runtime": ("python2.7", '"python2.7"'),
    "--architecture": ("mips", '"mips"'),
    "--log-retention": ("2", "2"),
    "--reserved-concurrency": ("0", "0"),
    "--permissions-boundary": ("no-arn", '"no-arn"'),
    "--role-arn": ("no-arn", '"no-arn"'),
    "--tag": ("aws:x=1", '["aws:x=1"]'),
    "--source-kms-key-id": (" ".join("abcdefghijk"), str(list("abcdefghijk"))),
    "--prefix": (TOO_LONG, f'"{TOO_LONG}"'),
    "--suffix": (TOO_LONG, f'"{TOO_LONG}"'),
    "--destination-prefix": (TOO_LONG, f'"{TOO_LONG}"'),
    "--source-bucket": ("a..b", '"a..b"'),
    "--destination-bucket": ("a..b", '"a..b"'),
}
# Wrong in form: click itself, or the reader of the file, refuses them.
NO_VALUE: dict[str, str] = {
    "--propagate-deletes": "maybe",
    "--accept-permanent-deletes": "maybe",
    "--sync-tags": "maybe",
    "--source-versioning": "maybe",
    "--destination-versioning": "maybe",
    "--no-tags": "maybe",
    "--storage-class": "CHEAP",
    "--trigger": "cron",
    "--handover-wait": "-1",
    "--memory": "much",
    "--timeout": "long",
    "--log-retention": "ever",
    "--reserved-concurrency": "some",
    "--tag": "no-pair",
}
# Any text may be a key.
WITHOUT_LIMIT = {"--kms-key-id"}


@command("look")
@pipeline_options
def look(app: App, **parameters: Any) -> Result:
    """Take the options as setup does before it asks AWS anything."""
    given = given_choices(parameters)
    check_given_buckets(PIPELINE, given)
    resolve(given, Choices())
    return Result(data={}, text=lambda _: None)


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `look` with these arguments; the first line of what stderr says of the error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(cli.COMMANDS, "look", (__name__, "look", ""))
    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: look)

    def run(*arguments: str) -> str:
        assert cli.run(["look", *arguments], os.environ) == 2
        (first, *_) = capsys.readouterr().err.splitlines()
        return first

    return run


def variable(option: str) -> str:
    return "S3COPY_" + option.removeprefix("--").replace("-", "_").upper()


def test_every_option_of_a_pipeline_is_in_one_of_the_tables() -> None:
    options = {each.opts[0] for each in file_options()}
    assert options == {*BEYOND, *NO_VALUE, *WITHOUT_LIMIT}


@pytest.mark.parametrize("option", BEYOND)
def test_a_value_beyond_the_limit(said: Any, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, written = BEYOND[option]
    many = typed.split(" ")
    line = said(*(word for one in many for word in (option, one)))
    happened = line.removeprefix(f"Error: reading {option}: ")
    assert happened != line

    key = option.removeprefix("--")
    Path("s3copy.toml").write_text(f"{key} = {written}\n")
    assert said() == f"Error: reading {key} in s3copy.toml: {happened}"
    Path("s3copy.toml").write_text(f"[pipelines.invoices]\n{key} = {written}\n")
    assert said("--name", "invoices") == f"Error: reading pipelines.invoices.{key} in s3copy.toml: {happened}"

    # The variable counts before the file.
    monkeypatch.setenv(variable(option), typed)
    assert said("--name", "invoices") == f"Error: reading {variable(option)}: {happened}"


@pytest.mark.parametrize("option", NO_VALUE)
def test_a_value_of_another_form(said: Any, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable(option), NO_VALUE[option])
    words = said()
    assert words.startswith("Error: reading the environment: ")
    assert f"'{variable(option)}'" in words
    assert option not in words


def test_the_line_is_called_so(said: Any) -> None:
    assert said("--memory", "much").startswith("Error: reading the command line: Invalid value for '--memory'")


def test_options_of_every_command_as_well(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3COPY_QUIET", "maybe")
    assert "reading the environment: Invalid value for 'S3COPY_QUIET'" in said()


def test_all_of_them_are_pipeline_options() -> None:
    assert all(isinstance(each, PipelineOption) for each in file_options())
    assert isinstance(look, click.Command)
