"""The settings of `s3copy setup` against the APIs in moto: chosen, recorded, kept, changed, taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError
from s3copy_cli.provision import checks
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.bucket_reader import read_adopted_bucket
from s3copy_cli.provision.checks import concurrency_problem, role_warning
from s3copy_cli.provision.kms import find_bucket_key
from s3copy_cli.provision.plan import Action, Change
from s3copy_cli.provision.resources import Kind, RemoteResource

Run = Callable[..., Any]
REGION = "eu-west-1"
ROLE_ARN = "arn:aws:iam::123456789012:role/theirs"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def pending(outcome: Any) -> dict[str, list[str]]:
    return {
        step["resource"]: [change["attribute"] for change in step["changes"]]
        for step in outcome.data["steps"]
        if step["action"] in ("create", "update")
    }


def record() -> Any:
    configuration = client("lambda").get_function_configuration(FunctionName="s3copy")
    return json.loads(configuration["Environment"]["Variables"].get("S3COPY_SETTINGS", "{}"))


def tags_of(pipeline: Pipeline) -> dict[str, dict[str, str]]:
    """The tags of every resource."""

    def pairs(found: list[dict[str, str]]) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in found}

    url = client("sqs").get_queue_url(QueueName=pipeline.queue_name)["QueueUrl"]
    return {
        "source": pairs(client("s3").get_bucket_tagging(Bucket=pipeline.source_bucket)["TagSet"]),
        "destination": pairs(client("s3").get_bucket_tagging(Bucket=pipeline.destination_bucket)["TagSet"]),
        "log group": client("logs").list_tags_for_resource(resourceArn=pipeline.log_group_arn)["tags"],
        "queue": client("sqs").list_queue_tags(QueueUrl=url)["Tags"],
        "role": pairs(client("iam").list_role_tags(RoleName=pipeline.role_name)["Tags"]),
        "function": client("lambda").list_tags(Resource=pipeline.function_arn)["Tags"],
    }


def test_settings_are_recorded_kept_and_taken_back(s3copy: Run, pipeline: Pipeline, write_calls: list[str]) -> None:
    chosen = ("--memory", "512", "--timeout", "60", "--runtime", "python3.12", "--log-retention", "never")
    built = s3copy("setup", *chosen, "--source-versioning", "--json", expect=0)
    assert built.data["settings"]["memory_mb"] == 512
    assert record() == {
        "log_retention_days": None,
        "memory_mb": 512,
        "runtime": "python3.12",
        "source_versioning": True,
        "timeout_seconds": 60,
    }
    assert client("s3").get_bucket_versioning(Bucket=pipeline.source_bucket)["Status"] == "Enabled"
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix=pipeline.log_group)["logGroups"]
    assert "retentionInDays" not in group
    write_calls.clear()
    for command in ("setup", "deploy", "plan"):
        kept = s3copy(command, "--json", expect=0)
        assert pending(kept) == {}
        assert kept.data["settings"] == built.data["settings"]
    assert write_calls == []

    shorter = s3copy("setup", "--log-retention", "7", "--memory", "256", "--json", expect=0)
    assert pending(shorter) == {"log group": ["retention days"], "function": ["memory MB", "recorded settings"]}
    assert write_calls == ["PutRetentionPolicy", "UpdateFunctionConfiguration"]
    assert record() == {
        "log_retention_days": 7,
        "runtime": "python3.12",
        "source_versioning": True,
        "timeout_seconds": 60,
    }
    assert "timeout             60" in s3copy("setup", expect=0).stdout
    s3copy("setup", "--reset-settings", expect=0)
    assert record() == {}
    assert s3copy("plan", "--json", expect=0).data["settings"]["timeout_seconds"] == 900


def test_wrong_values_are_wrong_usage_and_change_nothing(s3copy: Run, write_calls: list[str]) -> None:
    for arguments in (
        ("--memory", "64"),
        ("--log-retention", "31"),
        ("--log-retention", "ever"),
        ("--tag", "novalue"),
        ("--tag", "aws:x=1"),
        ("--tag", "a=1", "--no-tags"),
        ("--role-arn", "nobody"),
        ("--source-kms-key-id", "not a key"),
        *[("--tag", f"a{n}={'x' * 256}", "--tag", f"b{n}={'x' * 256}") * 10 for n in (1,)],
    ):
        outcome = s3copy("setup", *arguments, expect=2)
        assert outcome.stderr.count("Error:") == 1, arguments
    assert write_calls == []


def test_tags_are_on_everything_those_of_others_stay_and_ours_go(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", "--tag", "team=blue", "--tag", "cost/center=é 1", expect=0)
    ours = {"s3copy:pipeline": "s3copy", "team": "blue", "cost/center": "é 1", "s3copy:tags": "cost/center team"}
    assert tags_of(pipeline) == dict.fromkeys(tags_of(pipeline), ours)
    assert pending(s3copy("setup", "--json", expect=0)) == {}

    theirs = {"theirs": "1"}
    client("lambda").tag_resource(Resource=pipeline.function_arn, Tags=theirs)
    for bucket in (pipeline.source_bucket, pipeline.destination_bucket):
        tag_set = [{"Key": key, "Value": value} for key, value in {**ours, **theirs}.items()]
        client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})
    assert pending(s3copy("plan", "--json", expect=0)) == {}

    changed = s3copy("setup", "--tag", "team=red", "--json", expect=0)
    assert set(pending(changed)) == {
        *("source bucket", "destination bucket", "log group", "dead-letter queue", "role", "function"),
    }
    now = {"s3copy:pipeline": "s3copy", "team": "red", "s3copy:tags": "team"}
    with_theirs = {key: {**now, **theirs} for key in ("source", "destination", "function")}
    assert tags_of(pipeline) == {**dict.fromkeys(tags_of(pipeline), now), **with_theirs}

    s3copy("setup", "--no-tags", expect=0)
    with_theirs = {key: {"s3copy:pipeline": "s3copy", **theirs} for key in ("source", "destination", "function")}
    assert tags_of(pipeline) == {**{key: {"s3copy:pipeline": "s3copy"} for key in tags_of(pipeline)}, **with_theirs}
    assert record() == {}
    s3copy("plan", expect=0)


def test_a_boundary_is_set_mended_and_taken_away_and_one_of_others_stays(s3copy: Run, pipeline: Pipeline) -> None:
    iam = client("iam")
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    denied = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    arns = [iam.create_policy(PolicyName=name, PolicyDocument=denied)["Policy"]["Arn"] for name in ("ours", "theirs")]

    def boundary() -> Any:
        return (
            iam.get_role(RoleName=pipeline.role_name)["Role"]
            .get("PermissionsBoundary", {})
            .get("PermissionsBoundaryArn")
        )

    s3copy("setup", expect=0)
    iam.put_role_permissions_boundary(RoleName=pipeline.role_name, PermissionsBoundary=arns[1])
    s3copy("plan", expect=0)
    chosen = s3copy("setup", "--permissions-boundary", arns[0], "--json", expect=0)
    assert pending(chosen)["role"] == ["permissions boundary"]
    assert boundary() == arns[0]
    s3copy("plan", expect=0)
    s3copy("setup", "--permissions-boundary", "none", expect=0)
    assert boundary() is None
    s3copy("plan", expect=0)
    s3copy("teardown", "--yes", "--name", "s3copy", expect=0)
    s3copy("setup", "--permissions-boundary", arns[0], expect=0)
    assert boundary() == arns[0], "from the first moment on"


def test_a_role_of_the_owner_s_is_used_and_not_written_to(
    s3copy: Run, pipeline: Pipeline, write_calls: list[str]
) -> None:
    iam = client("iam")
    s3copy("setup", "--role-arn", ROLE_ARN, expect=1)
    policies = json.loads(s3copy("plan", "--show-policy", "--role-arn", ROLE_ARN, expect=0).stdout)
    iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps({**TRUST, "Statement": []}))
    refused = s3copy("setup", "--role-arn", ROLE_ARN, "--json", expect=1)
    assert refused.envelope["errors"][0]["code"] == "RoleNotAssumable"
    iam.update_assume_role_policy(RoleName="theirs", PolicyDocument=json.dumps(policies["trust_policy"]))
    write_calls.clear()
    built = s3copy("setup", "--role-arn", ROLE_ARN, "--json", expect=0)
    assert not [call for call in write_calls if "Role" in call]
    assert {step["action"] for step in built.data["steps"] if step["resource"].startswith("role")} == {"n/a"}
    assert client("lambda").get_function_configuration(FunctionName="s3copy")["Role"] == ROLE_ARN
    for command in ("setup", "deploy", "plan"):
        assert pending(s3copy(command, "--json", expect=0)) == {}

    own = s3copy("setup", "--role-arn", "", "--json", expect=0)
    assert set(pending(own)) == {"role", "role policy", "function"}
    assert client("lambda").get_function_configuration(FunctionName="s3copy")["Role"] == pipeline.role_arn
    back = s3copy("setup", "--role-arn", ROLE_ARN, "--json", expect=0)
    assert {step["resource"]: step["action"] for step in back.data["steps"]}["role"] == "leave"
    s3copy("plan", expect=0)
    s3copy("teardown", "--yes", expect=0)
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["theirs"]


def test_source_keys_are_granted_by_arn_and_the_bucket_s_own_key_too(s3copy: Run, pipeline: Pipeline) -> None:
    kms = client("kms")
    arns = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(3)]
    kms.create_alias(AliasName="alias/source", TargetKeyId=arns[0])

    def granted() -> dict[str, Any]:
        policy = client("iam").get_role_policy(RoleName=pipeline.role_name, PolicyName=pipeline.policy_name)
        return {
            one["Sid"]: one["Resource"]
            for one in policy["PolicyDocument"]["Statement"]
            if "kms:Decrypt" in one["Action"]
        }

    built = s3copy("setup", "--source-kms-key-id", "alias/source", "--source-kms-key-id", arns[1], "--json", expect=0)
    assert built.data["settings"]["source_kms_keys"] == sorted(arns[:2])
    assert granted() == {"DecryptSource": sorted(arns[:2])}
    for bucket, key in ((pipeline.source_bucket, arns[2]), (pipeline.destination_bucket, arns[2].split("/")[1])):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
        client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert pending(s3copy("plan", "--json", expect=3)) == {"role policy": ["policy document"]}
    s3copy("setup", "--source-kms-key-id", "", expect=0)
    assert granted() == {"DecryptSource": arns[2], "EncryptCopies": arns[2]}
    assert record() == {}


def test_a_log_group_that_was_made_again_is_ours_and_gets_its_tag_back(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", "--tag", "team=blue", expect=0)
    logs = client("logs")
    logs.delete_log_group(logGroupName=pipeline.log_group)
    logs.create_log_group(logGroupName=pipeline.log_group)
    # moto remembers the tags of what is gone.
    tags = list(logs.list_tags_for_resource(resourceArn=pipeline.log_group_arn)["tags"])
    logs.untag_resource(resourceArn=pipeline.log_group_arn, tagKeys=tags)
    assert pending(s3copy("setup", "--json", expect=0)) == {"log group": ["retention days", "tags"]}
    assert logs.list_tags_for_resource(resourceArn=pipeline.log_group_arn)["tags"]["s3copy:pipeline"] == "s3copy"
    s3copy("plan", expect=0)

    # Another pipeline's is another matter, and so is one without our function.
    logs.tag_resource(resourceArn=pipeline.log_group_arn, tags={"s3copy:pipeline": "other"})
    s3copy("setup", expect=1)
    logs.untag_resource(resourceArn=pipeline.log_group_arn, tagKeys=["s3copy:pipeline"])
    s3copy("teardown", "--yes", expect=0)
    assert logs.describe_log_groups()["logGroups"] == []
    logs.create_log_group(logGroupName=pipeline.log_group)
    assert "has no tag" in s3copy("setup", expect=1).stderr


def test_the_plan_names_the_command_that_does_it(s3copy: Run) -> None:
    assert "Do it with: s3copy setup\n" in s3copy("plan", expect=3).stdout
    assert "Do it with: s3copy setup --memory 512\n" in s3copy("plan", "--memory", "512", expect=3).stdout


def test_a_plan_makes_few_calls_and_only_reads(s3copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    s3copy("setup", expect=0)
    calls: list[str] = []
    original = boto3.Session.__init__

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call", lambda model, **_: calls.append(model.name))

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)
    s3copy("plan", expect=0)
    assert len(calls) <= 36, calls
    assert {call for call in calls if not call.startswith(("Get", "Head", "List", "Describe"))} == set()


# What moto does not answer


@pytest.fixture
def stubbed() -> Any:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=REGION)
    return Aws(session=session, region=REGION)


def function_with(reserved: int | None) -> RemoteResource:
    return RemoteResource(Kind.FUNCTION, "s3copy", True, True, {names.RESERVED_CONCURRENCY: reserved})


@pytest.mark.parametrize(
    ("limit", "unreserved", "has", "wanted", "problem"),
    [
        (1000, 1000, None, 900, ""),
        (1000, 1000, None, 901, "keeps 100 of those"),
        (1000, 100, 5, 5, ""),
        # What the function has now is counted back.
        (1000, 110, 5, 15, ""),
        (1000, 110, 5, 16, "115 of them without a reservation"),
        # Small accounts keep all they have.
        (10, 10, None, 1, "10 at a time, 10 of them without a reservation, and Lambda keeps 10"),
        (50, 50, None, 1, "keeps 50 of those"),
    ],
)
def test_an_account_that_is_too_small_is_known_before(
    stubbed: Aws, limit: int, unreserved: int, has: int | None, wanted: int, problem: str
) -> None:
    answered = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}
    with Stubber(stubbed.lambda_) as lambda_:
        lambda_.add_response("get_account_settings", {"AccountLimit": answered})
        found = concurrency_problem(stubbed, function_with(has), wanted)
        assert problem in found
        assert bool(found) == bool(problem)
        assert concurrency_problem(stubbed, function_with(None), None) == ""
        if wanted != has:
            lambda_.assert_no_pending_responses()


def test_who_may_not_look_at_the_account_finds_out_by_trying(stubbed: Aws, world: Any) -> None:
    with Stubber(stubbed.lambda_) as lambda_:
        lambda_.add_client_error("get_account_settings", "AccessDeniedException", http_status_code=403)
        assert concurrency_problem(stubbed, function_with(None), 5) == ""
        # A service that does not have the call, or does not say.
        lambda_.add_client_error("get_account_settings", "404", http_status_code=404)
        assert concurrency_problem(stubbed, function_with(None), 5) == ""
        lambda_.add_response("get_account_settings", {"AccountLimit": {}})
        assert concurrency_problem(stubbed, function_with(None), 5) == ""
        lambda_.add_client_error("get_account_settings", "ServiceException")
        with pytest.raises(AwsError):
            concurrency_problem(stubbed, function_with(None), 5)


def test_a_refused_reservation_is_said_and_setup_goes_on(s3copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "s3copy_cli.commands.provisioning.concurrency_problem",
        lambda _aws, _function, wanted: "too many" * bool(wanted),
    )
    built = s3copy("setup", "--reserved-concurrency", "5", "--json", expect=0)
    assert built.data["warnings"] == ["too many"]
    assert record() == {"reserved_concurrency": 5}
    again = s3copy("plan", "--json", expect=0)
    assert (again.data["pending"], again.data["warnings"]) == (0, ["too many"])

    monkeypatch.setattr("s3copy_cli.commands.provisioning.concurrency_problem", lambda *_: "")
    assert pending(s3copy("setup", "--json", expect=0)) == {"function": ["reserved concurrency"]}
    assert client("lambda").get_function_concurrency(FunctionName="s3copy")["ReservedConcurrentExecutions"] == 5
    s3copy("plan", expect=0)
    taken = s3copy("setup", "--reserved-concurrency", "none", "--json", expect=0)
    assert pending(taken) == {"function": ["recorded settings", "reserved concurrency"]}
    assert "Concurrency" not in client("lambda").get_function(FunctionName="s3copy")


REFUSAL = "Specified ReservedConcurrentExecutions … decreases account's UnreservedConcurrentExecution below its minimum"


@pytest.mark.parametrize("code", ["InvalidParameterValueException", "LimitExceededException"])
def test_a_reservation_that_lambda_refuses_after_all_does_not_fail_setup(world: Any, code: str) -> None:
    world.settings = {"reserved_concurrency": 5}
    world.lambda_.add_response("get_function_configuration", {"State": "Active", "LastUpdateStatus": "Successful"})
    world.lambda_.add_client_error("put_function_concurrency", code, REFUSAL)
    world.take(Kind.FUNCTION, Action.UPDATE, changes=(Change(names.RESERVED_CONCURRENCY, None, 5),))
    assert any("not reserved" in line for line in world.said)
    world.done()


def test_a_role_that_may_not_be_looked_at_is_taken_with_a_word(stubbed: Aws) -> None:
    with Stubber(stubbed.iam) as iam:
        iam.add_client_error("get_role", "AccessDenied", http_status_code=403)
        assert "iam:GetRole" in role_warning(stubbed, ROLE_ARN, "123456789012")


@pytest.mark.parametrize(
    ("statement", "admits"),
    [
        (TRUST["Statement"][0], True),
        ({"Effect": "Allow", "Principal": {"Service": ["a", "lambda.amazonaws.com"]}, "Action": ["sts:*"]}, True),
        ({"Effect": "Deny", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}, False),
        ({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}, False),
        ({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}, False),
        ({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:TagSession"}, False),
    ],
)
def test_whom_a_trust_policy_admits(statement: Any, admits: bool) -> None:
    assert checks.admits_lambda({"Statement": statement}) is admits
    assert checks.admits_lambda({"Statement": [{"Effect": "Deny"}, statement]}) is admits


@pytest.mark.parametrize("reference", [None, "alias/aws/s3", "arn:aws:kms:eu-west-1:123456789012:alias/aws/s3"])
def test_the_key_of_aws_itself_needs_no_grant(stubbed: Aws, pipeline: Pipeline, reference: str | None) -> None:
    attributes = {names.DEFAULT_ENCRYPTION: "aws:kms", names.BUCKET_KEY: reference}
    bucket = RemoteResource(Kind.SOURCE_BUCKET, "b", True, True, attributes)
    assert find_bucket_key(stubbed, pipeline, bucket) is None


def test_an_alias_of_the_bucket_that_kms_does_not_show_is_a_warning(stubbed: Aws, pipeline: Pipeline) -> None:
    attributes = {names.DEFAULT_ENCRYPTION: "aws:kms", names.BUCKET_KEY: "alias/theirs"}
    bucket = RemoteResource(Kind.SOURCE_BUCKET, "b", True, True, attributes)
    with Stubber(stubbed.kms) as kms:
        kms.add_client_error("describe_key", "AccessDeniedException")
        found = find_bucket_key(stubbed, pipeline, bucket)
    assert found is not None
    assert found.arn == ""
    assert "not given the use" in found.unchecked


@pytest.mark.parametrize(("kind", "option"), [(Kind.SOURCE_BUCKET, "--source-kms"), (Kind.DESTINATION_BUCKET, "--kms")])
def test_an_encryption_that_may_not_be_read_is_a_warning(
    stubbed: Aws, pipeline: Pipeline, kind: Kind, option: str
) -> None:
    with Stubber(stubbed.s3) as s3:
        s3.add_response("head_bucket", {})
        s3.add_response("get_bucket_versioning", {})
        s3.add_client_error("get_bucket_encryption", "AccessDenied", http_status_code=403)
        s3.add_client_error("get_bucket_policy", "NoSuchBucketPolicy")
        bucket, _ = read_adopted_bucket(stubbed, pipeline, kind, "theirs")
    found = find_bucket_key(stubbed, pipeline, bucket)
    assert found is not None
    assert found.arn == ""
    assert "s3:GetEncryptionConfiguration" in found.unchecked
    assert option in found.unchecked
