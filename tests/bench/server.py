"""A server with fixed answers, fast enough to never be what a measurement measures. `python -m tests.bench.server`.

One thread, one loop over the sockets, no framework: HTTP/1.1 with keep-alive and pipelining. It checks no signature
and keeps no bytes, so it is of no use for anything else.
"""

from __future__ import annotations

import argparse
import heapq
import selectors
import socket
import time

from .answers import Request, S3Answers, response
from .control_plane import ControlPlane

_READ = 256 * 1024
_SEND_BUFFER = 4 * 1024 * 1024
_END_OF_HEAD = b"\r\n\r\n"


class _Connection:
    """One client: what it has sent and is not answered, and what is not yet sent to it."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        self.sock = sock
        self._server = server
        self._received = bytearray()
        # A body that is being received goes straight to where it stays.
        self._body: bytearray | None = None
        self._filled = 0
        self._head = b""
        self._unsent = bytearray()

    def readable(self) -> bool:
        """Take what is there, and answer what is complete. False when the client is gone."""
        try:
            if self._body is not None:
                count = self.sock.recv_into(memoryview(self._body)[self._filled :])
                self._filled += count
                if self._filled == len(self._body):
                    self._finish_body()
            else:
                data = self.sock.recv(_READ)
                count = len(data)
                self._received += data
            if not count:
                return False
            if self._body is None and self._received:
                self._answer_all()
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        return True

    def _answer_all(self) -> None:
        while self._body is None:
            end = self._received.find(_END_OF_HEAD)
            if end < 0:
                return
            head = bytes(self._received[:end])
            del self._received[: end + 4]
            # Most requests are HEAD for an object: no header of theirs matters.
            if head.startswith(b"HEAD "):
                path = head[5 : head.index(b" ", 5)]
                fast = self._server.s3.head_fast(path) if b"?" not in path else None
                if fast is not None:
                    self.send(fast)
                    continue
            self._begin(head)

    def _begin(self, head: bytes) -> None:
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        size = int(lower[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if b"\r\nexpect: 100-continue" in lower:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if size <= len(self._received):
            body = bytes(self._received[:size])
            del self._received[:size]
            self._answer(head, memoryview(body))
            return
        self._head = head
        self._body = bytearray(size)
        self._filled = len(self._received)
        self._body[: self._filled] = self._received
        self._received.clear()

    def _finish_body(self) -> None:
        body, self._body = self._body, None
        self._answer(self._head, memoryview(body or b""))

    def _answer(self, head: bytes, body: memoryview) -> None:
        lines = head.split(b"\r\n")
        method, target, _ = lines[0].decode().split(" ", 2)
        path, _, query = target.partition("?")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        self.send(self._server.answer(Request(method, path, query, headers, body)))

    def send(self, answer: bytes) -> None:
        """Now, or after the latency that the server was asked to have."""
        if self._server.latency:
            self._server.later(self, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._unsent:
            self._unsent += answer
            return
        try:
            sent = self.sock.send(answer)
        except BlockingIOError:
            sent = 0
        if sent < len(answer):
            self._unsent += memoryview(answer)[sent:]
            self._server.watch(self, writing=True)

    def write_now(self, answer: bytes) -> None:
        """A late answer; the client may be gone by now."""
        try:
            self._write(answer)
        except OSError:
            self._unsent.clear()

    def writable(self) -> bool:
        """Go on sending. False when the client is gone."""
        try:
            sent = self.sock.send(self._unsent)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        del self._unsent[:sent]
        if not self._unsent:
            self._server.watch(self, writing=False)
        return True


class Server:
    """The loop.

    Args:
        port: to listen on at 127.0.0.1; 0 lets the kernel choose.
        latency: seconds between a request and its answer.
        log_lines: how many lines each function has logged.
    """

    def __init__(self, port: int = 0, latency: float = 0.0, log_lines: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.latency = latency
        self.s3 = S3Answers()
        self._control_plane = ControlPlane(f"http://127.0.0.1:{self.port}", log_lines=log_lines)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._late: list[tuple[float, int, _Connection, bytes]] = []
        self._count = 0

    def answer(self, request: Request) -> bytes:
        """To anything."""
        if request.path == "/healthz":
            return response(b"ok", content_type="text/plain")
        return self._control_plane.answer(request) or self.s3.answer(request)

    def later(self, connection: _Connection, answer: bytes) -> None:
        """Send it when the latency is over."""
        self._count += 1
        heapq.heappush(self._late, (time.monotonic() + self.latency, self._count, connection, answer))

    def watch(self, connection: _Connection, *, writing: bool) -> None:
        """Whether to be told that a client takes more."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        self._selector.modify(connection.sock, events, connection)

    def serve_forever(self) -> None:
        """Until the process is ended."""
        while True:
            pause = max(0.0, self._late[0][0] - time.monotonic()) if self._late else None
            for key, events in self._selector.select(pause):
                connection: _Connection | None = key.data
                if connection is None:
                    self._accept()
                elif (events & selectors.EVENT_WRITE and not connection.writable()) or (
                    events & selectors.EVENT_READ and not connection.readable()
                ):
                    self._selector.unregister(connection.sock)
                    connection.sock.close()
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, waiting, answer = heapq.heappop(self._late)
                if waiting.sock.fileno() >= 0:
                    waiting.write_now(answer)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A page of a listing leaves in one call.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._selector.register(sock, selectors.EVENT_READ, _Connection(sock, self))


def main() -> None:
    """Listen, print the URL, serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="at 127.0.0.1; 0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="between a request and its answer")
    parser.add_argument("--log-lines", type=int, default=0, help="how many lines each function has logged")
    arguments = parser.parse_args()
    server = Server(arguments.port, arguments.latency_ms / 1000, arguments.log_lines)
    print(f"http://127.0.0.1:{server.port}", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
