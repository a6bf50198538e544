"""`s3copy.toml`: what it may say, what it must not, and what counts before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from s3copy_cli import cli
from s3copy_cli.commands.app import GlobalOptions
from s3copy_cli.commands.common import current_options
from s3copy_cli.commands.config_file import read_config
from s3copy_cli.commands.pipeline_options import CLEARED, file_options
from s3copy_cli.commands.setup import setup
from s3copy_cli.commands.upload import upload
from s3copy_cli.errors import UsageError

EXAMPLE = """
region = "eu-west-1"
json = true
memory = 512
tag = ["team=blue", "cost=1"]
log-retention = "never"
reserved-concurrency = 5
storage-class = "keep"

[pipelines.invoices]
region = "eu-west-2"
propagate-deletes = true
memory = 1024
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parse(*arguments: str, command: click.Command = setup) -> tuple[dict[str, Any], GlobalOptions]:
    """What a command line comes to: the command's own options, and those of every command."""
    with cli.cli.make_context("s3copy", [str(command.name), *arguments]) as group:
        # As click invokes it: the group's values first, then the command's.
        ctx = command.make_context(str(command.name), list(arguments), parent=group)
        return ctx.params, current_options(ctx)


def test_what_the_file_says_counts_where_nothing_else_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "s3copy.toml").write_text(EXAMPLE)
    params, options = parse()
    assert options == GlobalOptions(config="s3copy.toml", region="eu-west-1", json=True)
    assert params["memory_mb"] == 512
    assert params["tags"] == (("team", "blue"), ("cost", "1"))
    assert params["log_retention_days"] is CLEARED
    assert params["reserved_concurrency"] == 5
    assert params["storage_class"] == "keep"
    assert params["propagate_deletes"] is None

    params, options = parse("--name", "invoices", "--storage-class", "STANDARD")
    assert (options.region, options.name) == ("eu-west-2", "invoices")
    assert (params["memory_mb"], params["propagate_deletes"], params["storage_class"]) == (1024, True, "STANDARD")

    monkeypatch.setenv("S3COPY_MEMORY", "2048")
    monkeypatch.setenv("S3COPY_REGION", "us-east-1")
    params, options = parse("--name", "invoices", "--no-propagate-deletes")
    assert (options.region, params["memory_mb"], params["propagate_deletes"]) == ("us-east-1", 2048, False)
    params, options = parse("--memory", "128", "--region", "us-west-2")
    assert (options.region, params["memory_mb"]) == ("us-west-2", 128)


def test_the_name_may_be_in_the_file_and_chooses_the_table(folder: Path) -> None:
    (folder / "s3copy.toml").write_text(f'name = "invoices"\n{EXAMPLE}')
    params, options = parse()
    assert (options.name, options.region, params["memory_mb"]) == ("invoices", "eu-west-2", 1024)
    assert parse("--name", "other")[1].region == "eu-west-1"


def test_another_file_or_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "s3copy.toml").write_text(EXAMPLE)
    (folder / "other.toml").write_text("memory = 300\n")
    assert parse("--config", "other.toml")[0]["memory_mb"] == 300
    assert parse("--config", "")[0]["memory_mb"] is None
    monkeypatch.setenv("S3COPY_CONFIG", "other.toml")
    assert parse()[0]["memory_mb"] == 300
    assert parse("--config", "s3copy.toml")[0]["memory_mb"] == 512
    (folder / "below").mkdir()
    monkeypatch.delenv("S3COPY_CONFIG")
    monkeypatch.chdir(folder / "below")
    assert parse()[0]["memory_mb"] is None, "only the working directory counts"


def test_other_commands_take_the_options_of_every_command_only(folder: Path) -> None:
    (folder / "s3copy.toml").write_text(EXAMPLE)
    params, options = parse("--dry-run", "x", command=upload)
    assert options.region == "eu-west-1"
    assert "memory_mb" not in params


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("memroy = 1", ["memroy", "Did you mean memory?"]),
        ("memory_mb = 1", ["memory_mb"]),
        ("dry-run = true", ["dry-run"]),
        ("no-tags = true", ["no-tags"]),
        ('config = "x"', ["config"]),
        ('memory = "512"', ["memory", "number"]),
        ("memory = 1.5", ["memory", "number"]),
        ("memory = true", ["memory", "number"]),
        ("region = 1", ["region", "text"]),
        ('handover-wait = "5"', ["handover-wait", "number"]),
        ("handover-wait = 3601", ["handover-wait", "between 0 and 3,600"]),
        ('local = "yes"', ["local", "true or false"]),
        ("propagate-deletes = 1", ["propagate-deletes", "true or false"]),
        ('storage-class = "CHEAP"', ["storage-class", "CHEAP"]),
        ('tag = "a=b"', ["tag", "list"]),
        ("tag = []", ["tag", "list"]),
        ('tag = ["ab"]', ["tag", "KEY=VALUE"]),
        ("tag = [1]", ["tag", "text"]),
        ('log-retention = "ever"', ["log-retention", "ever"]),
        ("[pipelines.invoices]\nname = 'x'", ["pipelines.invoices.name"]),
        ("[pipelines.invoices]\nmemory = 'x'", ["pipelines.invoices.memory"]),
        ("[pipelines.Invoices]\nmemory = 1", ["pipelines.Invoices"]),
        ("[pipelines]\ninvoices = 1", ["pipelines.invoices", "table"]),
        ("pipelines = 1", ["pipelines", "table"]),
        ("[memory]\nx = 1", ["memory", "number"]),
        ("= x", ["not TOML"]),
        ("memory = 1\nmemory = 2", ["not TOML"]),
        ("\udcff", ["not TOML"]),
    ],
)
def test_what_it_must_not_say_is_wrong_usage_that_names_file_and_key(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, words: list[str]
) -> None:
    (folder / "s3copy.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert cli.run(["setup"], {}) == 2
    said = capsys.readouterr().err
    for word in ["s3copy.toml", *words]:
        assert word in said


def test_a_file_that_is_not_there_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["setup", "--config", "missing.toml"], {}) == 2
    assert "missing.toml" in capsys.readouterr().err
    with pytest.raises(UsageError):
        read_config(folder, file_options())


def test_seconds_may_be_whole_or_not(folder: Path) -> None:
    for seconds in ("5", "0.5"):
        (folder / "s3copy.toml").write_text(f"handover-wait = {seconds}\n")
        assert parse()[0]["handover_seconds"] == float(seconds)


def test_every_option_of_a_pipeline_has_a_variable() -> None:
    for option in file_options():
        (long, *_) = (word for word in option.opts if word.startswith("--"))
        assert option.envvar == "S3COPY_" + long.removeprefix("--").replace("-", "_").upper()
