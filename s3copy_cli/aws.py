"""Sessions and clients, and the one place where botocore's exceptions become ours."""

from __future__ import annotations

import difflib
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore import exceptions as botocore_errors
from botocore.config import Config

from s3copy_cli import __version__
from s3copy_cli.aws_permissions import iam_action
from s3copy_cli.config import Pipeline, validate_region
from s3copy_cli.errors import AwsError, CredentialsError, S3CopyError, UsageError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

    from s3copy_cli.local import LocalAws

# How many S3 requests one command keeps in flight; also the size of the connection pool.
S3_CONCURRENCY = 32
# How many functions one command has running for it at most, and seconds in which each has certainly ended.
INVOKE_CONCURRENCY = 50
LONGEST_INVOCATION = 930
_KEEP_ALIVE_SECONDS = 60

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


@dataclass(frozen=True)
class ConnectionOptions:
    """Where the user wants to go.

    Attributes:
        profile: a profile of the shared AWS configuration, or None for the standard chain.
        region: a Region, or None for the profile's or the environment's.
        endpoint_url: an AWS-compatible endpoint for every service, or None.
        local: the running embedded AWS, or None for a real (or compatible) one.
    """

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    local: LocalAws | None = None


@dataclass(frozen=True)
class Aws:
    """An account in a Region, and clients for it."""

    session: boto3.Session
    region: str
    endpoint_url: str | None = None
    is_embedded: bool = False
    _overrides: Mapping[str, Any] = field(default_factory=dict)
    _s3_elsewhere: dict[str, S3Client] = field(default_factory=dict, repr=False, compare=False)
    _kms_elsewhere: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def s3(self) -> S3Client:
        """The S3 client, with a connection for each request in flight."""
        return self._s3_client(self.region)

    def s3_in(self, region: str) -> S3Client:
        """The S3 client for buckets of a Region; "" is that of this connection.

        Like every client it is made at its first use, which must not happen in two threads at once.
        """
        if region in {"", self.region}:
            return self.s3
        if region not in self._s3_elsewhere:
            self._s3_elsewhere[region] = self._s3_client(region)
        return self._s3_elsewhere[region]

    @cached_property
    def iam(self) -> IAMClient:
        """The IAM client."""
        client: IAMClient = self._client("iam")
        return client

    @cached_property
    def lambda_(self) -> LambdaClient:
        """The Lambda client."""
        client: LambdaClient = self._client("lambda")
        return client

    @cached_property
    def lambda_invoke(self) -> LambdaClient:
        """A Lambda client that waits for a function's answer as long as one may run, and asks only once."""
        client: LambdaClient = self._client(
            "lambda",
            read_timeout=LONGEST_INVOCATION,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
            max_pool_connections=INVOKE_CONCURRENCY,
        )
        _keep_alive(client)
        return client

    @cached_property
    def kms(self) -> Any:
        """The KMS client."""
        return self._client("kms")

    def kms_in(self, region: str) -> Any:
        """The KMS client for keys of a Region; "" is that of this connection. As `s3_in`."""
        if region in {"", self.region}:
            return self.kms
        if region not in self._kms_elsewhere:
            self._kms_elsewhere[region] = self._client("kms", region=region)
        return self._kms_elsewhere[region]

    @cached_property
    def tagging(self) -> Any:
        """The client that finds resources by their tags."""
        return self._client("resourcegroupstaggingapi")

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """The CloudWatch Logs client."""
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        """The CloudWatch metrics client."""
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        """The SQS client."""
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def events(self) -> Any:
        """The EventBridge client."""
        return self._client("events")

    @cached_property
    def sts(self) -> STSClient:
        """The STS client."""
        client: STSClient = self._client("sts")
        return client

    @cached_property
    def account_id(self) -> str:
        """The caller's account (12 digits).

        Raises:
            CredentialsError: there are no credentials, or AWS refuses them.
        """
        with translate_errors("asking AWS who we are", region=self.region):
            return self.sts.get_caller_identity()["Account"]

    @property
    def s3_is_https(self) -> bool:
        """Whether S3 is reached over TLS; a TLS-only bucket policy would lock everybody out otherwise."""
        return urlsplit(self.s3.meta.endpoint_url).scheme == "https"

    def pipeline(self, name: str) -> Pipeline:
        """The pipeline of this name in this account and Region."""
        try:
            partition = self.session.get_partition_for_region(self.region)
        except botocore_errors.UnknownRegionError as error:
            raise UsageError("choosing the Region", _sentence(error), _endpoint_hint(self.region)) from error
        return Pipeline(name=name, account_id=self.account_id, region=self.region, partition=partition)

    def _s3_client(self, region: str) -> S3Client:
        s3_options: dict[str, Any] = {}
        if self.endpoint_url:
            # A compatible endpoint rarely has wildcard DNS, so buckets go into the path.
            s3_options["addressing_style"] = "path"
        client: S3Client = self._client("s3", region=region, s3=s3_options or None, max_pool_connections=S3_CONCURRENCY)
        return client

    def _client(self, service: str, *, region: str = "", **config: Any) -> Any:
        defaults: dict[str, Any] = {
            "user_agent_extra": f"s3copy/{__version__}",
            "retries": {"mode": "standard", "total_max_attempts": 5},
            "connect_timeout": 10,
            "read_timeout": 60,
        }
        settings = Config(**{**defaults, **config, **self._overrides})
        return self.session.client(
            service, region_name=region or self.region, endpoint_url=self.endpoint_url, config=settings
        )


def connect(options: ConnectionOptions, environ: Mapping[str, str]) -> Aws:
    """Open a session; no request is sent yet.

    Raises:
        UsageError: no Region is known, or it has not the form of one.
        CredentialsError: the profile does not exist.
    """
    if options.local is not None:
        return _connect_embedded(options.local, options.region)
    try:
        with translate_errors("reading the AWS configuration"):
            session = boto3.Session(profile_name=options.profile)
    except CredentialsError as error:
        if not isinstance(error.__cause__, botocore_errors.ProfileNotFound):
            raise
        known = ", ".join(botocore.session.Session().available_profiles) or "none"
        raise CredentialsError(error.doing, error.happened, f"Known profiles: {known}. {CREDENTIALS_HINT}") from error
    with translate_errors("reading the AWS credentials"):
        if session.get_credentials() is None:
            raise CredentialsError("reading the AWS credentials", "none were found", CREDENTIALS_HINT)
    bundle = configured_ca_bundle(session, environ)
    if bundle:
        _check_ca_bundle(bundle)
    # boto3 does not read AWS_REGION, every other AWS tool does.
    region = options.region or environ.get("AWS_REGION") or session.region_name
    if not region:
        raise UsageError(
            "choosing the Region",
            "no Region is configured",
            "Pass --region us-east-1, set AWS_REGION, or use the embedded AWS: add --local.",
        )
    validate_region(region)
    endpoint_url = options.endpoint_url or environ.get("AWS_ENDPOINT_URL") or None
    if endpoint_url and not re.match(r"https?://[^/\s]+", endpoint_url):
        raise UsageError(
            "choosing the endpoint",
            f"{endpoint_url!r} is not a URL",
            "Pass one such as --endpoint-url http://127.0.0.1:9000.",
        )
    return Aws(session=session, region=region, endpoint_url=endpoint_url)


def _connect_embedded(local: LocalAws, region: str | None) -> Aws:
    if region:
        validate_region(region)
    # The user's own profile must not leak in, not even as an error about a profile that does not exist.
    isolated = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    session = boto3.Session(
        aws_access_key_id=local.access_key_id,
        aws_secret_access_key=local.secret_access_key,
        botocore_session=isolated,
    )
    # An HTTP proxy of the environment has no business on loopback.
    return Aws(
        session=session,
        region=region or local.region,
        endpoint_url=local.endpoint_url,
        is_embedded=True,
        _overrides={"proxies": {}},
    )


def _keep_alive(client: Any) -> None:
    """Have the system ask every minute whether the other end of a silent connection is still there.

    botocore only switches that on. By default the system asks after two hours, and routers forget a connection in
    minutes: the answer of a long invocation would never come.
    """
    options: list[tuple[int, int, int]] = client._endpoint.http_session._socket_options
    # The second name is macOS's.
    for names in (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), ("TCP_KEEPINTVL",)):
        number = next((getattr(socket, name) for name in names if hasattr(socket, name)), None)
        if number is not None:
            options.append((socket.IPPROTO_TCP, number, _KEEP_ALIVE_SECONDS))


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
        raise CredentialsError(doing, _sentence(error), CREDENTIALS_HINT) from error
    except botocore_errors.EndpointConnectionError as error:
        raise AwsError(doing, _sentence(error), _endpoint_hint(region), code="EndpointConnectionError") from error
    except botocore_errors.SSLError as error:
        raise tls_error(doing, error) from error
    except botocore_errors.HTTPClientError as error:
        raise AwsError(
            doing, _sentence(error), "Check the network and run the command again.", code=type(error).__name__
        ) from error
    except botocore_errors.WaiterError as error:
        raise AwsError(
            doing, _sentence(error), "Run the command again: it goes on where it stopped.", code="Timeout"
        ) from error
    except botocore_errors.BotoCoreError as error:
        raise AwsError(doing, _sentence(error), "Run with --debug for details.", code=type(error).__name__) from error


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
    happened = _sentence(error)
    if "CERTIFICATE_VERIFY_FAILED" in happened:
        hint = (
            "If that server, or a proxy in between, has a certificate of an authority of your own, name the file with "
            "that authority's certificate (PEM): export AWS_CA_BUNDLE=/path/to/ca.pem."
        )
    else:
        hint = "Check that --endpoint-url (https or http?) and the proxy of the environment are right."
    return AwsError(doing, happened, hint, code="SSLError")


def configured_ca_bundle(session: boto3.Session, environ: Mapping[str, str]) -> str:
    """The file of trusted certificates that somebody has named; empty if nobody has."""
    return str(session._session.get_config_variable("ca_bundle") or environ.get("REQUESTS_CA_BUNDLE") or "")


def _check_ca_bundle(path: str) -> None:
    try:
        # OpenSSL's own errors say neither "no such file" nor "a folder".
        with Path(path).open("rb"):
            ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise _bad_ca_bundle(path, "it holds no certificate that can be read (PEM)") from error
    except OSError as error:
        raise _bad_ca_bundle(path, error.strerror or str(error)) from error


def _bad_ca_bundle(path: str, why: str) -> UsageError:
    return UsageError(
        f"reading the trusted certificates {path}",
        why,
        "Name a file in AWS_CA_BUNDLE (or REQUESTS_CA_BUNDLE, or ca_bundle in the AWS configuration), or unset it.",
    )


def error_code(error: botocore_errors.ClientError) -> str:
    """AWS's error code of an answer, e.g. "NoSuchBucket" (HEAD requests only have the HTTP status: "404")."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def is_denied(error: botocore_errors.ClientError) -> bool:
    """Whether the answer means that the caller may not do this."""
    return error_code(error) in _DENIED_CODES


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _endpoint_hint(region: str) -> str:
    known = botocore.session.Session().get_available_regions("s3")
    if region and region not in known:
        close = difflib.get_close_matches(region, known, n=2)
        suggestion = f" Did you mean {' or '.join(close)}?" if close else ""
        return f"This SDK does not know a Region {region!r}.{suggestion}"
    return "Check the network, --endpoint-url and --region."
