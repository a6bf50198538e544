import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from s3copy_cli.local.probe import Probe, classify_answer, edition_for, probe, token_of


@contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """A server that gives one answer to whatever it is asked, or none at all; yields its port."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                if answer is None:
                    over.wait(30)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


def health(edition: str, status: str = "200 OK") -> bytes:
    body = json.dumps({"services": {}, "edition": edition}).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        (health(edition_for("mine")), Probe.OURS),
        (health(edition_for("other")), Probe.FOREIGN),
        (health("light"), Probe.FOREIGN),
        (health(edition_for("mine"), "503 Busy"), Probe.FOREIGN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Probe.FOREIGN),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Probe.FOREIGN),
        (b"", Probe.SILENT),
        (None, Probe.SILENT),
    ],
)
def test_who_answers(answer: bytes | None, who: Probe) -> None:
    with answering(answer) as port:
        assert probe(port, "mine", 0.3) is who


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert probe(port, "mine", 0.3) is Probe.REFUSED


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with answering(health(edition_for("mine"))) as port:
        assert probe(port, "mine", 0.3) is Probe.OURS


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"s3copy-mine"', b'{"edition": null}', b"\xff"])
def test_odd_bodies_are_foreign(body: bytes) -> None:
    assert classify_answer(200, body, "mine") is Probe.FOREIGN


def test_the_edition_carries_the_token() -> None:
    assert token_of(edition_for("abc")) == "abc"
