"""Exit codes and the error tree.

Every error a person sees has three parts: what was being done, what happened, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; the table in docs/cli.md explains each."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DIFFERENCES = 3
    CREDENTIALS = 4
    INTERRUPTED = 130


class S3CopyError(Exception):
    """An expected failure.

    Attributes:
        doing: what was being done, e.g. "creating the source bucket b".
        happened: what went wrong, in one sentence, with AWS's error code and request id where there is one.
        hint: what the person can do next.
        code: a stable identifier for machines (the AWS error code, or one of ours).
    """

    exit_code = ExitCode.FAILED
    default_code = "Failed"

    def __init__(self, doing: str, happened: str, hint: str = "", *, code: str = "") -> None:
        super().__init__(f"{doing}: {happened}")
        self.doing = doing
        self.happened = happened
        self.hint = hint
        self.code = code or self.default_code


class UsageError(S3CopyError):
    """The command cannot mean anything as it was typed; nothing was changed."""

    exit_code = ExitCode.USAGE
    default_code = "Usage"


class OptionError(UsageError):
    """What an option says cannot be meant.

    Attributes:
        option: which, as a person types it, e.g. "--memory".
    """

    def __init__(self, option: str, happened: str, hint: str = "", *, origin: str = "") -> None:
        """Say what is wrong.

        Args:
            option: which, e.g. "--memory".
            happened: what is wrong with it.
            hint: what to do.
            origin: where the value was read, e.g. "S3COPY_MEMORY", if not on the command line.
        """
        super().__init__(f"reading {origin or option}", happened, hint)
        self.option = option

    def read_from(self, origin: str) -> OptionError:
        """The same about a value that was read somewhere else than on the command line."""
        return OptionError(self.option, self.happened, self.hint, origin=origin)


class CredentialsError(S3CopyError):
    """No credentials were found, or AWS refused them."""

    exit_code = ExitCode.CREDENTIALS
    default_code = "Credentials"


class NotSetUpError(S3CopyError):
    """The pipeline, or a part of it that the command needs, does not exist."""

    default_code = "NotSetUp"


class OwnershipError(S3CopyError):
    """A resource stands where ours should be, and it is not ours."""

    default_code = "NotOurs"


class OvertakenError(S3CopyError):
    """Somebody else has changed the pipeline while the command was at it; whatever else failed, failed for that."""

    default_code = "Overtaken"


class AwsError(S3CopyError):
    """AWS refused or failed a call.

    Attributes:
        operation: the API operation, e.g. "CreateBucket".
        request_id: AWS's id for the request, empty where it gave none.
    """

    default_code = "AwsError"

    def __init__(
        self,
        doing: str,
        happened: str,
        hint: str = "",
        *,
        code: str = "",
        operation: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(doing, happened, hint, code=code)
        self.operation = operation
        self.request_id = request_id


class SeveralFailuresError(S3CopyError):
    """Several things failed, side by side.

    Attributes:
        errors: each of them, at least one.
    """

    def __init__(self, errors: Sequence[S3CopyError]) -> None:
        first = errors[0]
        super().__init__(first.doing, first.happened, first.hint, code=first.code)
        self.errors = tuple(errors)
        self.exit_code = first.exit_code


class LocalAwsError(S3CopyError):
    """The embedded AWS could not be started, reached or stopped."""

    default_code = "LocalAws"
