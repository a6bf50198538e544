"""The SDK's clients, and what the SDK in this runtime knows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# The function's time-out is 300 seconds: a copy that long must still be reported by us, not cut off by Lambda.
_COPY_READ_TIMEOUT_SECONDS = 280
_LOOK_READ_TIMEOUT_SECONDS = 15
_ATTEMPTS = 3
_CONNECT_TIMEOUT_SECONDS = 5


class Clients:
    """Clients, made once for the life of the process; what few invocations need, when it is first needed.

    Args:
        make: makes the client of a service, given its name, how often a request is sent at most, the seconds to wait
            for an answer, and how many connections it keeps.

    Attributes:
        look: for reading; the SDK repeats what failed.
        copy: for copying; the SDK repeats nothing. A copy whose answer was lost may have been carried out, so the
            next step is to look, not to copy again.
    """

    def __init__(self, make: Callable[[str, int, int, int], Any], part_concurrency: int) -> None:
        self._make = make
        self._part_concurrency = part_concurrency
        self.look: S3Client = make("s3", _ATTEMPTS, _LOOK_READ_TIMEOUT_SECONDS, 10)
        self.copy: S3Client = make("s3", 1, _COPY_READ_TIMEOUT_SECONDS, 10)

    @cached_property
    def parts(self) -> S3Client:
        """For copying parts, many at once: copying a part again does no harm, so the SDK repeats what failed."""
        client: S3Client = self._make("s3", _ATTEMPTS, _COPY_READ_TIMEOUT_SECONDS, self._part_concurrency)
        return client

    @cached_property
    def functions(self) -> LambdaClient:
        """For invoking this function again."""
        client: LambdaClient = self._make("lambda", _ATTEMPTS, _LOOK_READ_TIMEOUT_SECONDS, 1)
        return client


def make_clients(part_concurrency: int) -> Clients:
    """Clients for the Region and credentials of the environment."""
    session = boto3.session.Session()
    options: dict[str, Any] = {}
    if "request_checksum_calculation" in Config.OPTION_DEFAULTS:
        # The SDK's own choice of algorithm would clash with that of a multipart upload.
        options["request_checksum_calculation"] = "when_required"

    def make(service: str, attempts: int, read_timeout: int, connections: int) -> Any:
        config = Config(
            user_agent_extra="s3copy",
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            read_timeout=read_timeout,
            max_pool_connections=connections,
            tcp_keepalive=True,
            **options,
        )
        return session.client(service, config=config)

    return Clients(make, part_concurrency)


def known_parameters(client: S3Client, operation: str) -> Collection[str]:
    """The parameters that an operation has in this SDK; the one in the runtime may be older than some of ours."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    return shape.members if shape else ()
