"""What may not be looked at, and whether that matters to a pipeline. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s3copy_cli.config import Pipeline
from s3copy_cli.errors import S3CopyError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.resources import Kind, RemoteResource, RemoteState
from s3copy_cli.provision.settings import RecordError, recorded_settings
from s3copy_cli.provision.triggers.wanted import Trigger

# Whose trigger each belongs to; None for what every pipeline has. The rule's target goes with the rule, whose removal
# looks for it.
_TRIGGERS = {
    Kind.DEAD_LETTER_QUEUE: None,
    Kind.EVENT_QUEUE: Trigger.SQS,
    Kind.EVENT_QUEUE_ACCESS: Trigger.SQS,
    Kind.EVENT_SOURCE_MAPPING: Trigger.SQS,
    Kind.RULE: Trigger.EVENTBRIDGE,
}


@dataclass(frozen=True)
class Unseen:
    """What could not be looked at.

    Attributes:
        expected: the resources that the pipeline has, as far as is known; where nothing is known, any.
        others: those that it has not, as far as can be said.
        why_not_expected: a sentence about the others.
    """

    expected: tuple[RemoteResource, ...] = ()
    others: tuple[RemoteResource, ...] = ()
    why_not_expected: str = "The pipeline has no such trigger."


def find_unseen(remote: RemoteState) -> Unseen:
    """What a reading of the world was refused, by whether the pipeline's own record says that it has such a thing."""
    trigger = _recorded_trigger(remote[Kind.FUNCTION])
    found = [remote[kind] for kind in _TRIGGERS if kind in remote and remote[kind].lacking]
    if not remote[Kind.ROLE].exists:
        found = [one for one in found if one.kind is not Kind.EVENT_QUEUE_ACCESS]
    if trigger is None and not any(one.exists and one.is_ours for one in remote.values()):
        # E.g. after another teardown, which knew the trigger, and said so where it could not look at its parts.
        return Unseen((), tuple(found), "Nothing else of the pipeline is there.")
    expected = tuple(one for one in found if trigger is None or _TRIGGERS[one.kind] in (None, trigger))
    return Unseen(expected, tuple(one for one in found if one not in expected))


def describe_unseen(resources: Sequence[RemoteResource]) -> str:
    """Each of them, and the permission that it takes to look at it."""
    return ", ".join(f"the {one.kind.value} {one.name} (your credentials lack {one.lacking})" for one in resources)


def unseen_error(pipeline: Pipeline, expected: Sequence[RemoteResource]) -> S3CopyError:
    """The error for what a teardown has perhaps left."""
    return S3CopyError(
        f"removing pipeline {pipeline.name}",
        f"not looked at, so perhaps still there: {describe_unseen(expected)}",
        "Run teardown again with these permissions, and those to remove it; docs/permissions.md lists them by trigger. "
        "A queue whose own policy denies everybody is unlocked by the account's root user (AWS: SQSUnlockQueuePolicy).",
        code="NotLookedAt",
    )


def _recorded_trigger(function: RemoteResource) -> Trigger | None:
    if not function.is_ours or function.attributes.get(names.ENVIRONMENT, {}) == {}:
        return None
    try:
        return Trigger(recorded_settings(function.attributes.get(names.SETTINGS) or {}).trigger)
    except RecordError:
        return None
