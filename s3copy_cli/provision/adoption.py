"""Which buckets a pipeline is to join: whether they are there, whose they are, and where."""

from __future__ import annotations

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.bucket_names import REGION_OF_OLD_NAMES, broken_rule, validate_bucket_name
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import OptionError, OwnershipError, S3CopyError, UsageError
from s3copy_cli.provision.choices import Choices, GivenChoices
from s3copy_cli.provision.reading import BUCKET_MISSING

SOURCE, DESTINATION = "--source-bucket", "--destination-bucket"
# What S3 says of a bucket in another Region, where the SDK has not followed by itself.
_ELSEWHERE = frozenset({"301", "400", "PermanentRedirect"})


def check_given_buckets(pipeline: Pipeline, given: GivenChoices) -> None:
    """Refuse names that cannot be meant, before anything is asked.

    Raises:
        OptionError: saying which.
    """
    for option, name in ((SOURCE, given.source_bucket), (DESTINATION, given.destination_bucket)):
        if name:
            # The destination may be anywhere.
            may_be_old = option == DESTINATION or pipeline.region == REGION_OF_OLD_NAMES
            validate_bucket_name(name, option, may_be_old=may_be_old)
    if given.source_bucket == pipeline.own_destination_bucket:
        raise _own_other(SOURCE, given.source_bucket, "destination")
    if given.destination_bucket == pipeline.own_source_bucket:
        raise _own_other(DESTINATION, given.destination_bucket, "source")


def find_buckets(aws: Aws, pipeline: Pipeline, choices: Choices) -> Pipeline:
    """The pipeline between the chosen buckets, with the destination's Region; those of the owner's are looked at.

    Args:
        aws: where to ask.
        pipeline: by its name only.
        choices: what holds.

    Raises:
        UsageError: the same bucket twice.
        S3CopyError: a bucket is missing, or the source is in another Region than the pipeline.
        OwnershipError: another account owns a bucket, or it may not be looked at.
        AwsError: S3 failed.
    """
    joined = pipeline.joining(choices.source_bucket, choices.destination_bucket)
    if joined.source_bucket == joined.destination_bucket:
        raise UsageError(
            "choosing the buckets",
            f"{joined.source_bucket} is named as source and as destination, so that every copy would be an upload",
            "Pass another bucket with --destination-bucket.",
        )
    if joined.adopted_source_bucket:
        region = locate_bucket(aws, joined, joined.adopted_source_bucket, SOURCE)
        if region != joined.region:
            raise S3CopyError(
                f"looking at the source bucket {joined.adopted_source_bucket}",
                f"it is in {region}, the pipeline in {joined.region}, and S3 notifies functions of its own Region only",
                f"Build the pipeline where the bucket is: add --region {region}. The destination may be anywhere.",
                code="WrongRegion",
            )
    if not joined.adopted_destination_bucket:
        return joined
    region = locate_bucket(aws, joined, joined.adopted_destination_bucket, DESTINATION)
    return joined.joining(joined.source_bucket, joined.destination_bucket, region)


def locate_bucket(aws: Aws, pipeline: Pipeline, bucket: str, option: str) -> str:
    """The Region of a bucket that is the owner's.

    Args:
        aws: where to ask.
        pipeline: whose account must own it.
        bucket: its name.
        option: by which it is chosen, for the hint.

    Raises:
        S3CopyError: there is no such bucket.
        OwnershipError: another account owns it, or it may not be looked at.
        AwsError: S3 failed.
    """
    doing = f"looking at the {option.removeprefix('--').replace('-', ' ')} {bucket}"
    with translate_errors(doing, region=aws.region):
        try:
            answer = aws.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=pipeline.account_id)
        except ClientError as error:
            if error_code(error) in BUCKET_MISSING:
                raise _missing(doing, pipeline, bucket, option) from error
            if is_denied(error):
                raise OwnershipError(
                    doing,
                    f"it is not a bucket of account {pipeline.account_id}, or you may not look at it (s3:ListBucket)",
                    "A pipeline joins buckets of one account. Choose one of this account's (aws s3 ls), "
                    "or get the permission.",
                    code="AccessDenied",
                ) from error
            headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            region = headers.get("x-amz-bucket-region", "")
            if error_code(error) == "400" and not region and broken_rule(bucket):
                # Who does not know old names does not even look for such a bucket.
                raise _missing(doing, pipeline, bucket, option) from error
            if error_code(error) not in _ELSEWHERE or not region:
                raise
            return str(region)
        if answer.get("BucketRegion"):
            return answer["BucketRegion"]
        if aws.endpoint_url:
            # Services that are like S3 mostly have one Region, whatever it is called.
            return pipeline.region
        return region_of_constraint(
            aws.s3.get_bucket_location(Bucket=bucket, ExpectedBucketOwner=pipeline.account_id).get("LocationConstraint")
        )


def region_of_constraint(constraint: str | None) -> str:
    """The Region that GetBucketLocation means (S3 API: none in us-east-1, and "EU" in old buckets of eu-west-1)."""
    return {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(constraint, str(constraint))


def _own_other(option: str, name: str, role: str) -> OptionError:
    return OptionError(
        option,
        f"{name} is the name of this pipeline's own {role} bucket",
        "Choose another bucket, or another pipeline: --name NAME.",
    )


def _missing(doing: str, pipeline: Pipeline, bucket: str, option: str) -> S3CopyError:
    broken = broken_rule(bucket)
    if broken:
        return S3CopyError(
            doing,
            "there is no such bucket",
            f"None can be created any more: {broken}. Name another one with {option}.",
            code="NoSuchBucket",
        )
    return S3CopyError(
        doing,
        "there is no such bucket",
        f"Create it: aws s3 mb s3://{bucket} --region {pipeline.region}. Or name another one with {option}; "
        f'{option} "" takes the pipeline\'s own.',
        code="NoSuchBucket",
    )
