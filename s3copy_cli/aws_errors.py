"""The one place where botocore's exceptions become ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.session
from botocore import exceptions as botocore_errors

from s3copy_cli.aws_permissions import iam_action
from s3copy_cli.errors import AwsError, CredentialsError, S3CopyError

CREDENTIALS_HINT = (
    "Configure credentials (aws configure, AWS_PROFILE, or --profile NAME), "
    "or use the embedded AWS, which needs no account: add --local."
)
_CREDENTIAL_CODES = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_NOT_ENABLED_CODES = frozenset({"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"})
_DENIED_CODES = frozenset({"403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"})
_THROTTLE_CODES = frozenset({"SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException", "503"})


@contextmanager
def translate_errors(doing: str, *, region: str = "") -> Iterator[None]:
    """Turn whatever botocore raises inside the block into one of our errors.

    Args:
        doing: what the block does, as the first part of the message.
        region: the Region in use, for hints about misspelt ones.

    Raises:
        CredentialsError: credentials are missing, expired or refused.
        AwsError: anything else that AWS or the network did.
    """
    try:
        yield
    except botocore_errors.ClientError as error:
        raise from_client_error(doing, error) from error
    except (
        botocore_errors.NoCredentialsError,
        botocore_errors.PartialCredentialsError,
        botocore_errors.CredentialRetrievalError,
        botocore_errors.NoAuthTokenError,
        botocore_errors.ProfileNotFound,
        botocore_errors.SSOError,
        botocore_errors.TokenRetrievalError,
        botocore_errors.UnknownCredentialError,
    ) as error:
        raise CredentialsError(doing, sentence(error), CREDENTIALS_HINT) from error
    except botocore_errors.EndpointConnectionError as error:
        raise AwsError(doing, sentence(error), endpoint_hint(region), code="EndpointConnectionError") from error
    except botocore_errors.SSLError as error:
        raise tls_error(doing, error) from error
    except botocore_errors.HTTPClientError as error:
        raise AwsError(
            doing, sentence(error), "Check the network and run the command again.", code=type(error).__name__
        ) from error
    except botocore_errors.WaiterError as error:
        raise AwsError(
            doing, sentence(error), "Run the command again: it goes on where it stopped.", code="Timeout"
        ) from error
    except botocore_errors.BotoCoreError as error:
        raise AwsError(doing, sentence(error), "Run with --debug for details.", code=type(error).__name__) from error


def from_client_error(doing: str, error: botocore_errors.ClientError) -> S3CopyError:
    """One of our errors for an answer that says no: code, message, request id and a hint."""
    code = error_code(error)
    message = str(error.response.get("Error", {}).get("Message", "")) or "no message"
    request_id = str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))
    operation = error.operation_name
    happened = f"{operation} answered {code}: {message}" + (f" (request {request_id})" if request_id else "")
    if code in _CREDENTIAL_CODES:
        hint = CREDENTIALS_HINT
        if code in _NOT_ENABLED_CODES:
            # What AWS says of good credentials in a Region that their account has not opted into.
            hint += " If they work elsewhere, this Region may not be enabled in the account."
        return CredentialsError(doing, happened, hint, code=code)
    if code in _DENIED_CODES:
        action = iam_action(operation, message)
        hint = f"Your credentials need {action} here; docs/permissions.md has a policy for the person who runs s3copy."
    elif code == "InvalidParameterValueException" and "does not have permission" in message:
        # Lambda looks into the role when it is to send or take something in its name.
        hint = "The function's role lacks that permission: s3copy plan --show-policy prints what it needs."
    elif code == "NoSuchBucket":
        hint = "A bucket of the pipeline is gone. Build it again with: s3copy setup"
    elif code in _THROTTLE_CODES:
        hint = "AWS asked to slow down. Wait a minute and run the command again: it goes on where it stopped."
    else:
        hint = "Run the command again: it goes on where it stopped. If it persists, --verbose shows each call."
    return AwsError(doing, happened, hint, code=code, operation=operation, request_id=request_id)


def tls_error(doing: str, error: botocore_errors.SSLError) -> AwsError:
    """The error for a server to which there is no secure connection, e.g. because nobody vouches for it."""
    happened = sentence(error)
    if "CERTIFICATE_VERIFY_FAILED" in happened:
        hint = (
            "If that server, or a proxy in between, has a certificate of an authority of your own, name the file with "
            "that authority's certificate (PEM): export AWS_CA_BUNDLE=/path/to/ca.pem."
        )
    else:
        hint = "Check that --endpoint-url (https or http?) and the proxy of the environment are right."
    return AwsError(doing, happened, hint, code="SSLError")


def error_code(error: botocore_errors.ClientError) -> str:
    """AWS's error code of an answer, e.g. "NoSuchBucket" (HEAD requests only have the HTTP status: "404")."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def is_denied(error: botocore_errors.ClientError) -> bool:
    """Whether the answer means that the caller may not do this."""
    return error_code(error) in _DENIED_CODES


def sentence(error: Exception) -> str:
    """What an exception says, on one line and without a full stop."""
    return " ".join(str(error).split()).rstrip(".")


def endpoint_hint(region: str) -> str:
    """What to do where an endpoint does not answer: perhaps the Region is misspelt."""
    known = botocore.session.Session().get_available_regions("s3")
    if region and region not in known:
        close = difflib.get_close_matches(region, known, n=2)
        suggestion = f" Did you mean {' or '.join(close)}?" if close else ""
        return f"This SDK does not know a Region {region!r}.{suggestion}"
    return "Check the network, --endpoint-url and --region."
