"""Policy documents: what is in them, and when two of them mean the same."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.policy import (
    canonical,
    differing_statements,
    find_statement,
    role_policy,
    tls_statement,
    trust_policy,
    with_statement,
)

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
DOCUMENT = role_policy(PIPELINE)
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SOURCE_KEY_ARN = KEY_ARN.replace("1234abcd", "abcd1234")


def allowed(document: dict[str, Any]) -> set[tuple[str, str]]:
    pairs = set()
    for statement in document["Statement"]:
        resources = statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            pairs |= {(action, resource) for action in statement["Action"]}
    return pairs


def test_the_policy_covers_the_tutorial_s() -> None:
    source, destination = PIPELINE.bucket_arn(PIPELINE.source_bucket), PIPELINE.bucket_arn(PIPELINE.destination_bucket)
    assert allowed(DOCUMENT) >= {
        ("s3:GetObject", f"{source}/*"),
        ("s3:PutObject", f"{destination}/*"),
        ("s3:GetObject", f"{destination}/*"),
        ("s3:ListBucket", source),
        ("s3:ListBucket", destination),
        ("logs:CreateLogStream", f"{PIPELINE.log_group_arn}:*"),
        ("logs:PutLogEvents", f"{PIPELINE.log_group_arn}:*"),
    }


def test_the_policy_has_what_the_tutorial_forgot() -> None:
    destination = f"{PIPELINE.bucket_arn(PIPELINE.destination_bucket)}/*"
    assert allowed(DOCUMENT) >= {
        ("s3:GetObjectTagging", f"{PIPELINE.bucket_arn(PIPELINE.source_bucket)}/*"),
        ("s3:PutObjectTagging", destination),
        ("s3:AbortMultipartUpload", destination),
        ("s3:ListMultipartUploadParts", destination),
        ("sqs:SendMessage", PIPELINE.queue_arn),
    }


def test_the_function_can_not_write_to_the_source_nor_make_log_groups_nor_delete() -> None:
    source = PIPELINE.bucket_arn(PIPELINE.source_bucket)
    for action, resource in allowed(DOCUMENT):
        assert "*" not in action
        assert resource != "*"
        assert not action.startswith(("s3:Delete", "logs:CreateLogGroup", "iam:"))
        assert not action.startswith("lambda:") or resource == PIPELINE.function_arn
        if resource.startswith(source):
            assert not action.startswith("s3:Put")


def test_with_propagation_it_may_delete_at_the_destination_and_that_is_all() -> None:
    added = allowed(role_policy(PIPELINE, propagate_deletes=True)) - allowed(DOCUMENT)
    assert added == {("s3:DeleteObject", f"{PIPELINE.bucket_arn(PIPELINE.destination_bucket)}/*")}


def test_with_a_key_it_may_have_s3_use_that_key_and_that_is_all() -> None:
    document = role_policy(PIPELINE, encrypt_keys=[KEY_ARN])
    assert allowed(document) - allowed(DOCUMENT) == {("kms:GenerateDataKey", KEY_ARN), ("kms:Decrypt", KEY_ARN)}
    (statement,) = (one for one in document["Statement"] if "Condition" in one)
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
    assert statement["Resource"] == KEY_ARN
    # Without the condition, or for another key, it is another policy.
    assert canonical(document) != canonical(
        {**document, "Statement": [{**one, "Condition": {}} for one in document["Statement"]]}
    )
    assert canonical(document) != canonical(role_policy(PIPELINE, encrypt_keys=[f"{KEY_ARN}0"]))


def test_source_keys_may_be_used_to_decrypt_through_s3_and_for_nothing_else() -> None:
    keys = [f"{KEY_ARN}1", f"{KEY_ARN}0"]
    document = role_policy(PIPELINE, decrypt_keys=keys)
    (statement,) = (one for one in document["Statement"] if "Condition" in one)
    assert statement == {
        "Sid": "DecryptSource",
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": sorted(keys),
        "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
    }
    in_china = Pipeline(name="s3copy", account_id="123456789012", region="cn-north-1", partition="aws-cn")
    (statement,) = (one for one in role_policy(in_china, decrypt_keys=keys)["Statement"] if "Condition" in one)
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "s3.cn-north-1.amazonaws.com.cn"}}


@pytest.mark.parametrize(
    ("old", "new", "only_old", "only_new"),
    [
        ({"Statement": ["a", "b"]}, {"Statement": ["b", "c"]}, ["a"], ["c"]),
        ({"Statement": ["a"]}, {"Statement": []}, ["a"], []),
        ({"Version": 1, "Statement": ["a"]}, {"Version": 2, "Statement": ["a"]}, [{"Version": 1}], [{"Version": 2}]),
        ({"Sid": "a"}, {"Sid": "b"}, {"Sid": "a"}, {"Sid": "b"}),
        (None, {"Statement": ["a"]}, None, {"Statement": ["a"]}),
    ],
)
def test_of_two_documents_what_differs_is_told(old: Any, new: Any, only_old: Any, only_new: Any) -> None:
    assert differing_statements(json.dumps(old), json.dumps(new)) == (only_old, only_new)
    assert differing_statements("no JSON", "x") == ("no JSON", "x")


def test_a_long_copy_may_go_on_in_another_invocation_of_this_function_only() -> None:
    assert {pair for pair in allowed(DOCUMENT) if pair[0].startswith("lambda:")} == {
        ("lambda:InvokeFunction", PIPELINE.function_arn)
    }


def test_only_lambda_may_take_on_the_role() -> None:
    (statement,) = trust_policy()["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


@given(seed=st.integers())
def test_order_and_single_strings_do_not_count(seed: int) -> None:
    shuffler = random.Random(seed)  # noqa: S311
    other = {"Statement": [], "Version": DOCUMENT["Version"]}
    for statement in DOCUMENT["Statement"]:
        actions = list(statement["Action"])
        shuffler.shuffle(actions)
        other["Statement"].append({**statement, "Action": actions[0] if len(actions) == 1 else actions})
    shuffler.shuffle(other["Statement"])
    assert canonical(other) == canonical(DOCUMENT)


@pytest.mark.parametrize("field", ["Effect", "Action", "Resource", "Sid"])
def test_a_different_meaning_is_a_different_document(field: str) -> None:
    changed = {**DOCUMENT, "Statement": [{**DOCUMENT["Statement"][0], field: "x"}, *DOCUMENT["Statement"][1:]]}
    assert canonical(changed) != canonical(DOCUMENT)


def test_a_missing_statement_is_a_different_document() -> None:
    assert canonical({**DOCUMENT, "Statement": DOCUMENT["Statement"][1:]}) != canonical(DOCUMENT)


def test_our_statement_is_added_next_to_others_and_replaced_in_place() -> None:
    others = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "x"}
    ours = tls_statement("arn:aws:s3:::bucket")
    once = with_statement({"Version": "2012-10-17", "Statement": others}, ours)
    assert once["Statement"] == [others, ours]
    again = with_statement(once, tls_statement("arn:aws:s3:::other"))
    assert again["Statement"] == [others, tls_statement("arn:aws:s3:::other")]
    assert find_statement(again, ours["Sid"]) == tls_statement("arn:aws:s3:::other")
    assert find_statement(None, ours["Sid"]) is None


def test_the_documented_table_is_the_policy() -> None:
    text = (Path(__file__).parents[3] / "docs" / "permissions.md").read_text(encoding="utf-8")
    source, destination = PIPELINE.bucket_arn(PIPELINE.source_bucket), PIPELINE.bucket_arn(PIPELINE.destination_bucket)
    resources = {
        "`S/*`": f"{source}/*",
        "`D/*`": f"{destination}/*",
        "`S`": source,
        "`D`": destination,
        "the function itself": PIPELINE.function_arn,
        "the function's log group": f"{PIPELINE.log_group_arn}:*",
        "the dead-letter queue": PIPELINE.queue_arn,
        "the KMS key": KEY_ARN,
        "the source's KMS keys": SOURCE_KEY_ARN,
    }
    documented: dict[str, set[tuple[str, str]]] = {"yes": set(), "with": set()}
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.count("|") == 7]
    for _, actions, where, _, ours, *_ in rows[2:]:
        if where in resources and ours != "no":
            kind = ours.split()[0]
            documented[kind] |= {(action, resources[where]) for action in re.findall(r"`([\w:]+)`", actions)}
    assert documented["yes"] == allowed(DOCUMENT)
    everything = role_policy(PIPELINE, propagate_deletes=True, encrypt_keys=[KEY_ARN], decrypt_keys=[SOURCE_KEY_ARN])
    assert documented["yes"] | documented["with"] == allowed(everything)
