"""The clients of the AWS Common Runtime, and its threads."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

from awscrt.auth import AwsCredentials, AwsCredentialsProvider, AwsSigningConfig
from awscrt.io import ClientBootstrap, ClientTlsContext, DefaultHostResolver, EventLoopGroup, TlsContextOptions
from awscrt.s3 import S3Client, S3RequestTlsMode, create_default_s3_signing_config

from s3copy_cli.s3.connection import Credentials


class Runtime:
    """Makes clients; safe to share between threads.

    Args:
        region: to sign for, where nothing else is said.
        ca_bundle: file of trusted certificates; unused without TLS.
        credentials: whose.
    """

    def __init__(self, region: str, ca_bundle: str, credentials: Credentials) -> None:
        self.region = region
        self._ca_bundle = ca_bundle
        self._credentials = credentials
        self._group: EventLoopGroup | None = None
        self._clients: dict[float, S3Client] = {}
        self._signing: dict[str, AwsSigningConfig] = {}
        self._lock = threading.Lock()
        self._here = threading.local()

    def client(self, *, is_https: bool, gbps: float) -> S3Client:
        """A client of the runtime, made when it is needed.

        Args:
            is_https: whether over TLS.
            gbps: what it sizes its connections and buffers by.
        """
        if gbps in self._clients:
            return self._clients[gbps]
        with self._lock:
            if gbps not in self._clients:
                self._group = self._group or EventLoopGroup(1)
                tls = None
                if is_https:
                    options = TlsContextOptions()
                    options.override_default_trust_store_from_path(ca_filepath=self._ca_bundle)
                    tls = ClientTlsContext(options).new_connection_options()
                self._clients[gbps] = S3Client(
                    bootstrap=ClientBootstrap(self._group, DefaultHostResolver(self._group)),
                    region=self.region,
                    tls_mode=S3RequestTlsMode.ENABLED if is_https else S3RequestTlsMode.DISABLED,
                    tls_connection_options=tls,
                    signing_config=self.signing_config(self.region),
                    throughput_target_gbps=gbps,
                )
            return self._clients[gbps]

    def signing_config(self, region: str) -> AwsSigningConfig:
        """How requests for buckets of this Region are signed."""
        # Two threads at once make two that are the same.
        if region not in self._signing:
            self._signing[region] = create_default_s3_signing_config(
                region=region,
                credential_provider=AwsCredentialsProvider.new_delegate(_signer(self._credentials, self._here)),
            )
        return self._signing[region]

    def keep_thread_state(self) -> None:
        """Have Python remember the calling thread, which is one of the runtime's, until the process ends."""
        _keep_thread_state(self._here)


def _signer(credentials: Credentials, here: threading.local) -> Callable[[], AwsCredentials]:
    """What the runtime calls for each request, in another of its threads than the call-backs.

    It must not refer to the `Runtime`, which would then live as long as what it has made: for ever.
    """

    def sign() -> AwsCredentials:
        _keep_thread_state(here)
        return credentials()

    return sign


def _keep_thread_state(here: threading.local) -> None:
    """See `Runtime.keep_thread_state`.

    Otherwise Python makes a thread state, with a stack of its own, for each call-back, and takes it down again:
    four times for each request, and each time the system maps and unmaps memory. The count that is raised here and
    never lowered is what keeps it (Python/C API, PyGILState_Ensure).
    """
    if not hasattr(here, "is_kept"):
        here.is_kept = True
        ctypes.pythonapi.PyGILState_Ensure()
