"""The policy in docs/permissions.md is enough for a person, on an AWS that enforces it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3copy_cli.local import LocalAws

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
ROOT = Path(__file__).parents[2]


def person_s_policy() -> dict[str, Any]:
    text = (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL)
    policy: dict[str, Any] = json.loads(block.replace("111122223333", "000000000000"))
    # The emulator does not see which function CreateFunction is about (AWS does), so it is allowed on all here.
    creating = {"Effect": "Allow", "Action": ["lambda:CreateFunction"], "Resource": "*"}
    # SQS asks for the single action's permission for a batch, too; the emulator knows the batch by its own name.
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    batches = [f"{one}Batch" for one in ("sqs:DeleteMessage", "sqs:ChangeMessageVisibility") if one in actions]
    batching = {"Effect": "Allow", "Action": batches, "Resource": "*"}
    return {**policy, "Statement": [*policy["Statement"], creating, batching]}


@pytest.fixture
def person(embedded: LocalAws, clients: Callable[[str], Any]) -> dict[str, str]:
    """The environment of a user who has nothing but that policy."""
    iam = clients("iam")
    iam.create_user(UserName="person")
    iam.put_user_policy(UserName="person", PolicyName="s3copy", PolicyDocument=json.dumps(person_s_policy()))
    key = iam.create_access_key(UserName="person")["AccessKey"]
    return {
        "S3COPY_LOCAL": "0",
        "S3COPY_ENDPOINT_URL": embedded.endpoint_url,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_REGION": embedded.region,
    }


def park(clients: Callable[[str], Any], key: str) -> None:
    """An event as Lambda would park it."""
    sqs = clients("sqs")
    record = {"s3": {"bucket": {"name": "s3copy-source-000000000000-us-east-1-an"}, "object": {"key": key}}}
    body = {"requestContext": {"requestId": "r", "condition": "x"}, "requestPayload": {"Records": [record]}}
    sqs.send_message(
        QueueUrl=sqs.get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"], MessageBody=json.dumps(body)
    )


def test_the_documented_policy_is_enough_for_the_whole_job(
    s3copy: Run, person: dict[str, str], account: Callable[[], Any], clients: Callable[[str], Any]
) -> None:
    s3copy("setup", expect=0, **person)
    s3copy("deploy", expect=0, **person)
    sample = str(ROOT / "sample.csv")
    s3copy("upload", sample, "--tag", "team=blue", "--metadata", "a=b", "--wait", expect=0, **person)
    s3copy("verify", expect=0, **person)

    # Missing again, and with an event that is parked.
    clients("s3").delete_object(Bucket="s3copy-destination-000000000000-us-east-1-an", Key="sample.csv")
    park(clients, "sample.csv")
    repaired = s3copy("repair", "--json", expect=0, **person).data
    assert repaired["repaired"]["proved"] == 1
    assert repaired["dead_letter"] == {"queue": "s3copy-dead-letter", "removed": 1, "kept": 0, "problem": None}

    # Everything put right again, so that the updating calls are needed too.
    clients("lambda").update_function_configuration(FunctionName="s3copy", Timeout=3)
    clients("lambda").put_function_recursion_config(FunctionName="s3copy", RecursiveLoop="Allow")
    clients("logs").delete_retention_policy(logGroupName="/aws/lambda/s3copy")
    clients("s3").delete_bucket_lifecycle(Bucket="s3copy-source-000000000000-us-east-1-an")
    copying = ("--propagate-deletes", "--destination-versioning", "--sync-tags")
    s3copy("setup", *copying, "--tag", "team=blue", "--log-retention", "never", expect=0, **person)
    # What may not be looked at would be left.
    assert clients("lambda").get_function_recursion_config(FunctionName="s3copy")["RecursiveLoop"] == "Terminate"
    s3copy("setup", "--no-tags", "--log-retention", "30", expect=0, **person)
    s3copy("plan", expect=0, **person)

    s3copy("teardown", "--yes", expect=0, **person)
    assert {name for name, found in account().items() if found} == {"users"}


@pytest.mark.parametrize("action", ["lambda:InvokeFunction", "sqs:DeleteMessage", "logs:PutLogEvents"])
def test_what_repair_may_not_do_is_named(
    s3copy: Run, person: dict[str, str], clients: Callable[[str], Any], action: str
) -> None:
    s3copy("setup", expect=0, **person)
    clients("s3").put_object(Bucket="s3copy-source-000000000000-us-east-1-an", Key="a", Body=b"1")
    s3copy("verify", "--wait", "60", expect=0, **person)
    clients("s3").delete_object(Bucket="s3copy-destination-000000000000-us-east-1-an", Key="a")
    park(clients, "a")
    policy = person_s_policy()
    for statement in policy["Statement"]:
        if isinstance(statement["Action"], list):
            statement["Action"] = [one for one in statement["Action"] if one not in (action, f"{action}Batch")]
    clients("iam").put_user_policy(UserName="person", PolicyName="s3copy", PolicyDocument=json.dumps(policy))
    outcome = s3copy("repair", expect=1, **person)
    assert action in outcome.stderr


def test_another_pipeline_is_out_of_reach(s3copy: Run, person: dict[str, str]) -> None:
    outcome = s3copy("setup", "--name", "other", "--json", expect=1, **person)
    (error,) = outcome.envelope["errors"]
    assert "AccessDenied" in error["code"] or "403" in error["code"] or error["code"] == "NotOurs"


@pytest.mark.parametrize(
    ("action", "named"),
    [
        ("iam:CreateRole", "iam:CreateRole"),
        ("lambda:CreateFunction", "lambda:CreateFunction"),
        ("sqs:CreateQueue", "sqs:CreateQueue"),
        ("logs:CreateLogGroup", "logs:CreateLogGroup"),
        ("s3:PutBucketNotification", "s3:PutBucketNotification"),
    ],
)
def test_a_missing_permission_is_named(
    s3copy: Run, person: dict[str, str], clients: Callable[[str], Any], action: str, named: str
) -> None:
    policy = person_s_policy()
    for statement in policy["Statement"]:
        if isinstance(statement["Action"], list):
            statement["Action"] = [one for one in statement["Action"] if one != action]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    clients("iam").put_user_policy(UserName="person", PolicyName="s3copy", PolicyDocument=json.dumps(policy))
    outcome = s3copy("setup", expect=1, **person)
    assert named in outcome.stderr
    # With the permission back, the same command goes on where it stopped.
    clients("iam").put_user_policy(UserName="person", PolicyName="s3copy", PolicyDocument=json.dumps(person_s_policy()))
    s3copy("setup", expect=0, **person)
