"""A pipeline in moto whose function really runs, in this process, when it is invoked; the events of S3 get lost."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from lambda_handler.function import Function, build_function
from lambda_handler.settings import Settings, read_settings
from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline


@dataclass
class World:
    """The pipeline. `disturb` runs before the function does, with the keys of the event, and may raise.

    Attributes:
        invoked: the keys of each event that the function was invoked with.
    """

    aws: Aws
    pipeline: Pipeline
    invoked: list[list[str]] = field(default_factory=list)
    disturb: Callable[[list[str]], object] = lambda _: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    lines: list[str] = field(default_factory=list)
    functions: dict[Settings, Function] = field(default_factory=dict)

    def put(self, key: str, body: bytes = b"a,b\n1,2\n", **options: Any) -> None:
        self.aws.s3.put_object(Bucket=self.pipeline.source_bucket, Key=key, Body=body, **options)

    def put_copy(self, key: str, body: bytes = b"a,b\n1,2\n", **options: Any) -> None:
        self.aws.s3.put_object(Bucket=self.pipeline.destination_bucket, Key=key, Body=body, **options)

    def copies(self) -> dict[str, bytes]:
        bucket = self.pipeline.destination_bucket
        found = self.aws.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {o["Key"]: self.aws.s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read() for o in found}

    @property
    def queue_url(self) -> str:
        return self.aws.sqs.get_queue_url(QueueName=self.pipeline.queue_name)["QueueUrl"]

    def park(self, *keys: str, request_id: str = "", bucket: str = "") -> None:
        records = [
            {"s3": {"bucket": {"name": bucket or self.pipeline.source_bucket}, "object": {"key": key}}} for key in keys
        ]
        envelope = {
            "requestContext": {"requestId": request_id or str(uuid.uuid4()), "condition": "RetriesExhausted"},
            "requestPayload": {"Records": records},
        }
        self.aws.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(envelope))

    def depth(self) -> int:
        names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.aws.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def log(self, *messages: str) -> None:
        group, stream = self.pipeline.log_group, uuid.uuid4().hex
        self.aws.logs.create_log_stream(logGroupName=group, logStreamName=stream)
        now = int(time.time() * 1000)
        events: list[Any] = [{"timestamp": now, "message": message} for message in messages]
        self.aws.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def invoke(self, body: Any, response_headers: dict[str, str]) -> bytes:
        """What Lambda does: run the function, keep what it logs, and answer."""
        event = json.loads(body)
        request_id = str(uuid.uuid4())
        # One at a time: moto is not made for more.
        with self.lock:
            self.lines[:] = [f"START RequestId: {request_id} Version: $LATEST\n"]
            keys = [record["s3"]["object"]["key"] for record in event["Records"]]
            self.invoked.append(keys)
            try:
                self.disturb(keys)
                answer: object = self.function()(event, None)
            except Exception as error:  # noqa: BLE001  (as Lambda does)
                response_headers["x-amz-function-error"] = "Unhandled"
                answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
                self.lines.append(f"[ERROR] {type(error).__name__}: {error}\n")
            lines = list(self.lines)
        lines += [f"END RequestId: {request_id}\n", f"REPORT RequestId: {request_id}\tDuration: 20.00 ms\t\n"]
        self.log(*lines)
        response_headers["x-amz-log-result"] = base64.b64encode("".join(lines).encode()[-4096:]).decode()
        return json.dumps(answer).encode()

    def function(self) -> Function:
        """With the settings that the deployed one has."""
        deployed = self.aws.lambda_.get_function_configuration(FunctionName=self.pipeline.function_name)
        settings = read_settings(deployed["Environment"]["Variables"])
        if settings not in self.functions:
            self.functions[settings] = build_function(settings)
        return self.functions[settings]

    def configure(self, **variables: str) -> None:
        """Give the function these environment variables besides those that it needs."""
        needed = {
            "S3COPY_PIPELINE": self.pipeline.name,
            "S3COPY_SOURCE_BUCKET": self.pipeline.source_bucket,
            "S3COPY_DESTINATION_BUCKET": self.pipeline.destination_bucket,
            "S3COPY_EXPECTED_BUCKET_OWNER": self.pipeline.account_id,
        }
        self.aws.lambda_.update_function_configuration(
            FunctionName=self.pipeline.function_name, Environment={"Variables": {**needed, **variables}}
        )


def make_resources(aws: Aws, pipeline: Pipeline) -> None:
    """What repair needs of a pipeline that stands."""
    for bucket in (pipeline.source_bucket, pipeline.destination_bucket):
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws.logs.create_log_group(logGroupName=pipeline.log_group)
    aws.sqs.create_queue(QueueName=pipeline.queue_name)
    role = aws.iam.create_role(RoleName=pipeline.role_name, AssumeRolePolicyDocument='{"Statement": []}')
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "")
    aws.lambda_.create_function(
        FunctionName=pipeline.function_name,
        Role=role["Role"]["Arn"],
        Runtime="python3.13",
        Handler="handler.handler",
        Code={"ZipFile": code.getvalue()},
        Tags=pipeline.tags,
        Environment={
            "Variables": {
                "S3COPY_SOURCE_BUCKET": pipeline.source_bucket,
                "S3COPY_DESTINATION_BUCKET": pipeline.destination_bucket,
            }
        },
    )
    aws.lambda_.add_permission(
        FunctionName=pipeline.function_name,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=pipeline.bucket_arn(pipeline.source_bucket),
    )
    entry: Any = {
        "Id": pipeline.notification_id,
        "LambdaFunctionArn": pipeline.function_arn,
        "Events": ["s3:ObjectCreated:*"],
    }
    aws.s3.put_bucket_notification_configuration(
        Bucket=pipeline.source_bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [entry]}
    )


@pytest.fixture
def world(aws: Aws, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> World:
    """A pipeline that stands, with nothing in it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", pipeline.region)
    found = World(aws, pipeline)
    monkeypatch.setattr("moto.s3.notifications._invoke_awslambda", lambda *_: None)
    monkeypatch.setattr("lambda_handler.function._write_to_stdout", found.lines.append)
    monkeypatch.setattr(
        "moto.awslambda_simple.models.LambdaSimpleBackend.invoke",
        lambda _, name, qualifier, body, headers, response_headers: found.invoke(body, response_headers),  # noqa: ARG005
    )
    make_resources(aws, pipeline)
    found.configure()
    return found
