"""Deciding: desired state against remote state gives steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import ENV_DESTINATION_BUCKET, ENV_SOURCE_BUCKET
from s3copy_cli.errors import NotSetUpError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.desired import DesiredState, wanted_entry
from s3copy_cli.provision.notifications import describe_overlap
from s3copy_cli.provision.options import CopyOptions
from s3copy_cli.provision.refusals import (
    SHARED_KINDS,
    refuse_failed_function,
    refuse_foreign,
    refuse_missing_adopted,
    refuse_overlap,
    refuse_permanent_deletes,
    refuse_unseen,
    refuse_unwritable,
)
from s3copy_cli.provision.resources import DesiredResource, Kind, RemoteResource, RemoteState
from s3copy_cli.provision.triggers.wanted import TRIGGER_KINDS


class Action(str, Enum):
    """What a step does."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    NOT_APPLICABLE = "n/a"
    DELETE = "delete"
    LEAVE = "leave"
    WAIT = "wait"


CHANGING = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE, Action.WAIT})


@dataclass(frozen=True)
class Change:
    """One attribute that is to become another."""

    attribute: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Step:
    """One resource and what is to happen to it.

    Attributes:
        kind: what it is.
        name: its name in AWS.
        action: what to do.
        reason: why, in words.
        changes: for an update, the attributes that differ; for a create, what has to end before.
    """

    kind: Kind
    name: str
    action: Action
    reason: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they are to be taken.

    Attributes:
        steps: the steps.
        recorded: what the function was when the plan was made, in the words of `resources`; None without one.
    """

    steps: tuple[Step, ...]
    recorded: Mapping[str, Any] | None = None

    @property
    def pending(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.action in CHANGING)

    def counts(self) -> dict[str, int]:
        """How many steps there are of each action that occurs."""
        counted: dict[str, int] = {}
        for step in self.steps:
            counted[step.action.value] = counted.get(step.action.value, 0) + 1
        return counted


# The resources that deploy looks after.
DEPLOY_KINDS = (Kind.FUNCTION,)
# What hangs on the function and goes with it.
_FUNCTION_PARTS = (Kind.ASYNC_INVOCATION, Kind.PERMISSION, Kind.RULE_PERMISSION)
# What the function needs before it can be updated.
_DEPLOY_NEEDS = (Kind.ROLE, Kind.FUNCTION)

# Teardown: first nothing may start any more, then the data, then what is left.
TEARDOWN_ORDER = (
    Kind.TRIGGER,
    Kind.FORMER_TRIGGER,
    Kind.EVENTBRIDGE_SWITCH,
    Kind.RULE_TARGET,
    Kind.RULE,
    Kind.EVENT_SOURCE_MAPPING,
    Kind.PERMISSION,
    Kind.RULE_PERMISSION,
    Kind.FUNCTION,
    Kind.SOURCE_BUCKET,
    Kind.DESTINATION_BUCKET,
    Kind.UNUSED_SOURCE_BUCKET,
    Kind.UNUSED_DESTINATION_BUCKET,
    Kind.EVENT_QUEUE,
    Kind.DEAD_LETTER_QUEUE_POLICY,
    Kind.DEAD_LETTER_QUEUE,
    Kind.EVENT_QUEUE_ACCESS,
    Kind.ROLE_POLICY,
    Kind.ROLE,
    Kind.LOG_GROUP,
)
_DATA_KINDS = (
    Kind.SOURCE_BUCKET,
    Kind.DESTINATION_BUCKET,
    Kind.UNUSED_SOURCE_BUCKET,
    Kind.UNUSED_DESTINATION_BUCKET,
)


def plan_setup(desired: DesiredState, remote: RemoteState, setup_command: str = "s3copy setup") -> Plan:
    """What has to happen for the whole pipeline to be as desired.

    Args:
        desired: how it ought to be.
        remote: how it is.
        setup_command: the command line that this plan is for, for the hint.

    Raises:
        OwnershipError: something exists that is not ours and stands in the way; nothing has been changed.
        S3CopyError: the function is in a state from which Lambda does not bring it back; or deletes would be
            propagated to a bucket that keeps no versions, and nobody accepted that.
    """
    pipeline = desired.pipeline
    wanted = [kind for kind, resource in desired.resources.items() if not resource.not_applicable]
    refuse_unseen(pipeline, remote[Kind.DEAD_LETTER_QUEUE])
    refuse_foreign(pipeline, [remote[kind] for kind in wanted])
    refuse_permanent_deletes(desired, remote, setup_command)
    if _is_being_deleted(remote[Kind.FUNCTION]):
        gone = {kind: RemoteResource(kind, remote[kind].name) for kind in _FUNCTION_PARTS if kind in remote}
        remote = {**remote, **gone}
    built = tuple(_step_of(kind, desired, remote) for kind in desired.resources)
    left = (*_former_steps(pipeline, remote), *_unused_steps(pipeline, remote))
    plan = Plan((*built, *_hand_over(desired, remote), *left), _recorded(remote))
    for step in plan.pending:
        if step.kind is Kind.FUNCTION:
            refuse_failed_function(pipeline, remote[Kind.FUNCTION])
        elif step.kind is Kind.TRIGGER and step.action is not Action.DELETE:
            trigger = remote[Kind.TRIGGER]
            refuse_unwritable(pipeline.source_bucket, trigger.obstacle)
            refuse_overlap(pipeline.source_bucket, describe_overlap(trigger.notifications, wanted_entry(desired)))
    return plan


def has_older_objects(plan: Plan, pipeline: Pipeline, options: CopyOptions) -> bool:
    """Whether there may be objects that are to be copied from now on, and whose events came before that.

    Args:
        plan: what setup did.
        pipeline: with the buckets that it joins now.
        options: about copying, as they are now.
    """
    if any(step.kind is Kind.SOURCE_BUCKET and step.action is Action.CREATE for step in plan.steps):
        return False
    before = plan.recorded
    if before is None:
        return True
    variables, buckets = before.get(names.ENVIRONMENT, {}), (pipeline.source_bucket, pipeline.destination_bucket)
    is_elsewhere = (variables.get(ENV_SOURCE_BUCKET), variables.get(ENV_DESTINATION_BUCKET)) != buckets
    is_as_narrow = options.prefix.startswith(before.get(names.PREFIX, ""))
    is_as_narrow = is_as_narrow and options.suffix.endswith(before.get(names.SUFFIX, ""))
    return is_elsewhere or not is_as_narrow or options.destination_prefix != before.get(names.DESTINATION_PREFIX, "")


def plan_deploy(desired: DesiredState, remote: RemoteState, setup_command: str) -> Plan:
    """What has to happen for the function's code and settings to be as desired.

    Raises:
        NotSetUpError: there is no pipeline to deploy to.
        OwnershipError: the function or role is not ours.
        S3CopyError: the function is in a state from which Lambda does not bring it back.
    """
    pipeline = desired.pipeline
    needed = [remote[kind] for kind in _DEPLOY_NEEDS if not desired.resources[kind].not_applicable]
    refuse_foreign(pipeline, needed)
    for resource in needed:
        if not resource.exists or _is_being_deleted(resource):
            is_there = "is being deleted" if resource.exists else "does not exist"
            raise NotSetUpError(
                f"deploying pipeline {pipeline.name} in {pipeline.region}",
                f"the {resource.kind.value} {resource.name} {is_there}",
                f"Build the pipeline with: {setup_command}",
            )
    refuse_failed_function(pipeline, remote[Kind.FUNCTION])
    return Plan(tuple(_step_of(kind, desired, remote) for kind in DEPLOY_KINDS), _recorded(remote))


def plan_teardown(remote: RemoteState, *, keep_data: bool) -> Plan:
    """What has to happen for nothing of the pipeline to be left.

    Args:
        remote: what is there.
        keep_data: leave the buckets and what is in them.
    """
    steps = []
    for kind in TEARDOWN_ORDER:
        resource = remote.get(kind)
        if resource is None or not resource.exists or (kind in SHARED_KINDS and not resource.is_ours):
            continue
        if resource.is_adopted:
            steps.append(Step(kind, resource.name, Action.KEEP, "it is yours, with all that is in it"))
        elif not resource.is_ours:
            steps.append(Step(kind, resource.name, Action.LEAVE, resource.problem or "not ours"))
        elif keep_data and kind in _DATA_KINDS:
            steps.append(Step(kind, resource.name, Action.LEAVE, "kept by --keep-data"))
        else:
            steps.append(Step(kind, resource.name, Action.DELETE))
    return Plan(tuple(steps))


def _recorded(remote: RemoteState) -> Mapping[str, Any] | None:
    function = remote[Kind.FUNCTION]
    return function.attributes if function.exists else None


def _hand_over(desired: DesiredState, remote: RemoteState) -> tuple[Step, ...]:
    """What goes of the triggers that were not chosen, once the chosen one is in force."""
    found = [remote[kind] for kind in TRIGGER_KINDS if kind in remote and kind not in desired.resources]
    why = f"the trigger is {desired.settings.trigger}"
    old = [
        # What is to go with it.
        Step(one.kind, one.name, Action.DELETE, why, _duplicates(one))
        for one in found
        if one.exists and one.is_ours
    ]
    if not old or not desired.handover_seconds:
        return tuple(old)
    why = "until the new trigger is in force, and what the old one has begun has arrived"
    return (Step(Kind.HANDOVER, f"{desired.handover_seconds:.0f} seconds", Action.WAIT, why), *old)


def _duplicates(found: RemoteResource) -> tuple[Change, ...]:
    count = found.attributes.get(names.DUPLICATES)
    return (Change(names.DUPLICATES, count, None),) if count else ()


def former_buckets(step: Step) -> list[str]:
    """The buckets that a step about former triggers is about."""
    return step.name.split()


def _former_steps(pipeline: Pipeline, remote: RemoteState) -> list[Step]:
    """Our entry is to go from the buckets that files were copied from before."""
    former = remote.get(Kind.FORMER_TRIGGER)
    if former is None or not former.exists:
        return []
    return [Step(former.kind, former.name, Action.DELETE, f"files are copied from {pipeline.source_bucket}")]


def _unused_steps(pipeline: Pipeline, remote: RemoteState) -> list[Step]:
    """The pipeline's own buckets stay when others take their places: what is in them may be wanted."""
    steps = []
    for kind, instead in (
        (Kind.UNUSED_SOURCE_BUCKET, f"files are copied from {pipeline.source_bucket}"),
        (Kind.UNUSED_DESTINATION_BUCKET, f"files are copied to {pipeline.destination_bucket}"),
    ):
        unused = remote.get(kind)
        if unused is not None and unused.exists:
            how = f"if nothing in it is needed: aws s3 rb s3://{unused.name} --force --region {pipeline.region}"
            steps.append(Step(kind, unused.name, Action.LEAVE, f"{instead} now; {how} (teardown removes it too)"))
    return steps


# Attributes that are read to decide something else, and are nobody's business unless they are asked for.
_OBSERVED_ONLY = frozenset(
    {names.VERSIONING, names.BUCKET_KEY, names.BOUNDARY, names.RESERVED_CONCURRENCY, names.SWITCHED_BUCKET}
)
# Attributes that not everybody may read, and not every service has: what was not looked at is not known to differ.
_MAYBE_UNREAD = frozenset({names.RECURSIVE_LOOPS})


def _is_being_deleted(resource: RemoteResource) -> bool:
    return resource.attributes.get(names.STATE) == names.STATE_DELETING


def _step_of(kind: Kind, desired: DesiredState, remote: RemoteState) -> Step:
    step = _step(desired.resources[kind], remote[kind])
    is_own_role = not desired.resources[Kind.ROLE].not_applicable
    return _with_new_role(step, remote) if kind is Kind.FUNCTION and is_own_role else step


def _with_new_role(step: Step, remote: RemoteState) -> Step:
    """Have Lambda look the role up again if it is younger than the function's settings.

    Lambda's access is granted to the role as it was when the settings were sent, not to whatever has its name later.
    """
    function, role = remote[Kind.FUNCTION], remote[Kind.ROLE]
    is_younger = role.changed_at and function.changed_at and role.changed_at > function.changed_at
    is_listed = any(change.attribute == names.ROLE for change in step.changes)
    if step.action is Action.CREATE or is_listed or (role.exists and not is_younger):
        return step
    arn = function.attributes.get(names.ROLE)
    why = "the role was made anew, and Lambda's access belongs to the old one of that name"
    return replace(
        step,
        action=Action.UPDATE,
        reason=f"{step.reason}; {why}" if step.reason else why,
        changes=(*step.changes, Change(names.ROLE, f"{arn} (deleted)", arn)),
    )


def _step(desired: DesiredResource, remote: RemoteResource) -> Step:
    if desired.kind is Kind.ROLE and desired.not_applicable and remote.exists and remote.is_ours:
        return Step(desired.kind, desired.name, Action.LEAVE, f"{desired.not_applicable}; teardown removes this one")
    if desired.not_applicable:
        return Step(desired.kind, desired.name, Action.NOT_APPLICABLE, desired.not_applicable)
    if desired.is_adopted:
        refuse_missing_adopted(desired, remote)
        return Step(desired.kind, desired.name, Action.KEEP, "it is yours: nothing of it is changed")
    if not remote.exists:
        return Step(desired.kind, desired.name, Action.CREATE, "missing")
    if _is_being_deleted(remote):
        ends = Change(names.STATE, names.STATE_DELETING, desired.attributes[names.STATE])
        return Step(desired.kind, desired.name, Action.CREATE, "the old one is being deleted", (ends,))
    # What is there and not wanted, e.g. a filter on the trigger, is a difference too.
    unwanted = (name for name in remote.attributes if name not in {*desired.attributes, *_OBSERVED_ONLY})
    wanted = {**desired.attributes, **dict.fromkeys(unwanted)}
    changes = tuple(
        Change(attribute, remote.attributes.get(attribute), value)
        for attribute, value in wanted.items()
        if not _is_satisfied(attribute, remote.attributes, value)
    )
    if changes:
        differing = ", ".join(change.attribute for change in changes)
        is_pending = [change.old for change in changes] == [names.STATE_PENDING]
        reason = "not active yet" if is_pending else f"{differing} differ{'s' if len(changes) == 1 else ''}"
        return Step(desired.kind, desired.name, Action.UPDATE, reason, changes)
    return Step(desired.kind, desired.name, Action.KEEP)


def _is_satisfied(attribute: str, remote: Mapping[str, Any], wanted: Any) -> bool:
    if attribute in _MAYBE_UNREAD and attribute not in remote:
        return True
    actual = remote.get(attribute)
    if attribute == names.DEFAULT_ENCRYPTION:
        # A bucket whose owner chose a KMS key is not to be made weaker.
        return actual == wanted or str(actual).startswith("aws:kms")
    return bool(actual == wanted)
