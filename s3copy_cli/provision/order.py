"""Which steps have to wait for which: pure. A new kind of resource is one line in each of the two tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s3copy_cli.provision.plan import Action, Step
from s3copy_cli.provision.resources import Kind

Needs = Mapping[Kind, frozenset[Kind]]


def _kinds(*kinds: Kind) -> frozenset[Kind]:
    return frozenset(kinds)


# What has to be there, and as desired, before a resource of this kind is written.
BUILD_NEEDS: Needs = {
    Kind.SOURCE_BUCKET: _kinds(),
    Kind.SOURCE_BUCKET_POLICY: _kinds(Kind.SOURCE_BUCKET),
    Kind.DESTINATION_BUCKET: _kinds(),
    Kind.DESTINATION_BUCKET_POLICY: _kinds(Kind.DESTINATION_BUCKET),
    Kind.LOG_GROUP: _kinds(),
    Kind.DEAD_LETTER_QUEUE: _kinds(),
    Kind.DEAD_LETTER_QUEUE_POLICY: _kinds(Kind.DEAD_LETTER_QUEUE),
    Kind.EVENT_QUEUE: _kinds(Kind.DEAD_LETTER_QUEUE),
    Kind.ROLE: _kinds(),
    Kind.ROLE_POLICY: _kinds(Kind.ROLE),
    Kind.EVENT_QUEUE_ACCESS: _kinds(Kind.ROLE),
    # The policy before the function that relies on it, the group before whoever writes to it.
    # Lambda does not let a function run for longer than the visibility timeout of the queue that it takes events from.
    Kind.FUNCTION: _kinds(Kind.ROLE_POLICY, Kind.LOG_GROUP, Kind.EVENT_QUEUE),
    Kind.ASYNC_INVOCATION: _kinds(Kind.FUNCTION, Kind.DEAD_LETTER_QUEUE),
    Kind.EVENT_SOURCE_MAPPING: _kinds(Kind.EVENT_QUEUE_ACCESS, Kind.ASYNC_INVOCATION),
    Kind.PERMISSION: _kinds(Kind.FUNCTION),
    # Else what its new pattern lets pass would start a function that still ignores it.
    Kind.RULE: _kinds(Kind.FUNCTION),
    Kind.RULE_PERMISSION: _kinds(Kind.FUNCTION),
    Kind.RULE_TARGET: _kinds(Kind.RULE, Kind.RULE_PERMISSION, Kind.DEAD_LETTER_QUEUE_POLICY, Kind.ASYNC_INVOCATION),
    Kind.EVENTBRIDGE_SWITCH: _kinds(
        Kind.RULE_TARGET, Kind.SOURCE_BUCKET_POLICY, Kind.DESTINATION_BUCKET_POLICY, Kind.ASYNC_INVOCATION
    ),
    # Last: from here on objects are copied. S3 takes one change of a bucket at a time, so after the policies, and not
    # together with the switch, which is written in the same document.
    Kind.TRIGGER: _kinds(
        *(Kind.SOURCE_BUCKET_POLICY, Kind.DESTINATION_BUCKET_POLICY, Kind.ASYNC_INVOCATION, Kind.PERMISSION),
        *(Kind.EVENT_SOURCE_MAPPING, Kind.EVENTBRIDGE_SWITCH),
    ),
    Kind.HANDOVER: _kinds(Kind.TRIGGER),
}

# What starts the function; goes first of all, before the drain.
EVENT_SOURCES = _kinds(Kind.TRIGGER, Kind.FORMER_TRIGGER, Kind.EVENTBRIDGE_SWITCH, Kind.RULE_TARGET, Kind.RULE)

# What has to be gone before a resource of this kind is removed. What is missing here goes with something else.
REMOVAL_NEEDS: Needs = {
    Kind.TRIGGER: _kinds(),
    Kind.FORMER_TRIGGER: _kinds(),
    Kind.EVENTBRIDGE_SWITCH: _kinds(Kind.TRIGGER),
    Kind.RULE_TARGET: _kinds(Kind.EVENTBRIDGE_SWITCH),
    # Its tags say whose doing the switches are.
    Kind.RULE: _kinds(Kind.RULE_TARGET, Kind.FORMER_TRIGGER),
    Kind.PERMISSION: _kinds(Kind.TRIGGER, Kind.FORMER_TRIGGER),
    Kind.RULE_PERMISSION: _kinds(Kind.RULE),
    Kind.EVENT_SOURCE_MAPPING: _kinds(Kind.TRIGGER, Kind.FORMER_TRIGGER),
    Kind.EVENT_QUEUE: _kinds(Kind.EVENT_SOURCE_MAPPING),
    Kind.FUNCTION: _kinds(Kind.PERMISSION, Kind.RULE_PERMISSION, Kind.EVENT_SOURCE_MAPPING),
    # Nobody may copy into a bucket that is being emptied, nobody park what nobody will look at.
    Kind.SOURCE_BUCKET: _kinds(Kind.FUNCTION),
    Kind.DESTINATION_BUCKET: _kinds(Kind.FUNCTION),
    Kind.UNUSED_SOURCE_BUCKET: _kinds(Kind.FUNCTION),
    Kind.UNUSED_DESTINATION_BUCKET: _kinds(Kind.FUNCTION),
    Kind.DEAD_LETTER_QUEUE_POLICY: _kinds(Kind.RULE),
    Kind.DEAD_LETTER_QUEUE: _kinds(Kind.FUNCTION, Kind.EVENT_QUEUE, Kind.DEAD_LETTER_QUEUE_POLICY),
    Kind.EVENT_QUEUE_ACCESS: _kinds(Kind.EVENT_SOURCE_MAPPING),
    Kind.ROLE_POLICY: _kinds(Kind.FUNCTION),
    Kind.ROLE: _kinds(Kind.ROLE_POLICY, Kind.EVENT_QUEUE_ACCESS),
    # Last: log lines come late.
    Kind.LOG_GROUP: _kinds(
        *(Kind.SOURCE_BUCKET, Kind.DESTINATION_BUCKET, Kind.UNUSED_SOURCE_BUCKET, Kind.UNUSED_DESTINATION_BUCKET),
        *(Kind.ROLE, Kind.DEAD_LETTER_QUEUE),
    ),
}


def needs_of(steps: Sequence[Step]) -> tuple[frozenset[int], ...]:
    """For each step, the places in `steps` of those that have to end before it begins.

    What a plan leaves out (because it is kept) passes its own needs on. Where a plan both builds and removes, every
    removal comes after all that is built: nothing goes before its successor is in force.
    """
    return tuple(
        frozenset(place for place, other in enumerate(steps) if place != own and _waits_for(step, other))
        for own, step in enumerate(steps)
    )


def _waits_for(step: Step, other: Step) -> bool:
    if step.action is Action.DELETE:
        return other.action is not Action.DELETE or other.kind in all_needs(step.kind, REMOVAL_NEEDS)
    return other.action is not Action.DELETE and other.kind in all_needs(step.kind, BUILD_NEEDS)


def all_needs(kind: Kind, table: Needs) -> frozenset[Kind]:
    """What a kind needs, and what that needs, and so on."""
    found: set[Kind] = set()
    ahead = [kind]
    while ahead:
        new = table[ahead.pop()] - found
        found |= new
        ahead += new
    return frozenset(found)
