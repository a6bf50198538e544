"""What may not be looked at: when that is an error, and when it is only said."""

from __future__ import annotations

from typing import Any

import pytest

from s3copy_cli.provision import resources as names
from s3copy_cli.provision.resources import Kind, RemoteResource
from s3copy_cli.provision.unseen import find_unseen

READ = {
    Kind.DEAD_LETTER_QUEUE: "sqs:GetQueueUrl",
    Kind.EVENT_QUEUE: "sqs:GetQueueUrl",
    Kind.EVENT_SOURCE_MAPPING: "lambda:ListEventSourceMappings",
    Kind.RULE: "events:DescribeRule",
    Kind.RULE_TARGET: "events:ListTargetsByRule",
    Kind.EVENT_QUEUE_ACCESS: "iam:GetRolePolicy",
}
ALWAYS = {"dead-letter queue"}
QUEUED = {"event queue", "event queue access", "event source mapping"}
NOTHING = RemoteResource(Kind.FUNCTION, "s3copy")


def function(settings: Any, **variables: str) -> RemoteResource:
    environment = {"S3COPY_PIPELINE": "s3copy", **variables}
    attributes = {names.ENVIRONMENT: environment, names.SETTINGS: settings}
    return RemoteResource(Kind.FUNCTION, "s3copy", exists=True, is_ours=True, attributes=attributes)


def world(found: RemoteResource, *, has_role: bool = True) -> dict[Kind, RemoteResource]:
    unread = {kind: RemoteResource(kind, "x", lacking=permission) for kind, permission in READ.items()}
    return {
        **unread,
        Kind.FUNCTION: found,
        Kind.ROLE: RemoteResource(Kind.ROLE, "role", exists=has_role, is_ours=has_role),
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (function({}), set()),
        (function(None), set()),
        (function({"trigger": "sqs"}), QUEUED),
        (function({"trigger": "eventbridge"}), {"rule"}),
        # Nothing is known.
        (NOTHING, {*QUEUED, "rule"}),
        (function("broken"), {*QUEUED, "rule"}),
        (function({"trigger": "a newer one"}), {*QUEUED, "rule"}),
    ],
)
def test_what_the_pipeline_has_matters(found: RemoteResource, expected: set[str]) -> None:
    unseen = find_unseen(world(found))
    assert {one.kind.value for one in unseen.expected} == expected | ALWAYS
    assert {one.kind.value for one in unseen.others} == {*QUEUED, "rule"} - expected


def test_where_nothing_else_is_there_nothing_is_expected() -> None:
    unseen = find_unseen(world(NOTHING, has_role=False))
    assert unseen.expected == ()
    assert {one.kind.value for one in unseen.others} == {"event queue", "event source mapping", "rule"} | ALWAYS
    assert unseen.why_not_expected == "Nothing else of the pipeline is there."


def test_without_a_role_it_has_no_policies() -> None:
    bucket = RemoteResource(Kind.SOURCE_BUCKET, "b", exists=True, is_ours=True)
    unseen = find_unseen({**world(NOTHING, has_role=False), Kind.SOURCE_BUCKET: bucket})
    found = {one.kind.value for one in unseen.expected}
    assert found == {"event queue", "event source mapping", "rule"} | ALWAYS


def test_what_was_looked_at_is_not_named() -> None:
    seen = {kind: RemoteResource(kind, "x") for kind in READ}
    unseen = find_unseen({**world(NOTHING), **seen})
    assert unseen.expected == unseen.others == ()
