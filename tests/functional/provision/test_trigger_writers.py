"""Event source mappings, queues and rules as AWS treats them: its states and refusals, by Stubber."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError, S3CopyError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.choices import Choices, record_attributes
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.desired import desired_state, function_environment
from s3copy_cli.provision.execute import Executor
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.plan import Action, Change, Plan, Step
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.record import Record
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.settings import Settings
from s3copy_cli.provision.triggers import reading
from s3copy_cli.provision.triggers.removing import TriggerRemover
from s3copy_cli.provision.triggers.writing import ensure_mapping, ensure_rule, ensure_rule_target, hand_over

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")
LISTED = {"EventSourceArn": PIPELINE.event_queue_arn}
UUID = "11111111-1111-1111-1111-111111111111"
CREATE = Step(Kind.EVENT_SOURCE_MAPPING, "s3copy-events", Action.CREATE)


class Here:
    """Stubbed clients, and a clock that only moves when somebody sleeps."""

    def __init__(self, trigger: str = "sqs") -> None:
        session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
        self.aws = Aws(session=session, region="eu-west-1")
        self.lambda_, self.sqs, self.events = (
            Stubber(client) for client in (self.aws.lambda_, self.aws.sqs, self.aws.events)
        )
        for stubber in (self.lambda_, self.sqs, self.events):
            stubber.activate()
        self.now = 0.0
        self.said: list[str] = []
        patience = Patience(lambda: self.now, self.sleep, 30.0)
        package = Package(content=b"zip", code_sha256="c2hh")
        desired = desired_state(PIPELINE, package, Choices(settings=Settings(trigger=trigger)))
        self.context = Context(self.aws, desired, patience, self.said.append)
        self.remover = TriggerRemover(self.aws, PIPELINE, patience)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def mappings(self, *found: dict[str, Any]) -> None:
        """The next listing."""
        listed = [{"FunctionArn": PIPELINE.function_arn, **mapping} for mapping in found]
        self.lambda_.add_response("list_event_source_mappings", {"EventSourceMappings": listed}, LISTED)

    def state(self, *states: str) -> None:
        """The next looks at the mapping."""
        for state in states:
            self.lambda_.add_response("get_event_source_mapping", {"UUID": UUID, "State": state}, {"UUID": UUID})

    def load(self, *counts: tuple[int, int, int]) -> None:
        """The next looks at the event queue: waiting, in flight, delayed."""
        suffixes = ("", "NotVisible", "Delayed")
        for each in counts:
            attributes = {
                f"ApproximateNumberOfMessages{suffix}": str(n) for suffix, n in zip(suffixes, each, strict=True)
            }
            self.sqs.add_response("get_queue_url", {"QueueUrl": "u"})
            self.sqs.add_response("get_queue_attributes", {"Attributes": attributes})

    def done(self) -> None:
        """Every expected call was made."""
        for stubber in (self.lambda_, self.sqs, self.events):
            stubber.assert_no_pending_responses()


@pytest.fixture
def here() -> Here:
    return Here()


def created(here: Here) -> None:
    expected = {
        "EventSourceArn": PIPELINE.event_queue_arn,
        "FunctionName": "s3copy",
        "Tags": ANY,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "ScalingConfig": {"MaximumConcurrency": 10},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "Enabled": True,
    }
    here.lambda_.add_response("create_event_source_mapping", {"UUID": UUID, "State": "Creating"}, expected)


def test_a_mapping_is_created_and_waited_for(here: Here) -> None:
    here.mappings()
    created(here)
    here.state("Creating", "Creating", "Enabled")
    ensure_mapping(here.context, CREATE)
    here.done()
    assert here.now > 0


def test_a_role_that_may_not_take_events_yet_is_waited_for(here: Here) -> None:
    here.mappings()
    message = "The provided execution role does not have permissions to call ReceiveMessage on SQS"
    here.lambda_.add_client_error("create_event_source_mapping", "InvalidParameterValueException", message)
    created(here)
    here.state("Enabled")
    ensure_mapping(here.context, CREATE)
    here.done()
    assert "ReceiveMessage" in here.said[0]


def test_a_mapping_of_another_setup_is_taken_over(here: Here) -> None:
    here.mappings()
    here.lambda_.add_client_error("create_event_source_mapping", "ResourceConflictException", "already exists")
    here.mappings({"UUID": UUID, "State": "Creating"})
    here.state("Enabled")
    ensure_mapping(here.context, CREATE)
    here.done()


def test_a_mapping_that_is_still_being_deleted_is_waited_for(here: Here) -> None:
    for _ in range(2):
        here.mappings({"UUID": UUID, "State": "Deleting"})
        here.lambda_.add_client_error("create_event_source_mapping", "ResourceConflictException", "already exists")
    here.mappings()
    created(here)
    here.state("Enabled")
    ensure_mapping(here.context, CREATE)
    here.done()


def test_of_two_mappings_one_is_kept_and_put_right(here: Here) -> None:
    other = UUID.replace("1", "2")
    here.mappings({"UUID": other, "State": "Enabled"}, {"UUID": UUID, "State": "Enabled"})
    here.lambda_.add_client_error("delete_event_source_mapping", "ResourceInUseException", "in use")
    here.lambda_.add_response("delete_event_source_mapping", {}, {"UUID": other})
    here.lambda_.add_response("update_event_source_mapping", {})
    here.state("Updating", "Enabled")
    changes = (Change(names.DUPLICATES, 1, None), Change(names.BATCH_SIZE, 1, 10))
    ensure_mapping(here.context, Step(CREATE.kind, CREATE.name, Action.UPDATE, changes=changes))
    here.done()


def test_a_mapping_that_does_not_get_enabled_is_an_error(here: Here) -> None:
    here.mappings({"UUID": UUID, "State": "Creating"})
    here.state(*["Creating"] * 80)
    with pytest.raises(AwsError, match="its state is pending"):
        ensure_mapping(here.context, CREATE)
    # Patience for anything else is 30 seconds.
    assert 110 < here.now <= 120


@pytest.mark.parametrize(
    "message",
    [
        # SQS takes up to a minute to tell everybody of a longer visibility timeout.
        "Queue visibility timeout: 60 seconds is less than Function timeout: 900 seconds",
        (
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist for this wsdl version."
        ),
    ],
)
def test_a_queue_that_lambda_does_not_see_as_it_is_yet_is_waited_for(here: Here, message: str) -> None:
    here.mappings()
    here.lambda_.add_client_error("create_event_source_mapping", "InvalidParameterValueException", message)
    created(here)
    here.state("Enabled")
    ensure_mapping(here.context, CREATE)
    here.done()
    assert message in here.said[0]


def test_a_filter_on_the_mapping_is_drift_because_it_would_lose_events(here: Here) -> None:
    pattern = '{"body": {"Records": {"s3": {"bucket": {"name": ["other"]}}}}}'
    here.mappings({"UUID": UUID, "State": "Enabled", "FilterCriteria": {"Filters": [{"Pattern": pattern}]}})
    found = reading.read_mapping(here.aws, PIPELINE)
    wanted = here.context.desired.resources[Kind.EVENT_SOURCE_MAPPING]
    assert found.attributes[names.FILTERS] == [pattern]
    assert names.FILTERS not in wanted.attributes
    here.mappings({"UUID": UUID, "State": "Enabled"})
    expected = {
        "UUID": UUID,
        "FunctionName": "s3copy",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "ScalingConfig": {"MaximumConcurrency": 10},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "Enabled": True,
        "FilterCriteria": {},
    }
    here.lambda_.add_response("update_event_source_mapping", {}, expected)
    here.state("Enabled")
    change = Change(names.FILTERS, [pattern], None)
    ensure_mapping(here.context, Step(CREATE.kind, CREATE.name, Action.UPDATE, changes=(change,)))
    here.done()


def test_a_rule_that_another_setup_changes_at_this_moment_is_waited_for() -> None:
    here = Here("eventbridge")
    here.events.add_client_error("put_rule", "ConcurrentModificationException")
    here.events.add_response("put_rule", {})
    ensure_rule(here.context, Step(Kind.RULE, "s3copy-copy", Action.UPDATE))
    here.done()


def test_a_mapping_goes_when_lambda_lets_it_and_is_waited_for(here: Here) -> None:
    here.mappings({"UUID": UUID, "State": "Updating"})
    here.lambda_.add_client_error("delete_event_source_mapping", "ResourceInUseException", "in use")
    here.lambda_.add_response("delete_event_source_mapping", {}, {"UUID": UUID})
    here.mappings({"UUID": UUID, "State": "Deleting"})
    here.mappings()
    here.remover.remove_mapping()
    here.done()


def test_a_queue_that_gets_emptier_is_waited_for(here: Here) -> None:
    # Longer in all than patience lasts.
    here.load(*[(n, 1, 0) for n in range(80, 0, -1)], (0, 0, 0), (0, 1, 0), (0, 0, 0), (0, 0, 0))
    here.remover.wait_until_drained()
    here.done()


def test_a_queue_that_does_not_get_emptier_stays(here: Here) -> None:
    here.load(*[(0, 3, 0)] * 70)
    with pytest.raises(AwsError, match="still holds 3 events") as caught:
        here.remover.wait_until_drained()
    assert caught.value.code == "QueueNotEmpty"


def test_a_queue_that_is_gone_is_empty(here: Here) -> None:
    here.sqs.add_client_error("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
    here.remover.wait_until_drained()
    here.done()


def recorded(here: Here, trigger: str = "", bucket: str = PIPELINE.source_bucket, times: int = 1) -> None:
    """What the function says the next times was chosen; what this run has chosen unless told otherwise."""
    choices = Choices(settings=Settings(trigger=trigger or here.context.desired.settings.trigger))
    variables = {**function_environment(PIPELINE, choices), "S3COPY_SOURCE_BUCKET": bucket}
    for _ in range(times):
        here.lambda_.add_response("get_function_configuration", {"Environment": {"Variables": variables}})


def execute(here: Here, *kinds: Kind) -> None:
    """Another trigger has been chosen: these go."""
    steps = tuple(Step(kind, PIPELINE.event_queue_name, Action.DELETE) for kind in kinds)
    context = here.context
    record = Record(here.aws, PIPELINE, record_attributes(function_environment(PIPELINE, context.desired.choices)))
    Executor(here.aws, context.desired, record, context.patience, lambda _: None, here.said.append).execute(Plan(steps))


def test_a_queue_that_nothing_takes_from_is_not_deleted_with_what_it_holds(here: Here) -> None:
    # Somebody deleted the mapping, so that only the queue is left to be removed.
    here.load(*[(2, 0, 0)] * 70)
    recorded(here, times=70)
    with pytest.raises(AwsError, match=r"still holds 2 events.*nothing takes them") as caught:
        execute(here, Kind.EVENT_QUEUE)
    assert caught.value.code == "QueueNotEmpty"
    assert "--trigger sqs" in caught.value.hint


def test_an_event_that_comes_late_keeps_its_queue() -> None:
    here = Here("s3")
    recorded(here)
    here.mappings({"UUID": UUID, "State": "Enabled"})
    here.load((0, 0, 0), (0, 0, 0))
    recorded(here, times=2)
    here.mappings()
    here.load(*[(1, 0, 0)] * 70)
    recorded(here, times=70)
    with pytest.raises(AwsError, match="still holds 1 events"):
        execute(here, Kind.EVENT_SOURCE_MAPPING, Kind.EVENT_QUEUE)


def test_a_mapping_that_was_switched_off_is_switched_on_to_empty_the_queue() -> None:
    here = Here("s3")
    recorded(here)
    here.mappings({"UUID": UUID, "State": "Disabled"})
    here.lambda_.add_client_error("update_event_source_mapping", "ResourceInUseException", "in use")
    recorded(here)
    here.lambda_.add_response("update_event_source_mapping", {}, {"UUID": UUID, "Enabled": True})
    here.load((5, 0, 0), (0, 0, 0), (0, 0, 0))
    recorded(here, times=3)
    here.mappings()
    recorded(here)
    execute(here, Kind.EVENT_SOURCE_MAPPING)
    here.done()


@pytest.mark.parametrize(
    ("trigger", "bucket", "chosen"),
    [
        ("sqs", PIPELINE.source_bucket, r"trigger sqs \(not s3\)"),
        ("s3", "another", r"S3COPY_SOURCE_BUCKET another \(not s3copy-source-"),
    ],
)
def test_what_another_setup_has_chosen_meanwhile_is_not_removed(trigger: str, bucket: str, chosen: str) -> None:
    # The hand-over takes five minutes, and so may the drain: somebody has gone back.
    here = Here("s3")
    recorded(here)
    here.mappings({"UUID": UUID, "State": "Enabled"})
    here.load((0, 0, 0), (0, 0, 0))
    recorded(here)
    recorded(here, trigger, bucket)
    with pytest.raises(S3CopyError, match=chosen) as caught:
        execute(here, Kind.EVENT_SOURCE_MAPPING, Kind.EVENT_QUEUE)
    assert caught.value.code == "ChosenOtherwise"
    here.done()


def test_the_old_permission_stays_if_another_setup_has_gone_back(here: Here) -> None:
    recorded(here, "s3")
    with pytest.raises(S3CopyError, match="trigger s3"):
        execute(here, Kind.PERMISSION)
    here.done()


def test_a_target_that_eventbridge_does_not_take_is_an_error() -> None:
    here = Here("eventbridge")
    failed = {"TargetId": "s3copy-copy", "ErrorCode": "LimitExceeded", "ErrorMessage": "too many"}
    here.events.add_client_error("put_targets", "ConcurrentModificationException")
    here.events.add_response("put_targets", {"FailedEntryCount": 1, "FailedEntries": [failed]})
    with pytest.raises(AwsError, match="too many"):
        ensure_rule_target(here.context, Step(Kind.RULE_TARGET, "s3copy-copy", Action.CREATE))
    here.done()


def test_the_hand_over_counts_down(here: Here) -> None:
    hand_over(here.context)
    assert here.now == 300
    assert len(here.said) == 10
    assert "300 seconds left" in here.said[0]
    assert "30 seconds left" in here.said[-1]
