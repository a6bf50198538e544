"""Names: derived, valid, and refused before anything is called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.config import Pipeline, validate_pipeline_name, validate_region
from s3copy_cli.errors import UsageError

ACCOUNT = "123456789012"


def test_bucket_names_are_account_regional_where_the_region_offers_them() -> None:
    pipeline = Pipeline("s3copy", ACCOUNT, "eu-west-1")
    assert pipeline.source_bucket == "s3copy-source-123456789012-eu-west-1-an"
    assert pipeline.destination_bucket == "s3copy-destination-123456789012-eu-west-1-an"
    assert pipeline.uses_account_regional_names


@pytest.mark.parametrize("region", ["me-south-1", "me-central-1"])
def test_bucket_names_are_global_elsewhere(region: str) -> None:
    pipeline = Pipeline("s3copy", ACCOUNT, region)
    assert pipeline.source_bucket == f"s3copy-source-123456789012-{region}"
    assert not pipeline.uses_account_regional_names


def test_arns_carry_the_partition() -> None:
    pipeline = Pipeline("s3copy", ACCOUNT, "cn-north-1", partition="aws-cn")
    assert pipeline.function_arn == "arn:aws-cn:lambda:cn-north-1:123456789012:function:s3copy"
    assert pipeline.bucket_arn("b") == "arn:aws-cn:s3:::b"
    assert pipeline.role_arn == "arn:aws-cn:iam::123456789012:role/s3copy-cn-north-1"


@given(
    name=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(
        lambda name: not name.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
    ),
    region=st.sampled_from(["us-east-1", "ap-southeast-1", "us-gov-west-1", "me-south-1"]),
)
def test_every_accepted_name_gives_valid_and_distinct_bucket_names(name: str, region: str) -> None:
    pipeline = Pipeline(name, ACCOUNT, region)
    for bucket, word, other in (
        (pipeline.source_bucket, "source", "destination"),
        (pipeline.destination_bucket, "destination", "source"),
    ):
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)
        assert word in bucket
        assert other not in bucket
    assert pipeline.source_bucket != pipeline.destination_bucket


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "A", "a_b", "a.b", "a b", "ä", "sthree-x", "xn--x", "amzn-s3-demo-x", "my-source", "destination"],
)
def test_a_name_that_aws_would_refuse_or_that_confuses_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate_pipeline_name(name)
    assert caught.value.hint


def test_a_name_that_makes_a_bucket_name_too_long_is_refused_with_the_length_that_fits() -> None:
    with pytest.raises(UsageError) as caught:
        Pipeline("a" * 40, ACCOUNT, "us-east-1")
    assert "at most 25 characters" in caught.value.hint
    Pipeline("a" * 25, ACCOUNT, "us-east-1")


@pytest.mark.parametrize("region", ["", "us", "us-east", "useast1", "us-east-1; rm", "US-EAST-1", "us_east_1"])
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(UsageError):
        validate_region(region)


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "ap-southeast-7", "us-iso-east-1", "mx-central-1"])
def test_regions_known_and_future_are_accepted(region: str) -> None:
    validate_region(region)


def test_an_account_id_must_be_one() -> None:
    with pytest.raises(UsageError):
        Pipeline("s3copy", "123", "us-east-1")
