"""An account in moto, and the program run in this process against it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import moto.s3.urls
import pytest
from moto import mock_aws
from moto.moto_server.utilities import RegexConverter
from moto.server import ThreadedMotoServer

from s3copy_cli.aws import Aws, ConnectionOptions, connect
from s3copy_cli.cli import run as run_program
from s3copy_cli.config import Pipeline
from s3copy_cli.s3.connection import Location
from s3copy_cli.s3.wire import Endpoint

ACCOUNT_ID = "123456789012"
REGION = "eu-west-1"


@dataclass(frozen=True)
class Outcome:
    """What one command line came to."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The JSON envelope; the command must have been given --json."""
        return json.loads(self.stdout)

    @property
    def data(self) -> dict[str, Any]:
        """The envelope's data."""
        return self.envelope["data"]


@pytest.fixture(scope="session", autouse=True)
def _routes_are_read_once() -> Iterator[None]:
    """moto loads the module with S3's routes twice for each request, in case an environment variable has changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.s3.models.S3Backend._url_module", moto.s3.urls)
        yield


@pytest.fixture(scope="session")
def load_backends() -> Callable[[], None]:
    """Call each service once, when an account begins.

    moto builds its routes at a service's first call, and not safely from several threads, as setup makes them.
    """
    session = boto3.Session("testing", "testing", region_name=REGION)
    calls = [
        getattr(session.client(service), operation)
        for service, operation in (
            ("s3", "list_buckets"),
            ("iam", "list_roles"),
            ("lambda", "list_functions"),
            ("logs", "describe_log_groups"),
            ("sqs", "list_queues"),
            ("events", "list_rules"),
            ("sts", "get_caller_identity"),
        )
    ]

    def load() -> None:
        for call in calls:
            call()

    return load


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """moto over HTTP, for the data plane, which `mock_aws` cannot see: in this process, it has the same buckets."""

    class AnyKey(RegexConverter):
        """moto's own finds no route for a key with a line break."""

        def __init__(self, url_map: Any, *items: Any) -> None:
            super().__init__(url_map, *items)
            self.regex = f"(?s:{self.regex})"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.moto_server.werkzeug_app.RegexConverter", AnyKey)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"{host}:{port}"
        server.stop()


@pytest.fixture
def data_plane_on_moto(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every data plane that is opened reaches moto's server instead of the endpoint that boto3 would take."""

    def locate(client: Any, bucket: str) -> Location:
        return Location(Endpoint(moto_server, f"/{bucket}/"), is_https=False, user_agent="test")

    monkeypatch.setattr("s3copy_cli.s3.crt_store.locate", locate)
    return moto_server


@pytest.fixture
def moto_account(
    data_plane_on_moto: str, load_backends: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty account in moto; its id."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", REGION)
    with mock_aws(config={"lambda": {"use_docker": False}}):
        load_backends()
        yield ACCOUNT_ID


@pytest.fixture
def aws(moto_account: str) -> Aws:
    """Our connection to the account in moto."""
    return connect(ConnectionOptions(), os.environ)


@pytest.fixture
def pipeline(moto_account: str) -> Pipeline:
    """The default pipeline in that account."""
    return Pipeline(name="s3copy", account_id=ACCOUNT_ID, region=REGION)


@pytest.fixture
def s3copy(moto_account: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run one command line: `s3copy("setup", "--json", expect=0)`."""

    def run(*arguments: str, expect: int | None = None) -> Outcome:
        capsys.readouterr()
        exit_code = run_program(list(arguments), os.environ)
        captured = capsys.readouterr()
        outcome = Outcome(int(exit_code), captured.out, captured.err)
        if expect is not None:
            assert outcome.exit_code == expect, outcome
        return outcome

    return run


@pytest.fixture
def write_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations of all calls that could change something, as they are made."""
    calls: list[str] = []
    reading = ("Get", "Head", "List", "Describe")

    def note(model: Any, **_: Any) -> None:
        if not model.name.startswith(reading):
            calls.append(model.name)

    original = boto3.Session.__init__

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call", note)

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)
    return calls
