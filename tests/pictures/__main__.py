"""Pictures of the terminal for the docs: `make pictures`, or `python -m tests.pictures [FOLDER]`.

The real commands run on the embedded AWS, in a pseudo-terminal; what they write is drawn by rich.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import pexpect
from botocore.exceptions import ClientError

from s3copy_cli.config import Pipeline
from s3copy_cli.local import LocalAws, ensure_running, local_paths, reset

from ..drift_by_hand import CHANGES, CHOICES, Hand  # noqa: TID252 (shared with the tests)
from .drawing import COLUMNS, draw

ROOT = Path(__file__).parents[2]
SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
PIPELINE = Pipeline("s3copy", "000000000000", "us-east-1")
CHOSEN = (
    *("--tag", "team=blue", "--memory", "512", "--permissions-boundary", "arn:aws:iam::000000000000:policy/bound"),
    *("--source-versioning", "--destination-versioning", "--propagate-deletes"),
)
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Studio:
    """The embedded AWS with its pipeline, and the folder for the pictures."""

    def __init__(self, aws: LocalAws, state_dir: Path, home: Path, folder: Path) -> None:
        self._folder = folder
        self._environ = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "S3COPY_LOCAL": "1",
            "S3COPY_LOCAL_STATE_DIR": str(state_dir),
        }
        session = boto3.Session(aws.access_key_id, aws.secret_access_key, region_name=aws.region)
        self.client: Callable[[str], Any] = lambda name: session.client(name, endpoint_url=aws.endpoint_url)
        self.s3 = self.client("s3")

    def run(self, *arguments: str, expect: int = 0) -> None:
        """A command that is in no picture."""
        command = [sys.executable, "-m", "s3copy_cli", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self._environ, capture_output=True, text=True, timeout=300)
        if done.returncode != expect:
            raise SystemExit(f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}")

    def picture(self, name: str, *arguments: str, expect: int = 0) -> None:
        """Run a command in a terminal, and draw what it wrote."""
        written, exit_code = pexpect.run(
            f"{sys.executable} -m s3copy_cli " + " ".join(arguments),
            env={**self._environ, "COLUMNS": str(COLUMNS), "LINES": "50"},
            cwd=str(ROOT),
            timeout=300,
            withexitstatus=True,
            encoding="utf-8",
        )
        if exit_code != expect:
            raise SystemExit(f"{name}: exit code {exit_code}\n{written}")
        path = self._folder / f"{name}.svg"
        path.write_text(draw(f"$ s3copy {' '.join(arguments)}", written, exit_code), encoding="utf-8")
        print(f"{path} ({path.stat().st_size:,} bytes)")  # noqa: T201


def eventually(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit("what a picture needs did not happen")
        time.sleep(0.2)


def is_parked(studio: Studio) -> bool:
    """Whether the function has given up an event."""
    sqs = studio.client("sqs")
    url = sqs.get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"]
    name = "ApproximateNumberOfMessages"
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name] != "0"


def without(studio: Studio, action: str) -> None:
    """Take a permission away from the function."""
    iam = studio.client("iam")
    role = {"RoleName": PIPELINE.role_name, "PolicyName": PIPELINE.policy_name}
    policy = iam.get_role_policy(**role)["PolicyDocument"]
    for statement in policy["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    iam.put_role_policy(**role, PolicyDocument=json.dumps(policy))


def change_by_hand(studio: Studio, change: Hand) -> None:
    """Change an attribute as soon as the change before it is in force."""

    def is_done() -> bool:
        try:
            change(studio.client, PIPELINE)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceConflictException":
                raise
            return False
        return True

    eventually(is_done)


def take_pictures(studio: Studio) -> None:
    """The life of a pipeline that somebody meddles with."""
    put = studio.s3.put_object
    studio.run("setup")
    for number in range(1, 4):
        body = f"id,amount\n{number},{number * 100}\n".encode()
        put(Bucket=SOURCE, Key=f"2026/{number}.csv", Body=body, ContentType="text/csv", Metadata={"owner": "finance"})
    studio.run("upload", "sample.csv", "--wait")
    studio.run("verify", "--wait", "120")
    studio.picture("verify", "verify")

    # Another Content-Type and owner, a deleted copy, and a file that came from elsewhere.
    changed = {"ContentType": "text/plain", "Metadata": {"owner": "mallory"}}
    put(Bucket=DESTINATION, Key="2026/1.csv", Body=b"id,amount\n1,100\n", **changed)
    studio.s3.delete_object(Bucket=DESTINATION, Key="2026/2.csv")
    put(Bucket=DESTINATION, Key="stranger.csv", Body=b"?")
    # A permission is taken away, and a file comes.
    without(studio, "s3:PutObject")
    put(Bucket=SOURCE, Key="2026/4.csv", Body=b"id,amount\n4,400\n", ContentType="text/csv")
    eventually(lambda: is_parked(studio))
    studio.picture("verify-differences", "verify", "--wait 0", expect=3)

    studio.picture("setup-dry-run", "setup", "--dry-run")
    studio.run("setup")
    studio.picture("repair", "repair")

    # Each attribute of each resource, by hand.
    studio.client("iam").create_policy(PolicyName="bound", PolicyDocument=json.dumps(ANYTHING))
    studio.run("setup", *CHOSEN)
    for (resource, attribute), (change, _, _) in CHANGES.items():
        # Less of the role's policy, which would fill the picture.
        if attribute not in CHOICES and resource != "role policy":
            change_by_hand(studio, change)
    without(studio, "s3:PutObject")
    studio.client("lambda").put_function_event_invoke_config(
        FunctionName=PIPELINE.function_name, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60
    )
    studio.picture("plan-drift", "plan", expect=3)
    studio.run("setup")
    studio.run("plan")


def main(arguments: Sequence[str]) -> None:
    """Take all pictures."""
    folder = Path(arguments[0]) if arguments else ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="s3copy-pictures-") as name:
        state_dir = Path(name, "state")
        paths = local_paths({"S3COPY_LOCAL_STATE_DIR": str(state_dir), "HOME": name})
        try:
            take_pictures(Studio(ensure_running(paths), state_dir, Path(name), folder))
        finally:
            reset(paths)


if __name__ == "__main__":
    main(sys.argv[1:])
