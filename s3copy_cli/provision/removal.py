"""Acting, the other way round: taking a pipeline down. Missing means done; one failure does not stop the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from threading import Event
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, translate_errors
from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import FORMER_SOURCES_TAG
from s3copy_cli.errors import AwsError, CredentialsError, OvertakenError, OwnershipError, S3CopyError
from s3copy_cli.provision import propagation, remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.bucket_reader import read_bucket_ownership
from s3copy_cli.provision.context import make_clients
from s3copy_cli.provision.function_writer import is_function_gone
from s3copy_cli.provision.order import EVENT_SOURCES
from s3copy_cli.provision.parallel import Outcome, StoppedError, raise_failures, stoppable, take_in_parallel
from s3copy_cli.provision.plan import Action, Plan, Step, former_buckets
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.reading import BUCKET_MISSING
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.trigger_writer import remove_entry, remove_switch
from s3copy_cli.provision.triggers import reading
from s3copy_cli.provision.triggers.removing import TriggerRemover
from s3copy_cli.provision.triggers.writing import write_switched
from s3copy_cli.queues import QUEUE_MISSING
from s3copy_cli.s3 import Bucket

# A copy that was under way when the function went may land after its bucket was emptied.
DELETE_BUCKET_ROUNDS = 3

# What says in which buckets our entries and switches are. Without it nobody would know of those that could not go.
_REMEMBERS: Mapping[Kind, frozenset[Kind]] = {
    Kind.FUNCTION: frozenset({Kind.TRIGGER, Kind.FORMER_TRIGGER, Kind.EVENTBRIDGE_SWITCH}),
    Kind.RULE: frozenset({Kind.FORMER_TRIGGER, Kind.EVENTBRIDGE_SWITCH}),
}

# Empties a bucket and says what could not be removed, one line each.
EmptyBucket = Callable[[Bucket], list[str]]


@dataclass(frozen=True)
class Removed:
    """How one step of a teardown ended.

    Attributes:
        step: the step.
        error: why the resource is still there, or None if it is gone.
    """

    step: Step
    error: S3CopyError | None = None


@dataclass(frozen=True)
class Remover:
    """Takes the steps of a teardown plan.

    Attributes:
        aws: where.
        pipeline: whose resources.
        patience: how long to wait for AWS where it needs time.
        empty_bucket: empties a bucket.
        on_removed: called after each step, with its outcome, in the thread that called `execute`.
        drain: called when nothing starts the function any more, before it is removed.
        stop: set when nobody waits for the steps any more.
    """

    aws: Aws
    pipeline: Pipeline
    patience: Patience
    empty_bucket: EmptyBucket
    on_removed: Callable[[Removed], None]
    drain: Callable[[], None] = lambda: None
    stop: Event = field(default_factory=Event)
    _has_no_function: Event = field(default_factory=Event)
    _failed: set[Kind] = field(default_factory=set)

    def execute(self, plan: Plan) -> list[Removed]:
        """Take every step that deletes, side by side where none needs another, whatever becomes of the others.

        First what starts the function, then the drain, then the function and the rest.

        Raises:
            CredentialsError: AWS does not accept the credentials (any more); no later step could do better.
            OvertakenError: there is a function again, so a setup has begun; what was not removed is left to it.
        """
        make_clients(self.aws)
        if not any(step.kind is Kind.FUNCTION for step in plan.steps):
            self._has_no_function.set()
        steps = [step for step in plan.steps if step.action is Action.DELETE]
        outcomes = self._take([step for step in steps if step.kind in EVENT_SOURCES])
        if any(step.kind is Kind.FUNCTION for step in steps):
            self.drain()
        outcomes += self._take([step for step in steps if step.kind not in EVENT_SOURCES])
        return [*outcomes, *self._last_look(outcomes)]

    def _last_look(self, outcomes: list[Removed]) -> list[Removed]:
        """Remove once more what may have come back: the log group by a late log line, the trigger by a setup."""
        self._refuse_rebuilt(f"looking at pipeline {self.pipeline.name} once more")
        for removed in outcomes:
            # Without the function nothing else would say any more that our entry is in a bucket of the owner's.
            is_forgotten = self._has_no_function.is_set() and self.pipeline.adopted_source_bucket is not None
            if removed.step.kind is Kind.TRIGGER and removed.error is None and is_forgotten:
                try:
                    self.remove(removed.step)
                except S3CopyError as error:
                    return [Removed(removed.step, error)]
        for removed in outcomes:
            if removed.step.kind is Kind.LOG_GROUP and removed.error is None:
                found = remote.read_log_group(self.aws, self.pipeline)
                # With our tag it is not Lambda's: a setup that runs now has made it.
                if found.exists and not found.is_ours:
                    return self._take([replace(removed.step, reason="it came back")])
        return []

    def _take(self, steps: list[Step]) -> list[Removed]:
        outcomes = take_in_parallel(
            steps,
            self.remove,
            lambda outcome: self.on_removed(_removed(outcome)),
            self.stop,
            goes_on=_is_about_one_step,
        )
        raise_failures(
            [one for one in outcomes if isinstance(one.error, Exception) and not _is_about_one_step(one.error)]
        )
        return [_removed(outcome) for outcome in outcomes]

    def remove(self, step: Step) -> None:
        """Remove one resource; one that is missing is done.

        Raises:
            S3CopyError: why it is still there.
        """
        doing = f"removing the {step.kind.value} {step.name}"
        self._refuse_rebuilt(doing)
        self._keep_what_remembers(step, doing)
        try:
            with translate_errors(doing, region=self.aws.region):
                REMOVERS[step.kind](self, step)
        except S3CopyError:
            self._failed.add(step.kind)
            raise

    def _keep_what_remembers(self, step: Step, doing: str) -> None:
        """Stop if the next run needs it, to find what this one could not take out of a bucket that stays."""
        stays = {Kind.FORMER_TRIGGER}
        if self.pipeline.adopted_source_bucket is not None:
            stays |= {Kind.TRIGGER, Kind.EVENTBRIDGE_SWITCH}
        left = self._failed & stays & _REMEMBERS.get(step.kind, frozenset())
        if left:
            what = " and ".join(sorted(kind.value for kind in left))
            raise S3CopyError(
                doing,
                f"it was left, because it says where the {what} is, which could not be removed",
                "Remove the cause of that, then run the command again.",
                code="StillNeeded",
            )

    def _refuse_rebuilt(self, doing: str) -> None:
        """Stop if there was no function (any more), and now there is one.

        Raises:
            OvertakenError: saying so.
        """
        if not self._has_no_function.is_set():
            return
        name = self.pipeline.function_name
        with translate_errors(doing, region=self.aws.region):
            # An endpoint may still show the one that was removed.
            if self._patience.briefly().until(lambda: is_function_gone(self.aws, name)):
                return
        raise OvertakenError(
            doing,
            f"there is a function {name} again: somebody has set the pipeline up meanwhile",
            "What was not removed yet was left. When that setup has ended, run teardown again; or, if the pipeline is "
            "to stay, setup, which builds what is missing.",
            code="BuiltMeanwhile",
        )

    @cached_property
    def _patience(self) -> Patience:
        return stoppable(self.patience, self.stop)

    def _remove_permission(self, step: Step) -> None:
        function, has_spare = self.pipeline.function_name, bool(step.changes)
        for statement_id in (step.name, *([reading.spare_permission_id(step.name)] if has_spare else [])):
            self._call(
                lambda name=statement_id: self.aws.lambda_.remove_permission(  # type: ignore[misc]
                    FunctionName=function, StatementId=name
                ),
                remote.FUNCTION_MISSING,
                propagation.is_update_in_progress,
            )

    def _remove_role_policy(self, step: Step) -> None:
        self._call(
            lambda: self.aws.iam.delete_role_policy(RoleName=self.pipeline.role_name, PolicyName=step.name),
            remote.ROLE_MISSING,
            propagation.is_role_busy,
        )

    def _remove_log_group(self, step: Step) -> None:
        self._call(
            lambda: self.aws.logs.delete_log_group(logGroupName=step.name),
            remote.LOG_GROUP_MISSING,
            propagation.is_log_group_busy,
        )

    def _remove_trigger(self, step: Step) -> None:  # noqa: ARG002 (a pipeline has one)
        remove_entry(self.aws, self.pipeline, self.pipeline.source_bucket, self._patience.retry)

    def _remove_former_triggers(self, step: Step) -> None:
        rule = reading.unless_denied(
            lambda: reading.read_rule(self.aws, self.pipeline), Kind.RULE, self.pipeline.rule_name
        )
        switched = str(rule.attributes.get(names.SWITCHED_BUCKET, "")).split() if rule.is_ours else []
        for bucket in former_buckets(step):
            remove_entry(self.aws, self.pipeline, bucket, self._patience.retry)
            if bucket in switched:
                remove_switch(self.aws, self.pipeline, bucket, self._patience.retry)
        left = [bucket for bucket in switched if bucket not in former_buckets(step)]
        if left != switched:
            self._call(lambda: write_switched(self.aws, self.pipeline, left), reading.RULE_MISSING)
        # Only now: until all are gone, the function has to remember them.
        self._call(
            lambda: self.aws.lambda_.untag_resource(Resource=self.pipeline.function_arn, TagKeys=[FORMER_SOURCES_TAG]),
            remote.FUNCTION_MISSING,
        )

    def _remove_switch(self, step: Step) -> None:  # noqa: ARG002 (a pipeline has one)
        remove_switch(self.aws, self.pipeline, self.pipeline.source_bucket, self._patience.retry)

    @property
    def _triggers(self) -> TriggerRemover:
        return TriggerRemover(self.aws, self.pipeline, self._patience)

    def _remove_function(self, step: Step) -> None:
        name = step.name
        self._call(
            lambda: self.aws.lambda_.delete_function(FunctionName=name),
            remote.FUNCTION_MISSING,
            propagation.any_of(propagation.is_update_in_progress, propagation.is_function_being_deleted),
        )
        self._wait_until_gone(f"function {name}", lambda: is_function_gone(self.aws, name))
        self._has_no_function.set()

    def _wait_until_gone(self, what: str, is_gone: Callable[[], bool]) -> None:
        if not self._patience.until(is_gone):
            raise AwsError(
                f"removing the {what}",
                f"it is still there after {self._patience.timeout_seconds:.0f} seconds",
                "Run the command again.",
                code="Timeout",
            )

    def _remove_bucket(self, step: Step) -> None:
        doing = f"removing the {step.kind.value} {step.name}"
        for _ in range(DELETE_BUCKET_ROUNDS):
            # The plan may be old: it may have waited for somebody to type the pipeline's name.
            found = read_bucket_ownership(self.aws, self.pipeline, step.kind, step.name)
            if not found.exists:
                return
            if not found.is_ours:
                raise OwnershipError(
                    doing,
                    f"it is not ours any more, so it was left as it is: {found.problem}",
                    "If it is yours and only lost its tag, setup says how to give it back; then run teardown again.",
                )
            left = self._empty(step.name)
            if left:
                raise AwsError(
                    f"emptying the {step.kind.value} {step.name}",
                    f"{len(left)} objects could not be deleted, first: {left[0]}",
                    "Remove what protects them (Object Lock, a bucket policy), then run the command again.",
                    code="NotEmptied",
                )
            try:
                self._call(
                    lambda: self.aws.s3.delete_bucket(Bucket=step.name, ExpectedBucketOwner=self.pipeline.account_id),
                    BUCKET_MISSING,
                    propagation.is_bucket_busy,
                )
            except ClientError as error:
                if error_code(error) != "BucketNotEmpty":
                    raise
            else:
                return
        raise AwsError(
            doing,
            "it keeps filling up while it is being emptied",
            "Stop whatever writes to it, then run the command again.",
            code="BucketNotEmpty",
        )

    def _empty(self, bucket: str) -> list[str]:
        try:
            return self.empty_bucket(Bucket(bucket, self.pipeline.account_id))
        except AwsError as error:
            # Another teardown was faster.
            if error.code in BUCKET_MISSING:
                return []
            raise

    def _remove_queue(self, step: Step) -> None:
        name = step.name

        def find() -> Any:
            return self._call(lambda: self.aws.sqs.get_queue_url(QueueName=name), QUEUE_MISSING)

        found = find()
        if found is not None:
            self._call(lambda: self.aws.sqs.delete_queue(QueueUrl=found["QueueUrl"]), QUEUE_MISSING)
            # SQS takes up to a minute; until then a setup would find a queue that is about to go.
            self._wait_until_gone(f"{step.kind.value} {name}", lambda: find() is None)

    def _remove_role(self, step: Step) -> None:
        # Whatever was added to our role by hand would keep it alive (IAM: DeleteConflict).
        iam, name = self.aws.iam, step.name
        inline: list[str] = self._pages("list_role_policies", name, "PolicyNames")
        attached: list[dict[str, str]] = self._pages("list_attached_role_policies", name, "AttachedPolicies")
        calls: list[Callable[[], Any]] = [
            *(partial(iam.delete_role_policy, RoleName=name, PolicyName=policy) for policy in inline),
            *(partial(iam.detach_role_policy, RoleName=name, PolicyArn=policy["PolicyArn"]) for policy in attached),
            partial(iam.delete_role, RoleName=name),
        ]
        for call in calls:
            self._call(call, remote.ROLE_MISSING, propagation.is_role_busy)

    def _pages(self, operation: Any, role: str, key: str) -> list[Any]:
        """What a listing about a role has; nothing if the role is gone."""

        def read() -> list[Any]:
            return [
                item for page in self.aws.iam.get_paginator(operation).paginate(RoleName=role) for item in page[key]
            ]

        return self._call(read, remote.ROLE_MISSING) or []

    def _call(
        self,
        call: Callable[[], Any],
        missing: frozenset[str],
        is_temporary: propagation.Predicate = lambda _: False,
    ) -> Any:
        """Make a call; what is missing is gone already."""
        try:
            return self._patience.retry(call, is_temporary)
        except ClientError as error:
            if error_code(error) in missing:
                return None
            raise


def _is_about_one_step(error: Exception) -> bool:
    """Whether the other steps may fare better."""
    is_about_all = isinstance(error, CredentialsError | OvertakenError | StoppedError)
    return isinstance(error, S3CopyError) and not is_about_all


def _removed(outcome: Outcome) -> Removed:
    return Removed(outcome.step, outcome.error if isinstance(outcome.error, S3CopyError) else None)


# Who removes what: one line for each kind that does not go with another.
REMOVERS: dict[Kind, Callable[[Remover, Step], None]] = {
    Kind.TRIGGER: Remover._remove_trigger,
    Kind.FORMER_TRIGGER: Remover._remove_former_triggers,
    Kind.EVENTBRIDGE_SWITCH: Remover._remove_switch,
    Kind.RULE_TARGET: lambda remover, _: remover._triggers.remove_target(),
    Kind.RULE: lambda remover, _: remover._triggers.remove_rule(),
    Kind.EVENT_SOURCE_MAPPING: lambda remover, _: remover._triggers.remove_mapping(),
    Kind.EVENT_QUEUE: Remover._remove_queue,
    Kind.EVENT_QUEUE_ACCESS: Remover._remove_role_policy,
    Kind.DEAD_LETTER_QUEUE_POLICY: lambda remover, _: remover._triggers.remove_dead_letter_queue_policy(),
    Kind.PERMISSION: Remover._remove_permission,
    Kind.RULE_PERMISSION: Remover._remove_permission,
    Kind.FUNCTION: Remover._remove_function,
    Kind.SOURCE_BUCKET: Remover._remove_bucket,
    Kind.DESTINATION_BUCKET: Remover._remove_bucket,
    Kind.UNUSED_SOURCE_BUCKET: Remover._remove_bucket,
    Kind.UNUSED_DESTINATION_BUCKET: Remover._remove_bucket,
    Kind.DEAD_LETTER_QUEUE: Remover._remove_queue,
    Kind.ROLE_POLICY: Remover._remove_role_policy,
    Kind.ROLE: Remover._remove_role,
    Kind.LOG_GROUP: Remover._remove_log_group,
}
