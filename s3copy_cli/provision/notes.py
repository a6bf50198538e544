"""What others have set beside the pipeline and setup leaves as it is, but its owner should know. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from s3copy_cli.provision.desired import DesiredState
from s3copy_cli.provision.resources import RemoteState

_STANDARD_CLASSES = frozenset({"", "STANDARD"})


def describe_notes(desired: DesiredState, remote: RemoteState) -> list[str]:
    """The notes of all resources that the pipeline has, one sentence each.

    Args:
        desired: what the pipeline consists of.
        remote: as it is.
    """
    wanted = (kind for kind, resource in desired.resources.items() if not resource.not_applicable)
    found = (remote[kind] for kind in wanted)
    # Something that is missing may be so because of what is told of it.
    ours = (one for one in found if one.is_ours or not one.exists)
    return [f"{one.kind.value} {one.name}: {note}" for one in ours for note in one.notes]


def policy_notes(inline: Iterable[str], attached: Iterable[str], ours: Collection[str]) -> tuple[str, ...]:
    """That a role has policies besides ours.

    Args:
        inline: the names of its inline policies.
        attached: those of its managed ones.
        ours: those that setup makes.
    """
    others = sorted({*(name for name in inline if name not in ours), *attached})
    if not others:
        return ()
    return (f"it has policies that setup has not made, so the function may do more than copy: {', '.join(others)}",)


def admitted_notes(document: Mapping[str, Any] | None, ours: Collection[str], account_id: str) -> tuple[str, ...]:
    """That a resource's policy admits others.

    Args:
        document: the policy; None without one.
        ours: the Sids of the statements that setup makes.
        account_id: the pipeline's account, which is no other.
    """
    statements = (document or {}).get("Statement", [])
    return tuple(
        f"its policy also admits {_principal(one)}: {_actions(one)} (statement {one.get('Sid') or 'without a name'})"
        for one in (statements if isinstance(statements, list) else [statements])
        if one.get("Effect") == "Allow" and one.get("Sid") not in ours and not _is_the_account(one, account_id)
    )


def queue_key_notes(key: str | None) -> tuple[str, ...]:
    """That a queue is encrypted with a key of KMS, which its senders need as well.

    Args:
        key: which; None or "" for none.
    """
    if not key:
        return ()
    needs = "whoever sends to it needs kms:GenerateDataKey and kms:Decrypt on the key"
    return (f"it is encrypted with the KMS key {key}: {needs}, which the role that setup makes does not have",)


def mapping_note(function_arn: str, mapping_id: str, region: str) -> str:
    """That another function takes events out of the pipeline's queue, which ours then never sees.

    Args:
        function_arn: whose.
        mapping_id: the mapping's UUID.
        region: where both are.
    """
    return (
        f"another function takes events from the queue, and they are not copied: {function_arn}; if it should not: "
        f"aws lambda delete-event-source-mapping --uuid {mapping_id} --region {region}"
    )


def log_group_notes(log_class: str) -> tuple[str, ...]:
    """That the log group's lines cannot be searched.

    Args:
        log_class: the group's, which cannot be changed; "" where it is not told.
    """
    if log_class in _STANDARD_CLASSES:
        return ()
    return (f"its class is {log_class}, whose lines verify cannot read; delete the group, and setup makes it again",)


def _principal(statement: Mapping[str, Any]) -> str:
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        return "everybody" if principal == "*" else str(principal)
    return ", ".join(str(one) for value in principal.values() for one in _as_list(value))


def _is_the_account(statement: Mapping[str, Any], account_id: str) -> bool:
    """Whether a statement leaves the matter to IAM in the account, as the one does that SQS's console makes."""
    principal = statement.get("Principal")
    named = [str(one) for one in _as_list(principal.get("AWS"))] if isinstance(principal, Mapping) else []
    own = (f":iam::{account_id}:root", account_id)
    return bool(named) and len(principal or {}) == 1 and all(one.endswith(own) for one in named)


def _actions(statement: Mapping[str, Any]) -> str:
    return ", ".join(str(action) for action in _as_list(statement.get("Action", "all but some actions")))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
