"""Starting the fixed-answer server, and what it can do at most. Imports nothing large: see measure.py."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_PART = 8 * 1024 * 1024
# glibc gives large blocks back to the system at once; fetching them anew for each page of a listing costs six times
# as much as writing the page. Other C libraries do not look at these.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(64 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(512 * 1024 * 1024),
    "MALLOC_TOP_PAD_": str(16 * 1024 * 1024),
}


@contextmanager
def running_server(latency: float = 0.0, log_lines: int = 0) -> Iterator[str]:
    """A server in a process of its own; its URL. It ends with the block.

    Args:
        latency: seconds between a request and its answer.
        log_lines: how many lines each function has logged.
    """
    command = [sys.executable, "-m", "tests.bench.server", "--latency-ms", str(latency * 1000)]
    command += ["--log-lines", str(log_lines)]
    environ = {**os.environ, **_KEEP_MEMORY}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], env=environ)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("the fixed-answer server did not start")
        yield url
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@dataclass(frozen=True)
class MaximumRate:
    """What the server reaches with a client that does next to nothing, both on this machine.

    Attributes:
        heads: HEAD requests in a second, pipelined.
        keys: keys listed in a second, in pages of 1,000.
        upload_bytes: bytes of upload parts taken in a second.
    """

    heads: float
    keys: float
    upload_bytes: float


def measure_maximum(url: str, seconds: float = 1.0) -> MaximumRate:
    """Ask as fast as one connection allows, the next requests always under way before the last are answered."""
    bucket = "/bench-source-flat-1000000"
    heads = _rate(url, f"HEAD {bucket}/object-000000000.csv HTTP/1.1\r\nHost: bench\r\n\r\n".encode(), 64, seconds)
    pages = _rate(url, f"GET {bucket}?list-type=2 HTTP/1.1\r\nHost: bench\r\n\r\n".encode(), 4, seconds)
    begin = f"PUT /bench-rate/part?partNumber=1&uploadId={_open_upload(url)} HTTP/1.1\r\nHost: bench\r\n"
    # With the digest that a client sends along, as s3copy does; the server then computes none.
    begin += f"x-amz-checksum-crc32: AAAAAA==\r\nContent-Length: {_PART}\r\n\r\n"
    parts = _rate(url, begin.encode() + bytes(_PART), 1, seconds)
    return MaximumRate(heads, pages * 1_000, parts * _PART)


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _open_upload(url: str) -> str:
    with _connect(url) as sock:
        sock.sendall(b"POST /bench-rate/part?uploads HTTP/1.1\r\nHost: bench\r\n\r\n")
        answer = sock.recv(65536).decode()
    return answer.partition("<UploadId>")[2].partition("<")[0]


def _rate(url: str, request: bytes, depth: int, seconds: float) -> float:
    """Answers in a second to one request, sent again and again; every answer to it has the same length."""
    buffer = bytearray(1024 * 1024)
    with _connect(url) as sock:
        sock.sendall(request)
        length = _length(sock)
        batch = request * depth
        sock.sendall(batch)
        answered = 0
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            sock.sendall(batch)
            missing = length * depth
            while missing:
                count = sock.recv_into(buffer, min(missing, len(buffer)))
                if not count:
                    raise ConnectionError("the fixed-answer server closed the connection")
                missing -= count
            answered += depth
    return answered / elapsed


def _length(sock: socket.socket) -> int:
    """Of one answer; to HEAD there is no body behind its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    if b"x-amz-meta-origin" in head:
        return len(head) + 4
    while len(body) < size:
        body += sock.recv(65536)
    return len(head) + 4 + size
