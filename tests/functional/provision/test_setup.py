"""`s3copy setup` and `s3copy deploy` against the APIs in moto."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from s3copy_cli.config import Pipeline

Run = Callable[..., Any]
REGION = "eu-west-1"


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def actions(outcome: Any) -> dict[str, str]:
    return {step["resource"]: step["action"] for step in outcome.data["steps"]}


def test_setup_builds_everything_and_a_second_one_writes_nothing(s3copy: Run, write_calls: list[str]) -> None:
    first = s3copy("setup", "--json", expect=0)
    assert set(actions(first).values()) == {"create"}
    assert len(actions(first)) == 12
    assert first.data["changed"] is True
    assert "CreateFunction" in write_calls

    write_calls.clear()
    second = s3copy("setup", "--json", expect=0)
    assert set(actions(second).values()) == {"keep"}
    assert second.data["changed"] is False
    assert write_calls == []

    said = s3copy("setup", expect=0)
    assert "nothing to change" in said.stdout


def test_a_dry_run_prints_the_plan_and_writes_nothing(s3copy: Run, write_calls: list[str]) -> None:
    outcome = s3copy("setup", "--dry-run", expect=0)
    assert "12 to create" in outcome.stdout
    assert "Nothing was changed" in outcome.stdout
    assert "s3copy-source-123456789012-eu-west-1-an" in outcome.stdout
    assert write_calls == []


def test_the_buckets_have_what_they_ought_to_have(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    s3 = client("s3")
    for bucket in (pipeline.source_bucket, pipeline.destination_bucket):
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert block == dict.fromkeys(block, True)
        assert len(block) == 4
        rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        (lifecycle,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert lifecycle["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "s3copy:pipeline", "Value": "s3copy"}]
        (statement,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == REGION


def test_the_function_is_wired_as_it_ought_to_be(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    lambda_ = client("lambda")
    answer = lambda_.get_function(FunctionName="s3copy")
    variables = answer["Configuration"]["Environment"]["Variables"]
    assert variables == {
        "S3COPY_PIPELINE": "s3copy",
        "S3COPY_SOURCE_BUCKET": pipeline.source_bucket,
        "S3COPY_DESTINATION_BUCKET": pipeline.destination_bucket,
        "S3COPY_EXPECTED_BUCKET_OWNER": "123456789012",
        "S3COPY_SETTINGS": "{}",
    }
    assert answer["Configuration"]["Handler"] == "lambda_handler.handler.lambda_handler"
    invocation = lambda_.get_function_event_invoke_config(FunctionName="s3copy")
    assert invocation["DestinationConfig"]["OnFailure"]["Destination"] == pipeline.queue_arn
    assert invocation["MaximumRetryAttempts"] == 2
    (statement,) = json.loads(lambda_.get_policy(FunctionName="s3copy")["Policy"])["Statement"]
    assert statement["Condition"]["StringEquals"]["AWS:SourceAccount"] == "123456789012"
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == pipeline.bucket_arn(pipeline.source_bucket)
    (entry,) = client("s3").get_bucket_notification_configuration(Bucket=pipeline.source_bucket)[
        "LambdaFunctionConfigurations"
    ]
    assert entry["Events"] == ["s3:ObjectCreated:*"]
    assert entry["Id"] == "s3copy-copy"


DRIFT: dict[str, Callable[[Pipeline], Any]] = {
    "source bucket": lambda p: client("s3").delete_public_access_block(Bucket=p.source_bucket),
    "source bucket policy": lambda p: client("s3").delete_bucket_policy(Bucket=p.source_bucket),
    "destination bucket": lambda p: client("s3").delete_bucket_lifecycle(Bucket=p.destination_bucket),
    "destination bucket policy": lambda p: client("s3").put_bucket_policy(
        Bucket=p.destination_bucket, Policy='{"Version": "2012-10-17", "Statement": []}'
    ),
    "log group": lambda p: client("logs").put_retention_policy(logGroupName=p.log_group, retentionInDays=1),
    "dead-letter queue": lambda p: client("sqs").set_queue_attributes(
        QueueUrl=client("sqs").get_queue_url(QueueName=p.queue_name)["QueueUrl"],
        Attributes={"MessageRetentionPeriod": "60"},
    ),
    "role": lambda p: client("iam").update_assume_role_policy(
        RoleName=p.role_name,
        PolicyDocument='{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": '
        '{"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}}',
    ),
    "role policy": lambda p: client("iam").put_role_policy(
        RoleName=p.role_name,
        PolicyName=p.policy_name,
        PolicyDocument='{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}',
    ),
    "function": lambda p: client("lambda").update_function_configuration(FunctionName=p.function_name, Timeout=3),
    "async invocation": lambda p: client("lambda").delete_function_event_invoke_config(FunctionName=p.function_name),
    "invoke permission": lambda p: client("lambda").remove_permission(
        FunctionName=p.function_name, StatementId=p.permission_id
    ),
    "trigger": lambda p: client("s3").put_bucket_notification_configuration(
        Bucket=p.source_bucket, NotificationConfiguration={}
    ),
}


@pytest.mark.parametrize("resource", DRIFT)
def test_what_was_changed_by_hand_is_put_right_and_nothing_else(s3copy: Run, pipeline: Pipeline, resource: str) -> None:
    s3copy("setup", expect=0)
    DRIFT[resource](pipeline)
    repaired = s3copy("setup", "--json", expect=0)
    pending = {name: action for name, action in actions(repaired).items() if action != "keep"}
    assert set(pending) == {resource}
    assert set(actions(s3copy("setup", "--json", expect=0)).values()) == {"keep"}


def test_other_people_s_rules_statements_and_triggers_stay(s3copy: Run, pipeline: Pipeline) -> None:
    s3copy("setup", expect=0)
    s3, bucket = client("s3"), pipeline.source_bucket
    their_rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [their_rule]})
    their_statement = {
        "Sid": "Theirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObjectAcl",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [their_statement]}))
    queue = client("sqs").create_queue(QueueName="theirs")["QueueUrl"]
    queue_arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    their_entry = {"Id": "theirs", "QueueArn": queue_arn, "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [their_entry]},
    )

    s3copy("setup", expect=0)
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {rule["ID"] for rule in rules} == {"theirs", "s3copy-abort-incomplete-uploads"}
    statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert {statement["Sid"] for statement in statements} == {"Theirs", "s3copyTlsOnly"}
    configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert [entry["Id"] for entry in configuration["QueueConfigurations"]] == ["theirs"]
    assert [entry["Id"] for entry in configuration["LambdaFunctionConfigurations"]] == ["s3copy-copy"]


def test_deploy_updates_code_only_if_it_differs(s3copy: Run, write_calls: list[str]) -> None:
    s3copy("setup", expect=0)
    write_calls.clear()
    unchanged = s3copy("deploy", "--json", expect=0)
    assert unchanged.data["changed"] is False
    assert write_calls == []

    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lambda_handler/handler.py", "def lambda_handler(event, context): pass\n")
    client("lambda").update_function_code(FunctionName="s3copy", ZipFile=buffer.getvalue())
    write_calls.clear()
    changed = s3copy("deploy", "--json", expect=0)
    assert changed.data["changed"] is True
    assert write_calls == ["UpdateFunctionCode"]
    code = client("lambda").get_function(FunctionName="s3copy")["Configuration"]["CodeSha256"]
    assert code == changed.data["code_sha256"]
    assert s3copy("deploy", "--json", expect=0).data["changed"] is False


def test_deploy_updates_settings_without_sending_the_code(s3copy: Run, write_calls: list[str]) -> None:
    s3copy("setup", expect=0)
    client("lambda").update_function_configuration(FunctionName="s3copy", MemorySize=128)
    write_calls.clear()
    planned = s3copy("deploy", "--dry-run", expect=0)
    assert "memory MB: 128 -> 256" in planned.stdout
    assert write_calls == []
    s3copy("deploy", expect=0)
    assert write_calls == ["UpdateFunctionConfiguration"]


def test_deploy_before_setup_says_what_to_run(s3copy: Run, write_calls: list[str]) -> None:
    outcome = s3copy("deploy", expect=1)
    assert "s3copy setup" in outcome.stderr
    assert write_calls == []
    envelope = s3copy("deploy", "--json", "--name", "other", expect=1).envelope
    assert envelope["errors"][0]["code"] == "NotSetUp"
    assert "s3copy setup --name other" in envelope["errors"][0]["hint"]


def test_a_bucket_of_ours_that_lost_its_tag_is_not_touched(
    s3copy: Run, pipeline: Pipeline, write_calls: list[str]
) -> None:
    s3copy("setup", expect=0)
    client("s3").delete_bucket_tagging(Bucket=pipeline.source_bucket)
    write_calls.clear()
    outcome = s3copy("setup", expect=1)
    assert "has no tag s3copy:pipeline=s3copy" in outcome.stderr
    assert f"aws s3api put-bucket-tagging --bucket {pipeline.source_bucket}" in outcome.stderr
    assert write_calls == []

    # What the hint says to do works.
    client("s3").put_bucket_tagging(
        Bucket=pipeline.source_bucket, Tagging={"TagSet": [{"Key": "s3copy:pipeline", "Value": "s3copy"}]}
    )
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_two_pipelines_live_side_by_side(s3copy: Run) -> None:
    s3copy("setup", expect=0)
    other = s3copy("setup", "--name", "invoices", "--json", expect=0)
    assert set(actions(other).values()) == {"create"}
    assert s3copy("setup", "--json", expect=0).data["changed"] is False
    s3copy("teardown", "--name", "invoices", "--yes", expect=0)
    assert s3copy("setup", "--json", expect=0).data["changed"] is False


def test_each_step_is_said_on_stderr_and_the_result_on_stdout(s3copy: Run) -> None:
    outcome = s3copy("setup", expect=0)
    assert "+ trigger s3copy-copy" in outcome.stderr
    assert "12 created" in outcome.stdout
    assert "+ trigger" not in outcome.stdout
    quiet = s3copy("teardown", "--yes", "--quiet", expect=0)
    assert quiet.stderr == ""
    assert quiet.stdout
