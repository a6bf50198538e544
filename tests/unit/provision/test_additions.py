"""What somebody has added and what stays: said where it matters, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from s3copy_cli.provision import resources as names
from s3copy_cli.provision.additions import describe_additions
from s3copy_cli.provision.resources import Kind, RemoteResource

KINDS = {Kind.ROLE: "r", Kind.DEAD_LETTER_QUEUE: "d", Kind.EVENT_QUEUE: "e"}


def said(kind: Kind, attributes: dict[str, Any], *, is_ours: bool = True) -> list[str]:
    state = {each: RemoteResource(each, name, exists=True, is_ours=True) for each, name in KINDS.items()}
    state[kind] = RemoteResource(kind, KINDS[kind], exists=True, is_ours=is_ours, attributes=attributes)
    return describe_additions(state)


def test_a_policy_that_is_not_setup_s_is_named() -> None:
    (line,) = said(Kind.ROLE, {names.OTHER_POLICIES: ["a", "b"]})
    assert line.startswith("the role r has policies that are not setup's (a, b)")


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [
        (
            Kind.DEAD_LETTER_QUEUE,
            "k",
            "lost unless that key's policy lets the function's role use it",
        ),
        (Kind.EVENT_QUEUE, "k", "lost unless that key's policy lets s3.amazonaws.com use it"),
        # The policy of AWS's own key cannot be changed, and does not admit S3.
        (Kind.EVENT_QUEUE, "alias/aws/sqs", "which does not let S3 use it, so that events are lost"),
    ],
)
def test_a_key_that_may_lose_events_is_said(kind: Kind, key: str, expected: str) -> None:
    (line,) = said(kind, {names.QUEUE_KEY: key})
    assert expected in line
    assert f"the KMS key {key}" in line
    # Somebody else's queue is not our pipeline's.
    assert said(kind, {names.QUEUE_KEY: key}, is_ours=False) == []


def test_sqs_s_own_key_admits_the_role() -> None:
    assert said(Kind.DEAD_LETTER_QUEUE, {names.QUEUE_KEY: "alias/aws/sqs"}) == []


def test_without_additions_there_is_nothing_to_say() -> None:
    assert said(Kind.ROLE, {names.OTHER_POLICIES: []}) == []
    assert said(Kind.EVENT_QUEUE, {}) == []
