"""docs/costs.md counts requests; the function's log lines are what it counts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
SOURCE = "s3copy-source-000000000000-us-east-1-an"
PAGE = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
WRITE, READ = 5.0, 0.4  # USD per million requests
LOGGED_BYTES = 1100  # an invocation, as the page says


def rows(columns: int) -> dict[str, list[str]]:
    """The rows of the page's tables of so many columns, by their first cell."""
    cells = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if "|" in line]
    return {row[0]: row[1:] for row in cells if len(row) == columns}


def counted(event: str) -> int:
    """The number of requests that the page gives for an event."""
    return int(rows(6)[event][3])


def test_each_row_adds_up() -> None:
    events = {event: cells for event, cells in rows(6).items() if cells[0].isdigit()}
    assert len(events) == 5
    for event, (write, read, free, requests, dollars) in events.items():
        assert int(write) + int(read) + int(free) == int(requests), event
        assert float(dollars) == pytest.approx(int(write) * WRITE + int(read) * READ), event


def test_the_sums_add_up() -> None:
    table = rows(3)
    parts = [
        "S3 write requests",
        "S3 read requests",
        "Lambda invocations",
        "Lambda time",
        "logs",
    ]
    for column in (0, 1):
        total = sum(float(table[part][column]) for part in parts)
        assert total == pytest.approx(float(re.findall(r"\| \*\*s3copy\*\* .*", PAGE)[0].split("**")[3 + 2 * column]))
    assert float(table["S3 write requests"][1]) == (128 + 2) * WRITE
    assert float(table["logs"][0]) == pytest.approx(LOGGED_BYTES * 1e6 / 1e9 * 0.5)
    for column, seconds in enumerate((0.2, 5.0)):
        assert float(table["Lambda time"][column]) == pytest.approx(seconds / 4 * 13.3334, abs=0.005)


def test_the_log_lines_show_the_documented_requests(
    s3copy: Run, clients: Callable[[str], Any], eventually: Callable[..., Any]
) -> None:
    s3copy("setup", "--propagate-deletes", "--accept-permanent-deletes", expect=0)
    s3, lambda_, logs = clients("s3"), clients("lambda"), clients("logs")

    def events() -> list[str]:
        answer = logs.filter_log_events(logGroupName="/aws/lambda/s3copy", limit=10_000)
        return [event["message"] for event in answer["events"]]

    def line(key: str, outcome: str) -> Any:
        def found() -> Any:
            lines = [json.loads(text) for text in events() if text.startswith("{")]
            return [line for line in lines if line.get("key") == key and line["outcome"] == outcome]

        return eventually(found, seconds=60)[0]

    s3.put_object(Bucket=SOURCE, Key="whole", Body=b"1")
    assert line("whole", "copied")["requests"] == counted("a new object in one piece")
    logged = sum(len(text.encode()) for text in events())
    assert LOGGED_BYTES * 0.7 < logged < LOGGED_BYTES * 1.3, logged

    record = {
        "eventSource": "aws:s3",
        "eventVersion": "2.1",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": SOURCE}, "object": {"key": "whole"}},
    }
    lambda_.invoke(FunctionName="s3copy", Payload=json.dumps({"Records": [record]}))
    assert line("whole", "already_equal")["requests"] == counted("the same event once more: equal already")

    s3.delete_object(Bucket=SOURCE, Key="whole")
    assert line("whole", "deleted")["requests"] == counted("an object deleted, with `--propagate-deletes`")

    upload: Any = {"Bucket": SOURCE, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=os.urandom(size))["ETag"]}
        for n, size in enumerate((5 * 1024**2, 1), 1)
    ]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    in_parts = line("parts", "copied")
    assert (in_parts["strategy"], in_parts["parts"]) == ("multipart_copy", 2)
    assert in_parts["requests"] == counted("an object of 2 parts")

    s3copy("setup", "--sync-tags", expect=0)
    s3.put_object(Bucket=SOURCE, Key="with tags", Body=b"1", Tagging="team=blue")
    assert line("with tags", "copied")["requests"] == counted("the same with `--sync-tags`")
