"""tests/e2e/test_crash_points.py once more, on moto, which speaks TLS: so the buckets' policies are written too."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto.moto_api._internal.models import moto_api_backend
from moto.s3.models import S3Backend

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


@pytest.fixture(autouse=True)
def _buckets_are_tagged_at_birth(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on AWS. moto forgets the tags of CreateBucket: whoever dies there would leave a bucket of somebody else."""
    create = S3Backend.create_bucket

    def create_tagged(self: Any, bucket_name: str, *arguments: Any, **keywords: Any) -> Any:
        bucket = create(self, bucket_name, *arguments, **keywords)
        self.put_bucket_tagging(bucket_name, {"s3copy:pipeline": "s3copy"})
        return bucket

    monkeypatch.setattr(S3Backend, "create_bucket", create_tagged)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_command_that_dies_at_any_call_is_finished_by_the_next(
    moto_account: str, load_backends: Callable[[], None], record_property: Callable[[str, str], None], name: str
) -> None:
    def empty_account() -> None:
        moto_api_backend.reset()
        load_backends()

    figure = try_points(f"{name} (moto)", SCENARIOS[name], SAMPLE, account, empty_account)
    record_property("figure", figure)
