"""Notes in the function's own log group: which keys a failed request was about.

A time-out in the log names its request and no object. As long as the event of that request is parked, the queue tells
which object it was about, and so `verify` can say that it has recovered. Before an event leaves the queue, this is
written down here (docs/repair.md).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.verify.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

# CloudWatch Logs takes 256 KB in one event and 1 MB in one request, 26 bytes more counted for each event.
MAX_LINE = 200_000
_MAX_REQUEST = 900_000
_OVERHEAD = 26
_MAX_WRITTEN = 10_000


class NoteError(Exception):
    """Notes cannot be written; the text says why."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a request was about.

    Attributes:
        request_id: the request's id, as in the function's log lines.
        keys: the keys of its records.
        why: for people, e.g. "parked event removed".
    """

    request_id: str
    keys: tuple[str, ...]
    why: str


def note_line(note: Note, pipeline: str, moment: datetime) -> str:
    """The log line, ASCII only. Pure."""
    fields = {
        "timestamp": moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": "INFO",
        "message": note.why,
        "s3copy_log_version": "1",
        "pipeline": pipeline,
        "noted_request_id": note.request_id,
        "keys": list(note.keys),
    }
    return json.dumps(fields, ensure_ascii=True)


class Notebook:
    """Writes notes into a log stream of its own, which is made with the first one.

    Args:
        client: CloudWatch Logs.
        group: the function's log group.
        pipeline: the pipeline's name.
        clock: time.
    """

    def __init__(self, client: CloudWatchLogsClient, group: str, pipeline: str, clock: Clock) -> None:
        self._client = client
        self._group = group
        self._pipeline = pipeline
        self._clock = clock
        self._stream = ""
        self._written: dict[str, tuple[str, ...]] = {}

    @property
    def written(self) -> Mapping[str, tuple[str, ...]]:
        """The keys by request id, of the last 10,000: the log may not show them yet."""
        return self._written

    def write(self, notes: Sequence[Note]) -> None:
        """Write all of them, or raise.

        Raises:
            NoteError: this is not allowed, or there is no log group.
            AwsError: CloudWatch Logs failed otherwise.
            CredentialsError: the credentials are not good.
        """
        chunk: list[str] = []
        size = 0
        for note in notes:
            line = note_line(note, self._pipeline, self._clock.now())
            if chunk and size + len(line) + _OVERHEAD > _MAX_REQUEST:
                self._put(chunk)
                chunk, size = [], 0
            chunk.append(line)
            size += len(line) + _OVERHEAD
        if chunk:
            self._put(chunk)
        self._written.update((note.request_id, note.keys) for note in notes)
        for request_id in list(self._written)[:-_MAX_WRITTEN]:
            del self._written[request_id]

    def _put(self, lines: Sequence[str]) -> None:
        now = self._clock.now()
        events: list[Any] = [{"timestamp": int(now.timestamp() * 1000), "message": line} for line in lines]
        with translate_errors(f"writing notes into the log group {self._group}"):
            try:
                if not self._stream:
                    stream = f"{now:%Y/%m/%d}/s3copy-repair/{uuid.uuid4().hex}"
                    self._client.create_log_stream(logGroupName=self._group, logStreamName=stream)
                    self._stream = stream
                self._client.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=events)
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise NoteError(f"there is no log group {self._group}") from error
                if is_denied(error):
                    raise NoteError(
                        f"no notes may be written into the log group {self._group} ({error_code(error)}): "
                        "logs:CreateLogStream and logs:PutLogEvents are needed"
                    ) from error
                raise
