"""What the function records, watched while others may change it: another setup of the pipeline, or a teardown.

There is no lock. The record is the function's variables: whoever wrote them last has chosen. Everybody else finds that
out before the next write that relies on the record, and while waiting for AWS, and stops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, from_client_error
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import OvertakenError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import record_attributes
from s3copy_cli.provision.function_state import function_state
from s3copy_cli.provision.options import option_attributes
from s3copy_cli.provision.propagation import Patience, is_function_not_visible_yet, is_role_not_assumable_yet
from s3copy_cli.provision.reading import BUCKET_MISSING
from s3copy_cli.provision.settings import Settings
from s3copy_cli.queues import QUEUE_MISSING

_FUNCTION_MISSING = "ResourceNotFoundException"
# What AWS says of things that are not there, in each of its services.
_MISSING = frozenset({_FUNCTION_MISSING, "NoSuchEntity", *BUCKET_MISSING, *QUEUE_MISSING})
# Variables of others are nobody's choice.
_OURS = "S3COPY_"
_OPTIONS = tuple(option_attributes({}))


_AT_ONCE = Patience(clock=lambda: 0.0, sleep=lambda _: None, timeout_seconds=0.0)


@dataclass(frozen=True)
class Record:
    """What one run of setup or deploy relies on.

    Attributes:
        aws: where.
        pipeline: whose.
        wanted: what the function is to record, in the words of a plan (`choices.record_attributes`).
        planned: what it recorded when the plan was made; None if there was no function.
        patience: how long to look again at what may be out of date: Lambda's endpoints do not all know at once what
            one of them was told.
        command: a command line with the options that this run was given, for hints.
    """

    aws: Aws
    pipeline: Pipeline
    wanted: Mapping[str, Any]
    planned: Mapping[str, Any] | None = None
    patience: Patience = _AT_ONCE
    command: Callable[[str], str] = "s3copy {}".format

    def check(self, doing: str) -> None:
        """Make sure that what this run recorded still holds.

        Raises:
            OvertakenError: another setup has recorded something else (ChosenOtherwise), or the function is gone
                (GoneMeanwhile).
            ClientError: Lambda refused or failed the call.
        """
        wanted, planned = _shown(self.wanted), _shown(self.planned or {})
        found: dict[str, Any] = {}

        def is_up_to_date() -> bool:
            nonlocal found
            found = self._read(doing)[0]
            # This run has replaced what was planned: an endpoint may still tell the old record.
            return _shown(found) == wanted or _shown(found) != planned

        self.patience.until(is_up_to_date)
        self.refuse_other(found, doing)

    def revision_to_replace(self, doing: str) -> str:
        """Make sure that nobody has recorded anything since the plan was made; the function's revision.

        Raises:
            OvertakenError: somebody has, or the function is gone.
            ClientError: Lambda refused or failed the call.
        """
        found, revision = self._read(doing)
        if _shown(found) != _shown(self.planned or {}):
            self.refuse_other(found, doing)
        return revision

    def refuse_other(self, found: Mapping[str, Any], doing: str) -> None:
        """Stop if this is not what this run wants recorded.

        Raises:
            OvertakenError: naming what differs.
        """
        wanted, now = _shown(self.wanted), _shown(found)
        differing = [
            f"{name} {now.get(name) or 'none'} (not {wanted.get(name) or 'none'})"
            for name in sorted({*wanted, *now})
            if wanted.get(name) != now.get(name)
        ]
        if differing:
            raise OvertakenError(
                doing,
                f"another setup of this pipeline has meanwhile chosen otherwise: {', '.join(differing)}",
                "That holds now, and what it may need was left. When it has ended, this shows what is left to do: "
                f"{self.command('plan')}. setup with your own options chooses anew.",
                code="ChosenOtherwise",
            )

    def explained(self, doing: str, error: ClientError) -> OvertakenError | None:
        """The reason behind an answer that something is missing which this run has seen or made; None for others.

        Raises:
            ClientError: IAM refused or failed a call.
        """
        is_role_missing = is_role_not_assumable_yet(error) and not self._has_role()
        return self._gone(doing, error) if is_role_missing or error_code(error) in _MISSING else None

    def _has_role(self) -> bool:
        if (self.wanted.get(names.SETTINGS) or {}).get("role_arn"):
            return True  # the owner's, which nobody removes with the pipeline
        try:
            self.aws.iam.get_role(RoleName=self.pipeline.role_name)
        except ClientError as error:
            if error_code(error) not in _MISSING:
                raise
            return False
        return True

    def _read(self, doing: str) -> tuple[dict[str, Any], str]:
        name = self.pipeline.function_name
        try:
            found = self.patience.retry(
                lambda: self.aws.lambda_.get_function_configuration(FunctionName=name), is_function_not_visible_yet
            )
        except ClientError as error:
            if error_code(error) != _FUNCTION_MISSING:
                raise
            raise self._gone(doing, error) from error
        if function_state(found) == names.STATE_DELETING:
            raise self._gone_error(doing, f"the function {self.pipeline.function_name} is being deleted")
        return record_attributes(found.get("Environment", {}).get("Variables", {})), found.get("RevisionId", "")

    def _gone(self, doing: str, error: ClientError) -> OvertakenError:
        return self._gone_error(doing, from_client_error(doing, error).happened)

    def _gone_error(self, doing: str, happened: str) -> OvertakenError:
        return OvertakenError(
            doing,
            f"what this needs has gone since this command began: {happened}",
            "Somebody is removing the pipeline, or a part of it. When that has ended, build what is missing: "
            f"{self.command('setup')}. If nothing is to be left: {self.command('teardown')}",
            code="GoneMeanwhile",
        )


def watched(patience: Patience, check: Callable[[], None]) -> Patience:
    """The same patience, which calls `check` after each pause: nobody waits for what is not going to come."""

    def sleep(seconds: float) -> None:
        patience.sleep(seconds)
        check()

    return replace(patience, sleep=sleep)


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as one table: the variables, the options and the settings, also those with their defaults."""
    variables = {name: value for name, value in record.get(names.ENVIRONMENT, {}).items() if name.startswith(_OURS)}
    words = {name: record.get(name) for name in _OPTIONS}
    settings = record.get(names.SETTINGS)
    default = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(Settings()).items()}
    chosen = {"settings": settings} if isinstance(settings, str) else default | (settings or {})
    return {**variables, **words, **chosen}
