"""What every command is given: the global options, the terminal, and AWS on request."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from s3copy_cli.config import DEFAULT_PIPELINE_NAME, is_yes, validate_pipeline_name
from s3copy_cli.errors import UsageError
from s3copy_cli.output.terminal import Terminal

if TYPE_CHECKING:
    from s3copy_cli.aws import Aws
    from s3copy_cli.config import Pipeline
    from s3copy_cli.s3 import ObjectStore

# The embedded AWS is one for all pipelines: `s3copy local …` needs no options.
_COMMAND_IN_HINT = re.compile(r"\bs3copy (setup|plan|deploy|upload|verify|repair|list|teardown)\b")


@dataclass(frozen=True)
class GlobalOptions:
    """The options that every command accepts, before or after its name."""

    name: str = DEFAULT_PIPELINE_NAME
    config: str | None = None
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    local: bool = False
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    debug: bool = False


@dataclass(frozen=True)
class App:
    """One run of the program."""

    options: GlobalOptions
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @cached_property
    def terminal(self) -> Terminal:
        """Where to talk."""
        return Terminal(
            quiet=self.options.quiet or self.options.json,
            verbose=self.options.verbose or self.options.debug,
            color=False if self.options.no_color else None,
        )

    def announce(self, doing: str) -> None:
        """Say at once what begins, and where: loading the SDK takes longer than a person likes to wait."""
        validate_pipeline_name(self.options.name)
        options_of = f" · options of {self.options.config}" if self.options.config else ""
        self.terminal.say(f"{doing} · pipeline {self.options.name} · {self.where}{options_of}")

    @property
    def where(self) -> str:
        """What is worked on, in words."""
        if self.options.local:
            return "the embedded AWS"
        return self.options.endpoint_url or self.environ.get("AWS_ENDPOINT_URL") or "AWS"

    @cached_property
    def aws(self) -> Aws:
        """The account and Region to work in; starts the embedded AWS if that is asked for.

        Raises:
            CredentialsError: nothing to sign with.
            UsageError: options that contradict each other, or no Region.
            LocalAwsError: the embedded AWS cannot be started.
        """
        if self.options.local and self.options.endpoint_url:
            raise UsageError(
                "choosing where to work",
                "--local and --endpoint-url exclude each other",
                "Pass one of them (S3COPY_LOCAL and S3COPY_ENDPOINT_URL count too; --no-local takes the first back).",
            )
        local = None
        if self.options.local:
            from s3copy_cli.local import ensure_running, local_paths

            local = ensure_running(local_paths(self.environ))
            # Not conversation: what was lost must be known, also with --quiet.
            for notice in local.notices:
                self.terminal.warn(self.complete(notice))
        from s3copy_cli.aws import ConnectionOptions, connect

        aws = connect(
            ConnectionOptions(
                profile=self.options.profile,
                region=self.options.region,
                endpoint_url=self.options.endpoint_url,
                local=local,
            ),
            self.environ,
        )
        if self.terminal.verbose:
            from s3copy_cli.aws_trace import trace_calls

            trace_calls(aws.session, self.terminal.detail)
        return aws

    @cached_property
    def store(self) -> ObjectStore:
        """The objects in S3, for bulk work."""
        from s3copy_cli.s3 import open_store

        return open_store(self.aws, self.terminal.detail if self.terminal.verbose else None)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline by its name, in this account and Region."""
        return self.aws.pipeline(self.options.name)

    def command(self, line: str) -> str:
        """A command line for a hint, with the global options that this run was given on its own command line."""
        return " ".join(["s3copy", line, *self._given])

    def complete(self, hint: str) -> str:
        """A hint of a part that knows no options: the commands that it names get those of `command`."""
        given = " ".join(self._given)
        if not given or given in hint:
            return hint
        return _COMMAND_IN_HINT.sub(lambda found: f"{found[0]} {given}", hint)

    @property
    def _given(self) -> list[str]:
        """The options that name a pipeline and its place, as far as the environment does not say the same."""
        options, environ = self.options, self.environ
        values = {
            "--name": (options.name, environ.get("S3COPY_NAME") or DEFAULT_PIPELINE_NAME),
            "--profile": (options.profile, environ.get("S3COPY_PROFILE")),
            "--region": (options.region, environ.get("S3COPY_REGION")),
            "--endpoint-url": (options.endpoint_url, environ.get("S3COPY_ENDPOINT_URL")),
            "--config": (options.config, environ.get("S3COPY_CONFIG") or "s3copy.toml"),
        }
        given = [
            f"{option} {shlex.quote(value)}" for option, (value, usual) in values.items() if value not in (None, usual)
        ]
        if options.local != is_yes(environ.get("S3COPY_LOCAL", "")):
            given.append("--local" if options.local else "--no-local")
        return given
