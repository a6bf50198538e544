"""What docs/threat-model.md promises and no other test shows."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import xform_name

from s3copy_cli.config import Pipeline

Run = Callable[..., Any]
ROOT = Path(__file__).parents[3]
OPTIONS = ("--propagate-deletes", "--destination-versioning", "--sync-tags")


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "threat-model.md").read_text("utf-8"))
    assert len(named) > 20
    for file, function in named:
        assert f"def {function}(" in (ROOT / file).read_text("utf-8"), (file, function)


@pytest.fixture
def unowned_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """S3 calls that could name the expected owner and do not."""
    found: list[str] = []
    original = boto3.Session.__init__

    def look(model: Any, params: Any, **_: Any) -> None:
        can = model.input_shape is not None and "ExpectedBucketOwner" in model.input_shape.members
        if can and "x-amz-expected-bucket-owner" not in {name.lower() for name in params["headers"]}:
            found.append(model.name)

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call.s3", look)

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)
    return found


def test_every_s3_call_that_can_carries_the_expected_owner(s3copy: Run, unowned_calls: list[str]) -> None:
    s3copy("setup", expect=0)
    s3copy("setup", *OPTIONS, expect=0)
    s3copy("teardown", "--yes", expect=0)
    assert unowned_calls == []


def test_so_do_those_about_buckets_of_the_owner_s(
    s3copy: Run, unowned_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("s3", region_name="eu-west-1").create_bucket(
        Bucket="inbox", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    original = boto3.Session.client

    def without_region(self: Any, *arguments: Any, **keywords: Any) -> Any:
        # Where HEAD does not tell the Region, S3 is asked for it.
        made = original(self, *arguments, **keywords)
        made.meta.events.register("after-call.s3.HeadBucket", lambda parsed, **_: parsed.pop("BucketRegion", None))
        return made

    monkeypatch.setattr(boto3.Session, "client", without_region)
    unowned_calls.clear()
    s3copy("setup", "--source-bucket", "inbox", expect=0)
    s3copy("teardown", "--yes", expect=0)
    assert unowned_calls == []


def test_no_line_of_the_program_asks_s3_without_naming_the_owner() -> None:
    """Also where no test comes by: the calls in the source itself."""
    model = botocore.session.get_session().get_service_model("s3")
    owned = {
        xform_name(name)
        for name in model.operation_names
        if (shape := model.operation_model(name).input_shape) and "ExpectedBucketOwner" in shape.members
    }
    # Of this one the address is looked at, and it is never sent.
    owned.remove("get_object_torrent")
    looked_at, unowned = 0, []
    for path in sorted((*(ROOT / "s3copy_cli").rglob("*.py"), *(ROOT / "lambda_handler").rglob("*.py"))):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            # boto3 takes no positional arguments; what has any is a method of our own of that name.
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and not call.args:
                if call.func.attr not in owned:
                    continue
                looked_at += 1
                # A call with ** is seen by the tests above.
                if not {keyword.arg for keyword in call.keywords} & {"ExpectedBucketOwner", None}:
                    unowned.append(f"{path.name}:{call.lineno} {call.func.attr}")
    assert looked_at > 20
    assert unowned == []


def allowed(document: Any) -> Iterator[tuple[str, str]]:
    """Each action that a policy allows, and on what."""
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement["Effect"] == "Allow":
            actions, resources = (
                [value] if isinstance(value, str) else value for value in (statement["Action"], statement["Resource"])
            )
            yield from ((action, resource) for action in actions for resource in resources)


@pytest.mark.parametrize("options", [(), OPTIONS])
def test_no_policy_allows_everything_of_anything(s3copy: Run, pipeline: Pipeline, options: tuple[str, ...]) -> None:
    s3copy("setup", *options, expect=0)
    iam = boto3.client("iam", region_name="eu-west-1")
    for name in iam.list_role_policies(RoleName=pipeline.role_name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=pipeline.role_name, PolicyName=name)["PolicyDocument"]
        for action, resource in allowed(document if isinstance(document, dict) else json.loads(document)):
            assert "*" not in action, action
            # The only wildcard is behind the pipeline's own bucket or log group.
            before, _, _ = resource.partition("*")
            assert pipeline.name in before, (action, resource)
            assert not action.startswith("s3:Put") or "destination" in resource
            assert not action.startswith("s3:Delete") or ("destination" in resource and options)
    attached = iam.list_attached_role_policies(RoleName=pipeline.role_name)["AttachedPolicies"]
    assert attached == []
