"""The SDK's clients, and what the SDK in this runtime knows.

They are made by botocore, the part of boto3 that makes boto3's clients. boto3 itself would load its transfer manager
as well: a good part of a cold start, for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# How long to wait for a copy's answer. The first is longer than the longest copy of one request (5 GiB); the others
# are for what is begun when there is less time left: better our own failure than to be stopped by Lambda.
_COPY_READ_TIMEOUTS_SECONDS = (280, 180, 120, 80, 50, 30, 15)
_LOOK_READ_TIMEOUT_SECONDS = 15
_ATTEMPTS = 3
_CONNECT_TIMEOUT_SECONDS = 5
_CONNECTIONS = 10

Make = Callable[[str, int, int, int], Any]


class Clients:
    """Clients, made once for the life of the process; what few invocations need, when it is first needed.

    Args:
        make: makes the client of a service, given its name, how often a request is sent at most, the seconds to wait
            for an answer, and how many connections it keeps.
        part_concurrency: how many parts are copied at once.
        make_at_destination: the same for the Region of the destination bucket; None where it is that of the source.

    Attributes:
        look: for reading the source; the SDK repeats what failed.
        look_at_destination: for reading the destination.
    """

    def __init__(self, make: Make, part_concurrency: int, make_at_destination: Make | None = None) -> None:
        self._make = make
        self._make_at_destination = make_at_destination or make
        self._part_concurrency = part_concurrency
        self._making = threading.Lock()
        self._made: dict[tuple[int, int, int], S3Client] = {}
        self._looking_at_parts: S3Client | None = None
        looking = ("s3", _ATTEMPTS, _LOOK_READ_TIMEOUT_SECONDS, _CONNECTIONS)
        self.look: S3Client = make(*looking)
        self.look_at_destination: S3Client = make_at_destination(*looking) if make_at_destination else self.look
        self.copy()

    def copy(self, seconds: float = float("inf")) -> S3Client:
        """For copying, which is asked for at the destination; the SDK repeats nothing.

        A copy whose answer was lost may have been carried out, so the next step is to look, not to copy again.

        Args:
            seconds: are left; the answer is not waited for longer.
        """
        return self._copying(1, seconds, _CONNECTIONS)

    def parts(self, seconds: float = float("inf")) -> S3Client:
        """For copying parts, many at once: copying a part again does no harm, so the SDK repeats what failed.

        Args:
            seconds: are left; one answer is not waited for longer.
        """
        return self._copying(_ATTEMPTS, seconds, self._part_concurrency)

    def look_at_parts(self) -> S3Client:
        """For looking at many parts of the source at once."""
        with self._making:
            if self._looking_at_parts is None:
                self._looking_at_parts = self._make("s3", _ATTEMPTS, _LOOK_READ_TIMEOUT_SECONDS, self._part_concurrency)
            return self._looking_at_parts

    @cached_property
    def functions(self) -> LambdaClient:
        """For invoking this function again."""
        client: LambdaClient = self._make("lambda", _ATTEMPTS, _LOOK_READ_TIMEOUT_SECONDS, 1)
        return client

    @cached_property
    def queues(self) -> SQSClient:
        """For having failed messages of a queue come back."""
        client: SQSClient = self._make("sqs", _ATTEMPTS, _LOOK_READ_TIMEOUT_SECONDS, 1)
        return client

    def _copying(self, attempts: int, seconds: float, connections: int) -> S3Client:
        fitting = (one for one in _COPY_READ_TIMEOUTS_SECONDS if one < seconds)
        asked = (attempts, next(fitting, _COPY_READ_TIMEOUTS_SECONDS[-1]), connections)
        with self._making:  # parts are copied by many threads
            if asked not in self._made:
                self._made[asked] = self._make_at_destination("s3", *asked)
            return self._made[asked]


def make_clients(part_concurrency: int, destination_region: str | None = None) -> Clients:
    """Clients for the Region and credentials of the environment.

    Args:
        part_concurrency: how many parts are copied at once.
        destination_region: where the destination bucket is; None if in the Region of the environment.
    """
    session = botocore.session.get_session()
    options: dict[str, Any] = {}
    if "request_checksum_calculation" in Config.OPTION_DEFAULTS:
        # The SDK's own choice of algorithm would clash with that of a multipart upload.
        options["request_checksum_calculation"] = "when_required"

    def make(service: str, attempts: int, read_timeout: int, connections: int, region: str | None = None) -> Any:
        config = Config(
            user_agent_extra="s3copy",
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            read_timeout=read_timeout,
            max_pool_connections=connections,
            tcp_keepalive=True,
            **options,
        )
        return session.create_client(service, region_name=region, config=config)

    at_destination = partial(make, region=destination_region) if destination_region else None
    return Clients(make, part_concurrency, at_destination)


def known_parameters(client: S3Client, operation: str) -> Collection[str]:
    """The parameters that an operation has in this SDK; the one in the runtime may be older than some of ours."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    return shape.members if shape else ()
