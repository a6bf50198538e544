"""Every line of the role's policy is needed: without it, something that the pipeline does fails.

Relies on the embedded AWS with IAM enforced. Each (action, resource) is taken away in turn, and a named scenario, which
passes with the whole policy, fails with an AccessDenied of the request that needs it. What the emulator never asks for
is listed in `UNCHECKED`, with the reason.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest

from s3copy_cli.local import LocalAws

pytestmark = pytest.mark.e2e

SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
ROLE, POLICY, FUNCTION, LOG_GROUP = "s3copy-us-east-1", "s3copy-copy", "s3copy", "/aws/lambda/s3copy"
MIB = 1024**2
PART_SIZES = (5 * MIB, 4 * MIB)
# Parts of these objects are answered so late that the invocation has to hand the copy on: it does once half of its time
# is over. The rest is for doing so, which includes the making of a client: little enough on a busy machine.
SLOW = "slow/"
TIMEOUT_SECONDS, DELAY_SECONDS = 16, 8.5

# Short names for the resources of the policy.
S, D = "the source's objects", "the destination's objects"
RESOURCES = {
    f"arn:aws:s3:::{SOURCE}/*": S,
    f"arn:aws:s3:::{DESTINATION}/*": D,
    f"arn:aws:s3:::{SOURCE}": "the source bucket",
    f"arn:aws:s3:::{DESTINATION}": "the destination bucket",
    "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/s3copy:*": "the log group",
    "arn:aws:sqs:us-east-1:000000000000:s3copy-dead-letter": "the queue",
    "arn:aws:lambda:us-east-1:000000000000:function:s3copy": "the function",
}
Permission = tuple[str, str]

# What the emulator does not ask for, and why; the rest of the policy is proved below.
UNCHECKED: dict[Permission, str] = {
    ("s3:GetObjectAnnotation", S): "CopyObject carries annotations without asking for it",
    ("s3:PutObjectAnnotation", D): "CopyObject carries annotations without asking for it",
    ("s3:PutObjectTagging", D): "CopyObject and CreateMultipartUpload write tags without asking for it",
    ("s3:ListBucket", "the destination bucket"): "HEAD of a missing key is answered with 404 without it",
    ("logs:CreateLogStream", "the log group"): "the emulator writes the function's log by itself",
    ("logs:PutLogEvents", "the log group"): "the emulator writes the function's log by itself",
    ("sqs:SendMessage", "the queue"): "the emulator parks failed events by itself",
}


class SlowParts(BaseHTTPRequestHandler):
    """Passes requests on to the embedded AWS, and keeps the answers to some of them back."""

    protocol_version = "HTTP/1.1"
    endpoint: tuple[str, int]

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = http.client.HTTPConnection(*self.endpoint, timeout=60)
        # The Host header goes along as it is: it is signed.
        upstream.request(self.command, self.path, body or None, dict(self.headers.items()))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        if self.command == "PUT" and f"/{SLOW}" in self.path and "partNumber=" in self.path:
            time.sleep(DELAY_SECONDS)  # what is tested is how long S3 takes
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "connection", "date", "server"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@dataclass
class World:
    """A pipeline that stands, its whole policy, and clients that may do everything."""

    client: Callable[[str], Any]
    policy: dict[str, Any]
    eventually: Callable[..., Any]

    def key(self, folder: str) -> str:
        """A key that nothing else uses."""
        return f"{folder}{uuid4().hex[:12]}"

    def permissions(self) -> set[Permission]:
        """Every action of the whole policy, with what it is allowed on."""
        found = set()
        for statement in self.policy["Statement"]:
            resources = statement["Resource"]
            for resource in [resources] if isinstance(resources, str) else resources:
                found |= {(action, RESOURCES[resource]) for action in statement["Action"]}
        return found

    @contextmanager
    def without(self, *taken: Permission) -> Iterator[None]:
        """The policy with these permissions taken away, until the end of the block."""
        arns = {name: arn for arn, name in RESOURCES.items()}
        left = [
            {"Effect": "Allow", "Action": action, "Resource": arns[where]}
            for action, where in sorted(self.permissions() - set(taken))
        ]
        self._put({"Version": "2012-10-17", "Statement": left})
        try:
            yield
        finally:
            self._put(self.policy)

    def _put(self, document: dict[str, Any]) -> None:
        self.client("iam").put_role_policy(RoleName=ROLE, PolicyName=POLICY, PolicyDocument=json.dumps(document))

    def lines(self, key: str) -> list[dict[str, Any]]:
        """What the function logged about a key, in order."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=LOG_GROUP)
        texts = [event["message"] for page in pages for event in page["events"] if event["message"].startswith("{")]
        lines = [json.loads(text) for text in texts]
        return sorted((line for line in lines if line.get("key") == key), key=lambda line: str(line["timestamp"]))

    def line(self, key: str, number: int = 0) -> dict[str, Any]:
        """The function's line about a key, as soon as it is there."""
        line: dict[str, Any] = self.eventually(lambda: self.lines(key)[number : number + 1], seconds=60)[0]
        return line

    def put(self, key: str, body: bytes = b"1", **more: Any) -> None:
        """Put an object into the source."""
        self.client("s3").put_object(Bucket=SOURCE, Key=key, Body=body, **more)

    def put_in_parts(self, key: str) -> None:
        """Put an object of two parts, as clients do above their threshold."""
        s3 = self.client("s3")
        upload = {"Bucket": SOURCE, "Key": key}
        upload["UploadId"] = s3.create_multipart_upload(**upload, Tagging="team=blue")["UploadId"]
        parts = []
        for number, size in enumerate(PART_SIZES, 1):
            etag = s3.upload_part(**upload, PartNumber=number, Body=os.urandom(size))["ETag"]
            parts.append({"PartNumber": number, "ETag": etag})
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    def open_uploads(self, key: str) -> list[str]:
        """The uploads of a key that nobody has completed or aborted, at the destination."""
        answer = self.client("s3").list_multipart_uploads(Bucket=DESTINATION, Prefix=key)
        return [upload["UploadId"] for upload in answer.get("Uploads", [])]

    def parts_of_open_uploads(self, key: str) -> int:
        """How many parts these uploads have; the destination has a part before the function is told so."""
        s3 = self.client("s3")
        listed = [s3.list_parts(Bucket=DESTINATION, Key=key, UploadId=upload) for upload in self.open_uploads(key)]
        return sum(len(answer.get("Parts", [])) for answer in listed)


# Gives the outcome, or, where a request was denied, "denied" and the request.
Scenario = Callable[[World], str]


def ending(line: dict[str, Any]) -> str:
    """How a key ended, by the function's line."""
    error = line.get("error", {})
    # Of Lambda the code ends in "Exception".
    if error.get("code") in {"AccessDenied", "AccessDeniedException"}:
        return f"denied {error['operation']}"
    return str(line.get("outcome", line))


def upload(world: World) -> str:
    """An object is uploaded."""
    key = world.key("plain/")
    world.put(key)
    return ending(world.line(key))


def upload_again(world: World) -> str:
    """A tagged object is uploaded, and its event is delivered twice: tags are compared."""
    key = world.key("tagged/")
    world.put(key, Tagging="team=blue")
    first = world.line(key)
    if first["outcome"] != "copied":
        return ending(first)
    record = {
        "eventSource": "aws:s3",
        "eventVersion": "2.1",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": SOURCE}, "object": {"key": key}},
    }
    payload = json.dumps({"Records": [record]})
    world.client("lambda").invoke(FunctionName=FUNCTION, InvocationType="Event", Payload=payload)
    return ending(world.line(key, 1))


def upload_in_parts(world: World) -> str:
    """An object is uploaded in two parts."""
    key = world.key("parts/")
    world.put_in_parts(key)
    return ending(world.line(key))


def delete(world: World) -> str:
    """An object that was copied is deleted."""
    key = world.key("deleted/")
    world.put(key)
    assert world.line(key)["outcome"] == "copied"
    world.client("s3").delete_object(Bucket=SOURCE, Key=key)
    return ending(world.line(key, 1))


def go_on(world: World) -> str:
    """A copy takes longer than an invocation, and another one goes on with it."""
    key = world.key(SLOW)
    world.put_in_parts(key)
    first = world.line(key)
    return ending(world.line(key, 1) if first["outcome"] == "continued" else first)


def go_on_with_what_changed(world: World) -> str:
    """The same, and meanwhile the source became another: the open upload is aborted."""
    key = world.key(SLOW)
    world.put_in_parts(key)
    # Earlier, the parts would be refused (412), and nothing would be left to go on with.
    world.eventually(lambda: world.parts_of_open_uploads(key) == len(PART_SIZES), seconds=60)
    world.put(key, b"small")
    world.eventually(lambda: [line for line in world.lines(key) if line["outcome"] == "continued"], seconds=60)
    # The lines of the second put and of the continuation come in any order.
    world.eventually(lambda: len(world.lines(key)) == 3, seconds=60)
    notes = {note for line in world.lines(key) for note in line.get("notes", [])}
    assert bool(world.open_uploads(key)) == ("an upload was left open" in notes), notes
    return "left open" if notes else "aborted"


@dataclass(frozen=True)
class Proof:
    """What shows that a permission is needed.

    Attributes:
        scenario: what ends otherwise without it.
        ending: how it ends with it.
        without: how it ends without it.
    """

    scenario: Scenario
    ending: str
    without: str


PROOFS: dict[Permission, Proof] = {
    ("s3:GetObject", S): Proof(upload, "copied", "denied HeadObject"),
    ("s3:GetObject", D): Proof(upload, "copied", "denied HeadObject"),
    ("s3:PutObject", D): Proof(upload, "copied", "denied CopyObject"),
    ("s3:GetObjectTagging", S): Proof(upload_again, "already_equal", "denied GetObjectTagging"),
    ("s3:GetObjectTagging", D): Proof(upload_again, "already_equal", "denied GetObjectTagging"),
    ("s3:GetObjectAttributes", S): Proof(upload_in_parts, "copied", "denied GetObjectAttributes"),
    ("s3:DeleteObject", D): Proof(delete, "deleted", "denied DeleteObject"),
    ("s3:ListBucket", "the source bucket"): Proof(delete, "deleted", "denied ListObjectsV2"),
    ("lambda:InvokeFunction", "the function"): Proof(go_on, "copied", "denied Invoke"),
    ("s3:ListMultipartUploadParts", D): Proof(go_on, "copied", "denied ListParts"),
    ("s3:AbortMultipartUpload", D): Proof(go_on_with_what_changed, "aborted", "left open"),
}


@pytest.fixture(scope="module")
def slow_endpoint(embedded_server: LocalAws) -> Iterator[str]:
    """The embedded AWS, with slow parts."""
    address = urlsplit(embedded_server.endpoint_url)
    handler = type("Handler", (SlowParts,), {"endpoint": (address.hostname, address.port)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def standing(
    embedded_server: LocalAws, embedded_state_dir: Path, slow_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Callable[[str], Any], dict[str, Any]]:
    """One pipeline for all tests here, with everything turned on; clients, and the role's policy."""
    endpoint = embedded_server.endpoint_url
    reset = urllib.request.Request(f"{endpoint}/_ministack/reset", method="POST")
    with urllib.request.urlopen(reset, timeout=30) as answer:
        assert answer.status == 200
    environ = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path_factory.mktemp("home")),
        "S3COPY_LOCAL_STATE_DIR": str(embedded_state_dir),
        **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
    }
    options = ["--propagate-deletes", "--accept-permanent-deletes"]
    command = [sys.executable, "-m", "s3copy_cli", "--local", "setup", *options]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr

    session = boto3.Session(embedded_server.access_key_id, embedded_server.secret_access_key, None, "us-east-1")
    made = {
        service: session.client(service, endpoint_url=endpoint) for service in ("s3", "iam", "logs", "lambda", "sqs")
    }
    variables = made["lambda"].get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    made["lambda"].update_function_configuration(
        FunctionName=FUNCTION,
        Timeout=TIMEOUT_SECONDS,
        Environment={"Variables": {**variables, "AWS_ENDPOINT_URL_S3": slow_endpoint}},
    )
    policy = made["iam"].get_role_policy(RoleName=ROLE, PolicyName=POLICY)["PolicyDocument"]
    return made.__getitem__, policy


@pytest.fixture
def world(standing: tuple[Callable[[str], Any], dict[str, Any]], eventually: Callable[..., Any]) -> World:
    client, policy = standing
    return World(client, policy, eventually)


def test_the_policy_is_what_is_proved_and_what_can_not_be_checked_and_nothing_else(world: World) -> None:
    assert set(PROOFS) | set(UNCHECKED) == world.permissions()
    assert not set(PROOFS) & set(UNCHECKED)


@pytest.mark.parametrize("permission", PROOFS, ids=lambda permission: f"{permission[0]} on {permission[1]}")
def test_without_this_permission_something_fails(world: World, permission: Permission) -> None:
    proof = PROOFS[permission]
    with world.without(permission):
        assert proof.scenario(world) == proof.without


@pytest.mark.parametrize(
    ("scenario", "wanted"),
    {proof.scenario: proof.ending for proof in PROOFS.values()}.items(),
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_the_emulator_does_not_ask_for_is_not_needed_there(world: World, scenario: Scenario, wanted: str) -> None:
    """Each scenario passes with the rest of the policy: so the proofs above fail for their own permission only.

    When the emulator begins to ask for one of these, this test says so, and the permission moves to PROOFS.
    """
    with world.without(*UNCHECKED):
        assert scenario(world) == wanted


def test_a_failed_event_is_parked_without_the_role_s_permission_here(world: World) -> None:
    queue = world.client("sqs").get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"]
    key = world.key("parked/")

    def is_parked() -> bool:
        # Hidden for a while, so that messages of other tests do not stand in the way for ever.
        answer = world.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=60)
        return any(key in message["Body"] for message in answer.get("Messages", []))

    with world.without(("s3:PutObject", D), ("sqs:SendMessage", "the queue")):
        world.put(key)
        world.eventually(is_parked, seconds=120)
