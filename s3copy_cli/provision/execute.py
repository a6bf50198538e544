"""Acting: each step of a setup or deploy plan as idempotent write calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import translate_errors
from s3copy_cli.config import Pipeline
from s3copy_cli.provision import propagation, remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.bucket_writer import BucketWriter
from s3copy_cli.provision.context import Context, make_clients
from s3copy_cli.provision.desired import QUEUE_RETENTION_SECONDS, DesiredState
from s3copy_cli.provision.function_writer import FunctionWriter
from s3copy_cli.provision.order import BUILD_NEEDS, all_needs
from s3copy_cli.provision.parallel import Outcome, raise_failures, stoppable, take_in_parallel
from s3copy_cli.provision.plan import Action, Plan, Step
from s3copy_cli.provision.policy import trust_policy
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.queue_reader import QUEUE_DEFAULTS, read_dead_letter_queue
from s3copy_cli.provision.queue_writer import create_queue
from s3copy_cli.provision.record import Record, watched
from s3copy_cli.provision.removal import Remover
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.tag_writer import ensure_tags
from s3copy_cli.provision.trigger_writer import ensure_switch, ensure_trigger
from s3copy_cli.provision.triggers import writing
from s3copy_cli.provision.triggers.removing import TriggerRemover
from s3copy_cli.s3 import Bucket


@dataclass(frozen=True)
class Executor:
    """Takes the steps of a plan.

    Attributes:
        aws: where.
        desired: what each resource is to become.
        record: what the function records, which others may be changing.
        patience: how long to wait for AWS where it needs time.
        on_step: called after each step that changed something, in the thread that called `execute`.
        on_wait: called with a line when waiting for AWS begins, from any thread.
    """

    aws: Aws
    desired: DesiredState
    record: Record
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
            OvertakenError: another setup has chosen otherwise, or somebody is removing the pipeline.
            SeveralFailuresError: more than one step failed.
        """
        if not plan.pending:
            return
        make_clients(self.aws)
        raise_failures(
            take_in_parallel(plan.pending, self._take, self._on_done, self._stop, goes_on=lambda _: False),
        )
        # Whoever was overtaken while it wrote has perhaps broken what the other one had built.
        self._check_record(f"looking at pipeline {self.pipeline.name} once more")

    def _take(self, step: Step) -> None:
        if step.action is Action.DELETE:
            # The old trigger was waited for for minutes: another setup may need by now what is to go.
            self._check_record(_doing(step))
            self._keep_events(step)
            self._remover(step).remove(step)
            return
        doing = _doing(step)
        with translate_errors(doing, region=self.aws.region):
            try:
                WRITERS[step.kind](self, step)
            except ClientError as error:
                explained = self.record.explained(doing, error)
                if explained is None:
                    raise
                if _relies_on_record(step):
                    self.record.check(doing)
                raise explained from error

    def _check_record(self, doing: str) -> None:
        with translate_errors(doing, region=self.aws.region):
            self.record.check(doing)

    def _keep_events(self, step: Step) -> None:
        """Another trigger has taken over, but what the event queue holds has come by this one."""
        if step.kind not in {Kind.EVENT_SOURCE_MAPPING, Kind.EVENT_QUEUE}:
            return
        remover = TriggerRemover(self.aws, self.pipeline, self._patience(step))
        is_taken = step.kind is Kind.EVENT_SOURCE_MAPPING
        with translate_errors(_doing(step), region=self.aws.region):
            if is_taken:
                remover.resume_mapping()
            # The queue is looked at once more: the mapping may have been gone before, or an event have come late.
            remover.wait_until_drained(is_taken=is_taken)

    def _remover(self, step: Step) -> Remover:
        def refuse(bucket: Bucket) -> list[str]:
            return [f"setup does not empty {bucket.name}"]

        return Remover(self.aws, self.pipeline, self._patience(step), refuse, lambda _: None, stop=self._stop)

    def _patience(self, step: Step) -> Patience:
        """Waiting that ends once it is in vain."""
        patience = stoppable(self.patience, self._stop)
        if not _relies_on_record(step):
            return patience
        return watched(patience, lambda: self.record.check(_doing(step)))

    def _on_done(self, outcome: Outcome) -> None:
        if outcome.error is None:
            self.on_step(outcome.step)

    def _context(self, step: Step) -> Context:
        # Several steps may wait at the same time: each line says whose it is.
        return Context(
            self.aws,
            self.desired,
            self._patience(step),
            lambda line: self.on_wait(f"{step.kind.value}: {line}"),
        )

    def _buckets(self, step: Step) -> BucketWriter:
        return BucketWriter(self._context(step))

    def _function(self, step: Step) -> FunctionWriter:
        return FunctionWriter(self._context(step), self.record)

    def _ensure_log_group(self, step: Step) -> None:
        logs, context = self.aws.logs, self._context(step)
        if step.action is Action.CREATE:
            try:
                context.retry(
                    lambda: logs.create_log_group(logGroupName=step.name, tags=context.tags),
                    propagation.is_log_group_busy,
                )
            except logs.exceptions.ResourceAlreadyExistsException:
                context.adopt(step, lambda: remote.read_log_group(self.aws, self.pipeline))
        ensure_tags(context, step)
        days = self.desired.settings.log_retention_days
        if step.action is Action.UPDATE and names.RETENTION_DAYS not in {one.attribute for one in step.changes}:
            return
        if days is not None:
            context.retry(
                lambda: logs.put_retention_policy(logGroupName=step.name, retentionInDays=days),
                propagation.is_log_group_busy,
            )
        elif step.action is Action.UPDATE:
            context.retry(lambda: logs.delete_retention_policy(logGroupName=step.name), propagation.is_log_group_busy)

    def _ensure_queue(self, step: Step) -> None:
        wanted = {
            names.RETENTION_SECONDS: ("MessageRetentionPeriod", str(QUEUE_RETENTION_SECONDS)),
            names.QUEUE_ENCRYPTION: ("SqsManagedSseEnabled", "true"),
        }
        values = {**wanted, **QUEUE_DEFAULTS}
        if step.action is Action.CREATE:
            create_queue(
                self._context(step),
                step,
                dict(wanted.values()),
                lambda: read_dead_letter_queue(self.aws, self.pipeline),
            )
            return
        # Only what differs: a KMS key that was set by hand stays.
        attributes = dict(values[change.attribute] for change in step.changes if change.attribute in values)
        ensure_tags(self._context(step), step)
        if attributes:
            url = self.aws.sqs.get_queue_url(QueueName=step.name)["QueueUrl"]
            self.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]

    def _ensure_role(self, step: Step) -> None:
        document, context = json.dumps(trust_policy()), self._context(step)
        if step.action is Action.UPDATE:
            self._update_role(context, step, document)
            return
        boundary = self.desired.resources[Kind.ROLE].attributes.get(names.BOUNDARY)
        bounded: Any = {"PermissionsBoundary": boundary} if boundary else {}
        try:
            context.retry(
                lambda: self.aws.iam.create_role(
                    RoleName=step.name,
                    AssumeRolePolicyDocument=document,
                    Description=self.desired.resources[Kind.ROLE].attributes[names.DESCRIPTION],
                    Tags=[{"Key": key, "Value": value} for key, value in context.tags.items()],
                    **bounded,
                ),
                propagation.is_role_busy,
            )
        except self.aws.iam.exceptions.EntityAlreadyExistsException:
            context.adopt(step, lambda: remote.read_role(self.aws, self.pipeline)[0])

    def _update_role(self, context: Context, step: Step, document: str) -> None:
        iam, name = self.aws.iam, step.name
        for change in step.changes:
            if change.attribute == names.TRUST:
                call: Any = partial(iam.update_assume_role_policy, RoleName=name, PolicyDocument=document)
            elif change.attribute == names.DESCRIPTION:
                # Not UpdateRole, which would also set the longest session back.
                call = partial(iam.update_role_description, RoleName=name, Description=change.new)
            elif change.attribute == names.BOUNDARY and change.new:
                call = partial(iam.put_role_permissions_boundary, RoleName=name, PermissionsBoundary=change.new)
            elif change.attribute == names.BOUNDARY:
                call = partial(iam.delete_role_permissions_boundary, RoleName=name)
            else:
                continue
            context.retry(call, propagation.is_role_busy)
        ensure_tags(context, step)

    def _ensure_role_policy(self, step: Step) -> None:
        pipeline = self.pipeline
        document = self.desired.role_document
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


def _doing(step: Step) -> str:
    verb = {Action.CREATE: "creating", Action.UPDATE: "updating", Action.DELETE: "removing"}.get(step.action)
    return f"{verb or 'waiting for'} the {step.kind.value} {step.name}"


def _relies_on_record(step: Step) -> bool:
    """Whether a step is taken for what the function records already."""
    return step.action is Action.DELETE or Kind.FUNCTION in all_needs(step.kind, BUILD_NEEDS)


TRIGGER_WRITERS: dict[Kind, Callable[[Context, Step], None]] = {
    Kind.DEAD_LETTER_QUEUE_POLICY: writing.ensure_dead_letter_queue_policy,
    Kind.EVENT_QUEUE: writing.ensure_event_queue,
    Kind.EVENT_QUEUE_ACCESS: writing.ensure_event_queue_access,
    Kind.EVENT_SOURCE_MAPPING: writing.ensure_mapping,
    Kind.RULE: writing.ensure_rule,
    Kind.RULE_TARGET: writing.ensure_rule_target,
    Kind.EVENTBRIDGE_SWITCH: lambda context, _: ensure_switch(context),
    Kind.HANDOVER: lambda context, _: writing.hand_over(context),
}

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
    Kind.RULE_PERMISSION: lambda executor, step: executor._function(step).ensure_permission(step),
    Kind.TRIGGER: Executor._ensure_trigger,
    **{
        kind: lambda executor, step, write=write: write(executor._context(step), step)  # type: ignore[misc]
        for kind, write in TRIGGER_WRITERS.items()
    },
}
