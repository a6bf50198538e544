"""Which statements of a bucket's policy certainly keep the function out."""

from __future__ import annotations

from typing import Any

import pytest

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.denials import denials_of, describe_denials
from s3copy_cli.provision.resources import Kind, RemoteResource

PIPELINE = Pipeline("s3copy", "123456789012", "eu-west-1").joining("in", "out")
ROLE = PIPELINE.role_arn


def said(kind: Kind = Kind.DESTINATION_BUCKET, **statement: Any) -> list[str]:
    whole = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", **statement}
    return denials_of(PIPELINE, kind, {"Statement": whole}, ROLE)


def test_a_denial_names_statement_and_actions() -> None:
    (sentence,) = said(Sid="NoPut", Action=["s3:PutObject", "s3:DeleteBucket"], Resource="arn:aws:s3:::out/*")
    assert sentence == "statement NoPut denies the function s3:PutObject"
    (sentence,) = said(Kind.SOURCE_BUCKET, Action="s3:list*", Resource="arn:aws:s3:::in")
    assert sentence == "statement number 1 denies the function s3:ListBucket"


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": ["arn:aws:iam::123456789012:user/u", ROLE]}},
        {"Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/admin*"}}},
        {"Condition": {"StringNotEquals": {"aws:PrincipalArn": ["arn:aws:iam::123456789012:role/a", "b"]}}},
        {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "999999999999"}}},
        {"Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}},
        {"Condition": {"Null": {"aws:SourceVpc": "true"}}},
        {"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/s3copy-*"}}},
    ],
)
def test_what_certainly_applies(statement: dict[str, Any]) -> None:
    assert said(**statement)


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:user/u"}},
        {"Principal": {"Service": "x.amazonaws.com"}},
        {"NotPrincipal": {"AWS": ROLE}, "Principal": None},
        {"Action": "s3:DeleteBucket"},
        {"NotAction": "s3:GetObject", "Action": None},
        {"Resource": "arn:aws:s3:::other/*"},
        {"Resource": "arn:aws:s3:::out/secret/*"},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Condition": {"ArnNotLike": {"aws:PrincipalArn": [f"{ROLE[:-3]}*"]}}},
        {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "123456789012"}}},
        {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
        {"Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"NumericLessThan": {"aws:PrincipalAccount": "1"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}, "DateLessThan": {"aws:CurrentTime": "2020-01-01"}}},
        {"Condition": "nonsense"},
    ],
)
def test_what_does_not_or_may_not(statement: dict[str, Any]) -> None:
    assert said(**statement) == []


@pytest.mark.parametrize("document", [{}, {"Statement": []}, {"Statement": ["nonsense"]}])
def test_documents_without_statements(document: dict[str, Any]) -> None:
    assert denials_of(PIPELINE, Kind.SOURCE_BUCKET, document, ROLE) == []


def test_both_buckets_are_looked_at_and_the_role_may_be_theirs() -> None:
    theirs = "arn:aws:iam::123456789012:role/theirs"
    statement = {
        "Sid": "OnlyTheirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": theirs}},
    }
    policy = {"Statement": [statement]}
    remote = {
        Kind.SOURCE_BUCKET: RemoteResource(Kind.SOURCE_BUCKET, "in", is_adopted=True, policy=policy),
        Kind.DESTINATION_BUCKET: RemoteResource(Kind.DESTINATION_BUCKET, "out", policy=policy),
    }
    denied = "statement OnlyTheirs denies the function s3:ListBucket"
    assert describe_denials(PIPELINE, remote) == [
        f"the policy of your source bucket in: {denied}",
        f"the policy of the destination bucket out: {denied}",
    ]
    assert describe_denials(PIPELINE, remote, theirs) == []
