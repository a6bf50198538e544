"""`s3copy list` against the APIs in moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.provision.inventory import (
    Inventory,
    leftovers_of,
    merge,
    take_inventory,
    take_inventory_of_all_regions,
)

Run = Callable[..., Any]
NAMES = {"S3COPY_PIPELINE": "invoices", "S3COPY_SOURCE_BUCKET": "a", "S3COPY_DESTINATION_BUCKET": "b"}
CONFIGURATION = {
    "FunctionName": "invoices",
    "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:invoices",
    "LastModified": "2026-07-01T10:11:12.000+0000",
    "State": "Active",
    "Environment": {"Variables": NAMES},
}
OURS = {"s3copy:pipeline": "invoices"}


def test_an_account_without_pipelines(s3copy: Run) -> None:
    assert "There is no pipeline in eu-west-1" in s3copy("list", expect=0).stdout
    data = s3copy("list", "--json", expect=0).data
    assert (data["pipelines"], data["leftovers"], data["regions"]) == ([], [], ["eu-west-1"])


def test_each_pipeline_and_what_is_left_of_one_without_a_function(s3copy: Run, write_calls: list[str]) -> None:
    s3copy("setup", expect=0)
    s3copy("setup", "--name", "invoices", expect=0)
    boto3.client("lambda", region_name="eu-west-1").delete_function(FunctionName="s3copy")
    write_calls.clear()
    data = s3copy("list", "--json", expect=0).data
    (standing,) = data["pipelines"]
    assert standing == {
        "pipeline": "invoices",
        "region": "eu-west-1",
        "source_bucket": "invoices-source-123456789012-eu-west-1-an",
        "destination_bucket": "invoices-destination-123456789012-eu-west-1-an",
        "trigger": "s3",
        "state": "active",
        "changed_at": standing["changed_at"],
        "problem": "",
    }
    (leftover,) = data["leftovers"]
    assert leftover["pipeline"] == "s3copy"
    assert any("s3copy-source-123456789012" in arn for arn in leftover["arns"])
    text = s3copy("list", expect=0).stdout
    assert "invoices  eu-west-1  active, trigger s3" in text
    assert "s3copy teardown --name s3copy --region eu-west-1" in text
    assert write_calls == []


def test_a_function_that_lost_its_variables_is_not_called_gone(s3copy: Run) -> None:
    s3copy("setup", expect=0)
    lambda_ = boto3.client("lambda", region_name="eu-west-1")
    lambda_.update_function_configuration(FunctionName="s3copy", Environment={"Variables": {}})
    data = s3copy("list", "--json", expect=0).data
    (found,) = data["pipelines"]
    assert (found["pipeline"], found["trigger"], found["source_bucket"]) == ("s3copy", "unknown", "")
    assert found["problem"] == "its function's variables are missing"
    assert data["leftovers"] == []
    text = s3copy("list", expect=0).stdout
    assert "has no function" not in text
    assert "variables are missing" in text


@pytest.fixture
def stubbed() -> Any:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
    aws = Aws(session=session, region="eu-west-1")
    with Stubber(aws.lambda_) as lambda_, Stubber(aws.tagging) as tagging:
        yield aws, lambda_, tagging


def one_function(lambda_: Stubber, changes: dict[str, Any], tags: dict[str, str]) -> None:
    lambda_.add_response("list_functions", {"Functions": [CONFIGURATION, {"FunctionName": "theirs"}]})
    lambda_.add_response("get_function", {"Configuration": {**CONFIGURATION, **changes}, "Tags": tags})


def test_who_may_not_look_for_leftovers_is_told_so(stubbed: Any) -> None:
    aws, lambda_, tagging = stubbed
    one_function(lambda_, {}, OURS)
    tagging.add_client_error("get_resources", "AccessDeniedException")
    found = take_inventory(aws)
    assert [one.name for one in found.pipelines] == ["invoices"]
    assert found.leftovers_not_looked_for == {"eu-west-1": "it needs tag:GetResources"}


@pytest.mark.parametrize(
    ("record", "trigger"), [('{"trigger":"sqs"}', "sqs"), ("", "s3"), ("{", "unknown"), ("[]", "unknown")]
)
def test_the_trigger_is_the_one_that_was_recorded(stubbed: Any, record: str, trigger: str) -> None:
    aws, lambda_, tagging = stubbed
    one_function(lambda_, {"Environment": {"Variables": {**NAMES, "S3COPY_SETTINGS": record}}}, OURS)
    tagging.add_response("get_resources", {"ResourceTagMappingList": []}, {"TagFilters": ANY})
    assert [one.trigger for one in take_inventory(aws).pipelines] == [trigger]


def test_a_function_that_lost_its_tag_or_was_copied_is_shown_with_its_problem(stubbed: Any) -> None:
    aws, lambda_, tagging = stubbed
    for changes in ({}, {"Environment": {"Variables": {**NAMES, "S3COPY_PIPELINE": "other"}}}):
        one_function(lambda_, changes, {})
        lambda_.add_response("list_tags", {"Tags": {}})
        tagging.add_response("get_resources", {"ResourceTagMappingList": []})
    assert "no tag s3copy:pipeline=invoices" in take_inventory(aws).pipelines[0].problem
    assert "is called invoices" in take_inventory(aws).pipelines[0].problem


def test_a_function_that_goes_while_it_is_looked_at_is_left_out(stubbed: Any) -> None:
    aws, lambda_, tagging = stubbed
    lambda_.add_response("list_functions", {"Functions": [CONFIGURATION]})
    lambda_.add_client_error("get_function", "ResourceNotFoundException")
    tagging.add_response("get_resources", {"ResourceTagMappingList": []})
    assert take_inventory(aws).pipelines == ()


def test_every_region(s3copy: Run, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.session, "get_available_regions", lambda *_, **__: ["eu-west-1", "eu-north-1"])
    s3copy("setup", expect=0)
    s3copy("setup", "--region", "eu-north-1", expect=0)
    found = take_inventory_of_all_regions(aws)
    assert [(one.name, one.region) for one in found.pipelines] == [("s3copy", "eu-north-1"), ("s3copy", "eu-west-1")]
    assert found.regions == ("eu-north-1", "eu-west-1")


def test_leftovers_are_grouped_by_pipeline_and_those_that_stand_are_left_out() -> None:
    found = leftovers_of([("arn:b", "gone"), ("arn:a", "gone"), ("arn:c", "here"), ("arn:d", "also")], {"here"}, "r")
    assert [(one.name, one.arns) for one in found] == [("also", ("arn:d",)), ("gone", ("arn:a", "arn:b"))]


def test_regions_that_are_not_enabled_are_named() -> None:
    merged = merge([Inventory(("a",)), Inventory(("b",), leftovers_not_looked_for={"b": "why"})], ("c",))
    assert merged.regions == ("a", "b")
    assert merged.leftovers_not_looked_for == {"b": "why"}
    assert merged.skipped_regions == ("c",)
