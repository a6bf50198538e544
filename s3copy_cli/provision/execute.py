"""Acting: each step of a setup or deploy plan as idempotent write calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws, error_code, translate_errors
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import propagation, remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.bucket_writer import BucketWriter
from s3copy_cli.provision.context import Context, make_clients
from s3copy_cli.provision.desired import DesiredState, wanted_role_policy
from s3copy_cli.provision.function_writer import FunctionWriter
from s3copy_cli.provision.parallel import Outcome, raise_failures, stoppable, take_in_parallel
from s3copy_cli.provision.plan import Action, Plan, Step
from s3copy_cli.provision.policy import trust_policy
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.removal import Remover
from s3copy_cli.provision.resources import Kind, RemoteResource
from s3copy_cli.provision.trigger_writer import ensure_trigger
from s3copy_cli.s3 import Bucket

_QUEUE_EXISTS = frozenset({"QueueAlreadyExists", "QueueNameExists"})


@dataclass(frozen=True)
class Executor:
    """Takes the steps of a plan.

    Attributes:
        aws: where.
        desired: what each resource is to become.
        patience: how long to wait for AWS where it needs time.
        on_step: called after each step that changed something, in the thread that called `execute`.
        on_wait: called with a line when waiting for AWS begins, from any thread.
    """

    aws: Aws
    desired: DesiredState
    patience: Patience
    on_step: Callable[[Step], None]
    on_wait: Callable[[str], None]
    _stop: Event = field(default_factory=Event)

    @property
    def pipeline(self) -> Pipeline:
        """Whose resources."""
        return self.desired.pipeline

    def execute(self, plan: Plan) -> None:
        """Take the pending steps, side by side where none needs another (see `order`).

        The first failure keeps what has not begun from beginning; what has begun is waited for.

        Raises:
            AwsError: naming the step; running the command again goes on from there.
            OwnershipError: something that is not ours has appeared since the plan was made; it is untouched.
            SeveralFailuresError: more than one step failed.
        """
        make_clients(self.aws)
        raise_failures(
            take_in_parallel(plan.pending, self._take, self._on_done, self._stop, goes_on=lambda _: False),
        )

    def _take(self, step: Step) -> None:
        if step.action is Action.DELETE:
            self._remover.remove(step)
            return
        verb = "creating" if step.action is Action.CREATE else "updating"
        with translate_errors(f"{verb} the {step.kind.value} {step.name}", region=self.aws.region):
            WRITERS[step.kind](self, step)

    @property
    def _remover(self) -> Remover:
        def refuse(bucket: Bucket) -> list[str]:
            return [f"setup does not empty {bucket.name}"]

        return Remover(self.aws, self.pipeline, self.patience, refuse, lambda _: None, stop=self._stop)

    def _on_done(self, outcome: Outcome) -> None:
        if outcome.error is None:
            self.on_step(outcome.step)

    def _context(self, step: Step) -> Context:
        # Several steps may wait at the same time: each line says whose it is.
        return Context(
            self.aws,
            self.desired,
            stoppable(self.patience, self._stop),
            lambda line: self.on_wait(f"{step.kind.value}: {line}"),
        )

    def _buckets(self, step: Step) -> BucketWriter:
        return BucketWriter(self._context(step))

    def _function(self, step: Step) -> FunctionWriter:
        return FunctionWriter(self._context(step))

    def _ensure_log_group(self, step: Step) -> None:
        logs, context = self.aws.logs, self._context(step)
        if step.action is Action.CREATE:
            try:
                context.retry(
                    lambda: logs.create_log_group(logGroupName=step.name, tags=self.pipeline.tags),
                    propagation.is_log_group_busy,
                )
            except logs.exceptions.ResourceAlreadyExistsException:
                context.adopt(step, lambda: remote.read_log_group(self.aws, self.pipeline))
        context.retry(
            lambda: logs.put_retention_policy(
                logGroupName=step.name, retentionInDays=self.desired.settings.log_retention_days
            ),
            propagation.is_log_group_busy,
        )

    def _ensure_queue(self, step: Step) -> None:
        values = {
            names.RETENTION_SECONDS: ("MessageRetentionPeriod", str(self.desired.settings.queue_retention_seconds)),
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
        context = self._context(step)

        def read() -> RemoteResource:
            return remote.read_queue(self.aws, self.pipeline)

        # CreateQueue answers for a queue that is there already as for a new one, so it has to be asked for before,
        # and looked at afterwards.
        if read().exists:
            context.adopt(step, read)
            return
        try:
            # SQS keeps a deleted queue's name for a minute.
            context.retry(
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
            context.adopt(step, read)
            return
        found = read()

        def is_ours() -> bool:
            nonlocal found
            found = found if found.is_ours else read()
            return found.is_ours

        # A new queue, and its tags, may take a moment to be seen.
        context.patience.until(is_ours)
        context.refuse_foreign(step, found)

    def _ensure_role(self, step: Step) -> None:
        document, context = json.dumps(trust_policy()), self._context(step)
        if step.action is Action.UPDATE:
            context.retry(
                lambda: self.aws.iam.update_assume_role_policy(RoleName=step.name, PolicyDocument=document),
                propagation.is_role_busy,
            )
            return
        try:
            context.retry(
                lambda: self.aws.iam.create_role(
                    RoleName=step.name,
                    AssumeRolePolicyDocument=document,
                    Description=f"s3copy pipeline {self.pipeline.name}: what its function may do",
                    Tags=[{"Key": key, "Value": value} for key, value in self.pipeline.tags.items()],
                ),
                propagation.is_role_busy,
            )
        except self.aws.iam.exceptions.EntityAlreadyExistsException:
            context.adopt(step, lambda: remote.read_role(self.aws, self.pipeline)[0])

    def _ensure_role_policy(self, step: Step) -> None:
        pipeline = self.pipeline
        document = wanted_role_policy(pipeline, self.desired.options)
        self._context(step).retry(
            lambda: self.aws.iam.put_role_policy(
                RoleName=pipeline.role_name, PolicyName=pipeline.policy_name, PolicyDocument=json.dumps(document)
            ),
            propagation.any_of(propagation.is_role_not_visible_yet, propagation.is_role_busy),
        )

    def _ensure_trigger(self, step: Step) -> None:
        context = self._context(step)
        try:
            ensure_trigger(context)
        except ClientError as error:
            if not propagation.is_overlapping(error):
                raise
            # An entry that came between the look and the call: looking again names it.
            ensure_trigger(context)


# Who writes what: one line for each kind.
WRITERS: dict[Kind, Callable[[Executor, Step], None]] = {
    Kind.SOURCE_BUCKET: lambda executor, step: executor._buckets(step).ensure(step),
    Kind.SOURCE_BUCKET_POLICY: lambda executor, step: executor._buckets(step).ensure_policy(step.name),
    Kind.DESTINATION_BUCKET: lambda executor, step: executor._buckets(step).ensure(step),
    Kind.DESTINATION_BUCKET_POLICY: lambda executor, step: executor._buckets(step).ensure_policy(step.name),
    Kind.LOG_GROUP: Executor._ensure_log_group,
    Kind.DEAD_LETTER_QUEUE: Executor._ensure_queue,
    Kind.ROLE: Executor._ensure_role,
    Kind.ROLE_POLICY: Executor._ensure_role_policy,
    Kind.FUNCTION: lambda executor, step: executor._function(step).ensure(step),
    Kind.ASYNC_INVOCATION: lambda executor, step: executor._function(step).ensure_async_invocation(),
    Kind.PERMISSION: lambda executor, step: executor._function(step).ensure_permission(step),
    Kind.TRIGGER: Executor._ensure_trigger,
}
