"""tests/e2e/test_crash_points.py once more, on moto, which speaks TLS: so the buckets' policies are written too."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto.moto_api._internal.models import moto_api_backend

from ...crashing import Scenario, run, try_points  # noqa: TID252 (shared with the end-to-end tests)

SAMPLE = os.environ.get("S3COPY_TEST_CRASH_POINTS", "1")


def account() -> dict[str, Any]:
    def client(service: str) -> Any:
        return boto3.client(service, region_name="eu-west-1")

    return {
        "buckets": client("s3").list_buckets()["Buckets"],
        "roles": client("iam").list_roles()["Roles"],
        "functions": client("lambda").list_functions()["Functions"],
        "log groups": client("logs").describe_log_groups()["logGroups"],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "rules": client("events").list_rules()["Rules"],
    }


def build() -> None:
    run("setup")


SCENARIOS = {
    "setup": Scenario(("setup",), lambda: None),
    "setup, abandoned": Scenario(("setup",), lambda: None, afterwards=("teardown", "--yes")),
    "teardown": Scenario(("teardown", "--yes"), build),
    "teardown, then setup": Scenario(("teardown", "--yes"), build, afterwards=("setup",)),
}


@pytest.mark.usefixtures("buckets_tagged_at_birth")
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_command_that_dies_at_any_call_is_finished_by_the_next(
    moto_account: str, load_backends: Callable[[], None], record_property: Callable[[str, str], None], name: str
) -> None:
    def empty_account() -> None:
        moto_api_backend.reset()
        load_backends()

    figure = try_points(f"{name} (moto)", SCENARIOS[name], SAMPLE, account, empty_account)
    record_property("figure", figure)
