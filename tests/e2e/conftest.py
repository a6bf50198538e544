"""The embedded AWS for tests: one server for each worker, an empty account for each test."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from s3copy_cli.local import LocalAws, ensure_running, local_paths, reset

from .ready import Ready


@dataclass(frozen=True)
class Outcome:
    """What one command line came to."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def data(self) -> dict[str, Any]:
        """The envelope's data; the command must have been given --json."""
        return json.loads(self.stdout)["data"]

    @property
    def envelope(self) -> dict[str, Any]:
        """The whole envelope."""
        return json.loads(self.stdout)


Run = Callable[..., Outcome]
Clients = Callable[[str], Any]


@pytest.fixture(scope="session")
def embedded_state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of this worker's server."""
    return tmp_path_factory.mktemp("embedded") / "state"


@pytest.fixture(scope="session")
def embedded_server(embedded_state_dir: Path) -> Iterator[LocalAws]:
    """A running embedded AWS, ended with the test session."""
    paths = local_paths({"S3COPY_LOCAL_STATE_DIR": str(embedded_state_dir), "HOME": str(embedded_state_dir)})
    aws = ensure_running(paths)
    yield aws
    reset(paths)


def _empty(aws: LocalAws) -> None:
    request = urllib.request.Request(f"{aws.endpoint_url}/_ministack/reset", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def _clients(aws: LocalAws) -> Clients:
    session = boto3.Session(
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
        region_name=aws.region,
    )
    return cache(lambda service: session.client(service, endpoint_url=aws.endpoint_url))


def _environ(state_dir: Path, home: Path) -> dict[str, str]:
    home.mkdir()
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "S3COPY_LOCAL": "1",
        "S3COPY_LOCAL_STATE_DIR": str(state_dir),
        # Where the code under test was chosen by it, the program and the function are to be of that code too.
        **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
    }


@pytest.fixture(scope="session")
def ready() -> Iterator[Ready]:
    """What runs command lines."""
    found = Ready()
    yield found
    found.close()


def _runner(ready: Ready, environ: dict[str, str], folder: Path) -> Run:
    def run(*arguments: str, expect: int | None = None, **variables: str) -> Outcome:
        outcome = Outcome(*ready.run(arguments, environ={**environ, **variables}, folder=folder, timeout_seconds=300))
        if expect is not None:
            assert outcome.exit_code == expect, f"{arguments}: {outcome}"
        return outcome

    return run


@pytest.fixture
def embedded(embedded_server: LocalAws, empty_account: Callable[[], None]) -> LocalAws:
    """The embedded AWS with nothing in the account."""
    empty_account()
    return embedded_server


@pytest.fixture
def empty_account(embedded_server: LocalAws) -> Callable[[], None]:
    """Remove everything from the account, without the program."""
    return lambda: _empty(embedded_server)


@pytest.fixture
def clients(embedded: LocalAws) -> Clients:
    """boto3 clients of the embedded AWS: `clients("s3")`."""
    return _clients(embedded)


@pytest.fixture
def environ(embedded: LocalAws, embedded_state_dir: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a person with an empty HOME who works on the embedded AWS."""
    return _environ(embedded_state_dir, tmp_path / "home")


@pytest.fixture
def s3copy(ready: Ready, environ: dict[str, str], tmp_path: Path) -> Run:
    """Run the program as a person does: `s3copy("verify", "--json")`."""
    return _runner(ready, environ, tmp_path)


@dataclass(frozen=True)
class Shared:
    """One account for all tests of a module, which begins empty. Such a module uses none of the fixtures above.

    Attributes:
        clients: boto3 clients.
        s3copy: runs the program, in `folder`.
        environ: with this environment.
        folder: where files may be made.
    """

    clients: Clients
    s3copy: Run
    environ: dict[str, str]
    folder: Path


@pytest.fixture(scope="module")
def shared(
    ready: Ready, embedded_server: LocalAws, embedded_state_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Shared:
    """An empty account, for a whole module: building a pipeline takes longer than verifying it."""
    _empty(embedded_server)
    folder = tmp_path_factory.mktemp("shared")
    environ = _environ(embedded_state_dir, folder / "home")
    return Shared(_clients(embedded_server), _runner(ready, environ, folder), environ, folder)


@pytest.fixture
def account(clients: Callable[[str], Any]) -> Callable[[], dict[str, list[str]]]:
    """Everything in the account, by service; empty lists everywhere mean an empty account."""

    def everything() -> dict[str, list[str]]:
        s3, iam, lambda_, logs, sqs, events = map(clients, ("s3", "iam", "lambda", "logs", "sqs", "events"))
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        found = {
            "buckets": buckets,
            "roles": [role["RoleName"] for role in iam.list_roles()["Roles"]],
            "policies": [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]],
            "users": [user["UserName"] for user in iam.list_users()["Users"]],
            "functions": [function["FunctionName"] for function in lambda_.list_functions()["Functions"]],
            "event source mappings": [
                one["UUID"] for one in lambda_.list_event_source_mappings()["EventSourceMappings"]
            ],
            "log groups": [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]],
            "queues": list(sqs.list_queues().get("QueueUrls", [])),
            "rules": [rule["Name"] for rule in events.list_rules()["Rules"]],
            "tagged": [
                one["ResourceARN"]
                for one in clients("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]
            ],
        }
        for bucket in buckets:
            listing = s3.list_object_versions(Bucket=bucket)
            found[f"in {bucket}"] = [
                *(one["Key"] for part in ("Versions", "DeleteMarkers") for one in listing.get(part, [])),
                *(one["Key"] for one in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])),
            ]
        return found

    return everything
