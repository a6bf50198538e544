"""Requests to S3 by the AWS Common Runtime, which signs, pools connections and repeats what failed, in C.

What it leaves to us: throttling by status 429, storms of failures longer than a second or two, servers that never
answer, and certificates that are not trusted. One thread keeps watch over all of them.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from io import BytesIO
from typing import Any, TypeVar

from awscrt.http import HttpHeaders, HttpRequest
from awscrt.s3 import (
    S3ChecksumAlgorithm,
    S3ChecksumConfig,
    S3ChecksumLocation,
    S3RequestType,
)

from s3copy_cli.errors import S3CopyError
from s3copy_cli.s3.answers import RETRIED_STATUS, Answer, is_worth_repeating, malformed, stalled, translate
from s3copy_cli.s3.connection import Credentials, Location
from s3copy_cli.s3.flight import Flight, Outcome, Upload
from s3copy_cli.s3.runtime import Runtime
from s3copy_cli.s3.types import Bucket
from s3copy_cli.s3.wire import Call
from s3copy_cli.s3.xml import MalformedAnswerError

Parsed = TypeVar("Parsed")

# Attempts at one request that is answered by silence, or by garbage.
MAX_ATTEMPTS = 4
# A request that meets a passing failure is repeated, after pauses of 0.4 seconds and twice as long each time, unless
# that would be later than so many seconds after it began.
STORM_SECONDS = 15.0
# A storm without a single good answer for so long is an outage: until there is one, nothing is repeated any more, or
# each of a million objects would be waited for.
OUTAGE_SECONDS = 60.0
# Seconds without an answer after which a request is given up; boto3's read time-out here is the same. Not for uploads,
# whose answer may take as long as the link is slow: the runtime ends a connection on which not a byte has moved for 30
# seconds, and gives up after six of them.
STALL_SECONDS = 60.0
# Seconds without any answer at all, after which it is asked whether the server's certificate is trusted: the runtime's
# TLS keeps silent about that for half a minute, and is asked again and again.
DOUBT_SECONDS = 3.0
# What the runtime sizes its connections and buffers by, and nothing else. Listings and HEADs wait for answers most of
# their time: 60 connections, which cost next to nothing. The parts of uploads are held in memory: 10 connections.
REQUESTS_GBPS = 25.0
UPLOADS_GBPS = 2.0
MIB = 1024 * 1024


class Transport:
    """Sends requests for buckets at one endpoint; safe to share between threads.

    Args:
        region: to sign for, where a bucket names none of its own.
        ca_bundle: file of trusted certificates; unused without TLS.
        credentials: whose.
        locate: where the requests for a bucket go; called for one bucket at a time.
        trace: takes one line for each call; None for none.
        stall_seconds: how long a server may keep silent.
        storm_seconds: how long after its beginning a request may be repeated that meets a passing failure.
        outage_seconds: after how long without a good answer that ceases.
        doubt: finds out why nothing is heard from a location: an error if there can be no secure connection.
        doubt_seconds: how long nothing must have been heard for that.
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
        storm_seconds: float = STORM_SECONDS,
        outage_seconds: float = OUTAGE_SECONDS,
        doubt: Callable[[Location], S3CopyError | None] = lambda _: None,
        doubt_seconds: float = DOUBT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._locate = locate
        self._locations: dict[Bucket, Location] = {}
        self._credentials = credentials
        self._trace = trace
        self._stall_seconds = stall_seconds
        self._storm_seconds = storm_seconds
        self._outage_seconds = outage_seconds
        self._storm_since: float | None = None
        self._doubt = doubt
        self._doubt_seconds = doubt_seconds
        self._has_heard = self._is_doubted = False
        self._refusal: S3CopyError | None = None
        self._runtime = Runtime(region, ca_bundle, credentials)
        self._in_flight: set[Flight] = set()
        self._due: list[tuple[float, int, Flight]] = []
        self._number = itertools.count()
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None
        self._wake = threading.Event()

    def submit(
        self, call: Call, on_outcome: Callable[[Outcome], None], upload: Upload | None = None
    ) -> Callable[[], None]:
        """Begin a request; `on_outcome` is called from another thread when it has ended. Returns what cancels it.

        Raises:
            CredentialsError: there is nothing to sign with.
            AwsError: it is known already that there can be no secure connection.
        """
        if self._refusal is not None:
            raise self._refusal
        self._credentials.refresh()
        flight = Flight(call, upload, on_outcome, self._landed, self.clock())
        self._begin(flight)
        return flight.cancel

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

    def _landed(self, flight: Flight, error: Exception | None, status: int) -> None:
        """Called in the runtime's thread when a request has ended."""
        self._runtime.keep_thread_state()
        if status:
            self._has_heard = True
            if status < 500 and status not in RETRIED_STATUS:
                self._storm_since = None
        if not self._take_down(flight):
            return
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
        if self._may_repeat(flight, error):
            self._repeat(flight)
        elif flight.is_stalled:
            flight.on_outcome(stalled(call, self._stall_seconds))
        else:
            flight.on_outcome(self._credentials.explain(call.doing, error) or translate(call, error))

    def _take_down(self, flight: Flight) -> bool:
        """Whether the flight was still under way: only one can end it."""
        try:
            self._in_flight.remove(flight)
        except KeyError:
            return False
        return True

    def _may_repeat(self, flight: Flight, error: Exception) -> bool:
        if flight.upload is not None:
            return False
        if flight.is_stalled:
            return flight.attempt < MAX_ATTEMPTS
        if not is_worth_repeating(error):
            return False
        now = self.clock()
        began = self._storm_since
        if began is None:
            began = self._storm_since = now
        if now - began > self._outage_seconds:
            return False
        return now + _pause_after(flight.attempt) <= flight.submitted + self._storm_seconds

    def _begin(self, flight: Flight) -> None:
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
        if call.bucket.region and call.bucket.region != self._runtime.region:
            options["signing_config"] = self._runtime.signing_config(call.bucket.region)
        self._in_flight.add(flight)
        self._ensure_watch()
        try:
            gbps = REQUESTS_GBPS if upload is None else UPLOADS_GBPS
            sent = self._runtime.client(is_https=location.is_https, gbps=gbps).make_request(
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

    def _repeat(self, flight: Flight) -> None:
        """Have the watch send it again, later each time."""
        again_at = self.clock() + _pause_after(flight.attempt)
        flight.attempt += 1
        with self._lock:
            heapq.heappush(self._due, (again_at, next(self._number), flight))
        self._wake.set()

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
            pause = self._stall_seconds / 8
            for flight in self._in_flight.copy():
                waited = now - flight.started
                if flight.upload is None and waited > self._stall_seconds:
                    flight.is_stalled = True
                    flight.cancel()
                if not self._has_heard and not self._is_doubted:
                    pause = min(pause, self._doubt_seconds)
                    if waited >= self._doubt_seconds:
                        self._ask_why(flight.call.bucket)
            if self._refusal is not None:
                self._end_all(self._refusal)
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

    def _ask_why(self, bucket: Bucket) -> None:
        """Find out, in a thread of its own, why nothing was ever heard; what cannot get better ends all requests."""
        self._is_doubted = True
        location = self._locations[bucket]
        if not location.is_https:
            return

        def ask() -> None:
            error = self._doubt(location)
            if error is not None and not self._has_heard:
                self._refusal = error
                self._wake.set()

        threading.Thread(target=ask, name="s3copy-s3-doubt", daemon=True).start()

    def _end_all(self, error: S3CopyError) -> None:
        """End what is under way without waiting for the runtime, which would take another half minute."""
        for flight in self._in_flight.copy():
            if self._take_down(flight):
                flight.cancel()
                flight.on_outcome(error)
        with self._lock:
            due, self._due = self._due, []
        for _, _, flight in due:
            flight.on_outcome(error)


def _pause_after(attempt: int) -> float:
    """Seconds before the next attempt."""
    return 0.2 * 2.0**attempt
