"""One request of the runtime, from its beginning to what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s3copy_cli.s3.answers import Answer
from s3copy_cli.s3.wire import Call

if TYPE_CHECKING:
    from awscrt.s3 import S3Request

# What a request came to: an answer that says yes, or the error it stands for.
Outcome = Answer | Exception


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


class Flight:
    """One request under way; takes the runtime's call-backs.

    Attributes:
        call: the request.
        upload: the file that is sent, if one is.
        on_outcome: called once, with what it came to.
        attempt: counts from 1.
        submitted: when the first attempt began.
        started: when this one did.
        status: of the answer, 0 before there is one.
        headers: of the answer.
        chunks: of its body.
        is_stalled: whether it is being ended because the server keeps silent.
        stopped_by: what the upload's progress call-back raised.
        request: the runtime's handle, None before it is sent and after it has ended.
    """

    __slots__ = (
        "attempt",
        "call",
        "chunks",
        "headers",
        "is_done",
        "is_stalled",
        "landed",
        "on_outcome",
        "request",
        "started",
        "status",
        "stopped_by",
        "submitted",
        "upload",
    )

    def __init__(
        self,
        call: Call,
        upload: Upload | None,
        on_outcome: Callable[[Outcome], None],
        landed: Callable[[Flight, Exception | None, int], None],
        now: float,
    ) -> None:
        self.landed = landed
        self.call = call
        self.on_outcome = on_outcome
        self.upload = upload
        self.attempt = 1
        self.stopped_by: Exception | None = None
        self.submitted = now
        self.begin(now)

    def begin(self, now: float) -> None:
        """Forget the attempt before."""
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.chunks: list[bytes] = []
        self.is_done = False
        self.is_stalled = False
        self.request: S3Request | None = None
        self.started = now

    def on_headers(self, status_code: int, headers: list[tuple[str, str]], **_: Any) -> None:
        """See the runtime."""
        self.status = status_code
        self.headers = headers

    def on_body(self, chunk: bytes, **_: Any) -> None:
        """See the runtime."""
        self.chunks.append(bytes(chunk))

    def on_progress(self, progress: int, **_: Any) -> None:
        """See the runtime."""
        if self.upload is None or self.stopped_by is not None:
            return
        try:
            self.upload.on_progress(progress)
        except Exception as error:  # noqa: BLE001  (goes to the caller's thread, as the upload's outcome)
            self.stopped_by = error
            self.cancel()

    def cancel(self) -> None:
        """The runtime is to end it soon."""
        request = self.request
        if request is not None:
            request.cancel()

    def on_done(self, error: Exception | None, status_code: int | None, **_: Any) -> None:
        """See the runtime."""
        # The request refers to this object's methods: without this, neither would ever be freed.
        self.is_done, self.request = True, None
        self.landed(self, error, status_code or self.status)
