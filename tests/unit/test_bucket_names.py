"""Names of buckets that somebody wants a pipeline to join."""

from __future__ import annotations

from dataclasses import replace

import pytest

from s3copy_cli.bucket_names import broken_rule, validate_bucket_name
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import UsageError
from s3copy_cli.provision.adoption import check_given_buckets
from s3copy_cli.provision.choices import GivenChoices

PIPELINE = Pipeline("s3copy", "123456789012", "eu-west-1")


@pytest.mark.parametrize("name", ["abc", "my-bucket", "with.dots.2026", "Old_Bucket.From2010", "a" * 63])
def test_general_purpose_buckets(name: str) -> None:
    validate_bucket_name(name, "--source-bucket")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ab", "it has 2 characters, and names have 3 to 63"),
        ("a" * 256, "it has 256 characters"),
        ("a b", "it has ' ', and names have only a-z, 0-9, '-' and '.'"),
        ("a..b", "two dots in a row"),
        ("-ab", "begin and end with a letter or digit"),
        ("ab.", "begin and end with a letter or digit"),
        ("fast--use1-az4--x-s3", "directory bucket"),
        ("tables--table-s3", "table bucket"),
        ("ap-abc-s3alias", "alias of an access point"),
        ("olap-abc--ol-s3", "Object Lambda"),
        ("mfzwi23gnjvgw.mrap", "multi-Region"),
        ("arn:aws:s3:eu-west-1:123456789012:accesspoint/a", "access point"),
        ("arn:aws:s3:::b-1", "the ARN of a bucket"),
        ("s3://b-1/folder", "an address"),
    ],
)
def test_other_things_are_called_by_their_names(name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate_bucket_name(name, "--source-bucket")
    assert said in caught.value.happened
    assert caught.value.doing == "reading --source-bucket"
    if "b-1" in name:
        assert caught.value.hint.endswith("--source-bucket b-1")


@pytest.mark.parametrize(
    ("name", "rule"), [("A_B", "it has 'A'"), ("a_b", "it has '_'"), ("1.2.3.4", "IP address"), ("a" * 64, "64")]
)
def test_names_that_only_old_buckets_have_are_refused_where_none_can_be(name: str, rule: str) -> None:
    assert rule in broken_rule(name)
    with pytest.raises(UsageError) as caught:
        validate_bucket_name(name, "--source-bucket", may_be_old=False)
    assert caught.value.happened.startswith(f"{name!r} is not a bucket's name: ")
    assert rule in caught.value.happened
    assert caught.value.doing == "reading --source-bucket"
    assert caught.value.hint
    here = PIPELINE, replace(PIPELINE, region="us-east-1")
    with pytest.raises(UsageError):
        check_given_buckets(here[0], GivenChoices(source_bucket=name))
    check_given_buckets(here[1], GivenChoices(source_bucket=name))
    # The destination may be in another Region.
    check_given_buckets(here[0], GivenChoices(destination_bucket=name))


def test_a_bucket_is_adopted_if_its_name_is_not_the_derived_one() -> None:
    own = PIPELINE.source_bucket, PIPELINE.destination_bucket
    for names in ((None, None), ("", ""), own):
        assert PIPELINE.joining(*names, "eu-central-1") == PIPELINE
    joined = PIPELINE.joining("in", "out", "eu-central-1")
    assert (joined.source_bucket, joined.destination_bucket) == ("in", "out")
    assert (joined.adopted_source_bucket, joined.adopted_destination_bucket) == ("in", "out")
    assert (joined.own_source_bucket, joined.own_destination_bucket) == own
    assert joined.region_of("in") == "eu-west-1"
    assert joined.region_of("out") == "eu-central-1"
    assert PIPELINE.joining("in", "out", "eu-west-1").destination_region is None
    assert joined.joining("", "") == PIPELINE
