"""`s3copy setup --kms-key-id` against the APIs in moto; what KMS denies, with answers as AWS documents them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError
from s3copy_cli.provision.kms import KmsKey, find_key

Run = Callable[..., Any]
REGION = "eu-west-1"
VARIABLE = "S3COPY_KMS_KEY_ID"


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


@pytest.fixture
def key_arn(moto_account: str) -> str:
    """A key, which is also called alias/copies."""
    metadata = client("kms").create_key()["KeyMetadata"]
    client("kms").create_alias(AliasName="alias/copies", TargetKeyId=metadata["KeyId"])
    return str(metadata["Arn"])


def variables() -> dict[str, str]:
    configuration = client("lambda").get_function_configuration(FunctionName="s3copy")
    found: dict[str, str] = configuration["Environment"]["Variables"]
    return found


def key_statements(pipeline: Pipeline) -> list[dict[str, Any]]:
    policy = client("iam").get_role_policy(RoleName=pipeline.role_name, PolicyName=pipeline.policy_name)
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return [one for one in statements if any(action.startswith("kms:") for action in one["Action"])]


def pending(outcome: Any) -> dict[str, list[tuple[str, str]]]:
    """The resources that are not kept, each with the attributes that change, and to what."""
    return {
        step["resource"]: [(change["attribute"], change["new"]) for change in step["changes"]]
        for step in outcome.data["steps"]
        if step["action"] != "keep"
    }


def test_a_key_is_set_kept_under_each_of_its_names_and_taken_away(
    s3copy: Run, pipeline: Pipeline, key_arn: str, write_calls: list[str]
) -> None:
    s3copy("setup", expect=0)
    turned_on = s3copy("setup", "--kms-key-id", "alias/copies", "--json", expect=0)
    assert turned_on.data["options"]["kms_key_id"] == key_arn
    assert set(pending(turned_on)) == {"role policy", "function"}
    assert pending(turned_on)["function"] == [("KMS key", key_arn)]
    assert variables()[VARIABLE] == key_arn
    (statement,) = key_statements(pipeline)
    assert statement == {
        "Sid": "EncryptCopies",
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": key_arn,
        "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
    }

    write_calls.clear()
    alias_arn = key_arn.split("key/")[0] + "alias/copies"
    for reference in ("alias/copies", alias_arn, key_arn, key_arn.split("key/")[1]):
        again = s3copy("setup", "--kms-key-id", reference, "--json", expect=0)
        assert again.data["changed"] is False, reference
    for command in ("setup", "deploy"):
        kept = s3copy(command, "--json", expect=0).data
        assert (kept["changed"], kept["options"]["kms_key_id"]) == (False, key_arn)
    assert write_calls == []
    assert key_arn in s3copy("setup", expect=0).stdout

    taken = s3copy("setup", "--kms-key-id", "", "--json", expect=0)
    assert taken.data["options"]["kms_key_id"] is None
    assert pending(taken)["function"] == [("KMS key", "none")]
    assert VARIABLE not in variables()
    assert key_statements(pipeline) == []
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_the_variable_counts_where_the_option_is_not_given(
    s3copy: Run, key_arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "alias/copies")
    assert s3copy("setup", "--json", expect=0).data["options"]["kms_key_id"] == key_arn
    assert s3copy("setup", "--kms-key-id", "", "--json", expect=0).data["options"]["kms_key_id"] is None
    s3copy("setup", expect=0)
    monkeypatch.setenv(VARIABLE, "")
    assert s3copy("setup", "--json", expect=0).data["options"]["kms_key_id"] == key_arn, "empty is as not set"


def test_drift_is_put_right(s3copy: Run, pipeline: Pipeline, key_arn: str) -> None:
    s3copy("setup", "--kms-key-id", key_arn, expect=0)
    iam = client("iam")
    policy = iam.get_role_policy(RoleName=pipeline.role_name, PolicyName=pipeline.policy_name)["PolicyDocument"]
    iam.put_role_policy(
        RoleName=pipeline.role_name,
        PolicyName=pipeline.policy_name,
        PolicyDocument=str(policy).replace("'", '"').replace("s3.eu-west-1.amazonaws.com", "ec2.amazonaws.com"),
    )
    # By hand, under another of its names: the function would take it, and the policy needs the ARN.
    client("lambda").update_function_configuration(
        FunctionName="s3copy", Environment={"Variables": {**variables(), VARIABLE: "alias/copies"}}
    )
    repaired = s3copy("setup", "--json", expect=0)
    assert set(pending(repaired)) == {"role policy", "function"}
    assert pending(repaired)["function"] == [("KMS key", key_arn)]
    assert variables()[VARIABLE] == key_arn
    assert len(key_statements(pipeline)) == 1

    # Taken out by hand, it is taken for given up, as every option is that the function does not have.
    left = {name: value for name, value in variables().items() if name != VARIABLE}
    client("lambda").update_function_configuration(FunctionName="s3copy", Environment={"Variables": left})
    assert set(pending(s3copy("setup", "--json", expect=0))) == {"role policy"}
    assert key_statements(pipeline) == []


def make(**parameters: str) -> str:
    key_id: str = client("kms").create_key(**parameters)["KeyMetadata"]["KeyId"]
    return key_id


def make_disabled() -> str:
    key_id = make()
    client("kms").disable_key(KeyId=key_id)
    return key_id


@pytest.mark.parametrize(
    ("key", "exit_code", "code", "word"),
    [
        (make_disabled, 1, "KmsKeyUnusable", "Disabled"),
        (lambda: make(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT"), 1, "KmsKeyUnusable", "RSA_2048"),
        (lambda: "1234abcd-12ab-34cd-56ef-1234567890ab", 1, "KmsKeyNotFound", "no such key"),
        (lambda: "alias/nothing", 1, "KmsKeyNotFound", "no such key"),
        (lambda: "not a key", 2, "Usage", "'not a key'"),
        (lambda: "arn:aws:kms:us-east-1:123456789012:alias/copies", 2, "Usage", "us-east-1"),
    ],
    ids=["disabled", "asymmetric", "no such key", "no such alias", "no name of a key", "another Region"],
)
def test_what_s3_cannot_use_is_refused_before_anything_is_changed(
    s3copy: Run, moto_account: str, write_calls: list[str], key: Callable[[], str], exit_code: int, code: str, word: str
) -> None:
    reference = key()
    write_calls.clear()
    refused = s3copy("setup", "--kms-key-id", reference, "--json", expect=exit_code)
    (error,) = refused.envelope["errors"]
    assert error["code"] == code
    assert word in error["message"]
    assert write_calls == []


@pytest.fixture
def denied() -> Any:
    """A connection to which KMS denies everything, and the pipeline there."""
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=REGION)
    aws = Aws(session=session, region=REGION)
    with Stubber(aws.kms) as kms:
        kms.add_client_error("describe_key", "AccessDeniedException", "not authorized", http_status_code=400)
        yield aws, Pipeline(name="s3copy", account_id="123456789012", region=REGION)
        kms.assert_no_pending_responses()


def test_who_may_not_look_at_the_key_is_told_so(denied: tuple[Aws, Pipeline]) -> None:
    key = find_key(*denied, "1234abcd-12ab-34cd-56ef-1234567890ab")
    assert key == KmsKey(f"arn:aws:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", key.unchecked)
    assert "kms:DescribeKey" in key.unchecked


def test_an_alias_cannot_be_followed_without_looking(denied: tuple[Aws, Pipeline]) -> None:
    with pytest.raises(AwsError) as caught:
        find_key(*denied, "alias/copies")
    assert "kms:DescribeKey" in f"{caught.value.happened} {caught.value.hint}"
