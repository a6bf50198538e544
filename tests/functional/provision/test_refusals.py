"""What AWS refuses and the emulators accept, by answers in the shape that AWS documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from s3copy_cli.aws_errors import translate_errors
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError, CredentialsError, OwnershipError, S3CopyError
from s3copy_cli.provision import bucket_reader, remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.plan import Action, Change
from s3copy_cli.provision.queue_reader import read_dead_letter_queue
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.trigger_reader import read_notifications

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
ACTIVE = {"State": "Active", "LastUpdateStatus": "Successful"}
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"


def test_a_role_that_lambda_can_not_assume_yet_is_waited_for(world: Any) -> None:
    for _ in range(3):
        world.lambda_.add_client_error(
            "create_function",
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            http_status_code=400,
        )
    world.lambda_.add_response("create_function", {})
    world.lambda_.add_response("get_function_configuration", {"State": "Pending"})
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    world.take(Kind.FUNCTION)
    world.done()
    assert world.now > 1
    assert any("cannot be assumed" in line for line in world.said)


def test_a_role_that_stays_unusable_is_an_error_in_three_parts(world: Any) -> None:
    for _ in range(30):
        world.lambda_.add_client_error(
            "create_function",
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
        )
    dated = {"CreateDate": "2026-07-01", "RoleId": "AROA0123456789ABCDEF"}
    role = {"Path": "/", "RoleName": PIPELINE.role_name, "Arn": PIPELINE.role_arn, **dated}
    world.iam.add_response("get_role", {"Role": role})
    with pytest.raises(AwsError) as caught:
        world.take(Kind.FUNCTION)
    assert "creating the function s3copy" in caught.value.doing
    assert "cannot be assumed" in caught.value.happened
    assert "again" in caught.value.hint


def test_a_function_that_fails_to_start_says_why(world: Any) -> None:
    world.lambda_.add_response("create_function", {})
    world.lambda_.add_response("get_function_configuration", {"State": "Failed", "StateReason": "bad image"})
    with pytest.raises(AwsError, match="bad image"):
        world.take(Kind.FUNCTION)


def test_a_function_that_never_becomes_active_is_given_up(world: Any) -> None:
    world.lambda_.add_response("create_function", {})
    for _ in range(60):
        world.lambda_.add_response("get_function_configuration", {"State": "Pending"})
    with pytest.raises(AwsError, match="did not become active within 30 seconds"):
        world.take(Kind.FUNCTION)


def test_an_update_in_progress_is_waited_for(world: Any) -> None:
    world.lambda_.add_client_error(
        "put_function_event_invoke_config",
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: arn",
    )
    world.lambda_.add_client_error(
        "put_function_event_invoke_config",
        "InvalidParameterValueException",
        "The function's execution role does not have permissions to call SendMessage on arn:aws:sqs:…",
    )
    world.lambda_.add_response("put_function_event_invoke_config", {})
    world.take(Kind.ASYNC_INVOCATION)
    world.done()


def permission(source: str) -> dict[str, str]:
    """GetPolicy's answer, as Lambda words what AddPermission was told."""
    statement = {
        "Sid": PIPELINE.permission_id,
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": PIPELINE.function_arn,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": PIPELINE.account_id},
            "ArnLike": {"AWS:SourceArn": f"arn:aws:s3:::{source}"},
        },
    }
    return {"Policy": json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": [statement]})}


def refuse_duplicate(world: Any) -> None:
    message = f"The statement id ({PIPELINE.permission_id}) provided already exists."
    world.lambda_.add_client_error("add_permission", "ResourceConflictException", message)


def test_a_permission_that_another_setup_added_meanwhile_is_fine(world: Any) -> None:
    refuse_duplicate(world)
    world.lambda_.add_response("get_policy", permission(PIPELINE.source_bucket))
    world.take(Kind.PERMISSION)
    world.done()


def test_a_permission_that_was_removed_and_has_not_gone_everywhere_is_added_again(world: Any) -> None:
    for answer in (permission("another"), None):
        refuse_duplicate(world)
        if answer:
            world.lambda_.add_response("get_policy", answer)
        else:
            world.lambda_.add_client_error("get_policy", "ResourceNotFoundException")
    world.lambda_.add_response("add_permission", {})
    world.take(Kind.PERMISSION)
    assert world.now > 0
    world.done()


def test_a_function_that_lambda_does_not_see_yet_is_waited_for(world: Any) -> None:
    calls = {Kind.PERMISSION: "add_permission", Kind.ASYNC_INVOCATION: "put_function_event_invoke_config"}
    for kind, call in calls.items():
        world.lambda_.add_client_error(call, "ResourceNotFoundException", "Function not found")
        world.lambda_.add_response(call, {})
        world.take(kind)
    world.done()


def test_a_destination_that_s3_can_not_validate_yet_is_waited_for(world: Any) -> None:
    world.s3.add_response("get_bucket_notification_configuration", {})
    world.s3.add_client_error(
        "put_bucket_notification_configuration",
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    )
    world.s3.add_response("put_bucket_notification_configuration", {})
    world.take(Kind.TRIGGER)
    world.done()


def test_a_destination_that_stays_invalid_is_explained(world: Any) -> None:
    world.s3.add_response("get_bucket_notification_configuration", {})
    for _ in range(30):
        world.s3.add_client_error(
            "put_bucket_notification_configuration",
            "InvalidArgument",
            "Unable to validate the following destination configurations",
        )
    with pytest.raises(AwsError) as caught:
        world.take(Kind.TRIGGER)
    assert "Unable to validate" in caught.value.happened
    assert "Entries of others" in caught.value.hint


def test_a_bucket_name_that_somebody_else_owns(world: Any) -> None:
    world.s3.add_client_error("head_bucket", "404")
    world.s3.add_client_error("create_bucket", "BucketAlreadyExists", "The requested bucket name is not available.")
    with pytest.raises(OwnershipError) as caught:
        world.take(Kind.SOURCE_BUCKET)
    assert "another account" in caught.value.happened
    assert "--name" in caught.value.hint


def test_a_bucket_that_is_still_being_deleted_is_waited_for_and_created_with_our_tag(world: Any) -> None:
    world.s3.add_client_error("head_bucket", "404")
    world.s3.add_client_error("create_bucket", "OperationAborted", "A conflicting conditional operation …")
    world.s3.add_response(
        "create_bucket",
        {},
        {
            "Bucket": PIPELINE.source_bucket,
            "BucketNamespace": "account-regional",
            "CreateBucketConfiguration": {
                "LocationConstraint": "eu-west-1",
                "Tags": [{"Key": "s3copy:pipeline", "Value": "s3copy"}],
            },
        },
    )
    tags = {"TagSet": [{"Key": "s3copy:pipeline", "Value": "s3copy"}]}
    owned = {"Bucket": PIPELINE.source_bucket, "ExpectedBucketOwner": "123456789012"}
    world.s3.add_response("get_bucket_tagging", tags, owned)
    # A new bucket on AWS already is private, owner-enforced and encrypted: only the lifecycle rule is missing.
    world.s3.add_response("head_bucket", {}, owned)
    world.s3.add_response("get_bucket_tagging", tags, owned)
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    world.s3.add_response(
        "get_public_access_block", {"PublicAccessBlockConfiguration": dict.fromkeys(flags, True)}, owned
    )
    world.s3.add_response(
        "get_bucket_ownership_controls",
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        owned,
    )
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    world.s3.add_response("get_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}, owned)
    world.s3.add_client_error("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
    world.s3.add_response("get_bucket_versioning", {}, owned)
    world.s3.add_client_error("get_bucket_policy", "NoSuchBucketPolicy")
    world.s3.add_client_error("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
    world.s3.add_response("put_bucket_lifecycle_configuration", {}, {**owned, "LifecycleConfiguration": ANY})
    world.take(Kind.SOURCE_BUCKET)
    world.done()


def test_a_queue_name_that_rests_after_a_deletion_is_waited_for(world: Any) -> None:
    world.sqs.add_client_error("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
    for _ in range(4):
        world.sqs.add_client_error(
            "create_queue", "AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds …"
        )
    world.sqs.add_response("create_queue", {"QueueUrl": "u"})
    # It is not seen at once.
    world.sqs.add_client_error("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
    world.sqs.add_client_error("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
    world.queue_is(tags={"s3copy:pipeline": "s3copy"})
    world.take(Kind.DEAD_LETTER_QUEUE)
    world.done()
    assert any("60 seconds" in line for line in world.said)


def test_a_policy_for_a_role_that_is_not_visible_yet_is_repeated(world: Any) -> None:
    world.iam.add_client_error("put_role_policy", "NoSuchEntity", "The role with name … cannot be found.")
    world.iam.add_response("put_role_policy", {})
    world.take(Kind.ROLE_POLICY)
    world.done()


# What has to be answered before a step comes to the call that is refused.
BEFORE: dict[tuple[Kind, Action], Callable[[Any], None]] = {
    (Kind.SOURCE_BUCKET, Action.CREATE): lambda w: w.s3.add_client_error("head_bucket", "404"),
    (Kind.DEAD_LETTER_QUEUE, Action.CREATE): lambda w: w.sqs.add_client_error("get_queue_url", NO_QUEUE),
    (Kind.DEAD_LETTER_QUEUE, Action.UPDATE): lambda w: w.sqs.add_response("get_queue_url", {"QueueUrl": "u"}),
    (Kind.DEAD_LETTER_QUEUE, Action.DELETE): lambda w: w.sqs.add_response("get_queue_url", {"QueueUrl": "u"}),
    (Kind.SOURCE_BUCKET, Action.DELETE): lambda w: w.bucket_is(PIPELINE.tags),
    (Kind.SOURCE_BUCKET_POLICY, Action.CREATE): lambda w: w.s3.add_client_error(
        "get_bucket_policy", "NoSuchBucketPolicy"
    ),
    (Kind.TRIGGER, Action.CREATE): lambda w: w.s3.add_response("get_bucket_notification_configuration", {}),
    (Kind.TRIGGER, Action.DELETE): lambda w: w.s3.add_response(
        "get_bucket_notification_configuration",
        {
            "LambdaFunctionConfigurations": [
                {"Id": "s3copy-copy", "LambdaFunctionArn": PIPELINE.function_arn, "Events": ["s3:*"]}
            ]
        },
    ),
    (Kind.ROLE, Action.DELETE): lambda w: (
        w.iam.add_response("list_role_policies", {"PolicyNames": []}),
        w.iam.add_response("list_attached_role_policies", {"AttachedPolicies": []}),
    )[0],
}
CHANGES = {
    Kind.DEAD_LETTER_QUEUE: (Change(names.RETENTION_SECONDS, 60, 1_209_600),),
    Kind.LOG_GROUP: (Change(names.RETENTION_DAYS, 1, 30),),
    Kind.ROLE: (Change(names.TRUST, "old", "new"),),
}
CREATE, UPDATE, DELETE = Action.CREATE, Action.UPDATE, Action.DELETE


@pytest.mark.parametrize(
    ("service", "kind", "action", "operation", "permission"),
    [
        ("s3", Kind.SOURCE_BUCKET, CREATE, "head_bucket", "s3:ListBucket"),
        ("s3", Kind.SOURCE_BUCKET, CREATE, "create_bucket", "s3:CreateBucket"),
        ("s3", Kind.SOURCE_BUCKET_POLICY, CREATE, "put_bucket_policy", "s3:PutBucketPolicy"),
        ("s3", Kind.TRIGGER, CREATE, "put_bucket_notification_configuration", "s3:PutBucketNotification"),
        ("s3", Kind.TRIGGER, DELETE, "put_bucket_notification_configuration", "s3:PutBucketNotification"),
        ("s3", Kind.SOURCE_BUCKET, DELETE, "delete_bucket", "s3:DeleteBucket"),
        ("iam", Kind.ROLE, CREATE, "create_role", "iam:CreateRole"),
        ("iam", Kind.ROLE, UPDATE, "update_assume_role_policy", "iam:UpdateAssumeRolePolicy"),
        ("iam", Kind.ROLE_POLICY, CREATE, "put_role_policy", "iam:PutRolePolicy"),
        ("iam", Kind.ROLE_POLICY, DELETE, "delete_role_policy", "iam:DeleteRolePolicy"),
        ("iam", Kind.ROLE, DELETE, "delete_role", "iam:DeleteRole"),
        ("sqs", Kind.DEAD_LETTER_QUEUE, CREATE, "create_queue", "sqs:CreateQueue"),
        ("sqs", Kind.DEAD_LETTER_QUEUE, UPDATE, "set_queue_attributes", "sqs:SetQueueAttributes"),
        ("sqs", Kind.DEAD_LETTER_QUEUE, DELETE, "delete_queue", "sqs:DeleteQueue"),
        ("logs", Kind.LOG_GROUP, CREATE, "create_log_group", "logs:CreateLogGroup"),
        ("logs", Kind.LOG_GROUP, UPDATE, "put_retention_policy", "logs:PutRetentionPolicy"),
        ("logs", Kind.LOG_GROUP, DELETE, "delete_log_group", "logs:DeleteLogGroup"),
        ("lambda_", Kind.FUNCTION, CREATE, "create_function", "lambda:CreateFunction"),
        ("lambda_", Kind.FUNCTION, DELETE, "delete_function", "lambda:DeleteFunction"),
        ("lambda_", Kind.PERMISSION, CREATE, "add_permission", "lambda:AddPermission"),
        ("lambda_", Kind.PERMISSION, DELETE, "remove_permission", "lambda:RemovePermission"),
        (
            "lambda_",
            Kind.ASYNC_INVOCATION,
            CREATE,
            "put_function_event_invoke_config",
            "lambda:PutFunctionEventInvokeConfig",
        ),
    ],
)
def test_a_refusal_names_the_missing_permission(
    world: Any, service: str, kind: Kind, action: Action, operation: str, permission: str
) -> None:
    if operation != "head_bucket":
        BEFORE.get((kind, action), lambda _: None)(world)
    stub: Stubber = getattr(world, service)
    stub.add_client_error(operation, "AccessDenied", "User x is not authorized", http_status_code=403)
    error: Any
    if action is Action.DELETE:
        error = world.remove(kind).error
    elif operation == "head_bucket":
        # Whether it is theirs or only hidden cannot be told: it is not touched, and both are said after a second look.
        stub.add_client_error(operation, "AccessDenied", http_status_code=403)
        with pytest.raises(OwnershipError, match=permission):
            world.take(kind, action)
        return
    else:
        changes = CHANGES.get(kind, ()) if action is Action.UPDATE else ()
        with pytest.raises(AwsError) as caught:
            world.take(kind, action, changes=changes)
        error = caught.value
    assert permission in error.hint
    assert error.code == "AccessDenied"
    world.done()


READS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "s3:GetBucketTagging": (
        "s3",
        "get_bucket_tagging",
        lambda w: bucket_reader.read_bucket_ownership(w.aws, PIPELINE, B, "b"),
    ),
    "s3:GetBucketNotification": (
        "s3",
        "get_bucket_notification_configuration",
        lambda w: read_notifications(w.aws, PIPELINE, "b"),
    ),
    "s3:GetLifecycleConfiguration": (
        "s3",
        "get_bucket_lifecycle_configuration",
        lambda w: bucket_reader.lifecycle_configuration(w.aws, PIPELINE, "b"),
    ),
    "s3:GetBucketPolicy": ("s3", "get_bucket_policy", lambda w: bucket_reader.bucket_policy(w.aws, PIPELINE, "b")),
    "logs:DescribeLogGroups": ("logs", "describe_log_groups", lambda w: remote.read_log_group(w.aws, PIPELINE)),
    "sqs:GetQueueUrl": ("sqs", "get_queue_url", lambda w: read_dead_letter_queue(w.aws, PIPELINE)),
    "iam:GetRole": ("iam", "get_role", lambda w: remote.read_role(w.aws, PIPELINE)),
    "lambda:GetFunction": ("lambda_", "get_function", lambda w: remote.read_function(w.aws, PIPELINE)),
}
B = Kind.SOURCE_BUCKET


@pytest.mark.parametrize("permission", READS)
def test_who_may_not_look_is_told_which_permission_it_takes(world: Any, permission: str) -> None:
    service, operation, read = READS[permission]
    if operation == "get_bucket_tagging":
        world.s3.add_response("head_bucket", {})
    getattr(world, service).add_client_error(operation, "AccessDeniedException", "no", http_status_code=403)
    with pytest.raises(AwsError) as caught, translate_errors("reading"):
        read(world)
    assert permission in caught.value.hint
    world.done()


@pytest.mark.parametrize("code", ["Throttling", "TooManyRequestsException", "SlowDown", "ThrottlingException"])
@pytest.mark.parametrize(
    ("service", "kind", "operation"),
    [
        ("iam", Kind.ROLE, "create_role"),
        ("logs", Kind.LOG_GROUP, "create_log_group"),
        ("lambda_", Kind.FUNCTION, "create_function"),
        ("lambda_", Kind.PERMISSION, "add_permission"),
    ],
)
def test_throttling_that_outlasts_the_sdk_s_own_attempts_says_to_wait(
    world: Any, service: str, kind: Kind, operation: str, code: str
) -> None:
    getattr(world, service).add_client_error(operation, code, "Rate exceeded", http_status_code=429)
    with pytest.raises(AwsError) as caught:
        world.take(kind)
    assert "slow down" in caught.value.hint
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("kind", "operation", "answers"),
    [
        (Kind.FUNCTION, "update_function_configuration", {"get_function_configuration": ACTIVE}),
        (Kind.PERMISSION, "add_permission", {}),
        (Kind.ASYNC_INVOCATION, "put_function_event_invoke_config", {}),
    ],
)
def test_an_update_in_progress_is_waited_for_by_each_call(
    world: Any, kind: Kind, operation: str, answers: dict[str, Any]
) -> None:
    message = "The operation cannot be performed at this time. An update is in progress for resource: arn"
    for _ in range(2):
        world.lambda_.add_client_error(operation, "ResourceConflictException", message)
    world.lambda_.add_response(operation, {})
    for name, answer in answers.items():
        world.lambda_.add_response(name, answer)
    is_update = kind is Kind.FUNCTION
    changes = (Change(names.MEMORY, 128, 256),) if is_update else ()
    world.take(kind, Action.UPDATE if is_update else Action.CREATE, changes=changes)
    world.done()
    assert world.now > 0


def test_an_overlap_that_only_s3_sees_names_the_entries(world: Any) -> None:
    """An entry that appears between our look and our call."""
    theirs = {"Id": "theirs", "QueueArn": "arn:theirs", "Events": ["s3:ObjectCreated:Put"]}
    world.s3.add_response("get_bucket_notification_configuration", {})
    world.s3.add_client_error(
        "put_bucket_notification_configuration",
        "InvalidArgument",
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
        "overlapping for the same event type.",
    )
    world.s3.add_response("get_bucket_notification_configuration", {"QueueConfigurations": [theirs]})
    with pytest.raises(OwnershipError) as caught:
        world.take(Kind.TRIGGER)
    assert "theirs" in caught.value.happened
    assert caught.value.code == "TriggerOverlap"
    world.done()


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_refused_credentials_are_their_own_kind_of_error(world: Any, code: str) -> None:
    world.iam.add_client_error("create_role", code, "The security token included in the request is expired")
    with pytest.raises(CredentialsError) as caught:
        world.take(Kind.ROLE)
    assert int(caught.value.exit_code) == 4
    assert "--local" in caught.value.hint


def test_every_error_has_its_three_parts(world: Any) -> None:
    world.iam.add_client_error("create_role", "Throttling", "Rate exceeded", response_meta={"RequestId": "r-42"})
    with pytest.raises(S3CopyError) as caught:
        world.take(Kind.ROLE)
    assert caught.value.doing == "creating the role s3copy-eu-west-1"
    assert "r-42" in caught.value.happened
    assert "slow down" in caught.value.hint


def test_no_stub_answers_anything_unexpected(world: Any) -> None:
    """The fixture itself: a call that no test expected is an error, so the tests above can fail."""
    unexpected: Any = pytest.raises(Exception, match="Unexpected API Call")
    with unexpected:
        world.take(Kind.ROLE)
