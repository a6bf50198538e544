"""Each attribute that setup sets, and how a hand changes it: on moto, on the embedded AWS, and for a picture."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from s3copy_cli.config import Pipeline
from s3copy_cli.provision import resources as names

BOUNDARY = "arn:aws:iam::123456789012:policy/bound"
# What makes a client of boto3 by a service's name.
Clients = Callable[[str], Any]
Hand = Callable[[Clients, Pipeline], Any]


def queue_url(client: Clients, p: Pipeline) -> str:
    return str(client("sqs").get_queue_url(QueueName=p.queue_name)["QueueUrl"])


def variables(client: Clients, **changed: str) -> dict[str, str]:
    configuration = client("lambda").get_function_configuration(FunctionName="s3copy")
    return {**configuration["Environment"]["Variables"], **changed}


def configure(**settings: Any) -> Hand:
    return lambda client, p: client("lambda").update_function_configuration(FunctionName=p.function_name, **settings)


def set_variable(name: str, value: str) -> Hand:
    return lambda client, p: configure(Environment={"Variables": variables(client, **{name: value})})(client, p)


def other_code() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lambda_handler/handler.py", "def lambda_handler(event, context): pass\n")
    return buffer.getvalue()


def retag_bucket(tags: dict[str, str]) -> Callable[[Clients, str], Any]:
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    return lambda client, bucket: client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})


OURS = {"s3copy:pipeline": "s3copy", "team": "blue"}
RED = {"s3copy:pipeline": "s3copy", "team": "red"}
GONE = {"s3copy:pipeline": "s3copy", "team": None}
LISTED = {"s3copy:pipeline": "s3copy", "s3copy:tags": "team"}
ALWAYS = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
SOURCE, DESTINATION = ("source bucket", "destination bucket")
Expected = Any
# (resource, attribute) -> how a hand changes it; the plan's old and new value (... where another test looks at it).
BUCKET_CHANGES: dict[str, tuple[Callable[[Clients, str], Any], Expected, Expected]] = {
    names.PUBLIC_ACCESS: (
        lambda client, b: client("s3").delete_public_access_block(Bucket=b),
        "not blocked",
        "blocked",
    ),
    names.OBJECT_OWNERSHIP: (
        lambda client, b: client("s3").put_bucket_ownership_controls(
            Bucket=b, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        ),
        "ObjectWriter",
        "BucketOwnerEnforced",
    ),
    names.DEFAULT_ENCRYPTION: (lambda client, b: client("s3").delete_bucket_encryption(Bucket=b), None, "AES256"),
    names.ABORT_UPLOADS: (lambda client, b: client("s3").delete_bucket_lifecycle(Bucket=b), None, 7),
    names.VERSIONING: (
        lambda client, b: client("s3").put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Suspended"}),
        "Suspended",
        "Enabled",
    ),
    names.TAGS: (retag_bucket({**LISTED, "team": "red"}), RED, OURS),
}
CHANGES: dict[tuple[str, str], tuple[Hand, Expected, Expected]] = {
    **{
        (SOURCE, attribute): ((lambda client, p, change=change: change(client, p.source_bucket)), old, new)
        for attribute, (change, old, new) in BUCKET_CHANGES.items()
    },
    **{
        (DESTINATION, attribute): ((lambda client, p, change=change: change(client, p.destination_bucket)), old, new)
        for attribute, (change, old, new) in BUCKET_CHANGES.items()
    },
    ("source bucket policy", names.TLS_ONLY): (
        lambda client, p: client("s3").put_bucket_policy(
            Bucket=p.source_bucket,
            Policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Sid": "s3copyTlsOnly",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:PutObject",
                        "Resource": "*",
                    },
                }
            ),
        ),
        ...,
        ...,
    ),
    ("destination bucket policy", names.TLS_ONLY): (
        lambda client, p: client("s3").delete_bucket_policy(Bucket=p.destination_bucket),
        "missing",
        "create",
    ),
    ("log group", names.RETENTION_DAYS): (
        lambda client, p: client("logs").put_retention_policy(logGroupName=p.log_group, retentionInDays=1),
        1,
        30,
    ),
    ("log group", names.TAGS): (
        lambda client, p: client("logs").untag_resource(resourceArn=p.log_group_arn, tagKeys=["team"]),
        GONE,
        OURS,
    ),
    ("dead-letter queue", names.RETENTION_SECONDS): (
        lambda client, p: client("sqs").set_queue_attributes(
            QueueUrl=queue_url(client, p), Attributes={"MessageRetentionPeriod": "60"}
        ),
        60,
        1_209_600,
    ),
    ("dead-letter queue", names.QUEUE_ENCRYPTION): (
        lambda client, p: client("sqs").set_queue_attributes(
            QueueUrl=queue_url(client, p), Attributes={"SqsManagedSseEnabled": "false"}
        ),
        False,
        True,
    ),
    ("dead-letter queue", names.TAGS): (
        lambda client, p: client("sqs").untag_queue(QueueUrl=queue_url(client, p), TagKeys=["team"]),
        GONE,
        OURS,
    ),
    ("role", names.TRUST): (
        lambda client, p: client("iam").update_assume_role_policy(
            RoleName=p.role_name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [EC2]})
        ),
        [{**EC2, "Action": ["sts:AssumeRole"]}],
        [{"Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}],
    ),
    ("role", names.DESCRIPTION): (
        lambda client, p: client("iam").update_role_description(RoleName=p.role_name, Description="hands"),
        "hands",
        "s3copy pipeline s3copy: what its function may do",
    ),
    ("role", names.BOUNDARY): (
        lambda client, p: client("iam").delete_role_permissions_boundary(RoleName=p.role_name),
        None,
        BOUNDARY,
    ),
    ("role", names.TAGS): (
        lambda client, p: client("iam").tag_role(RoleName=p.role_name, Tags=[{"Key": "team", "Value": "red"}]),
        RED,
        OURS,
    ),
    ("role policy", names.DOCUMENT): (
        lambda client, p: client("iam").put_role_policy(
            RoleName=p.role_name, PolicyName=p.policy_name, PolicyDocument=ALWAYS
        ),
        [{"Action": ["*"], "Effect": "Deny", "Resource": ["*"]}],
        ...,
    ),
    ("function", names.CODE): (
        lambda client, p: client("lambda").update_function_code(FunctionName=p.function_name, ZipFile=other_code()),
        ...,
        ...,
    ),
    ("function", names.RUNTIME): (configure(Runtime="python3.12"), "python3.12", "python3.13"),
    ("function", names.HANDLER): (configure(Handler="a.b"), "a.b", "lambda_handler.handler.lambda_handler"),
    ("function", names.DESCRIPTION): (configure(Description="hands"), "hands", "s3copy pipeline s3copy"),
    ("function", names.ROLE): (
        lambda client, p: configure(Role=p.role_arn.replace("s3copy-eu", "other-eu"))(client, p),
        "arn:aws:iam::123456789012:role/other-eu-west-1",
        "arn:aws:iam::123456789012:role/s3copy-eu-west-1",
    ),
    ("function", names.TIMEOUT): (configure(Timeout=3), 3, 900),
    ("function", names.MEMORY): (configure(MemorySize=128), 128, 512),
    ("function", names.ENVIRONMENT): (set_variable("DEBUG", "1"), ..., ...),
    ("function", names.STORAGE_CLASS): (set_variable("S3COPY_STORAGE_CLASS", "not one"), "not one", "STANDARD"),
    ("function", names.KMS_KEY): (set_variable("S3COPY_KMS_KEY_ID", ""), ..., ...),
    ("function", names.PROPAGATE_DELETES): (set_variable("S3COPY_PROPAGATE_DELETES", "x"), ..., ...),
    ("function", names.SYNC_TAGS): (set_variable("S3COPY_SYNC_TAGS", "x"), "x", "off"),
    ("function", names.PREFIX): (set_variable("S3COPY_PREFIX", "x/"), ..., ...),
    ("function", names.SUFFIX): (set_variable("S3COPY_SUFFIX", ".x"), ..., ...),
    ("function", names.DESTINATION_PREFIX): (set_variable("S3COPY_DESTINATION_PREFIX", "x/"), ..., ...),
    ("function", names.SETTINGS): (set_variable("S3COPY_SETTINGS", "x"), ..., ...),
    ("function", names.TAGS): (
        lambda client, p: client("lambda").untag_resource(Resource=p.function_arn, TagKeys=["team"]),
        GONE,
        OURS,
    ),
    ("invoke permission", names.STATEMENT): (
        lambda client, p: (
            client("lambda").remove_permission(FunctionName=p.function_name, StatementId=p.permission_id),
            client("lambda").add_permission(
                FunctionName=p.function_name,
                StatementId=p.permission_id,
                Action="lambda:InvokeFunction",
                Principal="s3.amazonaws.com",
                SourceArn=p.bucket_arn("any"),
            ),
        ),
        ...,
        ...,
    ),
    ("trigger", names.EVENTS): (
        lambda client, p: client("s3").put_bucket_notification_configuration(
            Bucket=p.source_bucket,
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [
                    {
                        "Id": p.notification_id,
                        "LambdaFunctionArn": p.function_arn,
                        "Events": ["s3:ObjectCreated:Put"],
                    }
                ]
            },
        ),
        ["s3:ObjectCreated:Put"],
        ["s3:LifecycleExpiration:*", "s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    ),
}
# Changed one by one: what they are is what the choices are read from, so they change what is wanted, too.
CHOICES = {
    *(names.SETTINGS, names.KMS_KEY, names.PROPAGATE_DELETES),
    *(names.PREFIX, names.SUFFIX, names.DESTINATION_PREFIX),
}
