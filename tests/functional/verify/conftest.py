"""A pipeline that stands in moto, where no function runs: the tests write what it would have written."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass, field
from typing import Any

import pytest

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import ENV_DESTINATION_BUCKET, ENV_SOURCE_BUCKET

REQUEST = "00000001-0000-4000-8000-000000000001"


@dataclass
class World:
    """Puts objects, log lines and parked events where verify will look."""

    aws: Aws
    pipeline: Pipeline
    streams: set[str] = field(default_factory=set)

    def put(self, key: str, body: bytes = b"a,b\n1,2\n", **options: Any) -> None:
        options.setdefault("ContentType", "text/csv")
        self.aws.s3.put_object(Bucket=self.pipeline.source_bucket, Key=key, Body=body, **options)

    def put_copy(self, key: str, body: bytes = b"a,b\n1,2\n", **options: Any) -> None:
        options.setdefault("ContentType", "text/csv")
        self.aws.s3.put_object(Bucket=self.pipeline.destination_bucket, Key=key, Body=body, **options)

    def put_both(self, key: str, body: bytes = b"a,b\n1,2\n", **options: Any) -> None:
        self.put(key, body, **options)
        self.put_copy(key, body, **options)

    def put_in_parts(self, bucket: str, key: str, parts: list[bytes], **options: Any) -> None:
        options.setdefault("ContentType", "text/csv")
        upload = {"Bucket": bucket, "Key": key}
        begun = self.aws.s3.create_multipart_upload(**upload, **options)
        upload["UploadId"] = begun["UploadId"]
        done = [
            {"PartNumber": n, "ETag": self.aws.s3.upload_part(**upload, PartNumber=n, Body=part)["ETag"]}
            for n, part in enumerate(parts, 1)
        ]
        self.aws.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})

    def set_variables(self, **variables: str) -> None:
        """Settings of the function, as setup would have made them."""
        name = self.pipeline.function_name
        found = self.aws.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        self.aws.lambda_.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**found, **variables}}
        )

    def log(self, *messages: str, stream: str = "2026/03/01/[$LATEST]abc") -> None:
        group = self.pipeline.log_group
        if stream not in self.streams:
            self.aws.logs.create_log_stream(logGroupName=group, logStreamName=stream)
            self.streams.add(stream)
        now = int(time.time() * 1000)
        self.aws.logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": now, "message": message} for message in messages],
        )

    def log_execution(self, *messages: str, request_id: str = REQUEST) -> None:
        self.log(
            f"START RequestId: {request_id} Version: $LATEST\n",
            *messages,
            f"END RequestId: {request_id}\n",
            f"REPORT RequestId: {request_id}\tDuration: 20.00 ms\tBilled Duration: 21 ms\tMemory Size: 256 MB\t"
            "Max Memory Used: 66 MB\t\n",
        )

    def log_failure(self, key: str, code: str = "AccessDenied", message: str = "Access Denied") -> None:
        error = {"code": code, "message": message, "operation": "CopyObject", "request_id": "S3", "permanent": True}
        self.log_execution(self.line("failed", key, error))

    @staticmethod
    def line(outcome: str, key: str, error: dict[str, Any] | None = None, **more: Any) -> str:
        """One of the function's own lines."""
        fields = {"level": "ERROR" if error else "INFO", "s3copy_log_version": "1", "request_id": REQUEST}
        return json.dumps({**fields, "outcome": outcome, "key": key, **({"error": error} if error else {}), **more})

    def park(self, key: str, bucket: str = "") -> None:
        url = self.aws.sqs.get_queue_url(QueueName=self.pipeline.queue_name)["QueueUrl"]
        record = {
            "eventTime": "2026-03-01T12:00:00.000Z",
            "s3": {"bucket": {"name": bucket or self.pipeline.source_bucket}, "object": {"key": key}},
        }
        envelope = {
            "requestContext": {"requestId": REQUEST, "condition": "RetriesExhausted"},
            "requestPayload": {"Records": [record]},
            "responsePayload": {"errorType": "CopyFailed", "errorMessage": "1 of 1 records failed"},
        }
        self.aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(envelope))


@pytest.fixture
def world(aws: Aws, pipeline: Pipeline) -> World:
    """What verify needs of a pipeline that stands, with nothing in it."""
    for bucket in (pipeline.source_bucket, pipeline.destination_bucket):
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws.logs.create_log_group(logGroupName=pipeline.log_group)
    aws.sqs.create_queue(QueueName=pipeline.queue_name)
    trust = {"Version": "2012-10-17", "Statement": []}
    role = aws.iam.create_role(RoleName=pipeline.role_name, AssumeRolePolicyDocument=json.dumps(trust))
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
                ENV_SOURCE_BUCKET: pipeline.source_bucket,
                ENV_DESTINATION_BUCKET: pipeline.destination_bucket,
            }
        },
    )
    return World(aws, pipeline)
