"""Acting: each step of a setup or deploy plan as idempotent write calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws, error_code, translate_errors
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError, OwnershipError
from s3copy_cli.provision import propagation, remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.desired import DesiredState, function_environment, permission_statement
from s3copy_cli.provision.plan import Action, Change, Plan, Step
from s3copy_cli.provision.policy import role_policy, tls_statement, trust_policy, with_statement
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.resources import Kind

_BUCKETS = (Kind.SOURCE_BUCKET, Kind.DESTINATION_BUCKET)


@dataclass(frozen=True)
class Executor:
    """Takes the steps of a plan.

    Attributes:
        aws: where.
        desired: what each resource is to become.
        patience: how long to wait for AWS where it needs time.
        on_step: called after each step that changed something.
        on_wait: called with a line when waiting for AWS begins.
    """

    aws: Aws
    desired: DesiredState
    patience: Patience
    on_step: Callable[[Step], None]
    on_wait: Callable[[str], None]

    @property
    def pipeline(self) -> Pipeline:
        """Whose resources."""
        return self.desired.pipeline

    def execute(self, plan: Plan) -> None:
        """Take the pending steps in order, and stop at the first that fails.

        Raises:
            AwsError: naming the step; running the command again goes on from there.
        """
        for step in plan.pending:
            verb = "creating" if step.action is Action.CREATE else "updating"
            with translate_errors(f"{verb} the {step.kind.value} {step.name}", region=self.aws.region):
                self._ensure(step)
            self.on_step(step)

    def _ensure(self, step: Step) -> None:
        if step.kind in _BUCKETS:
            self._ensure_bucket(step)
        elif step.kind in {Kind.SOURCE_BUCKET_POLICY, Kind.DESTINATION_BUCKET_POLICY}:
            self._ensure_bucket_policy(step.name)
        elif step.kind is Kind.LOG_GROUP:
            self._ensure_log_group(step)
        elif step.kind is Kind.DEAD_LETTER_QUEUE:
            self._ensure_queue(step)
        elif step.kind is Kind.ROLE:
            self._ensure_role(step)
        elif step.kind is Kind.ROLE_POLICY:
            self._ensure_role_policy()
        elif step.kind is Kind.FUNCTION:
            self._ensure_function(step)
        elif step.kind is Kind.ASYNC_INVOCATION:
            self._ensure_async_invocation()
        elif step.kind is Kind.PERMISSION:
            self._ensure_permission(step)
        else:
            self._ensure_trigger()

    # Buckets

    def _ensure_bucket(self, step: Step) -> None:
        changes = step.changes
        if step.action is Action.CREATE:
            self._create_bucket(step)
            changes = self._still_differing(step)
        call = {"Bucket": step.name, "ExpectedBucketOwner": self.pipeline.account_id}
        for change in changes:
            self._retry(
                partial(self._set_bucket_attribute, call, change),
                propagation.any_of(propagation.is_bucket_busy, propagation.is_bucket_not_visible_yet),
            )

    def _create_bucket(self, step: Step) -> None:
        pipeline = self.pipeline
        tags = [{"Key": key, "Value": value} for key, value in pipeline.tags.items()]
        configuration: dict[str, Any] = {"Tags": tags}
        # us-east-1 is the default and may not be named (CreateBucket, LocationConstraint).
        if pipeline.region != "us-east-1":
            configuration["LocationConstraint"] = pipeline.region
        namespace = {"BucketNamespace": "account-regional"} if pipeline.uses_account_regional_names else {}
        try:
            self._retry(
                lambda: self.aws.s3.create_bucket(
                    Bucket=step.name,
                    CreateBucketConfiguration=configuration,  # type: ignore[arg-type]
                    **namespace,  # type: ignore[arg-type]
                ),
                propagation.is_bucket_busy,
            )
        except ClientError as error:
            # Another setup of ours was faster; whether the bucket is ours is checked below.
            if error_code(error) == "BucketAlreadyExists":
                raise OwnershipError(
                    f"creating the {step.kind.value} {step.name}",
                    "another account owns a bucket of that name",
                    "Choose another pipeline name: --name NAME.",
                    code="BucketAlreadyExists",
                ) from error
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise
        call = {"Bucket": step.name, "ExpectedBucketOwner": pipeline.account_id}
        try:
            tagged = self._retry(lambda: self.aws.s3.get_bucket_tagging(**call), propagation.is_bucket_not_visible_yet)[
                "TagSet"
            ]
        except ClientError as error:
            if error_code(error) != "NoSuchTagSet":
                raise
            tagged = []
        if not tagged:
            # AWS takes the tags with CreateBucket; some compatible services ignore them there.
            self.aws.s3.put_bucket_tagging(
                Bucket=step.name,
                Tagging={"TagSet": tags},  # type: ignore[typeddict-item]
                ExpectedBucketOwner=pipeline.account_id,
            )

    def _still_differing(self, step: Step) -> tuple[Change, ...]:
        """What a new bucket lacks; AWS's defaults already are most of what is wanted."""
        bucket = remote.read_bucket(self.aws, self.pipeline, step.kind, step.name)[0]
        wanted = self.desired.resources[step.kind].attributes
        return tuple(
            Change(attribute, bucket.attributes.get(attribute), value)
            for attribute, value in wanted.items()
            if bucket.attributes.get(attribute) != value
        )

    def _set_bucket_attribute(self, call: dict[str, str], change: Change) -> None:
        s3: Any = self.aws.s3
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
            ours = {
                "ID": remote.LIFECYCLE_RULE_ID,
                "Status": "Enabled",
                "Filter": {},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": change.new},
            }
            others = [
                rule
                for rule in remote.lifecycle_rules(self.aws, self.pipeline, call["Bucket"])
                if rule.get("ID") != remote.LIFECYCLE_RULE_ID
            ]
            s3.put_bucket_lifecycle_configuration(**call, LifecycleConfiguration={"Rules": [*others, ours]})

    def _ensure_bucket_policy(self, bucket: str) -> None:
        document = with_statement(
            remote.bucket_policy(self.aws, self.pipeline, bucket), tls_statement(self.pipeline.bucket_arn(bucket))
        )
        self._retry(
            lambda: self.aws.s3.put_bucket_policy(
                Bucket=bucket, Policy=json.dumps(document), ExpectedBucketOwner=self.pipeline.account_id
            ),
            propagation.any_of(propagation.is_bucket_busy, propagation.is_bucket_not_visible_yet),
        )

    # Logs and queue

    def _ensure_log_group(self, step: Step) -> None:
        if step.action is Action.CREATE:
            try:
                self.aws.logs.create_log_group(logGroupName=step.name, tags=self.pipeline.tags)
            except self.aws.logs.exceptions.ResourceAlreadyExistsException:
                self.on_wait(f"the log group {step.name} appeared meanwhile")
        self.aws.logs.put_retention_policy(
            logGroupName=step.name, retentionInDays=self.desired.settings.log_retention_days
        )

    def _ensure_queue(self, step: Step) -> None:
        attributes = {
            "MessageRetentionPeriod": str(self.desired.settings.queue_retention_seconds),
            "SqsManagedSseEnabled": "true",
        }
        if step.action is Action.CREATE:
            # SQS keeps a deleted queue's name for a minute.
            self._retry(
                lambda: self.aws.sqs.create_queue(
                    QueueName=step.name,
                    Attributes=attributes,  # type: ignore[arg-type]
                    tags=self.pipeline.tags,
                ),
                propagation.is_queue_name_resting,
            )
            return
        url = self.aws.sqs.get_queue_url(QueueName=step.name)["QueueUrl"]
        self.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]

    # Role

    def _ensure_role(self, step: Step) -> None:
        document = json.dumps(trust_policy())
        if step.action is Action.UPDATE:
            self.aws.iam.update_assume_role_policy(RoleName=step.name, PolicyDocument=document)
            return
        try:
            self.aws.iam.create_role(
                RoleName=step.name,
                AssumeRolePolicyDocument=document,
                Description=f"s3copy pipeline {self.pipeline.name}: what its function may do",
                Tags=[{"Key": key, "Value": value} for key, value in self.pipeline.tags.items()],
            )
        except self.aws.iam.exceptions.EntityAlreadyExistsException:
            self.on_wait(f"the role {step.name} appeared meanwhile")

    def _ensure_role_policy(self) -> None:
        pipeline = self.pipeline
        document = role_policy(pipeline, propagate_deletes=self.desired.options.propagate_deletes)
        self._retry(
            lambda: self.aws.iam.put_role_policy(
                RoleName=pipeline.role_name, PolicyName=pipeline.policy_name, PolicyDocument=json.dumps(document)
            ),
            propagation.is_role_not_visible_yet,
        )

    # Function

    def _ensure_function(self, step: Step) -> None:
        if step.action is Action.CREATE:
            self._create_function()
        else:
            changed = {change.attribute for change in step.changes}
            if changed & {names.CODE, names.ARCHITECTURE}:
                self._update_function_code()
            if changed - {names.CODE, names.ARCHITECTURE}:
                self._update_function_configuration()
        self._wait_for_function()

    def _create_function(self) -> None:
        pipeline = self.pipeline
        try:
            self._retry(
                lambda: self.aws.lambda_.create_function(
                    **self._function_settings(),
                    Code={"ZipFile": self.desired.package.content},
                    Architectures=[self.desired.settings.architecture],  # type: ignore[list-item]
                    Tags=pipeline.tags,
                ),
                propagation.is_role_not_assumable_yet,
            )
        except self.aws.lambda_.exceptions.ResourceConflictException:
            # Another setup was faster. Its code and settings are the next plan's business, as long as it is ours.
            self.on_wait(f"the function {pipeline.function_name} appeared meanwhile")

    def _update_function_code(self) -> None:
        self._retry(
            lambda: self.aws.lambda_.update_function_code(
                FunctionName=self.pipeline.function_name,
                ZipFile=self.desired.package.content,
                Architectures=[self.desired.settings.architecture],  # type: ignore[list-item]
            ),
            propagation.is_update_in_progress,
        )
        self._wait_for_function()

    def _update_function_configuration(self) -> None:
        self._retry(
            lambda: self.aws.lambda_.update_function_configuration(**self._function_settings()),
            propagation.any_of(propagation.is_update_in_progress, propagation.is_role_not_assumable_yet),
        )

    def _function_settings(self) -> Any:
        wanted = self.desired.resources[Kind.FUNCTION].attributes
        return {
            "FunctionName": self.pipeline.function_name,
            "Description": f"s3copy pipeline {self.pipeline.name}",
            "Runtime": wanted[names.RUNTIME],
            "Handler": wanted[names.HANDLER],
            "Role": wanted[names.ROLE],
            "Timeout": wanted[names.TIMEOUT],
            "MemorySize": wanted[names.MEMORY],
            "Environment": {"Variables": function_environment(self.pipeline, self.desired.options)},
            "LoggingConfig": {"LogFormat": wanted[names.LOG_FORMAT], "LogGroup": wanted[names.LOG_GROUP]},
        }

    def _wait_for_function(self) -> None:
        name = self.pipeline.function_name
        failed = ""

        def is_ready() -> bool:
            nonlocal failed
            answer = self.aws.lambda_.get_function_configuration(FunctionName=name)
            if "Failed" in (answer.get("State"), answer.get("LastUpdateStatus")):
                failed = answer.get("StateReason") or answer.get("LastUpdateStatusReason") or "no reason given"
                return True
            return answer.get("State", "Active") == "Active" and answer.get("LastUpdateStatus") != "InProgress"

        ready = self.patience.until(is_ready)
        if failed:
            raise AwsError(f"waiting for the function {name}", failed, "Run the command again.", code="FunctionFailed")
        if not ready:
            raise AwsError(
                f"waiting for the function {name}",
                f"it did not become active within {self.patience.timeout_seconds:.0f} seconds",
                "Run the command again: it goes on where it stopped.",
                code="Timeout",
            )

    def _ensure_async_invocation(self) -> None:
        pipeline, settings = self.pipeline, self.desired.settings
        self._retry(
            lambda: self.aws.lambda_.put_function_event_invoke_config(
                FunctionName=pipeline.function_name,
                MaximumRetryAttempts=settings.max_retries,
                MaximumEventAgeInSeconds=settings.max_event_age_seconds,
                DestinationConfig={"OnFailure": {"Destination": pipeline.queue_arn}},
            ),
            propagation.any_of(propagation.is_role_not_permitted_yet, propagation.is_update_in_progress),
        )

    def _ensure_permission(self, step: Step) -> None:
        pipeline = self.pipeline
        wanted = permission_statement(pipeline)
        if step.action is Action.UPDATE:
            self.aws.lambda_.remove_permission(FunctionName=pipeline.function_name, StatementId=pipeline.permission_id)
        try:
            self._retry(
                lambda: self.aws.lambda_.add_permission(
                    FunctionName=pipeline.function_name,
                    StatementId=pipeline.permission_id,
                    Action=wanted["action"],
                    Principal=wanted["principal"],
                    SourceArn=wanted["source arn"],
                    SourceAccount=wanted["source account"],
                ),
                propagation.is_update_in_progress,
            )
        except self.aws.lambda_.exceptions.ResourceConflictException:
            self.on_wait(f"the permission {pipeline.permission_id} appeared meanwhile")

    def _ensure_trigger(self) -> None:
        pipeline = self.pipeline
        wanted = self.desired.resources[Kind.TRIGGER].attributes
        configuration = remote.notification_configuration(self.aws, pipeline)
        # Writing replaces everything, so whatever others have put there is written back with ours.
        others = [
            entry
            for entry in configuration.get("LambdaFunctionConfigurations", [])
            if entry.get("Id") != pipeline.notification_id
        ]
        ours = {
            "Id": pipeline.notification_id,
            "LambdaFunctionArn": wanted[names.FUNCTION_ARN],
            "Events": wanted[names.EVENTS],
        }
        put_notification_configuration(
            self.aws,
            pipeline,
            {**configuration, "LambdaFunctionConfigurations": [*others, ours]},
            self._retry,
        )

    def _retry(self, call: Callable[[], Any], is_temporary: propagation.Predicate) -> Any:
        return self.patience.retry(call, is_temporary, lambda message: self.on_wait(f"waiting for AWS: {message}"))


def put_notification_configuration(
    aws: Aws,
    pipeline: Pipeline,
    configuration: dict[str, Any],
    retry: Callable[[Callable[[], Any], propagation.Predicate], Any],
) -> None:
    """Write the source bucket's whole notification configuration.

    Raises:
        AwsError: S3 could not validate a destination, also after waiting.
    """
    try:
        retry(
            lambda: aws.s3.put_bucket_notification_configuration(
                Bucket=pipeline.source_bucket,
                NotificationConfiguration=configuration,  # type: ignore[arg-type]
                ExpectedBucketOwner=pipeline.account_id,
            ),
            propagation.any_of(propagation.is_destination_not_valid_yet, propagation.is_bucket_busy),
        )
    except ClientError as error:
        if not propagation.is_destination_not_valid_yet(error):
            raise
        raise AwsError(
            f"adding the trigger to bucket {pipeline.source_bucket}",
            str(error.response.get("Error", {}).get("Message", "")),
            "S3 may not invoke a function that the bucket's notifications name. Entries of others are checked as "
            "well: remove those whose function, queue or topic is gone, then run the command again.",
            code="InvalidArgument",
        ) from error
