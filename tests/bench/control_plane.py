"""The least that AWS's other services have to say for `s3copy verify` and `s3copy upload` to do their work.

A pipeline called `bench-flat-1000` joins `bench-source-flat-1000` and `bench-destination-flat-1000`. Its function has
logged as many lines as the server is asked to have, counted nothing and parked nothing. What is not known here is
refused, as without a permission.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from s3copy_cli.config import OWNERSHIP_TAG, Pipeline
from s3copy_cli.deployed import ENV_DESTINATION_BUCKET, ENV_PIPELINE, ENV_SOURCE_BUCKET

from .answers import Request, response

ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
DAY_SECONDS = 86_400
# About the megabyte that a page of log events may have.
LINES_PER_PAGE = 2_000
LINES_PER_MS = 50

_IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{ACCOUNT_ID}:user/bench</Arn><UserId>BENCH</UserId><Account>{ACCOUNT_ID}</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>fixed</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""
# {"MetricDataResults": []} in CBOR: a map of one entry, a text of 17 bytes, an array of none.
_NO_METRICS = b"\xa1\x71MetricDataResults\x80"


class ControlPlane:
    """Fixed answers.

    Args:
        endpoint_url: where this server is; part of the queue's URL.
        now: seconds since the epoch; the pipelines were deployed a day before.
        log_lines: how many lines each function has logged.
    """

    def __init__(self, endpoint_url: str, now: float | None = None, log_lines: int = 0) -> None:
        self._log_lines = log_lines
        self._endpoint_url = endpoint_url
        self._deployed_at = (time.time() if now is None else now) - DAY_SECONDS

    def answer(self, request: Request) -> bytes | None:
        """The answer; None for a request that is not for one of these services."""
        target = request.headers.get(b"x-amz-target", b"").decode()
        if target:
            return self._by_target(target.rpartition(".")[2], request)
        if request.path.startswith(("/2015-03-31/", "/2017-03-31/", "/2017-10-31/", "/2019-")):
            return self._lambda(request)
        if request.path.startswith("/service/GraniteServiceVersion20100801/"):
            headers = "smithy-protocol: rpc-v2-cbor\r\n"
            return response(_NO_METRICS, headers=headers, content_type="application/cbor")
        if request.method == "POST" and request.path == "/" and b"GetCallerIdentity" in bytes(request.body):
            return response(_IDENTITY.encode(), content_type="text/xml")
        return None

    def _by_target(self, operation: str, request: Request) -> bytes:
        asked: dict[str, Any] = json.loads(bytes(request.body) or b"{}")
        if operation == "DescribeLogGroups":
            name = asked.get("logGroupNamePrefix", "")
            created = int(self._deployed_at * 1000)
            return _json({"logGroups": [{"logGroupName": name, "creationTime": created, "retentionInDays": 30}]})
        if operation == "GetQueueUrl":
            return _json({"QueueUrl": f"{self._endpoint_url}/{ACCOUNT_ID}/{asked.get('QueueName')}"})
        if operation == "FilterLogEvents":
            begin = (int(asked.get("startTime", 0)) - int(self._deployed_at * 1000)) * LINES_PER_MS
            return _json(self._log_page(int(asked.get("nextToken", max(begin, 0)))))
        fixed: dict[str, dict[str, Any]] = {
            "GetQueueAttributes": {"Attributes": {}},
            "ReceiveMessage": {},
            "GetMetricData": {"MetricDataResults": []},
        }
        return _json(fixed[operation]) if operation in fixed else _denied()

    def _log_page(self, first: int) -> dict[str, Any]:
        """A page of the log: five lines for each invocation, which copied one object."""
        end = min(first + LINES_PER_PAGE, self._log_lines)
        begin_ms = int(self._deployed_at * 1000)
        events = [
            {
                "logStreamName": f"stream-{number // 5_000}",
                "timestamp": begin_ms + number // LINES_PER_MS,
                "message": _line(number),
            }
            for number in range(first, end)
        ]
        return {"events": events, **({"nextToken": str(end)} if end < self._log_lines else {})}

    def _lambda(self, request: Request) -> bytes:
        found = re.fullmatch(r"/2015-03-31/functions/([a-z0-9-]+)(/configuration)?", request.path)
        if found is None or request.method != "GET":
            return _denied()
        pipeline = Pipeline(found[1], ACCOUNT_ID, REGION)
        source, destination = buckets_of(pipeline.name)
        configuration = {
            "FunctionName": pipeline.function_name,
            "FunctionArn": pipeline.function_arn,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Environment": {
                "Variables": {
                    ENV_PIPELINE: pipeline.name,
                    ENV_SOURCE_BUCKET: source,
                    ENV_DESTINATION_BUCKET: destination,
                }
            },
        }
        if found[2]:
            return _json(configuration)
        return _json({"Configuration": configuration, "Tags": {OWNERSHIP_TAG: pipeline.name}})


def _line(number: int) -> str:
    """One line of the function's log, as Lambda and lambda_handler.log write it."""
    invocation, place = divmod(number, 5)
    request_id = f"{invocation:08x}-0000-4000-8000-000000000000"
    if place in (1, 2):
        common = {"level": "INFO", "s3copy_log_version": "1", "request_id": request_id, "pipeline": "bench"}
        if place == 2:
            return json.dumps({**common, "message": "invocation finished", "records": 1, "outcomes": {"copied": 1}})
        copied = {"key": f"object-{invocation:09d}.csv", "size": 1000, "strategy": "copy_object", "parts": 1}
        times = {"duration_ms": 80, "latency_ms": 900 + invocation % 700, "outcome": "copied"}
        return json.dumps({**common, "message": "object copied", **copied, **times})
    if place == 4:
        return f"REPORT RequestId: {request_id}\tDuration: 82.00 ms\tMemory Size: 256 MB\tMax Memory Used: 90 MB\t"
    return f"START RequestId: {request_id} Version: $LATEST" if place == 0 else f"END RequestId: {request_id}"


def buckets_of(pipeline_name: str) -> tuple[str, str]:
    """The buckets that a pipeline joins; objects that are to differ do so at the destination."""
    _, _, which = pipeline_name.partition("-")
    same = re.sub(r"^((?:flat|tree)-\d+)-\d+", r"\1", which)
    return f"bench-source-{same}", f"bench-destination-{which}"


def _json(answer: dict[str, Any]) -> bytes:
    return response(json.dumps(answer).encode(), content_type="application/x-amz-json-1.1")


def _denied() -> bytes:
    body = json.dumps({"__type": "AccessDeniedException", "message": "the fixed-answer server does not know this"})
    headers = "x-amzn-errortype: AccessDeniedException\r\n"
    return response(body.encode(), "403 Forbidden", headers, "application/x-amz-json-1.1")
