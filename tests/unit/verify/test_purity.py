"""Modules that decide do no I/O: they do not even load the SDK or the terminal's library."""

from __future__ import annotations

import subprocess
import sys

import pytest

PURE = [
    *["walk", "scope", "compare", "results", "waiting", "parked"],
    *["log_lines", "log_causes", "log_executions", "log_fold"],
    *["recovery", "remedies", "report", "verdict", "since", "to_json"],
    *["latency", "health", "explain", "findings", "conclude"],
]


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_load_no_sdk(module: str) -> None:
    code = (
        f"import sys, s3copy_cli.verify.{module}\n"
        "print([name for name in ('boto3', 'botocore', 'rich', 'socket') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
