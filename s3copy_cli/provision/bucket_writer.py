"""Writing buckets: creating them as ours, setting what differs, and their TLS-only policy."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code
from s3copy_cli.errors import OwnershipError
from s3copy_cli.provision import bucket_reader, propagation
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.plan import Action, Change, Step
from s3copy_cli.provision.policy import tls_statement, with_statement
from s3copy_cli.provision.reading import tag_problem
from s3copy_cli.provision.tag_writer import ensure_tags

_BUSY_OR_NEW = propagation.any_of(propagation.is_bucket_busy, propagation.is_bucket_not_visible_yet)


@dataclass(frozen=True)
class BucketWriter:
    """Takes the steps that are about buckets."""

    context: Context

    def ensure(self, step: Step) -> None:
        """Create the bucket where it is missing, and set what differs.

        Raises:
            OwnershipError: there is one by now, and it is not ours.
        """
        changes = step.changes
        if step.action is Action.CREATE:
            self._create(step)
            changes = self._still_differing(step)
        ensure_tags(self.context, replace(step, changes=changes))
        for change in changes:
            if change.attribute == names.TAGS:
                continue
            self.context.retry(partial(self._set_attribute, self._owned(step.name), change), _BUSY_OR_NEW)

    def ensure_policy(self, bucket: str) -> None:
        """Add the statement that refuses plain HTTP to the bucket's policy."""
        pipeline = self.context.pipeline
        document = with_statement(
            bucket_reader.bucket_policy(self.context.aws, pipeline, bucket), tls_statement(pipeline.bucket_arn(bucket))
        )
        self.context.retry(
            lambda: self.context.aws.s3.put_bucket_policy(
                Bucket=bucket, Policy=json.dumps(document), ExpectedBucketOwner=pipeline.account_id
            ),
            _BUSY_OR_NEW,
        )

    def _owned(self, bucket: str) -> dict[str, Any]:
        return {"Bucket": bucket, "ExpectedBucketOwner": self.context.pipeline.account_id}

    def _create(self, step: Step) -> None:
        context = self.context

        def read() -> names.RemoteResource:
            return bucket_reader.read_bucket_ownership(context.aws, context.pipeline, step.kind, step.name)

        # us-east-1 answers 200 to whoever creates a bucket that is theirs already, so it has to be asked for.
        if read().exists or not self._send_create(step):
            context.adopt(step, read)
            return
        tags = context.retry(partial(self._tags, step.name), propagation.is_bucket_not_visible_yet)
        if not tags:
            # AWS takes the tags with CreateBucket; some compatible services ignore them there.
            context.aws.s3.put_bucket_tagging(**self._owned(step.name), Tagging={"TagSet": self._wanted_tags()})
            return
        problem = tag_problem(context.pipeline, tags)
        context.refuse_foreign(
            step, names.RemoteResource(step.kind, step.name, exists=True, is_ours=not problem, problem=problem)
        )

    def _send_create(self, step: Step) -> bool:
        """Send CreateBucket; False if there is one of ours, or of our account's, by now."""
        pipeline = self.context.pipeline
        configuration: dict[str, Any] = {"Tags": self._wanted_tags()}
        # us-east-1 is the default and may not be named (CreateBucket, LocationConstraint).
        if pipeline.region != "us-east-1":
            configuration["LocationConstraint"] = pipeline.region
        namespace = {"BucketNamespace": "account-regional"} if pipeline.uses_account_regional_names else {}
        try:
            self.context.retry(
                lambda: self.context.aws.s3.create_bucket(
                    Bucket=step.name,
                    CreateBucketConfiguration=configuration,  # type: ignore[arg-type]
                    **namespace,  # type: ignore[arg-type]
                ),
                propagation.is_bucket_busy,
            )
        except ClientError as error:
            if error_code(error) == "BucketAlreadyExists":
                raise OwnershipError(
                    f"creating the {step.kind.value} {step.name}",
                    "another account owns a bucket of that name",
                    "Choose another pipeline name: --name NAME.",
                    code="BucketAlreadyExists",
                ) from error
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise
            return False
        return True

    def _wanted_tags(self) -> Any:
        return [{"Key": key, "Value": value} for key, value in self.context.tags.items()]

    def _tags(self, bucket: str) -> dict[str, str]:
        try:
            answer = self.context.aws.s3.get_bucket_tagging(**self._owned(bucket))
        except ClientError as error:
            if error_code(error) != "NoSuchTagSet":
                raise
            return {}
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def _still_differing(self, step: Step) -> tuple[Change, ...]:
        """What a new bucket lacks; AWS's defaults already are most of what is wanted."""
        bucket = bucket_reader.read_bucket(self.context.aws, self.context.pipeline, step.kind, step.name)[0]
        wanted = self.context.desired.resources[step.kind].attributes
        return tuple(
            Change(attribute, bucket.attributes.get(attribute), value)
            for attribute, value in wanted.items()
            if bucket.attributes.get(attribute) != value
        )

    def _set_attribute(self, call: dict[str, str], change: Change) -> None:
        s3: Any = self.context.aws.s3
        if change.attribute == names.PUBLIC_ACCESS:
            flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
            s3.put_public_access_block(**call, PublicAccessBlockConfiguration=dict.fromkeys(flags, True))
        elif change.attribute == names.OBJECT_OWNERSHIP:
            s3.put_bucket_ownership_controls(**call, OwnershipControls={"Rules": [{"ObjectOwnership": change.new}]})
        elif change.attribute == names.DEFAULT_ENCRYPTION:
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": change.new}}
            s3.put_bucket_encryption(**call, ServerSideEncryptionConfiguration={"Rules": [rule]})
        elif change.attribute == names.VERSIONING:
            s3.put_bucket_versioning(**call, VersioningConfiguration={"Status": change.new})
        else:
            self._set_abort_uploads(s3, call, change.new)

    def _set_abort_uploads(self, s3: Any, call: dict[str, str], days: int) -> None:
        ours = {
            "ID": bucket_reader.LIFECYCLE_RULE_ID,
            "Status": "Enabled",
            "Filter": {},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
        }
        # Writing replaces everything, so what others have set is written back: their rules, and what S3 keeps
        # next to the rules and would put back to its default.
        found = bucket_reader.lifecycle_configuration(self.context.aws, self.context.pipeline, call["Bucket"])
        others = [rule for rule in found.get("Rules", []) if rule.get("ID") != bucket_reader.LIFECYCLE_RULE_ID]
        minimum = "TransitionDefaultMinimumObjectSize"
        kept = {minimum: found[minimum]} if found.get(minimum) else {}
        s3.put_bucket_lifecycle_configuration(**call, LifecycleConfiguration={"Rules": [*others, ours]}, **kept)
