"""What AWS refuses and the emulators accept, by answers in the shape that AWS documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError, CredentialsError, OwnershipError, S3CopyError
from s3copy_cli.provision.resources import Kind

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
ACTIVE = {"State": "Active", "LastUpdateStatus": "Successful"}


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


def test_a_permission_that_another_setup_added_meanwhile_is_fine(world: Any) -> None:
    world.lambda_.add_client_error(
        "add_permission",
        "ResourceConflictException",
        "The statement id (s3copy-source-bucket) provided already exists.",
    )
    world.take(Kind.PERMISSION)
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


@pytest.mark.parametrize(
    ("stub", "kind", "operation", "permission"),
    [
        (lambda w: w.s3, Kind.SOURCE_BUCKET, "create_bucket", "s3:CreateBucket"),
        (lambda w: w.iam, Kind.ROLE, "create_role", "iam:CreateRole"),
        (lambda w: w.iam, Kind.ROLE_POLICY, "put_role_policy", "iam:PutRolePolicy"),
        (lambda w: w.sqs, Kind.DEAD_LETTER_QUEUE, "create_queue", "sqs:CreateQueue"),
        (lambda w: w.lambda_, Kind.FUNCTION, "create_function", "lambda:CreateFunction"),
        (lambda w: w.lambda_, Kind.PERMISSION, "add_permission", "lambda:AddPermission"),
    ],
)
def test_a_refusal_names_the_missing_permission(
    world: Any, stub: Callable[[Any], Stubber], kind: Kind, operation: str, permission: str
) -> None:
    if kind is Kind.SOURCE_BUCKET:
        world.s3.add_client_error("head_bucket", "404")
    if kind is Kind.DEAD_LETTER_QUEUE:
        world.sqs.add_client_error("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
    stub(world).add_client_error(operation, "AccessDenied", "User x is not authorized", http_status_code=403)
    with pytest.raises(AwsError) as caught:
        world.take(kind)
    assert permission in caught.value.hint
    assert caught.value.code == "AccessDenied"


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
