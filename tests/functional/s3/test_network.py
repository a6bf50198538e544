"""Certificates, proxies and long connections, over real TLS on loopback with an authority that is made for the test."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import SSLError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.util import connection

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import translate_errors
from s3copy_cli.errors import AwsError
from s3copy_cli.s3 import Bucket, CrtObjectStore, open_store
from s3copy_cli.s3.connection import Location, find_tls_error
from s3copy_cli.s3.wire import Endpoint

BUCKET = Bucket("source", "123456789012")
HEADERS = 'ETag: "e"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n'
LISTING = (
    b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount>"
    b"<Contents><Key>a</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
    b"<Size>0</Size></Contents></ListBucketResult>"
)
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The certificate of an authority, and one that it has given to loopback, with its key."""
    folder = tmp_path_factory.mktemp("certificates")
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(timezone.utc)

    def certificate(name: str, public_key: Any, extension: x509.ExtensionType, *, is_authority: bool) -> bytes:
        subject, issuer = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, "test authority")
        )
        builder = (
            x509.CertificateBuilder(issuer, subject, public_key, x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(extension, critical=False)
        )
        return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, server = folder / "authority.pem", folder / "server.pem"
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    authority_public = authority_key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_public)
    authority.write_bytes(certificate("test authority", authority_public, identifier, is_authority=True))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    alternatives = x509.SubjectAlternativeName(names)
    server.write_bytes(certificate("localhost", key.public_key(), alternatives, is_authority=False) + private)
    return authority, server


@pytest.fixture
def authority(certificates: tuple[Path, Path]) -> str:
    return str(certificates[0])


@pytest.fixture
def https(make_server: Callable[..., Any], certificates: tuple[Path, Path]) -> Any:
    """S3 with one object, over TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates[1])
    return with_an_object(make_server(tls))


def with_an_object(server: Any) -> Any:
    server.script = lambda _, asked: (
        server.reply(body=LISTING) if "list-type" in asked.target else server.reply(headers=HEADERS)
    )
    return server


class Proxy:
    """A forwarding proxy: CONNECT, and plain requests with a whole URL.

    Attributes:
        asked: method and target of each request.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        for opened in (self._listener, *self._open):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        self._open.extend(arguments)
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError):
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = client.recv(65536)
                if not chunk:
                    return
                head += chunk
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self.asked.append((method, target))
            host, _, port = (target if method == "CONNECT" else urlsplit(target).netloc).partition(":")
            server = socket.create_connection((host, int(port)))
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                # Servers of HTTP/1.1 take a whole URL as well; ours would have it in `asked`.
                path = target.removeprefix(f"http://{host}:{port}")
                server.sendall(head.replace(target.encode(), path.encode(), 1))
            self._start(pump, server, client)
            pump(client, server)


def pump(source: socket.socket, destination: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            destination.sendall(chunk)
        destination.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    opened = Proxy()
    yield opened
    opened.close()


@pytest.fixture
def open_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., CrtObjectStore]:
    """Opens a data plane at a URL, in this environment and no other."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    for name in (*PROXY_VARIABLES, "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def open_(url: str, **environment: str) -> CrtObjectStore:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return open_store(Aws(boto3.Session(), "us-east-1", endpoint_url=url))

    return open_


def look(store: CrtObjectStore) -> tuple[list[str], bool]:
    return [found.key for found in store.iter_objects(BUCKET)], store.head(BUCKET, "a") is not None


def test_an_authority_of_ones_own(https: Any, open_at: Callable[..., CrtObjectStore], authority: str) -> None:
    assert look(open_at(f"https://{https.host}", AWS_CA_BUNDLE=authority)) == (["a"], True)


def test_an_untrusted_certificate_is_told_within_seconds(https: Any, open_at: Callable[..., CrtObjectStore]) -> None:
    store = open_at(f"https://{https.host}")
    began = time.monotonic()
    looks = [lambda: list(store.iter_objects(BUCKET)), lambda: store.head(BUCKET, "a")]
    for again in looks:
        with pytest.raises(AwsError) as caught:
            again()
        assert caught.value.code == "SSLError"
        assert caught.value.doing == f"connecting to {https.host}"
        assert "CERTIFICATE_VERIFY_FAILED" in caught.value.happened
        assert "AWS_CA_BUNDLE" in caught.value.hint
    # The runtime's own TLS takes minutes.
    assert time.monotonic() - began < 30
    assert https.asked == []


def test_boto3_says_the_same_of_an_untrusted_certificate(https: Any) -> None:
    with pytest.raises(AwsError) as caught, translate_errors("asking AWS who we are"):
        raise SSLError(endpoint_url=f"https://{https.host}", error="[SSL: CERTIFICATE_VERIFY_FAILED]")
    assert (caught.value.doing, caught.value.code) == ("asking AWS who we are", "SSLError")
    assert "AWS_CA_BUNDLE" in caught.value.hint


def test_what_is_not_about_tls_is_left_to_the_runtime(
    make_server: Callable[..., Any], open_at: Callable[..., CrtObjectStore], authority: str
) -> None:
    """Another reason why nothing is heard: nobody is there, or the proxy is not."""
    open_at("http://127.0.0.1:1")
    server = make_server()
    location = Location(Endpoint(server.host, "/"), is_https=True, user_agent="")
    # It speaks no TLS.
    error = find_tls_error(location, authority)
    assert error is not None
    assert "https or http?" in error.hint
    server.close()
    assert find_tls_error(location, authority) is None
    assert find_tls_error(location, str(Path(authority).parent)) is None


def test_tls_through_a_proxy(https: Any, proxy: Proxy, open_at: Callable[..., CrtObjectStore], authority: str) -> None:
    store = open_at(f"https://{https.host}", HTTPS_PROXY=proxy.url, AWS_CA_BUNDLE=authority)
    assert look(store) == (["a"], True)
    assert set(proxy.asked) == {("CONNECT", https.host)}


def test_an_untrusted_certificate_behind_a_proxy(
    https: Any, proxy: Proxy, open_at: Callable[..., CrtObjectStore]
) -> None:
    with pytest.raises(AwsError, match="CERTIFICATE_VERIFY_FAILED"):
        look(open_at(f"https://{https.host}", HTTPS_PROXY=proxy.url))
    assert set(proxy.asked) == {("CONNECT", https.host)}


def test_plain_http_through_a_proxy(
    make_server: Callable[..., Any], proxy: Proxy, open_at: Callable[..., CrtObjectStore]
) -> None:
    server = with_an_object(make_server())
    assert look(open_at(f"http://{server.host}", HTTP_PROXY=proxy.url)) == (["a"], True)
    assert proxy.asked


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_exempt_from_the_proxy(
    make_server: Callable[..., Any],
    https: Any,
    proxy: Proxy,
    open_at: Callable[..., CrtObjectStore],
    authority: str,
    scheme: str,
) -> None:
    server = https if scheme == "https" else with_an_object(make_server())
    store = open_at(
        f"{scheme}://{server.host}",
        HTTP_PROXY=proxy.url,
        HTTPS_PROXY=proxy.url,
        NO_PROXY="example.com,127.0.0.1",
        AWS_CA_BUNDLE=authority,
    )
    assert look(store) == (["a"], True)
    assert proxy.asked == []


def test_a_long_invocation_keeps_its_connection(
    make_server: Callable[..., Any], open_at: Callable[..., CrtObjectStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Routers forget a connection on which nothing moves for minutes, and a function may run for fifteen."""
    server = make_server()
    open_at(f"http://{server.host}")
    options: list[Any] = []
    connect = connection.create_connection

    def note(*arguments: Any, **named: Any) -> Any:
        options.extend(named["socket_options"])
        return connect(*arguments, **named)

    monkeypatch.setattr(connection, "create_connection", note)
    Aws(boto3.Session(), "us-east-1", endpoint_url=f"http://{server.host}").lambda_invoke.invoke(FunctionName="f")
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in options
    idle = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))
    assert (socket.IPPROTO_TCP, idle, 60) in options


@pytest.mark.parametrize(
    ("name", "why"),
    [("missing.pem", "No such file or directory"), (".", "Is a directory"), ("empty.pem", "holds no certificate")],
)
def test_trusted_certificates_that_cannot_be_read(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "empty.pem").touch()
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CA_BUNDLE": str(tmp_path / name),
    }
    command = [sys.executable, "-m", "s3copy_cli", "verify", "--region", "us-east-1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert why in done.stderr
    assert "AWS_CA_BUNDLE" in done.stderr
    assert "Traceback" not in done.stderr
