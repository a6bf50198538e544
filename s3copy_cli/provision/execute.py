"""Acting: each step of a setup or deploy plan as idempotent write calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws, error_code, translate_errors
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import propagation, remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.bucket_writer import BucketWriter
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.desired import QUEUE_RETENTION_SECONDS, DesiredState, wanted_role_policy
from s3copy_cli.provision.function_writer import FunctionWriter
from s3copy_cli.provision.plan import Action, Plan, Step
from s3copy_cli.provision.policy import trust_policy
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.resources import Kind, RemoteResource
from s3copy_cli.provision.trigger_writer import ensure_trigger, remove_former_triggers

_QUEUE_EXISTS = frozenset({"QueueAlreadyExists", "QueueNameExists"})


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
            OwnershipError: something that is not ours has appeared since the plan was made; it is untouched.
        """
        for step in plan.pending:
            verb = {Action.CREATE: "creating", Action.DELETE: "removing"}.get(step.action, "updating")
            with translate_errors(f"{verb} the {step.kind.value} {step.name}", region=self.aws.region):
                self._ensure(step)
            self.on_step(step)

    @cached_property
    def _context(self) -> Context:
        return Context(self.aws, self.desired, self.patience, self.on_wait)

    def _ensure(self, step: Step) -> None:
        buckets, function = BucketWriter(self._context), FunctionWriter(self._context)
        if step.kind in {Kind.SOURCE_BUCKET, Kind.DESTINATION_BUCKET}:
            buckets.ensure(step)
        elif step.kind in {Kind.SOURCE_BUCKET_POLICY, Kind.DESTINATION_BUCKET_POLICY}:
            buckets.ensure_policy(step.name)
        elif step.kind is Kind.LOG_GROUP:
            self._ensure_log_group(step)
        elif step.kind is Kind.DEAD_LETTER_QUEUE:
            self._ensure_queue(step)
        elif step.kind is Kind.ROLE:
            self._ensure_role(step)
        elif step.kind is Kind.ROLE_POLICY:
            self._ensure_role_policy()
        elif step.kind is Kind.FUNCTION:
            function.ensure(step)
        elif step.kind is Kind.ASYNC_INVOCATION:
            function.ensure_async_invocation()
        elif step.kind is Kind.PERMISSION:
            function.ensure_permission(step)
        elif step.kind is Kind.FORMER_TRIGGER:
            remove_former_triggers(self._context, step)
        else:
            ensure_trigger(self._context)

    def _ensure_log_group(self, step: Step) -> None:
        logs = self.aws.logs
        if step.action is Action.CREATE:
            try:
                self._context.retry(
                    lambda: logs.create_log_group(logGroupName=step.name, tags=self.pipeline.tags),
                    propagation.is_log_group_busy,
                )
            except logs.exceptions.ResourceAlreadyExistsException:
                self._context.adopt(step, lambda: remote.read_log_group(self.aws, self.pipeline))
        days = self.desired.settings.log_retention_days
        if days is not None:
            self._context.retry(
                lambda: logs.put_retention_policy(logGroupName=step.name, retentionInDays=days),
                propagation.is_log_group_busy,
            )
        elif step.action is Action.UPDATE:
            self._context.retry(
                lambda: logs.delete_retention_policy(logGroupName=step.name), propagation.is_log_group_busy
            )

    def _ensure_queue(self, step: Step) -> None:
        values = {
            names.RETENTION_SECONDS: ("MessageRetentionPeriod", str(QUEUE_RETENTION_SECONDS)),
            names.QUEUE_ENCRYPTION: ("SqsManagedSseEnabled", "true"),
        }
        if step.action is Action.CREATE:
            self._create_queue(step, dict(values.values()))
            return
        # Only what differs: a KMS key that was set by hand stays.
        attributes = dict(values[change.attribute] for change in step.changes)
        url = self.aws.sqs.get_queue_url(QueueName=step.name)["QueueUrl"]
        self.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]

    def _create_queue(self, step: Step, attributes: dict[str, str]) -> None:
        def read() -> RemoteResource:
            return remote.read_queue(self.aws, self.pipeline)

        # CreateQueue answers for a queue that is there already as for a new one, so it has to be asked for before,
        # and looked at afterwards.
        if read().exists:
            self._context.adopt(step, read)
            return
        try:
            # SQS keeps a deleted queue's name for a minute.
            self._context.retry(
                lambda: self.aws.sqs.create_queue(
                    QueueName=step.name,
                    Attributes=attributes,  # type: ignore[arg-type]
                    tags=self.pipeline.tags,
                ),
                propagation.is_queue_name_resting,
            )
        except ClientError as error:
            # It has other attributes than the new one was to have.
            if error_code(error) not in _QUEUE_EXISTS:
                raise
            self._context.adopt(step, read)
            return
        found = read()

        def is_ours() -> bool:
            nonlocal found
            found = found if found.is_ours else read()
            return found.is_ours

        # A new queue, and its tags, may take a moment to be seen.
        self.patience.until(is_ours)
        self._context.refuse_foreign(step, found)

    def _ensure_role(self, step: Step) -> None:
        document = json.dumps(trust_policy())
        if step.action is Action.UPDATE:
            self._context.retry(
                lambda: self.aws.iam.update_assume_role_policy(RoleName=step.name, PolicyDocument=document),
                propagation.is_role_busy,
            )
            return
        try:
            self._context.retry(
                lambda: self.aws.iam.create_role(
                    RoleName=step.name,
                    AssumeRolePolicyDocument=document,
                    Description=f"s3copy pipeline {self.pipeline.name}: what its function may do",
                    Tags=[{"Key": key, "Value": value} for key, value in self.pipeline.tags.items()],
                ),
                propagation.is_role_busy,
            )
        except self.aws.iam.exceptions.EntityAlreadyExistsException:
            self._context.adopt(step, lambda: remote.read_role(self.aws, self.pipeline)[0])

    def _ensure_role_policy(self) -> None:
        pipeline = self.pipeline
        document = wanted_role_policy(pipeline, self.desired.options)
        self._context.retry(
            lambda: self.aws.iam.put_role_policy(
                RoleName=pipeline.role_name, PolicyName=pipeline.policy_name, PolicyDocument=json.dumps(document)
            ),
            propagation.any_of(propagation.is_role_not_visible_yet, propagation.is_role_busy),
        )
