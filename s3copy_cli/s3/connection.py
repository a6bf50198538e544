"""How boto3 would reach S3: endpoint, addressing, Region, certificates, proxy and credentials, for another client."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from awscrt.auth import AwsCredentials
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError, SSLError
from botocore.httpsession import URLLib3Session, get_cert_path
from botocore.utils import get_environ_proxies

from s3copy_cli.aws import configured_ca_bundle
from s3copy_cli.aws_errors import CREDENTIALS_HINT, tls_error, translate_errors
from s3copy_cli.errors import CredentialsError, S3CopyError
from s3copy_cli.s3.wire import Endpoint

if TYPE_CHECKING:
    import boto3
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_s3 import S3Client

# An operation that nothing else here uses, so that looking at a request of it disturbs nobody.
_PROBE = "before-send.s3.GetObjectTorrent"
_PROBE_KEY = "k"
# Seconds.
_DOUBT_TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Location:
    """What boto3 would put on the wire for a bucket.

    Attributes:
        endpoint: host and path.
        is_https: whether over TLS.
        user_agent: how the program introduces itself.
    """

    endpoint: Endpoint
    is_https: bool
    user_agent: str


class _CapturedError(Exception):
    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request


def locate(client: S3Client, bucket: str) -> Location:
    """Have boto3 prepare a request about an object in this bucket, and look at it instead of sending it.

    So everything that boto3 knows is heeded: virtual-hosted or path style, dual-stack, FIPS, acceleration, partitions,
    custom endpoints.

    Raises:
        CredentialsError: there are none to sign it with.
        AwsError: boto3 cannot tell.
    """

    def look(request: Any, **_: Any) -> None:
        raise _CapturedError(request)

    events = client.meta.events
    events.register_first(_PROBE, look, unique_id="s3copy-locate")
    try:
        with translate_errors(f"finding the endpoint of bucket {bucket}", region=client.meta.region_name):
            client.get_object_torrent(Bucket=bucket, Key=_PROBE_KEY)
    except _CapturedError as captured:
        url = urlsplit(captured.request.url)
        base_path = (url.path or "/").removesuffix(_PROBE_KEY)
        agent = captured.request.headers.get("User-Agent", b"")
        return Location(
            endpoint=Endpoint(host=url.netloc.rpartition("@")[2], base_path=base_path),
            is_https=url.scheme == "https",
            user_agent=agent.decode() if isinstance(agent, bytes) else str(agent),
        )
    finally:
        events.unregister(_PROBE, look, unique_id="s3copy-locate")
    raise AssertionError("boto3 sent a request without its event")


def ca_bundle(session: boto3.Session, environ: MutableMapping[str, str] = os.environ) -> str:
    """The file of certificates that boto3 would trust.

    Args:
        session: whose configuration counts.
        environ: the environment variables.
    """
    path: Any = configured_ca_bundle(session, environ) or True
    return str(get_cert_path(path))


def find_tls_error(location: Location, trusted: str) -> S3CopyError | None:
    """Why there can be no secure connection, e.g. because the certificate is not trusted; None if that is not so.

    Asked for in another way than the runtime's, through the same proxy: its TLS does not say.

    Args:
        location: over TLS.
        trusted: the file of trusted certificates.
    """
    url = f"https://{location.endpoint.host}/"
    trust: Any = trusted
    session = URLLib3Session(verify=trust, proxies=get_environ_proxies(url), timeout=_DOUBT_TIMEOUT)
    try:
        session.send(AWSRequest("HEAD", url, stream_output=True).prepare())
    except SSLError as error:
        return tls_error(f"connecting to {location.endpoint.host}", error)
    except (BotoCoreError, OSError):
        # Nobody there, a proxy that refuses, …: the runtime meets it as well, and can tell.
        return None
    finally:
        session.close()
    return None


def exempt_from_proxy(host: str, environ: MutableMapping[str, str] = os.environ) -> None:
    """Send nothing for this host through a proxy of the environment, in this process.

    The runtime takes proxies, and exceptions from them, from the environment only.

    Args:
        host: with or without a port.
        environ: changed.
    """
    name = host.rpartition(":")[0] or host
    for variable in ("no_proxy", "NO_PROXY"):
        known = environ.get(variable, "")
        if name not in known.split(","):
            environ[variable] = f"{known},{name}" if known else name


class Credentials:
    """The session's credentials for the runtime: those of the moment, refreshed by botocore as they expire.

    Attributes:
        error: what the last refresh inside the runtime ended with, if it failed.
    """

    def __init__(self, session: boto3.Session) -> None:
        self._credentials = session.get_credentials()
        self._frozen: ReadOnlyCredentials | None = None
        self._native: AwsCredentials | None = None
        self.error: Exception | None = None

    def refresh(self) -> None:
        """Renew credentials that are about to expire, in the caller's thread.

        Raises:
            CredentialsError: there are none, or they cannot be renewed.
        """
        try:
            self._current()
        except Exception:
            with translate_errors("reading the AWS credentials"):
                raise

    def __call__(self) -> AwsCredentials:
        """Called by the runtime for each request that it signs."""
        try:
            return self._current()
        except Exception as error:
            self.error = error
            raise

    def explain(self, doing: str, error: Exception) -> S3CopyError | None:
        """The error for a request that the runtime could not sign, or None if it ended otherwise.

        Args:
            doing: what was being done.
            error: what the runtime says.
        """
        if self.error is None or not getattr(error, "name", "").startswith("AWS_AUTH"):
            return None
        try:
            with translate_errors(doing):
                raise self.error
        except S3CopyError as translated:
            return translated
        except Exception as other:  # noqa: BLE001  (reported: a credential process may end with anything)
            return CredentialsError(doing, f"the credentials could not be renewed: {other}", CREDENTIALS_HINT)

    def _current(self) -> AwsCredentials:
        if self._credentials is None:
            raise NoCredentialsError
        frozen = self._credentials.get_frozen_credentials()
        native = self._native
        if native is None or frozen != self._frozen:
            if not frozen.access_key or not frozen.secret_key:
                raise NoCredentialsError
            native = AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)
            self._frozen, self._native = frozen, native
        return native
