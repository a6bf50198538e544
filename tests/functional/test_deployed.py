"""Finding a pipeline that stands."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import find_deployed
from s3copy_cli.errors import AwsError, OwnershipError, S3CopyError

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
NAMED = {"S3COPY_SOURCE_BUCKET": "source", "S3COPY_DESTINATION_BUCKET": "destination"}
WITHOUT_TAGS = {"Configuration": {"FunctionName": "s3copy", "FunctionArn": PIPELINE.function_arn}}


@pytest.fixture
def stubbed_aws() -> Aws:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
    return Aws(session=session, region="eu-west-1")


def test_a_missing_permission_to_read_tags_is_named_and_not_taken_for_a_foreign_function(stubbed_aws: Aws) -> None:
    with Stubber(stubbed_aws.lambda_) as stubber:
        stubber.add_response("get_function", WITHOUT_TAGS)
        stubber.add_client_error("list_tags", "AccessDeniedException", "not authorized", http_status_code=403)
        with pytest.raises(AwsError) as caught:
            find_deployed(stubbed_aws, PIPELINE, "s3copy setup")
    assert "lambda:ListTags" in caught.value.hint


def test_a_function_without_our_tag_is_foreign(stubbed_aws: Aws) -> None:
    with Stubber(stubbed_aws.lambda_) as stubber:
        stubber.add_response("get_function", WITHOUT_TAGS)
        stubber.add_response("list_tags", {"Tags": {"s3copy:pipeline": "another"}})
        with pytest.raises(OwnershipError):
            find_deployed(stubbed_aws, PIPELINE, "s3copy setup")


@pytest.mark.parametrize(("value", "propagates"), [("1", True), (None, False)])
def test_whether_deletes_are_carried_over_is_read_from_the_function(value: str | None, propagates: bool) -> None:
    from moto import mock_aws

    with mock_aws(config={"lambda": {"use_docker": False}}):
        session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
        aws = Aws(session=session, region="eu-west-1")
        aws.iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        aws.lambda_.create_function(
            FunctionName="s3copy",
            Runtime="python3.13",
            Handler="h.h",
            Role="arn:aws:iam::123456789012:role/r",
            Code={"ZipFile": b"zip"},
            Tags={"s3copy:pipeline": "s3copy"},
            Environment={"Variables": {**NAMED, **({"S3COPY_PROPAGATE_DELETES": value} if value else {})}},
        )
        assert find_deployed(aws, PIPELINE, "s3copy setup").propagate_deletes is propagates


@pytest.mark.parametrize("gone", NAMED)
def test_a_function_that_does_not_say_what_it_joins_is_not_taken_for_one_between_its_own_buckets(
    stubbed_aws: Aws, gone: str
) -> None:
    variables = {name: value for name, value in NAMED.items() if name != gone}
    configuration = {**WITHOUT_TAGS["Configuration"], "Environment": {"Variables": variables}}
    with Stubber(stubbed_aws.lambda_) as stubber:
        stubber.add_response("get_function", {"Configuration": configuration, "Tags": PIPELINE.tags})
        with pytest.raises(S3CopyError, match=gone) as caught:
            find_deployed(stubbed_aws, PIPELINE, "s3copy setup")
    assert caught.value.code == "UnreadableSettings"
