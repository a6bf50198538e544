"""Whether the policy of a bucket would keep our function out of it, as far as that can be told. Pure.

What AWS evaluates is more than this: a warning here is certain, silence is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.policy import DESTINATION_OBJECT_ACTIONS, SOURCE_OBJECT_ACTIONS, TLS_STATEMENT_ID
from s3copy_cli.provision.resources import Kind, RemoteState

_LIST = ("s3:ListBucket",)
_ANY_KEY = "k"
# What condition keys are in the function's requests, in lower case; None of those that are not there.
Known = Mapping[str, str | None]


def describe_denials(pipeline: Pipeline, remote: RemoteState, role_arn: str = "") -> list[str]:
    """What the policies of the two buckets certainly deny to the function, one sentence for each statement.

    Args:
        pipeline: whose function.
        remote: with the buckets.
        role_arn: the function's role, if it is not the pipeline's own.
    """
    return [
        f"the policy of {'your' if remote[kind].is_adopted else 'the'} {kind.value} {remote[kind].name}: {denial}"
        for kind in (Kind.SOURCE_BUCKET, Kind.DESTINATION_BUCKET)
        for denial in denials_of(pipeline, kind, remote[kind].policy, role_arn or pipeline.role_arn)
    ]


def denials_of(pipeline: Pipeline, kind: Kind, document: Mapping[str, Any], role_arn: str) -> list[str]:
    """What one bucket policy certainly denies to the function.

    Args:
        pipeline: whose function.
        kind: which of the two buckets.
        document: the policy.
        role_arn: the function's role.
    """
    known = {
        "aws:securetransport": "true",
        "aws:principalarn": role_arn,
        "aws:principalaccount": pipeline.account_id,
        # The function runs outside of any VPC of the account.
        "aws:sourcevpc": None,
        "aws:sourcevpce": None,
    }
    is_source = kind is Kind.SOURCE_BUCKET
    bucket_arn = pipeline.bucket_arn(pipeline.source_bucket if is_source else pipeline.destination_bucket)
    on_objects = SOURCE_OBJECT_ACTIONS if is_source else DESTINATION_OBJECT_ACTIONS
    wanted = [*((action, f"{bucket_arn}/{_ANY_KEY}") for action in on_objects), *((a, bucket_arn) for a in _LIST)]
    said = []
    for number, statement in enumerate(_as_list(document.get("Statement")), 1):
        # Our own is put right where it is not as it ought to be.
        is_ours = isinstance(statement, Mapping) and statement.get("Sid") == TLS_STATEMENT_ID
        if is_ours or not isinstance(statement, Mapping) or not _is_certain(known, statement):
            continue
        denied = [action for action, resource in wanted if _covers(statement, action, resource)]
        if denied:
            name = statement.get("Sid") or f"number {number}"
            said.append(f"statement {name} denies the function {', '.join(denied)}")
    return said


def _is_certain(known: Known, statement: Mapping[str, Any]) -> bool:
    if statement.get("Effect") != "Deny" or not _is_about(known, statement):
        return False
    condition = statement.get("Condition") or {}
    if not isinstance(condition, Mapping):
        return False
    return all(_holds(known, *test) for test in _iter_tests(condition))


def _is_about(known: Known, statement: Mapping[str, Any]) -> bool:
    """Whether the statement is about our role. Accounts, users and services that are excepted make it uncertain."""
    principal = statement.get("Principal")
    if principal is None:
        return False
    names = _as_list(principal.get("AWS")) if isinstance(principal, Mapping) else _as_list(principal)
    return any(name in {"*", known["aws:principalarn"]} for name in names)


def _covers(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    actions, resources = _as_list(statement.get("Action")), _as_list(statement.get("Resource"))
    return any(fnmatchcase(action.lower(), str(one).lower()) for one in actions) and any(
        fnmatchcase(resource, str(one)) for one in resources
    )


def _iter_tests(condition: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for operator, tests in condition.items():
        for key, values in tests.items() if isinstance(tests, Mapping) else ():
            yield operator.lower(), key.lower(), [str(value) for value in _as_list(values)]


def _holds(known: Known, operator: str, key: str, values: list[str]) -> bool:
    """Whether a test certainly holds for what the function sends; of most keys that is not known."""
    if key not in known:
        return False
    actual = known[key]
    word = operator.removesuffix("ifexists")
    is_if_exists = word != operator
    if word == "null":
        return values == ["true" if actual is None else "false"]
    is_negated = "not" in word
    if actual is None:
        # AWS: a missing key satisfies every negated test, and those that say IfExists.
        return is_negated or is_if_exists
    is_pattern = word in {"stringlike", "stringnotlike", "arnlike", "arnnotlike", "arnequals", "arnnotequals"}
    matches = any(fnmatchcase(actual, value) if is_pattern else actual == value for value in values)
    if word in {"stringequals", "stringlike", "arnequals", "arnlike", "bool"}:
        return matches
    return is_negated and not matches and (is_pattern or word == "stringnotequals")


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
