"""What can go wrong, and what a failure means for the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_NAMED_KEYS = 10
_NAMED_KEY_LENGTH = 200

# S3 sends these with HEAD, which has no body to carry a proper code.
_CODES_OF_STATUS = {
    400: "BadRequest",
    403: "AccessDenied",
    404: "NotFound",
    405: "MethodNotAllowed",
    412: "PreconditionFailed",
    416: "InvalidRange",
    500: "InternalError",
    503: "ServiceUnavailable",
}

# Codes come before the status: an error inside a 200 answer reaches us with a made-up status.
_PERMANENT_CODES = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "InvalidAccessKeyId",
        "InvalidArgument",
        "InvalidObjectState",
        "InvalidRequest",
        "NoSuchBucket",
        "NotImplemented",
        "ObjectNotInActiveTierError",
        "SignatureDoesNotMatch",
    }
)
# What S3 was told by KMS begins so.
KMS_CODES = "KMS."
_PASSING_CODES = frozenset(
    {
        "ExpiredToken",
        "InvalidPart",  # another invocation has copied it as well; its new ETag is in the list of parts
        "KMS.DependencyTimeoutException",
        "KMS.KMSInternalException",
        "KMS.KeyUnavailableException",
        "KMS.ThrottlingException",
        "RequestLimitExceeded",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_THROTTLING_CODES = frozenset(
    {
        "KMS.ThrottlingException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
# 405 is what S3 says of a delete marker where an object was a moment ago (e.g. to GetObjectTagging): the next round
# sees that there is none.
_PASSING_STATUSES = frozenset({307, 404, 405, 408, 409, 412, 429})


@dataclass(frozen=True)
class Failure:
    """Why an object was not brought over; the `error` of a log line.

    Attributes:
        code: AWS's error code, or one of ours.
        operation: the API operation that failed, e.g. "CopyObject"; empty where none was involved.
        request_id: S3's id of the request, empty where it gave none.
        permanent: repeating cannot help before somebody changes something.
    """

    code: str
    message: str
    operation: str = ""
    request_id: str = ""
    permanent: bool = False


class RequestError(Exception):
    """S3 refused or failed a request, or its answer never came."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.operation}: {failure.code}: {failure.message}")
        self.failure = failure


class SettingsError(Exception):
    """The function's environment variables do not describe a pipeline."""


class CopyFailed(Exception):  # noqa: N818  (its name is part of the log contract)
    """Raised at the end of an invocation, so that Lambda retries the event and then parks it."""

    def __init__(self, failed_keys: Sequence[str | None], records: int) -> None:
        named = ", ".join(_safe_repr(key) for key in failed_keys[:_NAMED_KEYS])
        unnamed = len(failed_keys) - _NAMED_KEYS
        more = f" and {unnamed} more" if unnamed > 0 else ""
        super().__init__(f"{len(failed_keys)} of {records} records failed: {named}{more}")


def error_code(code: str, status: int) -> str:
    """A code with a meaning, also for HEAD, where S3 can only send a status."""
    if code and not code.isdigit():
        return code
    return _CODES_OF_STATUS.get(status, code or "Unknown")


def is_permanent(code: str, status: int) -> bool:
    """Whether the same request will be refused again until somebody changes something.

    Everything else is answered by looking again: the object changed meanwhile (404, 409, 412), S3 is busy, or
    nobody knows whether the request was carried out.
    """
    if code in _PERMANENT_CODES:
        return True
    if code in _PASSING_CODES:
        return False
    if code.startswith(KMS_CODES):
        return True  # the key is disabled, gone, or of the wrong kind
    if status in _PASSING_STATUSES:
        return False
    return 300 <= status < 500


def is_throttling(failure: Failure) -> bool:
    """Whether the service asks for fewer requests: then waiting longer is what helps."""
    return failure.code in _THROTTLING_CODES


def _safe_repr(key: str | None) -> str:
    if key is None:
        return "(no key)"
    shown = ascii(key[:_NAMED_KEY_LENGTH])
    return shown if len(key) <= _NAMED_KEY_LENGTH else shown + "..."
