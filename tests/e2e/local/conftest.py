import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import boto3
import pytest
from botocore.config import Config

from s3copy_cli.local import LocalAws, LocalPaths, launch, stop
from s3copy_cli.local.process import iter_marked, kill_leftovers
from s3copy_cli.local.record import ServerRecord, read_record

HANDLER = """
import json, os, pathlib, time
def handler(event, context):
    if "touch" in event:
        pathlib.Path(event["touch"]).touch()
    time.sleep(event.get("sleep", 0))
    return dict(os.environ)
"""


class WaitUntil(Protocol):
    def __call__(self, condition: Callable[[], Any], what: str, seconds: float = 30.0) -> None: ...


@pytest.fixture
def wait_until() -> WaitUntil:
    """Waits until the condition holds; fails, and says what was waited for, when it does not come to hold."""

    def wait(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
            time.sleep(0.02)

    return wait


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[LocalPaths]:
    """A state folder of this test alone, with a blank in its name; nothing runs in it afterwards."""
    state = LocalPaths(state_dir=tmp_path / "a state" / "local")
    yield state
    record = read_record(state.record_file)
    try:
        stop(state)
    finally:
        if record:
            kill_leftovers(launch.server_mark(record.token))


@pytest.fixture
def record_of(paths: LocalPaths) -> Callable[[], ServerRecord]:
    """What the server says about itself."""

    def read() -> ServerRecord:
        record = read_record(paths.record_file)
        assert record is not None
        return record

    return read


@pytest.fixture
def processes_of(record_of: Callable[[], ServerRecord]) -> Callable[[], list[int]]:
    """The server's processes: itself and its functions'."""
    return lambda: sorted(iter_marked(launch.server_mark(record_of().token)))


@pytest.fixture
def client() -> Iterator[Callable[[LocalAws, str], Any]]:
    """Makes SDK clients of an embedded AWS."""
    made: list[Any] = []

    def make(aws: LocalAws, service: str) -> Any:
        session = boto3.session.Session(
            aws_access_key_id=aws.access_key_id,
            aws_secret_access_key=aws.secret_access_key,
            region_name=aws.region,
        )
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
        made.append(session.client(service, endpoint_url=aws.endpoint_url, config=config))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def deploy(client: Callable[[LocalAws, str], Any]) -> Callable[[LocalAws], Any]:
    """Deploys a function `probe` that sleeps as told and returns its environment; gives the Lambda client."""

    def put(aws: LocalAws) -> Any:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        role = client(aws, "iam").create_role(RoleName="probe", AssumeRolePolicyDocument=json.dumps(trust))
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("probe.py", HANDLER)
        functions = client(aws, "lambda")
        functions.create_function(
            FunctionName="probe",
            Role=role["Role"]["Arn"],
            Runtime="python3.12",
            Handler="probe.handler",
            Timeout=600,
            Code={"ZipFile": archive.getvalue()},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName="probe", WaiterConfig={"Delay": 1})
        return functions

    return put


class Run(Protocol):
    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def command_environment(paths: LocalPaths) -> dict[str, str]:
    """The environment of a user who has no AWS settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3COPY_"))}
    return kept | {"S3COPY_LOCAL_STATE_DIR": str(paths.state_dir)}


@pytest.fixture
def s3copy(command_environment: dict[str, str]) -> Run:
    """Runs a command line as a user would."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "s3copy_cli", *arguments],
            env=command_environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run
