"""Pipelines between buckets that the owner has, on moto: found, joined, and left as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import S3CopyError
from s3copy_cli.provision.adoption import locate_bucket

from ... import whole_buckets  # noqa: TID252 (shared with the end-to-end tests)

Run = Callable[..., Any]
REGION, ELSEWHERE = "eu-west-1", "eu-central-1"
INBOX, ARCHIVE = "my-inbox", "my-archive"
ADOPT = ("--source-bucket", INBOX, "--destination-bucket", ARCHIVE)
OTHERS = {
    "QueueConfigurations": [
        {
            "Id": "their queue",
            "QueueArn": f"arn:aws:sqs:{REGION}:123456789012:theirs",
            "Events": ["s3:ObjectRemoved:*", "s3:ObjectRestore:Post"],
            "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".csv"}]}},
        }
    ],
    "LambdaFunctionConfigurations": [
        {
            "Id": "their function",
            "LambdaFunctionArn": f"arn:aws:lambda:{REGION}:123456789012:function:theirs",
            "Events": ["s3:ReducedRedundancyLostObject"],
        }
    ],
    # And no EventBridge switch: moto takes it and does not give it back. tests/e2e has it.
}


def s3(region: str = REGION) -> Any:
    return boto3.client("s3", region_name=region)


def make_bucket(name: str, region: str = REGION) -> None:
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3(region).create_bucket(Bucket=name, **where)


def furnish(name: str, region: str = REGION) -> None:
    """A bucket with everything that somebody may have set."""
    client = s3(region)
    make_bucket(name, region)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "team", "Value": "blue"}]})
    statement = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    for body in (b"1", b"22"):
        client.put_object(Bucket=name, Key="k", Body=body, Metadata={"a": "b"})
    client.put_object(Bucket=name, Key="gone", Body=b"x")
    client.delete_object(Bucket=name, Key="gone")


def state_of(name: str, region: str = REGION) -> dict[str, Any]:
    """All settings of a bucket and all versions in it."""
    return whole_buckets.state_of(s3(region), name, (*whole_buckets.SETTINGS, "list_object_versions"))


def notifications_of(name: str) -> dict[str, Any]:
    answer = s3().get_bucket_notification_configuration(Bucket=name)
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def variables() -> dict[str, str]:
    function = boto3.client("lambda", region_name=REGION).get_function(FunctionName="s3copy")
    return function["Configuration"]["Environment"]["Variables"]


@pytest.fixture
def buckets(moto_account: str) -> None:
    furnish(INBOX)
    furnish(ARCHIVE, ELSEWHERE)
    s3().put_bucket_notification_configuration(
        Bucket=INBOX, NotificationConfiguration=OTHERS, SkipDestinationValidation=True
    )


def test_setup_joins_them_and_teardown_leaves_them_byte_for_byte(
    s3copy: Run, buckets: None, write_calls: list[str]
) -> None:
    before = state_of(INBOX), state_of(ARCHIVE, ELSEWHERE)

    done = s3copy("setup", *ADOPT, "--json", expect=0)
    assert done.data["adopted_buckets"] == [INBOX, ARCHIVE]
    assert done.data["destination_region"] == ELSEWHERE
    assert [step["action"] for step in done.data["steps"] if "bucket" in step["resource"]] == [
        "keep",
        "n/a",
        "keep",
        "n/a",
    ]
    assert {call for call in write_calls if "Bucket" in call} == {"PutBucketNotificationConfiguration"}
    assert variables()["S3COPY_SOURCE_BUCKET"] == INBOX
    assert variables()["S3COPY_DESTINATION_REGION"] == ELSEWHERE
    during = notifications_of(INBOX)
    theirs, ours = during["LambdaFunctionConfigurations"]
    assert (ours["Id"], ours["LambdaFunctionArn"].rpartition(":")[2]) == ("s3copy-copy", "s3copy")
    assert {**during, "LambdaFunctionConfigurations": [theirs]} == OTHERS

    # What was chosen is kept, by setup as by every other command.
    write_calls.clear()
    assert s3copy("setup", "--json", expect=0).data["changed"] is False
    assert s3copy("deploy", "--json", expect=0).data["changed"] is False
    assert write_calls == []
    report = s3copy("verify", "--wait", "0", "--json").data
    assert (report["source_bucket"], report["destination_bucket"]) == (INBOX, ARCHIVE)
    assert report["counts"]["missing"] + report["counts"]["differs"] + report["counts"]["proved"] == 1

    removed = s3copy("teardown", "--yes", "--json", expect=0).data
    assert removed["remaining"] == []
    assert not [entry for entry in removed["removed"] if "bucket" in entry["resource"]]
    assert {step["name"] for step in removed["steps"] if step["action"] == "keep"} == {INBOX, ARCHIVE}
    assert (state_of(INBOX), state_of(ARCHIVE, ELSEWHERE)) == before


def test_only_one_of_them(s3copy: Run, pipeline: Pipeline, buckets: None) -> None:
    s3copy("setup", "--destination-bucket", ARCHIVE, expect=0)
    assert variables()["S3COPY_SOURCE_BUCKET"] == pipeline.own_source_bucket
    assert variables()["S3COPY_DESTINATION_BUCKET"] == ARCHIVE
    s3copy("teardown", "--yes", expect=0)
    assert {bucket["Name"] for bucket in s3().list_buckets()["Buckets"]} == {INBOX, ARCHIVE}


def test_the_own_names_are_as_if_not_given(s3copy: Run, pipeline: Pipeline) -> None:
    own = ("--source-bucket", pipeline.source_bucket, "--destination-bucket", pipeline.destination_bucket)
    s3copy("setup", *own, expect=0)
    assert s3().get_bucket_tagging(Bucket=pipeline.source_bucket)["TagSet"]
    assert s3copy("setup", "--json", expect=0).data["changed"] is False
    s3copy("teardown", "--yes", expect=0)
    assert s3().list_buckets()["Buckets"] == []


def test_another_source_takes_the_trigger_along(s3copy: Run, pipeline: Pipeline, buckets: None) -> None:
    s3copy("setup", expect=0)
    moved = s3copy("setup", *ADOPT, "--json", expect=0).data
    steps = {step["resource"]: step for step in moved["steps"]}
    assert steps["former trigger"]["action"] == "delete"
    assert steps["former trigger"]["name"] == pipeline.own_source_bucket
    for role, name in (("source", pipeline.own_source_bucket), ("destination", pipeline.own_destination_bucket)):
        unused = steps[f"unused {role} bucket"]
        assert (unused["action"], unused["name"]) == ("leave", name)
        assert f"aws s3 rb s3://{name} --force" in unused["reason"]
    assert notifications_of(pipeline.own_source_bucket) == {}
    assert len(notifications_of(INBOX)["LambdaFunctionConfigurations"]) == 2
    tags = boto3.client("lambda", region_name=REGION).get_function(FunctionName="s3copy")["Tags"]
    assert tags == {"s3copy:pipeline": "s3copy"}
    assert s3copy("setup", "--json", expect=0).data["changed"] is False

    furnish("other-inbox")
    s3copy("setup", "--source-bucket", "other-inbox", expect=0)
    assert notifications_of(INBOX) == OTHERS
    s3copy("setup", "--source-bucket", "", "--destination-bucket", "", expect=0)
    assert notifications_of("other-inbox") == {}
    assert notifications_of(pipeline.own_source_bucket)["LambdaFunctionConfigurations"]
    assert "S3COPY_DESTINATION_REGION" not in variables()

    s3copy("setup", *ADOPT, expect=0)
    s3copy("teardown", "--yes", expect=0)
    assert {bucket["Name"] for bucket in s3().list_buckets()["Buckets"]} == {INBOX, ARCHIVE, "other-inbox"}


@pytest.mark.parametrize(
    ("killed_at", "second"),
    [
        ("TagResource", "setup"),
        ("UpdateFunctionConfiguration", "deploy"),
        ("UpdateFunctionConfiguration", "teardown"),
        ("PutBucketNotificationConfiguration", "setup"),
    ],
)
def test_a_change_of_the_source_that_was_killed_leaves_no_trigger_behind(
    s3copy: Run, buckets: None, kill_at: Callable[[str, int], None], killed_at: str, second: str
) -> None:
    furnish("old-inbox")
    s3copy("setup", "--source-bucket", "old-inbox", expect=0)
    kill_at(killed_at, 1)
    s3copy("setup", "--source-bucket", INBOX, expect=130)
    kill_at("", 0)
    if second == "deploy":
        s3copy("deploy", expect=0)
    if second != "teardown":
        s3copy("setup", "--source-bucket", INBOX, expect=0)
        assert "LambdaFunctionConfigurations" not in notifications_of("old-inbox")
        assert s3copy("setup", "--json", expect=0).data["changed"] is False
    s3copy("teardown", "--yes", expect=0)
    assert notifications_of("old-inbox") == {}
    assert notifications_of(INBOX) == OTHERS


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Have the program end right after the n-th call of an operation was carried out."""
    wanted = {"operation": "", "count": 0}

    def note(model: Any, **_: Any) -> None:
        if model.name == wanted["operation"]:
            wanted["count"] -= 1  # type: ignore[operator]
            if wanted["count"] == 0:
                raise KeyboardInterrupt

    original = boto3.Session.__init__

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("after-call", note)

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)

    def choose(operation: str, count: int) -> None:
        wanted.update(operation=operation, count=count)

    return choose


@pytest.mark.parametrize("command", [("setup",), ("teardown", "--yes")])
def test_if_the_function_was_deleted_by_hand_its_policy_says_where_our_entry_is(
    s3copy: Run, buckets: None, command: tuple[str, ...]
) -> None:
    s3copy("setup", *ADOPT, expect=0)
    boto3.client("lambda", region_name=REGION).delete_function(FunctionName="s3copy")
    steps = s3copy(*command, "--json", expect=0).data["steps"]
    (former,) = (step for step in steps if step["resource"] == "former trigger")
    assert (former["action"], former["name"]) == ("delete", INBOX)
    assert notifications_of(INBOX) == OTHERS


def test_if_the_function_was_deleted_by_hand_the_rule_says_which_bucket_we_switched(s3copy: Run, buckets: None) -> None:
    # Without the role's policy. moto does not give back the switch itself.
    s3copy("setup", *ADOPT, "--trigger", "eventbridge", expect=0)
    boto3.client("lambda", region_name=REGION).delete_function(FunctionName="s3copy")
    iam = boto3.client("iam")
    iam.delete_role_policy(RoleName=f"s3copy-{REGION}", PolicyName="s3copy-copy")
    steps = s3copy("teardown", "--dry-run", "--json", expect=0).data["steps"]
    (former,) = (step for step in steps if step["resource"] == "former trigger")
    assert (former["action"], former["name"]) == ("delete", INBOX)


@pytest.fixture
def deny(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Operations of S3 that are refused."""
    operations: set[str] = set()
    original = boto3.Session.__init__

    def answer(model: Any, **_: Any) -> Any:
        if model.name not in operations:
            return None
        return SimpleNamespace(status_code=403), {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call.s3", answer)

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)
    return operations


def test_while_our_entry_cannot_be_taken_out_the_function_stays_and_says_where_it_is(
    s3copy: Run, buckets: None, deny: set[str]
) -> None:
    s3copy("setup", *ADOPT, expect=0)
    deny.add("PutBucketNotificationConfiguration")
    failed = s3copy("teardown", "--yes", "--json", expect=1)
    assert {one["resource"] for one in failed.data["remaining"]} == {"trigger", "function"}
    assert [error["code"] for error in failed.envelope["errors"]] == ["AccessDenied", "StillNeeded"]
    deny.clear()
    assert s3copy("teardown", "--yes", "--json", expect=0).data["remaining"] == []
    assert notifications_of(INBOX) == OTHERS
    assert boto3.client("lambda", region_name=REGION).list_functions()["Functions"] == []


def test_without_a_bucket_of_the_owner_s_the_function_goes_all_the_same(
    s3copy: Run, pipeline: Pipeline, deny: set[str]
) -> None:
    s3copy("setup", expect=0)
    deny.add("PutBucketNotificationConfiguration")
    failed = s3copy("teardown", "--yes", "--json", expect=1)
    # The bucket has gone, and the trigger with it.
    assert {one["resource"] for one in failed.data["remaining"]} == {"trigger"}
    assert s3().list_buckets()["Buckets"] == []


def test_a_trigger_that_was_left_behind_can_be_named_to_teardown(s3copy: Run, buckets: None) -> None:
    s3copy("setup", *ADOPT, expect=0)
    boto3.client("lambda", region_name=REGION).delete_function(FunctionName="s3copy")
    boto3.client("iam").delete_role_policy(RoleName=f"s3copy-{REGION}", PolicyName="s3copy-copy")
    s3copy("teardown", "--yes", expect=0)
    assert len(notifications_of(INBOX)["LambdaFunctionConfigurations"]) == 2
    removed = s3copy("teardown", "--yes", "--source-bucket", INBOX, "--json", expect=0).data["removed"]
    assert removed == [{"resource": "trigger", "name": "s3copy-copy"}]
    assert notifications_of(INBOX) == OTHERS
    assert s3copy("teardown", "--yes", "--source-bucket", INBOX, "--json", expect=0).data["removed"] == []


def test_an_overlapping_entry_is_named_before_anything_is_changed(
    s3copy: Run, buckets: None, write_calls: list[str]
) -> None:
    overlapping = {**OTHERS["QueueConfigurations"][0], "Events": ["s3:ObjectCreated:Put"]}
    s3().put_bucket_notification_configuration(
        Bucket=INBOX, NotificationConfiguration={**OTHERS, "QueueConfigurations": [overlapping]}
    )
    write_calls.clear()
    refused = s3copy("setup", *ADOPT, "--json", expect=1)
    (problem,) = refused.envelope["errors"]
    assert problem["code"] == "TriggerOverlap"
    for part in ("their queue", ":theirs", "s3:ObjectCreated:Put", ".csv"):
        assert part in problem["message"]
    assert write_calls == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code", "said"),
    [
        (("--source-bucket", "nobody-s"), 1, "NoSuchBucket", ["nobody-s", "aws s3 mb s3://nobody-s"]),
        (("--destination-bucket", "nobody-s"), 1, "NoSuchBucket", ["destination bucket nobody-s"]),
        (("--destination-bucket", "Old_Name"), 1, "NoSuchBucket", ["None can be created any more: it has 'O'"]),
        (("--source-bucket", "Old_Name"), 2, "Usage", ["not a bucket's name: it has 'O'"]),
        (("--source-bucket", ARCHIVE), 1, "WrongRegion", [ELSEWHERE, REGION, f"--region {ELSEWHERE}"]),
        (("--source-bucket", INBOX, "--destination-bucket", INBOX), 2, "Usage", ["source and as destination"]),
        (("--source-bucket", "fast--euw1-az1--x-s3"), 2, "Usage", ["directory bucket"]),
        (("--source-bucket", "arn:aws:s3:eu-west-1:123456789012:accesspoint/a"), 2, "Usage", ["access point"]),
        (("--source-bucket", "arn:aws:s3:::my-inbox"), 2, "Usage", ["--source-bucket my-inbox"]),
        (("--destination-bucket", "a-b-c-s3alias"), 2, "Usage", ["alias of an access point"]),
        (("--destination-bucket", "s3://my-archive/x"), 2, "Usage", ["--destination-bucket my-archive"]),
        (("--destination-bucket", "no spaces"), 2, "Usage", ["not a bucket's name"]),
        (("--destination-bucket", "s3copy-source-123456789012-eu-west-1-an"), 2, "Usage", ["own source bucket"]),
        (("--destination-bucket", ARCHIVE, "--destination-versioning"), 2, "Usage", ["yours", "put-bucket-versioning"]),
    ],
)
def test_what_cannot_be_joined_is_said_before_anything_is_changed(
    s3copy: Run,
    buckets: None,
    write_calls: list[str],
    arguments: tuple[str, ...],
    exit_code: int,
    code: str,
    said: list[str],
) -> None:
    write_calls.clear()
    (problem,) = s3copy("setup", *arguments, "--json", expect=exit_code).envelope["errors"]
    assert problem["code"] == code
    for part in said:
        assert part in problem["message"] + problem["hint"]
    assert problem["hint"]
    assert write_calls == []


@pytest.mark.parametrize(
    ("bucket", "code", "said"),
    [
        ("Old_Name", "NoSuchBucket", "None can be created any more: it has 'O'"),
        ("fine", "400", "Run the command again"),
    ],
)
def test_a_service_that_takes_no_old_names_is_understood(bucket: str, code: str, said: str) -> None:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    aws = Aws(session=session, region="us-east-1")
    with Stubber(aws.s3) as s3:
        s3.add_client_error("head_bucket", "400", "Bad Request", http_status_code=400)
        with pytest.raises(S3CopyError) as caught:
            locate_bucket(aws, Pipeline("s3copy", "123456789012", "us-east-1"), bucket, "--source-bucket")
    assert caught.value.code == code
    assert said in caught.value.hint


def test_permanent_deletes_are_accepted_for_one_bucket_at_a_time(s3copy: Run, buckets: None) -> None:
    s3copy("setup", "--propagate-deletes", "--accept-permanent-deletes", expect=0)
    # Versioned: nobody has to be asked.
    s3copy("setup", "--destination-bucket", ARCHIVE, expect=0)
    make_bucket("careless")
    (problem,) = s3copy("setup", "--destination-bucket", "careless", "--json", expect=1).envelope["errors"]
    assert problem["code"] == "PermanentDeletes"
    assert "aws s3api put-bucket-versioning --bucket careless" in problem["hint"]


def test_a_bucket_policy_that_keeps_the_function_out_is_a_warning(s3copy: Run, buckets: None) -> None:
    statement = {
        "Sid": "OnlyAdmins",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:Put*",
        "Resource": f"arn:aws:s3:::{ARCHIVE}/*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/admin*"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3(ELSEWHERE).put_bucket_policy(Bucket=ARCHIVE, Policy=policy)
    done = s3copy("setup", *ADOPT, "--json", expect=0)
    (warning,) = done.data["warnings"]
    for part in (ARCHIVE, "OnlyAdmins", "s3:PutObject"):
        assert part in warning
        assert part in done.stderr


def test_keys_belong_to_the_region_of_their_bucket(s3copy: Run, buckets: None) -> None:
    here, there = (boto3.client("kms", region_name=region) for region in (REGION, ELSEWHERE))
    source_key, archive_key, copies_key = (kms.create_key()["KeyMetadata"]["Arn"] for kms in (here, there, there))
    there.create_alias(AliasName="alias/copies", TargetKeyId=copies_key)
    for bucket, region, key in ((INBOX, REGION, source_key), (ARCHIVE, ELSEWHERE, archive_key)):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
        s3(region).put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def granted() -> dict[str, tuple[Any, str]]:
        policy = boto3.client("iam").get_role_policy(RoleName=f"s3copy-{REGION}", PolicyName="s3copy-copy")
        statements = policy["PolicyDocument"]["Statement"]
        return {
            statement["Sid"]: (statement["Resource"], statement["Condition"]["StringEquals"]["kms:ViaService"])
            for statement in statements
            if "Condition" in statement
        }

    s3copy("setup", *ADOPT, expect=0)
    assert granted() == {
        "DecryptSource": (source_key, f"s3.{REGION}.amazonaws.com"),
        "EncryptCopies": (archive_key, f"s3.{ELSEWHERE}.amazonaws.com"),
    }
    s3copy("setup", "--kms-key-id", "alias/copies", expect=0)
    assert granted()["EncryptCopies"] == (copies_key, f"s3.{ELSEWHERE}.amazonaws.com")
    # A key of the pipeline's own Region is none of the destination's.
    (problem,) = s3copy("setup", "--kms-key-id", source_key, "--json", expect=2).envelope["errors"]
    assert ELSEWHERE in problem["message"]


def test_a_region_that_was_garbled_by_hand_is_put_right(s3copy: Run, buckets: None) -> None:
    s3copy("setup", *ADOPT, expect=0)
    boto3.client("lambda", region_name=REGION).update_function_configuration(
        FunctionName="s3copy", Environment={"Variables": {**variables(), "S3COPY_DESTINATION_REGION": "the moon"}}
    )
    assert s3copy("verify", "--wait", "0", "--json", expect=0).data["destination_bucket"] == ARCHIVE
    repaired = s3copy("setup", "--json", expect=0).data
    assert [step["resource"] for step in repaired["steps"] if step["action"] == "update"] == ["function"]
    assert variables()["S3COPY_DESTINATION_REGION"] == ELSEWHERE


def test_notifications_with_parts_that_the_sdk_does_not_know_are_not_written(
    s3copy: Run, buckets: None, write_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def add_part(response_dict: dict[str, Any], **_: Any) -> None:
        end = b"</NotificationConfiguration>"
        assert end in response_dict["body"]
        response_dict["body"] = response_dict["body"].replace(end, b"<Webhook><Url>u</Url></Webhook>" + end)

    with_write_calls = boto3.Session.__init__

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        with_write_calls(self, *arguments, **keywords)
        self.events.register("before-parse.s3.GetBucketNotificationConfiguration", add_part)

    monkeypatch.setattr(boto3.Session, "__init__", with_hook)
    write_calls.clear()
    (problem,) = s3copy("setup", *ADOPT, "--json", expect=1).envelope["errors"]
    assert problem["code"] == "UnreadableNotifications"
    assert "Webhook" in problem["message"]
    assert "boto3" in problem["hint"]
    assert write_calls == []
