"""Asking a port whether our server answers there."""

from __future__ import annotations

import http.client
import json
from enum import Enum

_HEALTH_PATH = "/_ministack/health"
_EDITION_PREFIX = "s3copy-"
_MOST_BYTES = 65536


class Probe(Enum):
    """Who answered."""

    OURS = "ours"
    FOREIGN = "foreign"
    REFUSED = "refused"
    SILENT = "silent"


def edition_for(token: str) -> str:
    """What the server of this token calls itself: ministack repeats `MINISTACK_EDITION` in its health answer."""
    return f"{_EDITION_PREFIX}{token}"


def token_of(edition: str) -> str:
    """The token of the server that calls itself so."""
    return edition.removeprefix(_EDITION_PREFIX)


def probe(port: int, token: str, timeout_seconds: float) -> Probe:
    """Asks 127.0.0.1:port for its health, directly (no proxy is consulted)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request("GET", _HEALTH_PATH)
        response = connection.getresponse()
        return classify_answer(response.status, response.read(_MOST_BYTES), token)
    except ConnectionRefusedError:
        return Probe.REFUSED
    except http.client.RemoteDisconnected:
        return Probe.SILENT
    except http.client.HTTPException:
        return Probe.FOREIGN
    except OSError:
        return Probe.SILENT
    finally:
        connection.close()


def classify_answer(status: int, body: bytes, token: str) -> Probe:
    """Whether this health answer is that of the server with this token."""
    try:
        answer = json.loads(body)
    except ValueError:
        return Probe.FOREIGN
    is_ours = status == 200 and isinstance(answer, dict) and answer.get("edition") == edition_for(token)
    return Probe.OURS if is_ours else Probe.FOREIGN
