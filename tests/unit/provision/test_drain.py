"""Waiting until the copies that are under way have ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from s3copy_cli.aws import Aws
from s3copy_cli.provision.drain import (
    MAX_PAGES,
    Activity,
    Drained,
    DrainLimits,
    InvocationLog,
    Watch,
    drain,
)

LIMITS = DrainLimits(recent=120, quiet=10, most=60, pause=2)
IDLE = Activity()


@dataclass
class Scene:
    """What is seen, look by look (the last for ever), and a clock that only sleeping moves."""

    seen: list[Activity | str]
    now: float = 0.0
    looks: int = 0
    said: list[str] = field(default_factory=list)

    def look(self) -> Activity:
        activity = self.seen[min(self.looks, len(self.seen) - 1)]
        self.looks += 1
        if isinstance(activity, str):
            raise ClientError({"Error": {"Code": activity, "Message": "no"}}, "FilterLogEvents")
        return activity

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def drain(self) -> Drained:
        return drain(self.look, LIMITS, clock=lambda: self.now, sleep=self.sleep, say=self.said.append)


def test_where_nothing_happened_lately_it_is_one_look() -> None:
    scene = Scene([IDLE])
    assert scene.drain() == Drained(0.0)
    assert (scene.looks, scene.said) == (1, [])


def test_after_the_last_copy_it_stays_quiet_for_a_while() -> None:
    scene = Scene([Activity(news=4), Activity(news=1), IDLE])
    assert scene.drain() == Drained(12.0), "ten seconds after the last news, which came after two"
    assert "a moment ago" in scene.said[0]
    assert "--no-drain" in scene.said[0]


@pytest.mark.parametrize(
    ("activity", "words"), [(Activity(under_way=3), "3 invocations"), (Activity(queued=2), "2 ev")]
)
def test_what_is_under_way_is_waited_for_however_quiet_it_is(activity: Activity, words: str) -> None:
    scene = Scene([activity] * 20 + [IDLE])
    assert scene.drain() == Drained(40.0)
    assert words in scene.said[0]
    assert len(scene.said) == 3, "said again every 15 seconds"


def test_it_is_given_up_and_told_what_is_left() -> None:
    scene = Scene([Activity(under_way=1)])
    assert scene.drain() == Drained(60.0, "1 invocations are under way")


def test_who_may_not_look_does_not_wait() -> None:
    drained = Scene(["AccessDeniedException"]).drain()
    assert drained.waited_seconds == 0
    assert "logs:FilterLogEvents" in drained.problem


def test_any_other_refusal_is_an_error() -> None:
    with pytest.raises(ClientError):
        Scene(["ThrottlingException"]).drain()


# The log


def test_an_invocation_is_under_way_from_its_start_to_its_report_in_any_order_and_told_twice() -> None:
    log = InvocationLog()
    assert log.add(["REPORT RequestId: aa-1\tDuration: 1 ms", "START RequestId: bb-2 Version: $LATEST", "other"]) == 2
    assert log.under_way == 1
    assert log.add(["START RequestId: aa-1 Version: $LATEST", "START RequestId: bb-2 Version: $LATEST"]) == 1
    assert log.under_way == 1
    assert log.add(["END RequestId: bb-2", "REPORT RequestId: bb-2"]) == 1
    assert log.under_way == 0


@pytest.fixture
def watch() -> Watch:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
    return Watch(Aws(session=session, region="eu-west-1"), "/aws/lambda/s", "", 900.0, LIMITS, now=lambda: 10_000.0)


def events(*messages: str) -> dict[str, object]:
    return {"events": [{"message": message} for message in messages]}


def test_old_starts_tell_what_is_under_way_and_are_no_news(watch: Watch) -> None:
    bounds = {"logGroupName": "/aws/lambda/s", "filterPattern": "RequestId"}
    with Stubber(watch.aws.logs) as logs:
        logs.add_response(
            "filter_log_events", events("START RequestId: a"), {**bounds, "startTime": 9_100_000, "endTime": 9_880_000}
        )
        logs.add_response("filter_log_events", events(), {**bounds, "startTime": 9_880_000})
        assert watch() == Activity(under_way=1)
        logs.add_response("filter_log_events", events("REPORT RequestId: a"), {**bounds, "startTime": 9_970_000})
        assert watch() == Activity(news=1)
        logs.assert_no_pending_responses()


def test_a_log_group_that_is_gone_says_nothing(watch: Watch) -> None:
    with Stubber(watch.aws.logs) as logs:
        for _ in range(2):
            logs.add_client_error("filter_log_events", "ResourceNotFoundException")
        assert watch() == IDLE


def test_more_than_can_be_read_is_busy(watch: Watch) -> None:
    with Stubber(watch.aws.logs) as logs:
        logs.add_response("filter_log_events", events())
        for number in range(MAX_PAGES):
            logs.add_response("filter_log_events", {**events(), "nextToken": str(number)})
        assert watch() == Activity(news=1)
        logs.assert_no_pending_responses()


def test_events_in_the_queue_count_visible_or_not(watch: Watch) -> None:
    watch.queue_name = "q"
    with Stubber(watch.aws.logs) as logs, Stubber(watch.aws.sqs) as sqs:
        for _ in range(2):
            logs.add_response("filter_log_events", events())
        sqs.add_response("get_queue_url", {"QueueUrl": "u"}, {"QueueName": "q"})
        counts = {"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "2"}
        sqs.add_response("get_queue_attributes", {"Attributes": counts}, {"QueueUrl": "u", "AttributeNames": ANY})
        assert watch() == Activity(queued=3)
        logs.add_response("filter_log_events", events())
        sqs.add_client_error("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
        assert watch() == IDLE
