"""The pipeline: every name that s3copy uses, derived from three facts and validated before anything is called.

There is no state file. A pipeline is its name, the account and the Region; everything else follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from s3copy_cli.errors import UsageError

DEFAULT_PIPELINE_NAME = "s3copy"
OWNERSHIP_TAG = "s3copy:pipeline"

# Account-regional bucket names exist everywhere but in Bahrain and the UAE (S3 User Guide, "Namespaces for
# general purpose buckets").
REGIONS_WITHOUT_ACCOUNT_REGIONAL_NAMES = frozenset({"me-south-1", "me-central-1"})

BUCKET_NAME_MAX_LENGTH = 63
_PIPELINE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}")
_ACCOUNT_ID = re.compile(r"\d{12}")
# S3 User Guide, "General purpose bucket naming rules".
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")


@dataclass(frozen=True)
class Pipeline:
    """One pipeline's identity and the names of its resources.

    Attributes:
        name: the pipeline's name, unique in an account and Region.
        account_id: the 12-digit account that owns every resource.
        region: the Region of every resource but an adopted destination (IAM, which is global, carries it in the
            role's name).
        partition: "aws", "aws-cn" or "aws-us-gov"; part of every ARN.
        adopted_source_bucket: a bucket of the owner's that files are copied from; None for the pipeline's own.
        adopted_destination_bucket: a bucket of the owner's that files are copied to; None for the pipeline's own.
        destination_region: where the adopted destination is, if it is in another Region; else None.

    Raises:
        UsageError: a name that AWS would refuse, or that would make a bucket name ambiguous.
    """

    name: str
    account_id: str
    region: str
    partition: str = "aws"
    adopted_source_bucket: str | None = None
    adopted_destination_bucket: str | None = None
    destination_region: str | None = None

    def __post_init__(self) -> None:
        validate_pipeline_name(self.name)
        validate_region(self.region)
        if not _ACCOUNT_ID.fullmatch(self.account_id):
            raise UsageError(
                "naming the pipeline",
                f"{self.account_id!r} is not an account id of 12 digits",
                "Check the credentials with: aws sts get-caller-identity",
            )
        longest = f"{self.name}-destination-{self.account_id}-{self.region}-an"
        if len(longest) > BUCKET_NAME_MAX_LENGTH:
            room = len(self.name) - (len(longest) - BUCKET_NAME_MAX_LENGTH)
            raise UsageError(
                f"naming the pipeline {self.name!r}",
                f"its destination bucket's name has {len(longest)} characters, S3 allows {BUCKET_NAME_MAX_LENGTH}",
                f"Choose a --name of at most {room} characters in {self.region}.",
            )

    @property
    def uses_account_regional_names(self) -> bool:
        """Whether this Region offers bucket names that only this account can create."""
        return self.region not in REGIONS_WITHOUT_ACCOUNT_REGIONAL_NAMES

    @property
    def source_bucket(self) -> str:
        """The source bucket's name."""
        return self.adopted_source_bucket or self.own_source_bucket

    @property
    def destination_bucket(self) -> str:
        """The destination bucket's name."""
        return self.adopted_destination_bucket or self.own_destination_bucket

    @property
    def own_source_bucket(self) -> str:
        """The name of the source bucket that setup makes where none is adopted."""
        return self._own_bucket("source")

    @property
    def own_destination_bucket(self) -> str:
        """The name of the destination bucket that setup makes where none is adopted."""
        return self._own_bucket("destination")

    def joining(
        self, source_bucket: str | None, destination_bucket: str | None, destination_region: str | None = None
    ) -> Pipeline:
        """This pipeline between these buckets, whatever it joined before.

        A bucket is adopted if its name is not the one that setup would give it.

        Args:
            source_bucket: None, "" or the own one's name for the pipeline's own.
            destination_bucket: the same.
            destination_region: where the adopted destination is; None, "" or the pipeline's Region if in that one.
        """
        is_own = destination_bucket in {None, "", self.own_destination_bucket}
        is_here = destination_region in {None, "", self.region}
        return replace(
            self,
            adopted_source_bucket=None if source_bucket in {None, "", self.own_source_bucket} else source_bucket,
            adopted_destination_bucket=None if is_own else destination_bucket,
            destination_region=None if is_own or is_here else destination_region,
        )

    def region_of(self, bucket: str) -> str:
        """The Region of one of the pipeline's buckets."""
        return self.destination_region or self.region if bucket == self.destination_bucket else self.region

    @property
    def function_name(self) -> str:
        """The Lambda function's name."""
        return self.name

    @property
    def function_arn(self) -> str:
        """The function's ARN, without version or alias."""
        return f"arn:{self.partition}:lambda:{self.region}:{self.account_id}:function:{self.function_name}"

    @property
    def role_name(self) -> str:
        """The execution role's name; IAM is global, so the Region is part of it."""
        return f"{self.name}-{self.region}"

    @property
    def role_arn(self) -> str:
        """The execution role's ARN."""
        return f"arn:{self.partition}:iam::{self.account_id}:role/{self.role_name}"

    @property
    def policy_name(self) -> str:
        """The name of the role's inline policy."""
        return f"{self.name}-copy"

    @property
    def log_group(self) -> str:
        """The function's log group."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_group_arn(self) -> str:
        """The log group's ARN, without the trailing `:*`."""
        return f"arn:{self.partition}:logs:{self.region}:{self.account_id}:log-group:{self.log_group}"

    @property
    def queue_name(self) -> str:
        """The dead-letter queue's name."""
        return f"{self.name}-dead-letter"

    @property
    def queue_arn(self) -> str:
        """The dead-letter queue's ARN."""
        return f"arn:{self.partition}:sqs:{self.region}:{self.account_id}:{self.queue_name}"

    @property
    def event_queue_name(self) -> str:
        """The name of the queue that events wait in, where the trigger has one."""
        return f"{self.name}-events"

    @property
    def event_queue_arn(self) -> str:
        """That queue's ARN."""
        return f"arn:{self.partition}:sqs:{self.region}:{self.account_id}:{self.event_queue_name}"

    @property
    def event_queue_policy_name(self) -> str:
        """The name of the role's inline policy that lets the function take events from that queue."""
        return f"{self.name}-event-queue"

    @property
    def rule_name(self) -> str:
        """The name of the EventBridge rule, where the trigger is one; also the id of its target."""
        return f"{self.name}-copy"

    @property
    def rule_arn(self) -> str:
        """That rule's ARN; it is on the default event bus, the only one that S3 sends to."""
        return f"arn:{self.partition}:events:{self.region}:{self.account_id}:rule/{self.rule_name}"

    @property
    def rule_permission_id(self) -> str:
        """The statement id of the permission that lets EventBridge invoke the function."""
        return f"{self.name}-rule"

    @property
    def permission_id(self) -> str:
        """The statement id of the permission that lets S3 invoke the function."""
        return f"{self.name}-source-bucket"

    @property
    def notification_id(self) -> str:
        """The Id of our entry in the source bucket's notification configuration."""
        return f"{self.name}-copy"

    @property
    def tags(self) -> dict[str, str]:
        """The tags that mark a resource as this pipeline's."""
        return {OWNERSHIP_TAG: self.name}

    def bucket_arn(self, bucket: str) -> str:
        """The ARN of one of the pipeline's buckets."""
        return f"arn:{self.partition}:s3:::{bucket}"

    def _own_bucket(self, role: str) -> str:
        suffix = "-an" if self.uses_account_regional_names else ""
        return f"{self.name}-{role}-{self.account_id}-{self.region}{suffix}"


def validate_pipeline_name(name: str) -> None:
    """Check a pipeline name by what AWS allows in all the names that are built from it.

    Raises:
        UsageError: with the rule that is broken.
    """
    hint = "Use lower-case letters, digits and single hyphens, e.g. --name invoices."
    doing = f"naming the pipeline {name!r}"
    if not _PIPELINE_NAME.fullmatch(name):
        raise UsageError(
            doing,
            "a pipeline's name starts and ends with a letter or digit and has only a-z, 0-9 and -",
            hint,
        )
    if name.startswith(_RESERVED_PREFIXES):
        raise UsageError(doing, "S3 reserves names that begin so", hint)
    for word in ("source", "destination"):
        if word in name:
            raise UsageError(doing, f"the word {word!r} is kept for telling the two buckets apart", hint)


def is_region(text: str) -> bool:
    """Whether a text has the form of a Region's name."""
    return _REGION.fullmatch(text) is not None


def validate_region(region: str) -> None:
    """Check that a string has the form of a Region's name.

    Raises:
        UsageError: with an example.
    """
    if not is_region(region):
        raise UsageError(
            "choosing the Region",
            f"{region!r} is not a Region's name",
            "Pass one such as --region us-east-1.",
        )


def is_yes(value: str) -> bool:
    """Whether a variable that is a switch is on, as click reads it."""
    return value.strip().lower() in {"1", "true", "yes", "on", "t", "y"}
