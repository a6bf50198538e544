"""Who may start the function, put right without a moment in which nobody may; at whatever call setup dies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from s3copy_cli.config import Pipeline

Run = Callable[..., Any]


def client() -> Any:
    return boto3.client("lambda", region_name="eu-west-1")


def statements() -> dict[str, str]:
    """Whom each of them admits."""
    try:
        policy = json.loads(client().get_policy(FunctionName="s3copy")["Policy"])
    except ClientError:
        return {}
    return {one["Sid"]: one["Condition"]["ArnLike"]["AWS:SourceArn"] for one in policy["Statement"]}


def add(statement_id: str, source_arn: str) -> None:
    client().add_permission(
        FunctionName="s3copy",
        StatementId=statement_id,
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=source_arn,
        SourceAccount="123456789012",
    )


def remove(statement_id: str) -> None:
    client().remove_permission(FunctionName="s3copy", StatementId=statement_id)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Whom the function's policy admits, before and after each call that changes it."""
    found: list[set[str]] = []
    original = boto3.Session.__init__

    def look(model: Any, **_: Any) -> None:
        if model.name in ("AddPermission", "RemovePermission"):
            found.append(set(statements().values()))

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call", look)
        self.events.register("after-call", look)

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)
    return found


@pytest.mark.parametrize("has_spare", [False, True])
def test_a_permission_is_replaced_without_a_gap(
    s3copy: Run, pipeline: Pipeline, seen: list[set[str]], has_spare: bool
) -> None:
    s3copy("setup", expect=0)
    ours, wrong = pipeline.bucket_arn(pipeline.source_bucket), "arn:aws:s3:::another*"
    remove(pipeline.permission_id)
    add(pipeline.permission_id, wrong)
    if has_spare:
        add(f"{pipeline.permission_id}-spare", wrong)
    seen.clear()
    s3copy("setup", expect=0)
    # Whom it admitted by hand as long as nobody else, from then on the source bucket.
    first = next(place for place, admitted in enumerate(seen) if ours in admitted)
    assert all(wrong in admitted for admitted in seen[:first])
    assert all(ours in admitted for admitted in seen[first:])
    assert len(seen) == (10 if has_spare else 8)
    assert statements() == {pipeline.permission_id: ours}
    s3copy("plan", expect=0)


@pytest.mark.parametrize("died_after", ["the spare one", "the removal", "the new one"])
def test_a_setup_that_died_while_it_replaced_a_permission_is_finished(
    s3copy: Run, pipeline: Pipeline, seen: list[set[str]], died_after: str
) -> None:
    s3copy("setup", expect=0)
    ours = pipeline.bucket_arn(pipeline.source_bucket)
    add(f"{pipeline.permission_id}-spare", ours)
    if died_after != "the new one":
        remove(pipeline.permission_id)
    if died_after == "the spare one":
        add(pipeline.permission_id, "arn:aws:s3:::another")
    seen.clear()
    s3copy("setup", expect=0)
    if died_after != "the spare one":
        assert all(ours in admitted for admitted in seen)
    assert statements() == {pipeline.permission_id: ours}
    s3copy("plan", expect=0)


def test_a_spare_one_goes_with_the_trigger(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    add(f"{pipeline.permission_id}-spare", pipeline.bucket_arn(pipeline.source_bucket))
    s3copy("setup", "--trigger", "sqs", "--handover-wait", "0", expect=0)
    assert statements() == {}
    s3copy("plan", expect=0)
