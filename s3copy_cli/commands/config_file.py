"""The optional file `s3copy.toml`: the options that a folder's pipelines are built with, by the options' own names.

    region = "eu-west-1"
    memory = 512

    [pipelines.invoices]
    propagate-deletes = true

The keys on top hold for every pipeline, those of a `[pipelines.NAME]` table for that one, before them.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from s3copy_cli.commands.common import Number
from s3copy_cli.config import validate_pipeline_name
from s3copy_cli.errors import UsageError

FILE_NAME = "s3copy.toml"
_PIPELINES = "pipelines"
# They choose the file, or say what only a command line can mean.
_NOT_IN_FILE = frozenset({"config", "no-tags"})
Values = Mapping[str, Any]


@dataclass(frozen=True)
class ConfigFile:
    """What a file says, by parameter name.

    Attributes:
        path: where it is, as it was named.
        common: for every pipeline.
        pipelines: for those of these names, before what is common.
    """

    path: str
    common: Values
    pipelines: Mapping[str, Values]

    def values(self, pipeline_name: str) -> dict[str, Any]:
        """What holds for a pipeline."""
        return {**self.common, **self.pipelines.get(pipeline_name, {})}

    def place_of(self, option: click.Option, pipeline_name: str) -> str:
        """Where a person finds what the file says of an option for a pipeline."""
        is_own = option.name in self.pipelines.get(pipeline_name, {})
        return f"{f'{_PIPELINES}.{pipeline_name}.' if is_own else ''}{_key(option)} in {self.path}"


def file_to_read(chosen: str | None, folder: Path) -> Path | None:
    """The file that counts, or None.

    Args:
        chosen: what --config says; "" for no file, None if it says nothing.
        folder: the working directory; no other is looked into.
    """
    if chosen is not None:
        return Path(chosen) if chosen else None
    found = folder / FILE_NAME
    return Path(FILE_NAME) if found.is_file() else None


def read_config(path: Path, options: Iterable[click.Option]) -> ConfigFile:
    """Read and check a file.

    Args:
        path: where it is.
        options: those that it may have.

    Raises:
        UsageError: it cannot be read; or it has a key that is no option, or a value that the option does not take.
    """
    by_key = {_key(option): option for option in options if _key(option) not in _NOT_IN_FILE}
    document = _load(path)
    tables = document.pop(_PIPELINES, {})
    if not isinstance(tables, dict):
        raise _wrong(path, _PIPELINES, "is not a table", "Write [pipelines.NAME].")
    pipelines = {}
    for name, table in tables.items():
        where = f"{_PIPELINES}.{name}"
        if not isinstance(table, dict):
            raise _wrong(path, where, "is not a table", f"Write [{where}].")
        try:
            validate_pipeline_name(name)
        except UsageError as error:
            raise _wrong(path, where, f"is no pipeline: {error.happened}", error.hint) from error
        own = {key: option for key, option in by_key.items() if key != "name"}
        pipelines[name] = _values(path, table, own, f"{where}.")
    return ConfigFile(str(path), _values(path, document, by_key, ""), pipelines)


def _load(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        happened = error.strerror or str(error)
        raise UsageError(
            f"reading {path}", happened, 'Check --config and S3COPY_CONFIG; --config "" reads none.'
        ) from error
    except ValueError as error:
        raise UsageError(
            f"reading {path}", f"it is not TOML: {error}", "docs/provisioning.md has an example."
        ) from error


def _values(path: Path, table: Mapping[str, Any], options: Mapping[str, click.Option], where: str) -> dict[str, Any]:
    found = {}
    for key, value in table.items():
        option = options.get(key)
        if option is None:
            close = difflib.get_close_matches(key, [*options, _PIPELINES], n=1)
            hint = f"Did you mean {close[0]}?" if close else f"It may have: {', '.join(sorted(options))}."
            raise _wrong(path, where + key, "is no option", hint)
        problem = _problem(option, value)
        if problem:
            raise _wrong(path, where + key, problem, "See s3copy setup --help.")
        found[str(option.name)] = value
    return found


def _problem(option: click.Option, value: Any) -> str:
    """Why an option does not take a value, in words; "" where it does."""
    if option.is_flag:
        return "" if isinstance(value, bool) else f"must be true or false, and is {value!r}"
    if option.multiple:
        if not isinstance(value, list) or not value:
            return f"must be a list of texts with one at least, and is {value!r}"
        return next((problem for one in value if (problem := _single_problem(option, one))), "")
    return _single_problem(option, value)


def _single_problem(option: click.Option, value: Any) -> str:
    kind = option.type
    is_whole_or_word = kind.name.startswith("number or")
    takes_number = isinstance(kind, click.types.IntParamType | Number) or is_whole_or_word
    allowed: tuple[type, ...] = (int,) if takes_number else (str,)
    allowed += ((str,) if is_whole_or_word else ()) + ((float,) if isinstance(kind, Number) else ())
    if isinstance(value, bool) or not isinstance(value, allowed):
        return f"must be a {'number' if takes_number else 'text'}, and is {value!r}"
    try:
        kind.convert(value, None, None)
    except click.BadParameter as error:
        return f"is not right: {error.message}"
    return ""


def _key(option: click.Option) -> str:
    return next(word for word in option.opts if word.startswith("--")).removeprefix("--")


def _wrong(path: Path, key: str, happened: str, hint: str) -> UsageError:
    return UsageError(f"reading {path}", f"{key} {happened}", hint)
