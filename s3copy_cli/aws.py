"""Sessions and clients."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
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
from s3copy_cli.aws_errors import CREDENTIALS_HINT, endpoint_hint, sentence, translate_errors
from s3copy_cli.config import Pipeline, validate_region
from s3copy_cli.errors import CredentialsError, UsageError

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
            raise UsageError("choosing the Region", sentence(error), endpoint_hint(self.region)) from error
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
