"""Requests to S3 by the AWS Common Runtime, which signs, pools connections and repeats what failed, in C.

What it leaves to us: throttling by status 429 and servers that never answer. One thread keeps watch over both.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

from awscrt.auth import AwsCredentials, AwsCredentialsProvider, AwsSigningConfig
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, ClientTlsContext, DefaultHostResolver, EventLoopGroup, TlsContextOptions
from awscrt.s3 import (
    S3ChecksumAlgorithm,
    S3ChecksumConfig,
    S3ChecksumLocation,
    S3Client,
    S3Request,
    S3RequestTlsMode,
    S3RequestType,
    create_default_s3_signing_config,
)

from s3copy_cli.s3.answers import Answer, is_worth_repeating, malformed, stalled, translate
from s3copy_cli.s3.connection import Credentials, Location
from s3copy_cli.s3.types import Bucket
from s3copy_cli.s3.wire import Call
from s3copy_cli.s3.xml import MalformedAnswerError

Parsed = TypeVar("Parsed")
# What a request came to: an answer that says yes, or the error it stands for.
Outcome = Answer | Exception

# Attempts at one request where the runtime itself does not repeat it.
MAX_ATTEMPTS = 4
# Seconds without an answer after which a request is given up; boto3's read time-out here is the same.
STALL_SECONDS = 60.0
# The same for uploads, whose progress shows part by part.
UPLOAD_STALL_SECONDS = 600.0
# What the runtime sizes its connections and buffers by, and nothing else. Listings and HEADs wait for answers most of
# their time: 60 connections, which cost next to nothing. The parts of uploads are held in memory: 10 connections.
REQUESTS_GBPS = 25.0
UPLOADS_GBPS = 2.0
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send, besides its Call.

    Attributes:
        path: the file.
        size: its bytes.
        part_size: bytes in each part; a file up to this size is one request.
        on_progress: bytes sent since the last call.
    """

    path: str
    size: int
    part_size: int
    on_progress: Callable[[int], None]


class _Flight:
    """One request under way."""

    __slots__ = (
        "attempt",
        "call",
        "chunks",
        "headers",
        "is_done",
        "is_stalled",
        "last_sign",
        "on_outcome",
        "request",
        "started",
        "status",
        "stopped_by",
        "transport",
        "upload",
    )

    def __init__(
        self, transport: Transport, call: Call, on_outcome: Callable[[Outcome], None], upload: Upload | None
    ) -> None:
        self.transport = transport
        self.call = call
        self.on_outcome = on_outcome
        self.upload = upload
        self.attempt = 1
        self.stopped_by: Exception | None = None
        self.begin(0.0)

    def begin(self, now: float) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.chunks: list[bytes] = []
        self.is_done = False
        self.is_stalled = False
        self.request: S3Request | None = None
        self.started = self.last_sign = now

    def on_headers(self, status_code: int, headers: list[tuple[str, str]], **_: Any) -> None:
        self.status = status_code
        self.headers = headers

    def on_body(self, chunk: bytes, **_: Any) -> None:
        self.chunks.append(bytes(chunk))

    def on_progress(self, progress: int, **_: Any) -> None:
        self.last_sign = self.transport.clock()
        if self.upload is None or self.stopped_by is not None:
            return
        try:
            self.upload.on_progress(progress)
        except Exception as error:  # noqa: BLE001  (goes to the caller's thread, as the upload's outcome)
            self.stopped_by = error
            if self.request is not None:
                self.request.cancel()

    def on_done(self, error: Exception | None, status_code: int | None, **_: Any) -> None:
        # The request refers to this object's methods: without this, neither would ever be freed.
        self.is_done, self.request = True, None
        self.transport.landed(self, error, status_code or self.status)


class Transport:
    """Sends requests for buckets at one endpoint; safe to share between threads.

    Args:
        region: to sign for, where a bucket names none of its own.
        ca_bundle: file of trusted certificates; unused without TLS.
        credentials: whose.
        locate: where the requests for a bucket go; called for one bucket at a time.
        trace: takes one line for each call; None for none.
        stall_seconds: how long a server may keep silent.
        clock: seconds.
    """

    def __init__(
        self,
        *,
        region: str,
        ca_bundle: str,
        credentials: Credentials,
        locate: Callable[[Bucket], Location],
        trace: Callable[[str], None] | None = None,
        stall_seconds: float = STALL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._locate = locate
        self._locations: dict[Bucket, Location] = {}
        self._credentials = credentials
        self._trace = trace
        self._stall_seconds = stall_seconds
        self._region = region
        self._ca_bundle = ca_bundle
        self._group: EventLoopGroup | None = None
        self._clients: dict[float, S3Client] = {}
        self._signing: dict[str, AwsSigningConfig] = {}
        self._in_flight: set[_Flight] = set()
        self._due: list[tuple[float, int, _Flight]] = []
        self._number = itertools.count()
        self._lock = threading.Lock()
        self._here = threading.local()
        self._watch: threading.Thread | None = None
        self._wake = threading.Event()

    def submit(
        self, call: Call, on_outcome: Callable[[Outcome], None], upload: Upload | None = None
    ) -> Callable[[], None]:
        """Begin a request; `on_outcome` is called from another thread when it has ended. Returns what cancels it.

        Raises:
            CredentialsError: there is nothing to sign with.
        """
        self._credentials.refresh()
        flight = _Flight(self, call, on_outcome, upload)
        self._begin(flight)

        def cancel() -> None:
            request = flight.request
            if request is not None:
                request.cancel()

        return cancel

    def send(self, call: Call) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            AwsError: S3 refuses, or cannot be reached.
            CredentialsError: S3 refuses the credentials.
        """
        done: Future[Outcome] = Future()
        self.submit(call, done.set_result)
        outcome = done.result()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def fetch(self, call: Call, parse: Callable[[bytes], Parsed]) -> Parsed:
        """Send a request and read its body; an answer that cannot be read is asked for again.

        Raises:
            AwsError: as for `send`, or the answer stays garbled.
            CredentialsError: S3 refuses the credentials.
        """
        for attempt in itertools.count(1):
            body = self.send(call).body
            try:
                return parse(body)
            except MalformedAnswerError as problem:
                if attempt == MAX_ATTEMPTS:
                    raise malformed(call, problem) from problem
        raise AssertionError("the loop above ends by itself")

    def send_file(self, call: Call, upload: Upload) -> Answer:
        """Send a file.

        Raises:
            AwsError: S3 refuses, or cannot be reached.
            CredentialsError: S3 refuses the credentials.
            Exception: what `on_progress` raised; the upload is stopped and its parts are removed.
        """
        done: Future[Outcome] = Future()
        cancel = self.submit(call, done.set_result, upload)
        try:
            outcome = done.result()
        except BaseException:
            cancel()
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def landed(self, flight: _Flight, error: Exception | None, status: int) -> None:
        """Called in the runtime's thread when a request has ended."""
        self._keep_thread_state()
        self._in_flight.discard(flight)
        call = flight.call
        if self._trace is not None:
            milliseconds = (self.clock() - flight.started) * 1000
            self._trace(f"  s3:{call.operation} {status or 'failed'} {milliseconds:.0f} ms")
        if flight.stopped_by is not None:
            flight.on_outcome(flight.stopped_by)
            return
        if error is None:
            flight.on_outcome(Answer(status, flight.headers, b"".join(flight.chunks)))
            return
        if flight.attempt < MAX_ATTEMPTS and flight.upload is None and (flight.is_stalled or is_worth_repeating(error)):
            self._repeat(flight)
            return
        if flight.is_stalled:
            flight.on_outcome(stalled(call, self._patience(flight)))
        else:
            flight.on_outcome(self._credentials.explain(call.doing, error) or translate(call, error))

    def _begin(self, flight: _Flight) -> None:
        call = flight.call
        location = self._locations.get(call.bucket) or self._find(call.bucket)
        headers = [
            ("Host", location.endpoint.host),
            ("User-Agent", location.user_agent),
            ("x-amz-expected-bucket-owner", call.bucket.owner),
            *call.headers.items(),
        ]
        flight.begin(self.clock())
        upload = flight.upload
        if upload is not None:
            headers.append(("Content-Length", str(upload.size)))
            request = HttpRequest(call.method, call.path(location.endpoint), HttpHeaders(headers))
            options: dict[str, Any] = {
                "type": S3RequestType.PUT_OBJECT,
                "send_filepath": upload.path,
                "part_size": upload.part_size,
                "multipart_upload_threshold": upload.part_size,
                "checksum_config": S3ChecksumConfig(S3ChecksumAlgorithm.CRC32, S3ChecksumLocation.HEADER),
                "on_progress": flight.on_progress,
            }
        else:
            stream = None
            if call.body:
                headers.append(("Content-Length", str(len(call.body))))
                stream = BytesIO(call.body)
            request = HttpRequest(call.method, call.path(location.endpoint), HttpHeaders(headers), stream)
            options = {"type": S3RequestType.DEFAULT, "operation_name": call.operation}
        if call.bucket.region and call.bucket.region != self._region:
            options["signing_config"] = self._signing_config(call.bucket.region)
        self._in_flight.add(flight)
        self._ensure_watch()
        try:
            sent = self._runtime(location.is_https, REQUESTS_GBPS if upload is None else UPLOADS_GBPS).make_request(
                request=request, on_headers=flight.on_headers, on_body=flight.on_body, on_done=flight.on_done, **options
            )
        except BaseException:
            self._in_flight.discard(flight)
            raise
        flight.request = sent
        if flight.is_done:
            flight.request = None

    def _find(self, bucket: Bucket) -> Location:
        with self._lock:
            if bucket not in self._locations:
                self._locations[bucket] = self._locate(bucket)
            return self._locations[bucket]

    def _runtime(self, is_https: bool, gbps: float) -> S3Client:
        """A client of the runtime, made when it is needed."""
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
                    region=self._region,
                    tls_mode=S3RequestTlsMode.ENABLED if is_https else S3RequestTlsMode.DISABLED,
                    tls_connection_options=tls,
                    signing_config=self._signing_config(self._region),
                    throughput_target_gbps=gbps,
                )
            return self._clients[gbps]

    def _signing_config(self, region: str) -> AwsSigningConfig:
        """How requests for buckets of this Region are signed."""
        # Two threads at once make two that are the same.
        if region not in self._signing:
            self._signing[region] = create_default_s3_signing_config(
                region=region, credential_provider=AwsCredentialsProvider.new_delegate(self._sign_with)
            )
        return self._signing[region]

    def _sign_with(self) -> AwsCredentials:
        """Called by the runtime for each request, in another of its threads than `landed`."""
        self._keep_thread_state()
        return self._credentials()

    def _keep_thread_state(self) -> None:
        """Have Python remember the calling thread, which is one of the runtime's, until the process ends.

        Otherwise Python makes a thread state, with a stack of its own, for each call-back, and takes it down again:
        four times for each request, and each time the system maps and unmaps memory. The count that is raised here and
        never lowered is what keeps it (Python/C API, PyGILState_Ensure).
        """
        if not hasattr(self._here, "is_kept"):
            self._here.is_kept = True
            ctypes.pythonapi.PyGILState_Ensure()

    def _repeat(self, flight: _Flight) -> None:
        """Have the watch send it again, later each time."""
        pause = 0.2 * 2.0**flight.attempt
        flight.attempt += 1
        with self._lock:
            heapq.heappush(self._due, (self.clock() + pause, next(self._number), flight))
        self._wake.set()

    def _patience(self, flight: _Flight) -> float:
        return self._stall_seconds if flight.upload is None else UPLOAD_STALL_SECONDS

    def _ensure_watch(self) -> None:
        """Called after a request was put among those in flight, so that no watch can have overlooked it and ended."""
        if self._watch is None:
            with self._lock:
                if self._watch is None:
                    self._watch = threading.Thread(target=self._keep_watch, name="s3copy-s3-watch", daemon=True)
                    self._watch.start()

    def _keep_watch(self) -> None:
        while True:
            now = self.clock()
            for flight in self._in_flight.copy():
                if now - flight.last_sign > self._patience(flight):
                    flight.is_stalled = True
                    request = flight.request
                    if request is not None:
                        request.cancel()
            pause = self._stall_seconds / 8
            with self._lock:
                ready = []
                while self._due and self._due[0][0] <= now:
                    ready.append(heapq.heappop(self._due)[2])
                if self._due:
                    pause = min(pause, self._due[0][0] - now)
            for flight in ready:
                try:
                    self._begin(flight)
                except Exception as error:  # noqa: BLE001  (somebody waits for an outcome)
                    flight.on_outcome(translate(flight.call, error))
            self._wake.wait(pause)
            self._wake.clear()
            with self._lock:
                if not (self._in_flight or self._due):
                    self._watch = None
                    if not self._in_flight:
                        return
                    self._watch = threading.current_thread()
