"""Finding a pipeline that stands."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import find_deployed
from s3copy_cli.errors import AwsError, OwnershipError

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
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
