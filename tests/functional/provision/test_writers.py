"""Acting on what is there by now, and not on what the plan saw; by answers in the shape that AWS documents."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.stub import ANY

from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError, OvertakenError, OwnershipError
from s3copy_cli.provision import remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.bucket_reader import read_bucket
from s3copy_cli.provision.plan import Action, Change
from s3copy_cli.provision.resources import Kind

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
ROLE = {
    "Path": "/",
    "RoleName": PIPELINE.role_name,
    "RoleId": "AROA0123456789ABCDEF",
    "Arn": PIPELINE.role_arn,
    "CreateDate": datetime(2026, 7, 1, tzinfo=timezone.utc),
}
OURS = {"s3copy:pipeline": "s3copy"}
ACTIVE = {"State": "Active", "LastUpdateStatus": "Successful"}
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"


@pytest.mark.parametrize("tags", [{"s3copy:pipeline": "other"}, {"team": "x"}])
def test_a_bucket_that_us_east_1_only_said_to_create_is_left_alone(world: Any, tags: dict[str, str]) -> None:
    world.s3.add_client_error("head_bucket", "404")
    world.s3.add_response("create_bucket", {})
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    world.s3.add_response("get_bucket_tagging", {"TagSet": tag_set})
    with pytest.raises(OwnershipError) as caught:
        world.take(Kind.SOURCE_BUCKET)
    assert "creating the source bucket" in caught.value.doing
    world.done()


@pytest.mark.parametrize("tags", [{"s3copy:pipeline": "other"}, {}])
def test_a_bucket_that_appeared_after_the_look_is_tagged_only_by_who_created_it(
    world: Any, tags: dict[str, str]
) -> None:
    world.s3.add_client_error("head_bucket", "404")
    world.s3.add_client_error("create_bucket", "BucketAlreadyOwnedByYou")
    world.bucket_is(tags)
    with pytest.raises(OwnershipError):
        world.take(Kind.SOURCE_BUCKET)
    world.done()


def test_a_queue_that_create_queue_only_found_is_left_alone(world: Any) -> None:
    world.sqs.add_client_error("get_queue_url", NO_QUEUE)
    world.sqs.add_response("create_queue", {"QueueUrl": "u"})
    for _ in range(60):
        world.queue_is({"s3copy:pipeline": "other"})
    with pytest.raises(OwnershipError, match="its tag says s3copy:pipeline=other"):
        world.take(Kind.DEAD_LETTER_QUEUE)


@pytest.mark.parametrize("code", ["QueueAlreadyExists", "QueueNameExists"])
def test_a_queue_with_other_attributes_that_appeared_meanwhile(world: Any, code: str) -> None:
    world.sqs.add_client_error("get_queue_url", NO_QUEUE)
    world.sqs.add_client_error("create_queue", code)
    world.queue_is({})
    with pytest.raises(OwnershipError, match="has no tag"):
        world.take(Kind.DEAD_LETTER_QUEUE)
    world.done()


def test_what_exists_and_is_not_shown_is_not_written_to(world: Any) -> None:
    world.iam.add_client_error("create_role", "EntityAlreadyExists")
    for _ in range(60):
        world.iam.add_client_error("get_role", "NoSuchEntity")
    with pytest.raises(AwsError, match="exists already, and does not show it"):
        world.take(Kind.ROLE)


@pytest.mark.parametrize(
    ("attribute", "sent"),
    [
        (names.RETENTION_SECONDS, {"MessageRetentionPeriod": "1209600"}),
        (names.QUEUE_ENCRYPTION, {"SqsManagedSseEnabled": "true"}),
    ],
)
def test_of_a_queue_only_what_differs_is_sent(world: Any, attribute: str, sent: dict[str, str]) -> None:
    world.sqs.add_response("get_queue_url", {"QueueUrl": "u"})
    world.sqs.add_response("set_queue_attributes", {}, {"QueueUrl": "u", "Attributes": sent})
    world.take(Kind.DEAD_LETTER_QUEUE, Action.UPDATE, changes=(Change(attribute, 1, 2),))
    world.done()


@pytest.mark.parametrize("kept", [{"TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}, {}])
def test_what_s3_keeps_next_to_the_lifecycle_rules_is_written_back(world: Any, kept: dict[str, str]) -> None:
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "t/"}, "Expiration": {"Days": 1}}
    world.s3.add_response("get_bucket_lifecycle_configuration", {"Rules": [theirs], **kept})
    world.s3.add_response(
        "put_bucket_lifecycle_configuration",
        {},
        {"Bucket": ANY, "ExpectedBucketOwner": ANY, "LifecycleConfiguration": ANY, **kept},
    )
    world.take(Kind.SOURCE_BUCKET, Action.UPDATE, changes=(Change(names.ABORT_UPLOADS, None, 7),))
    world.done()


def test_a_bucket_that_goes_while_it_is_looked_at_is_missing(world: Any) -> None:
    world.s3.add_response("head_bucket", {})
    world.s3.add_client_error("get_bucket_tagging", "NoSuchBucket")
    assert [found.exists for found in read_bucket(world.aws, PIPELINE, Kind.SOURCE_BUCKET, "b")] == [False] * 2
    world.bucket_is(OURS)
    world.s3.add_client_error("get_public_access_block", "NoSuchBucket")
    assert [found.exists for found in read_bucket(world.aws, PIPELINE, Kind.SOURCE_BUCKET, "b")] == [False] * 2
    world.done()


def test_calls_that_meet_another_s_are_repeated(world: Any) -> None:
    world.iam.add_client_error("create_role", "ConcurrentModification")
    world.iam.add_response("create_role", {"Role": ROLE})
    world.take(Kind.ROLE)
    world.iam.add_client_error("update_assume_role_policy", "ConcurrentModification")
    world.iam.add_response("update_assume_role_policy", {})
    world.take(Kind.ROLE, Action.UPDATE, changes=(Change(names.TRUST, "old", "new"),))
    world.iam.add_client_error("put_role_policy", "ConcurrentModification")
    world.iam.add_response("put_role_policy", {})
    world.take(Kind.ROLE_POLICY)
    world.logs.add_client_error("create_log_group", "OperationAbortedException")
    world.logs.add_response("create_log_group", {})
    world.logs.add_client_error("put_retention_policy", "OperationAbortedException")
    world.logs.add_response("put_retention_policy", {})
    world.take(Kind.LOG_GROUP)
    world.done()


@pytest.mark.parametrize(
    ("kind", "arn"),
    [
        ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueArn"),
        ("TopicConfigurations", "TopicArn"),
    ],
)
def test_a_trigger_is_not_written_next_to_an_overlapping_one(world: Any, kind: str, arn: str) -> None:
    theirs = {"Id": "theirs", arn: "arn:theirs", "Events": ["s3:ObjectCreated:Put"]}
    world.s3.add_response("get_bucket_notification_configuration", {kind: [theirs]})
    with pytest.raises(OwnershipError) as caught:
        world.take(Kind.TRIGGER)
    assert "theirs" in caught.value.happened
    assert caught.value.code == "TriggerOverlap"
    world.done()


# The function's state


def state_change(old: str) -> tuple[Change, ...]:
    return (Change(names.STATE, old, names.STATE_ACTIVE),)


def test_a_function_that_is_pending_is_only_waited_for(world: Any) -> None:
    world.lambda_.add_response("get_function_configuration", {"State": "Active", "LastUpdateStatus": "InProgress"})
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    world.take(Kind.FUNCTION, Action.UPDATE, changes=state_change(names.STATE_PENDING))
    world.done()
    assert world.now > 0


def test_a_failed_update_is_sent_again(world: Any) -> None:
    world.lambda_.add_response("update_function_code", {})
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    world.lambda_.add_response("update_function_configuration", {})
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    world.take(Kind.FUNCTION, Action.UPDATE, changes=state_change(f"{names.STATE_UPDATE_FAILED}: why"))
    world.done()


def test_a_longer_timeout_waits_until_lambda_sees_that_of_the_queue(world: Any) -> None:
    # SQS takes up to a minute to tell everybody what has just been set.
    message = "Queue visibility timeout: 60 seconds is less than Function timeout: 900 seconds"
    world.lambda_.add_client_error("update_function_configuration", "InvalidParameterValueException", message)
    world.lambda_.add_response("update_function_configuration", {})
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    world.take(Kind.FUNCTION, Action.UPDATE, changes=(Change(names.TIMEOUT, 60, 900),))
    world.done()
    assert message in world.said[0]


def test_an_update_that_fails_is_an_error(world: Any) -> None:
    world.lambda_.add_response(
        "get_function_configuration",
        {"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no such key"},
    )
    with pytest.raises(AwsError, match="no such key"):
        world.take(Kind.FUNCTION, Action.UPDATE, changes=state_change(names.STATE_PENDING))


def test_a_function_that_is_being_deleted_is_waited_out_and_created(world: Any) -> None:
    world.lambda_.add_response("get_function_configuration", {"State": "Deleting"})
    world.lambda_.add_client_error("get_function_configuration", "ResourceNotFoundException")
    world.lambda_.add_response("create_function", {})
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    world.take(Kind.FUNCTION, changes=state_change(names.STATE_DELETING))
    world.done()
    assert any("being deleted" in line for line in world.said)


def test_a_function_that_somebody_is_deleting_since_the_plan_is_waited_out_and_created(world: Any) -> None:
    world.lambda_.add_client_error("create_function", "ResourceConflictException", "Function already exist: s3copy")
    configuration = {"FunctionArn": "arn", "State": "Deleting"}
    world.lambda_.add_response("get_function", {"Configuration": configuration, "Tags": OURS})
    world.lambda_.add_client_error("get_function_configuration", "ResourceNotFoundException")
    world.lambda_.add_response("create_function", {})
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    world.take(Kind.FUNCTION)
    world.done()


@pytest.mark.parametrize(
    ("configuration", "state", "obstacle"),
    [
        ({"State": "Active", "LastUpdateStatus": "InProgress"}, "pending", ""),
        (
            {"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "why"},
            "update failed: why",
            "",
        ),
        ({"State": "Failed", "StateReason": "why"}, "failed", "why"),
        ({"State": "Deleting"}, "deleting", ""),
    ],
)
def test_what_lambda_says_of_the_function_is_read(
    world: Any, configuration: dict[str, str], state: str, obstacle: str
) -> None:
    answer = {"Configuration": {"FunctionArn": "arn", **configuration}, "Tags": OURS}
    world.lambda_.add_response("get_function", answer)
    found = remote.read_function(world.aws, PIPELINE)
    assert (found.attributes[names.STATE], found.obstacle) == (state, obstacle)


def test_a_function_that_goes_while_it_is_looked_at_is_missing(world: Any) -> None:
    world.lambda_.add_response("get_function", {"Configuration": {"FunctionArn": "arn"}})
    world.lambda_.add_client_error("list_tags", "ResourceNotFoundException")
    assert not remote.read_function(world.aws, PIPELINE).exists


# Teardown next to another one


@pytest.mark.parametrize("kind", [Kind.SOURCE_BUCKET, Kind.DESTINATION_BUCKET])
@pytest.mark.parametrize("tags", [{}, {"s3copy:pipeline": "other"}])
def test_a_bucket_that_is_not_ours_any_more_is_not_emptied(world: Any, kind: Kind, tags: dict[str, str]) -> None:
    world.bucket_is(tags)
    removed = world.remove(kind)
    assert isinstance(removed.error, OwnershipError)
    assert "left as it is" in removed.error.happened
    assert world.emptied == []
    world.done()


def test_a_bucket_that_is_gone_already_is_done(world: Any) -> None:
    world.s3.add_client_error("head_bucket", "404")
    assert world.remove(Kind.SOURCE_BUCKET).error is None
    assert world.emptied == []


def test_a_bucket_that_goes_while_it_is_emptied_is_done(world: Any) -> None:
    world.bucket_is(OURS)
    world.s3.add_client_error("delete_bucket", "NoSuchBucket")
    gone = AwsError("listing", "ListObjectVersions answered NoSuchBucket", code="NoSuchBucket")
    assert world.remove(Kind.SOURCE_BUCKET, empty_error=gone).error is None
    world.done()


def test_any_other_failure_to_empty_is_reported(world: Any) -> None:
    world.bucket_is(OURS)
    denied = AwsError("listing", "no", code="AccessDenied")
    assert world.remove(Kind.SOURCE_BUCKET, empty_error=denied).error is denied


def test_a_role_that_goes_while_it_is_removed_is_done(world: Any) -> None:
    for operation in ("list_role_policies", "list_attached_role_policies", "delete_role"):
        world.iam.add_client_error(operation, "NoSuchEntity")
    assert world.remove(Kind.ROLE).error is None
    world.done()


def test_policies_that_go_meanwhile_and_a_busy_role_do_not_stop_its_removal(world: Any) -> None:
    world.iam.add_response("list_role_policies", {"PolicyNames": ["a", "b"]})
    attached = {"AttachedPolicies": [{"PolicyName": "p", "PolicyArn": "arn:aws:iam::aws:policy/p"}]}
    world.iam.add_response("list_attached_role_policies", attached)
    world.iam.add_client_error("delete_role_policy", "NoSuchEntity")
    world.iam.add_response("delete_role_policy", {})
    world.iam.add_client_error("detach_role_policy", "NoSuchEntity")
    world.iam.add_client_error("delete_role", "ConcurrentModification")
    world.iam.add_response("delete_role", {})
    assert world.remove(Kind.ROLE).error is None
    world.done()


def test_a_trigger_whose_bucket_goes_meanwhile_is_done(world: Any) -> None:
    ours = {"LambdaFunctionArn": PIPELINE.function_arn, "Events": ["s3:ObjectCreated:*"]}
    entry = {"Id": PIPELINE.notification_id, **ours}
    world.s3.add_response("get_bucket_notification_configuration", {"LambdaFunctionConfigurations": [entry]})
    world.s3.add_client_error("put_bucket_notification_configuration", "NoSuchBucket")
    assert world.remove(Kind.TRIGGER).error is None
    world.done()


def test_a_queue_is_gone_only_when_sqs_says_so(world: Any) -> None:
    world.sqs.add_response("get_queue_url", {"QueueUrl": "u"})
    world.sqs.add_response("delete_queue", {})
    for _ in range(3):
        world.sqs.add_response("get_queue_url", {"QueueUrl": "u"})
    world.sqs.add_client_error("get_queue_url", NO_QUEUE)
    assert world.remove(Kind.DEAD_LETTER_QUEUE).error is None
    world.done()
    assert world.now > 0


def test_a_queue_that_does_not_go_is_reported(world: Any) -> None:
    world.sqs.add_response("get_queue_url", {"QueueUrl": "u"})
    world.sqs.add_response("delete_queue", {})
    for _ in range(60):
        world.sqs.add_response("get_queue_url", {"QueueUrl": "u"})
    removed = world.remove(Kind.DEAD_LETTER_QUEUE)
    assert removed.error is not None
    assert "still there" in removed.error.happened


def test_a_function_that_another_teardown_is_deleting_is_waited_for(world: Any) -> None:
    world.lambda_.add_client_error(
        "delete_function", "ResourceConflictException", "The function is currently in the following state: Deleting"
    )
    world.lambda_.add_client_error("delete_function", "ResourceNotFoundException")
    for _ in range(2):
        world.lambda_.add_client_error("get_function_configuration", "ResourceNotFoundException")
    assert world.remove(Kind.FUNCTION).error is None
    world.done()


def test_a_function_that_is_there_again_stops_a_teardown(world: Any) -> None:
    world.lambda_.add_response("delete_function", {})
    world.lambda_.add_client_error("get_function_configuration", "ResourceNotFoundException")
    for _ in range(9):
        world.lambda_.add_response("get_function_configuration", ACTIVE)
    with pytest.raises(OvertakenError, match="set the pipeline up meanwhile") as caught:
        world.remove_all(Kind.FUNCTION, Kind.SOURCE_BUCKET)
    assert caught.value.code == "BuiltMeanwhile"
    assert world.emptied == []
    world.done()


def test_a_removed_function_that_an_endpoint_still_shows_stops_no_teardown(world: Any) -> None:
    world.lambda_.add_response("delete_function", {})
    world.lambda_.add_client_error("get_function_configuration", "ResourceNotFoundException")
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    for _ in range(2):
        world.lambda_.add_client_error("get_function_configuration", "ResourceNotFoundException")
    world.logs.add_response("delete_log_group", {})
    world.logs.add_response("describe_log_groups", {"logGroups": []})
    assert [one.error for one in world.remove_all(Kind.FUNCTION, Kind.LOG_GROUP)] == [None, None]
    world.done()


def test_a_new_function_that_an_endpoint_does_not_see_yet_is_looked_for_again(world: Any) -> None:
    world.lambda_.add_response("create_function", {})
    for _ in range(3):
        world.lambda_.add_client_error("get_function_configuration", "ResourceNotFoundException")
    world.lambda_.add_response("get_function_configuration", ACTIVE)
    world.take(Kind.FUNCTION)
    assert 0 < world.now < 10
    world.done()


def test_a_log_group_that_is_busy_is_waited_for(world: Any) -> None:
    world.logs.add_client_error("delete_log_group", "OperationAbortedException")
    world.logs.add_response("delete_log_group", {})
    world.logs.add_response("describe_log_groups", {"logGroups": []})
    assert world.remove(Kind.LOG_GROUP).error is None
    world.done()


def group_is_back(world: Any, tags: dict[str, str]) -> None:
    world.logs.add_response("delete_log_group", {})
    world.logs.add_response("describe_log_groups", {"logGroups": [{"logGroupName": PIPELINE.log_group}]})
    world.logs.add_response("list_tags_for_resource", {"tags": tags})


def test_a_log_group_that_a_late_line_brought_back_is_removed_again(world: Any) -> None:
    group_is_back(world, {})
    world.logs.add_response("delete_log_group", {})
    first, again = world.remove_all(Kind.LOG_GROUP)
    assert (first.error, again.error, again.step.reason) == (None, None, "it came back")
    world.done()


def test_a_log_group_that_a_setup_has_made_meanwhile_stays(world: Any) -> None:
    group_is_back(world, OURS)
    assert world.remove(Kind.LOG_GROUP).error is None
    world.done()
