"""The entry, in processes and environments like Lambda's."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import lambda_handler
from lambda_handler import handler
from lambda_handler.errors import SettingsError

ENVIRONMENT = {
    "S3COPY_PIPELINE": "p",
    "S3COPY_SOURCE_BUCKET": "p-source",
    "S3COPY_DESTINATION_BUCKET": "p-destination",
    "S3COPY_EXPECTED_BUCKET_OWNER": "123456789012",
}
RECORD = {
    "eventVersion": "2.6",
    "eventSource": "aws:s3",
    "eventTime": "2026-01-02T03:04:05.000Z",
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": "p-source"}, "object": {"key": "sample.csv"}},
}
CONTEXT = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 300_000)


@pytest.fixture
def pipeline(monkeypatch) -> None:
    handler._function_for.cache_clear()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def start(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A new process that has only the function's own folder besides the runtime."""
    names = ("PATH", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    inherited = {name: os.environ[name] for name in names}
    folder = str(Path(lambda_handler.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, "PYTHONPATH": folder, "PYTHONWARNINGS": "error", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_event_is_handled(pipeline, s3, capsys) -> None:
    s3.put_object(Bucket="p-source", Key="sample.csv", Body=b"abc")
    assert handler.lambda_handler({"Records": [RECORD]}, CONTEXT) == {"copied": 1}
    assert s3.get_object(Bucket="p-destination", Key="sample.csv")["Body"].read() == b"abc"
    copied, summary = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (copied["outcome"], copied["pipeline"], copied["request_id"]) == ("copied", "p", "r-1")
    assert summary["cold_start"]


def test_the_clients_are_made_once(pipeline, s3, capsys) -> None:
    for _ in range(3):
        handler.lambda_handler({"Records": [RECORD]}, CONTEXT)
    summaries = [json.loads(line) for line in capsys.readouterr().out.splitlines()][1::2]
    assert [summary["cold_start"] for summary in summaries] == [True, False, False]
    assert handler._function_for.cache_info().misses == 1


def test_missing_settings_are_named(pipeline, monkeypatch) -> None:
    monkeypatch.delenv("S3COPY_SOURCE_BUCKET")
    with pytest.raises(SettingsError, match="S3COPY_SOURCE_BUCKET"):
        handler.lambda_handler({"Records": []}, CONTEXT)


def test_the_module_can_be_imported_anywhere() -> None:
    assert importlib.import_module("lambda_handler.handler").lambda_handler is handler.lambda_handler
    outside = start("import lambda_handler.handler", {})
    assert (outside.returncode, outside.stderr) == (0, "")


def test_in_lambda_the_clients_are_made_at_the_start() -> None:
    code = (
        "import gc; from lambda_handler import handler; "
        "print(handler._function_for.cache_info().currsize, gc.isenabled(), gc.get_freeze_count() > 10_000)"
    )
    started = start(code, {**ENVIRONMENT, "AWS_LAMBDA_FUNCTION_NAME": "p"})
    assert (started.stdout, started.returncode) == ("1 True True\n", 0)
    failed = start(code, {"AWS_LAMBDA_FUNCTION_NAME": "p"})
    assert failed.returncode == 1
    assert "SettingsError: environment variable not set: S3COPY_PIPELINE" in failed.stderr


def test_a_cold_start_loads_nothing_of_the_command_line() -> None:
    code = "import sys, lambda_handler.handler; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = start(code, {**ENVIRONMENT, "AWS_LAMBDA_FUNCTION_NAME": "p"}).stdout.split()
    assert {"botocore", "lambda_handler"} <= set(loaded)
    # boto3 and its transfer manager would cost a third of the start.
    assert not {"boto3", "s3transfer", "s3copy_cli", "click", "rich", "mypy_boto3_s3", "pytest"} & set(loaded)
