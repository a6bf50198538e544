"""The data plane in front of moto over HTTP, and a client that sees the same buckets."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from s3copy_cli.aws import Aws
from s3copy_cli.s3 import Bucket, CrtObjectStore, open_store

ACCOUNT_ID = "123456789012"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """A session in an empty account."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.Session(region_name="us-east-1")


@pytest.fixture
def s3(session: boto3.Session) -> Any:
    """An S3 client of that account, inside this process."""
    return session.client("s3")


@pytest.fixture
def bucket(s3: Any) -> Bucket:
    """An empty bucket."""
    s3.create_bucket(Bucket="source")
    return Bucket("source", ACCOUNT_ID)


@pytest.fixture
def store(session: boto3.Session, data_plane_on_moto: str) -> CrtObjectStore:
    """The data plane."""
    return open_store(Aws(session, "us-east-1"), part_size=5 * 1024 * 1024)


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


# Bytes to send and whether to hang up then; None to reset the connection at once.
Reply = tuple[bytes, bool] | None


class ScriptedServer:
    """Answers as a test says, down to the byte.

    Attributes:
        script: what to answer to the nth request (from 0).
        asked: the requests so far.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.script: Callable[[int, Asked], Reply] = lambda *_: self.reply()
        self._tls = tls
        self.asked: list[Asked] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @staticmethod
    def reply(
        status: int = 200, body: bytes = b"", *, length: int | None = None, hang_up: bool = False, headers: str = ""
    ) -> tuple[bytes, bool]:
        """A response; `length` to lie about the body's."""
        length = len(body) if length is None else length
        return f"HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n".encode() + body, hang_up

    def close(self) -> None:
        self.released.set()
        # Wakes the thread that waits for connections.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), self._secured(connection) as secured, secured.makefile("rb") as stream:
            while True:
                method, target, _ = stream.readline().decode().split(" ")
                lines = iter(lambda: stream.readline().decode().strip(), "")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                asked = Asked(method, target, headers, stream.read(int(headers.get("content-length", 0))))
                with self._lock:
                    number = len(self.asked)
                    self.asked.append(asked)
                reply = self.script(number, asked)
                if reply is None:
                    secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                secured.sendall(reply[0])
                if reply[1]:
                    return

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        secured = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        # Before the handshake, so that it can be ended.
        self._connections.append(secured)
        try:
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured


@pytest.fixture
def make_server() -> Iterator[Callable[..., ScriptedServer]]:
    """Makes servers that do what they are told; takes a TLS context."""
    servers: list[ScriptedServer] = []

    def make(tls: ssl.SSLContext | None = None) -> ScriptedServer:
        servers.append(ScriptedServer(tls))
        return servers[-1]

    yield make
    for scripted in servers:
        scripted.close()


@pytest.fixture
def server(make_server: Callable[..., ScriptedServer]) -> ScriptedServer:
    """A server that does what it is told."""
    return make_server()


@pytest.fixture
def open_scripted(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CrtObjectStore]:
    """Opens a data plane in front of that server; takes a session, if it is not to be the usual one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")

    def open_(session: boto3.Session | None = None, **options: Any) -> CrtObjectStore:
        session = session or boto3.Session()
        return open_store(Aws(session, "us-east-1", endpoint_url=f"http://{server.host}"), **options)

    return open_


@pytest.fixture
def scripted(open_scripted: Callable[..., CrtObjectStore]) -> CrtObjectStore:
    """The data plane in front of that server."""
    return open_scripted()
