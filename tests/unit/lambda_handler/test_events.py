from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lambda_handler.events import (
    Hint,
    Ignored,
    Refused,
    decode_notification_key,
    is_from_queue,
    iter_items,
    iter_messages,
)
from lambda_handler.options import Options
from lambda_handler.redelivery import Receipt, read_receipt

# The machine may be busy with other tests: how long one example takes says nothing.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SOURCE = "p-source"
SURROGATE = "\ud800"

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda key: len(key.encode()) <= 1024)


@unhurried
@given(keys)
@example("a b")
@example("a+b")
@example("100%")
@example("%2F")
@example("%252F")
@example("a//b")
@example("/lead")
@example("dir/")
@example("../up")
@example("\U0001f600/é")
@example("line\nbreak\r\t")
@example("\"quoted\" 'twice' \\")
@example("\x1b[31mred\x00")
@example("é" * 512)
def test_a_key_comes_back_as_it_was(key: str) -> None:
    assert decode_notification_key(quote_plus(key)) == key
    assert decode_notification_key(quote_plus(key, safe="/")) == key


def test_a_key_is_decoded_exactly_once() -> None:
    assert decode_notification_key("a%252Bb") == "a%2Bb"


@pytest.mark.parametrize("encoded", ["", "%FF", "%C3", "a" * 1025, "%C3%A9" * 513, SURROGATE])
def test_what_cannot_be_a_key_is_refused(encoded: str) -> None:
    with pytest.raises(ValueError, match=r"key|codec"):
        decode_notification_key(encoded)


def test_a_record_becomes_a_hint(record) -> None:
    items = list(iter_items({"Records": [record("my+file%281%29.csv")]}, SOURCE))
    event_time = datetime(2026, 1, 2, 3, 4, 0, 250_000, tzinfo=timezone.utc)
    assert items == [Hint("my file(1).csv", "v1", event_time, "ObjectCreated:Put")]


@pytest.mark.parametrize("name", ["Put", "Post", "Copy", "CompleteMultipartUpload"])
def test_every_way_to_create_an_object_is_followed(record, name: str) -> None:
    (item,) = iter_items({"Records": [record(eventName=f"ObjectCreated:{name}")]}, SOURCE)
    assert isinstance(item, Hint)


@pytest.mark.parametrize("time", [None, 5, "", "yesterday", "2026-13-01T00:00:00Z"])
def test_a_strange_time_does_not_stop_a_copy(record, time: object) -> None:
    (item,) = iter_items({"Records": [record(eventTime=time)]}, SOURCE)
    assert isinstance(item, Hint)
    assert item.event_time is None


@pytest.mark.parametrize(
    ("text", "hour"), [("2026-01-02T03:00:00Z", 3), ("2026-01-02T03:00:00+02:00", 1), ("2026-01-02T03:00:00", 3)]
)
def test_times_are_utc(record, text: str, hour: int) -> None:
    (item,) = iter_items({"Records": [record(eventTime=text)]}, SOURCE)
    assert isinstance(item, Hint)
    assert item.event_time == datetime(2026, 1, 2, hour, tzinfo=timezone.utc)
    assert item.event_time.tzinfo is timezone.utc


def test_an_object_without_version_has_none(record) -> None:
    plain = record()
    del plain["s3"]["object"]["versionId"]
    (item,) = iter_items({"Records": [plain]}, SOURCE)
    assert isinstance(item, Hint)
    assert item.version_id is None


def test_the_test_event_is_accepted() -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-02T03:04:05.000Z", "Bucket": SOURCE}
    (item,) = iter_items(event, SOURCE)
    assert isinstance(item, Ignored)
    assert item.event_name == "s3:TestEvent"


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "ObjectTagging:Put", "ObjectRestore:Completed"])
def test_other_kinds_of_events_are_ignored(record, name: str) -> None:
    (item,) = iter_items({"Records": [record(eventName=name)]}, SOURCE)
    assert isinstance(item, Ignored)
    assert (item.event_name, item.key) == (name, "sample.csv")


@pytest.mark.parametrize("name", ["ObjectCreated:Put", "ObjectRemoved:Delete"])
def test_an_event_for_another_bucket_is_refused_but_not_retried(record, name: str) -> None:
    (item,) = iter_items({"Records": [record(bucket="other", eventName=name)]}, SOURCE)
    assert isinstance(item, Refused)
    assert item.failure.code == "WrongBucket"
    assert "'other'" in item.failure.message
    assert "'p-source'" in item.failure.message
    assert not item.fails_invocation


@pytest.mark.parametrize(
    "event", [None, [], "text", 5, {}, {"Records": None}, {"Records": {}}, {"detail-type": "Object Created"}]
)
def test_unknown_events_fail_the_invocation(event: object) -> None:
    (item,) = iter_items(event, SOURCE)
    assert isinstance(item, Refused)
    assert item.failure.code == "UnknownEvent"
    assert item.fails_invocation


@pytest.mark.parametrize(
    "changes",
    [
        {"eventSource": "aws:sqs"},
        {"eventVersion": "3.0"},
        {"eventVersion": None},
        {"eventName": None},
        {"s3": None},
        {"s3": {"bucket": {"name": SOURCE}}},
        {"s3": {"object": {"key": "k"}}},
        {"s3": {"bucket": {"name": SOURCE}, "object": {"key": "%FF"}}},
        {"s3": {"bucket": {"name": SOURCE}, "object": {"key": SURROGATE}}},
    ],
)
def test_unknown_records_fail_and_their_neighbours_are_read(record, changes: dict[str, object]) -> None:
    items = list(iter_items({"Records": ["text", record(**changes), record("next")]}, SOURCE))
    assert [type(item) for item in items] == [Refused, Refused, Hint]
    assert all(item.fails_invocation for item in items if isinstance(item, Refused))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["s3", "key", "bucket"]), inner),
)


@unhurried
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "eventSource": st.just("aws:s3") | json_values,
            "eventVersion": st.just("2.1") | json_values,
            "eventName": st.just("ObjectCreated:Put") | json_values,
            "eventTime": json_values,
            "s3": json_values
            | st.fixed_dictionaries(
                {
                    "bucket": st.just({"name": SOURCE}) | json_values,
                    "object": st.fixed_dictionaries({"key": json_values}),
                }
            ),
        },
    )
)
def test_no_record_makes_the_reader_raise(odd: dict[str, object]) -> None:
    (item,) = iter_items({"Records": [odd]}, SOURCE)
    assert isinstance(item, (Hint, Ignored, Refused))


ALL = Options(propagate_deletes=True, sync_tags=True)
REMOVALS = [
    "ObjectRemoved:Delete",
    "ObjectRemoved:DeleteMarkerCreated",
    "LifecycleExpiration:Delete",
    "LifecycleExpiration:DeleteMarkerCreated",
]


@pytest.mark.parametrize("name", REMOVALS)
def test_removals_are_followed_where_deletes_are_propagated(record, name: str) -> None:
    event = {"Records": [record(eventName=name)]}
    assert [type(item) for item in iter_items(event, SOURCE, Options(propagate_deletes=True))] == [Hint]
    assert [type(item) for item in iter_items(event, SOURCE, Options(sync_tags=True))] == [Ignored]


@pytest.mark.parametrize("name", ["ObjectTagging:Put", "ObjectTagging:Delete"])
def test_tag_changes_are_followed_where_tags_are_kept_in_step(record, name: str) -> None:
    event = {"Records": [record(eventName=name)]}
    assert [type(item) for item in iter_items(event, SOURCE, Options(sync_tags=True))] == [Hint]
    assert [type(item) for item in iter_items(event, SOURCE, Options(propagate_deletes=True))] == [Ignored]


@pytest.mark.parametrize("key", ["a+b", "100%", "%2F", "a b", "é", "line\nbreak"])
def test_keys_of_eventbridge_are_not_encoded(bridged, key: str) -> None:
    (item,) = iter_items(bridged(key), SOURCE)
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert item == Hint(key, "v1", moment, "Object Created")


@pytest.mark.parametrize(
    ("detail_type", "options"),
    [
        ("Object Deleted", Options(propagate_deletes=True)),
        ("Object Tags Added", Options(sync_tags=True)),
        ("Object Tags Deleted", Options(sync_tags=True)),
    ],
)
def test_other_events_of_eventbridge_are_followed_on_request(bridged, detail_type: str, options: Options) -> None:
    assert isinstance(next(iter_items(bridged(detail_type=detail_type), SOURCE, options)), Hint)
    assert isinstance(next(iter_items(bridged(detail_type=detail_type), SOURCE)), Ignored)


def test_eventbridge_events_nobody_asked_for_are_ignored(bridged) -> None:
    (item,) = iter_items(bridged(detail_type="Object Restore Completed"), SOURCE, ALL)
    assert isinstance(item, Ignored)


def test_an_eventbridge_event_for_another_bucket_is_refused(bridged) -> None:
    (item,) = iter_items(bridged(bucket="other"), SOURCE)
    assert isinstance(item, Refused)
    assert (item.failure.code, item.fails_invocation) == ("WrongBucket", False)


@pytest.mark.parametrize("detail", [None, {}, {"bucket": {"name": SOURCE}}, {"object": {"key": "k"}}])
def test_a_broken_eventbridge_event_is_refused(bridged, detail: object) -> None:
    (item,) = iter_items({**bridged(), "detail": detail}, SOURCE)
    assert isinstance(item, Refused)
    assert item.failure.code == "UnknownEvent"


@pytest.mark.parametrize("key", ["", "a" * 1025, SURROGATE])
def test_a_key_that_eventbridge_cannot_have_sent_is_refused(bridged, key: str) -> None:
    (item,) = iter_items(bridged(key), SOURCE)
    assert isinstance(item, Refused)


def test_events_of_other_services_are_unknown(bridged) -> None:
    (item,) = iter_items({**bridged(), "source": "aws.ec2"}, SOURCE)
    assert isinstance(item, Refused)


def test_messages_of_a_queue_hold_any_kind_of_event(record, bridged, queued) -> None:
    test_event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": SOURCE}
    event = queued({"Records": [record("a+b"), record("c")]}, bridged("a+b"), test_event, "no json", "[]")
    assert is_from_queue(event)
    read = [(message.receipt, list(message.items)) for message in iter_messages(event, SOURCE)]
    assert [receipt.message_id for receipt, _ in read] == ["0", "1", "2", "3", "4"]
    assert [[getattr(item, "key", None) for item in items] for _, items in read] == [
        ["a b", "c"],
        ["a+b"],
        [None],
        [None],
        [None],
    ]
    assert [type(items[0]) for _, items in read] == [Hint, Hint, Ignored, Refused, Refused]


def test_what_came_without_a_queue_is_one_message(record) -> None:
    (message,) = iter_messages({"Records": [record("a"), record("b")]}, SOURCE)
    assert message.receipt is None
    assert len(list(message.items)) == 2


@pytest.mark.parametrize("event", [None, {}, {"Records": []}, {"Records": [{"eventSource": "aws:sqs"}]}])
def test_what_is_no_queue(event: object) -> None:
    assert not is_from_queue(event)


FILTER = Options(prefix="in/", suffix=".csv")


@pytest.mark.parametrize(
    ("key", "is_covered"),
    [("in/a.csv", True), ("in/.csv", True), ("in/a.CSV", False), ("out/a.csv", False), ("in/a.txt", False)],
)
def test_keys_outside_of_prefix_and_suffix_are_ignored(record, bridged, key: str, is_covered: bool) -> None:
    for event in ({"Records": [record(key)]}, bridged(key)):
        (item,) = iter_items(event, SOURCE, FILTER)
        assert isinstance(item, Hint if is_covered else Ignored)
        assert item.key == key


def test_the_prefix_is_that_of_the_decoded_key(record) -> None:
    (item,) = iter_items({"Records": [record("b%C3%BCro+1/a")]}, SOURCE, Options(prefix="büro 1/"))
    assert isinstance(item, Hint)


@pytest.mark.parametrize(("told", "deliveries"), [("3", 3), ("x", 1), (None, 1), (7, 1), ("\u00b2", 1)])
def test_a_message_tells_how_often_it_was_delivered(told: object, deliveries: int) -> None:
    receipt = read_receipt({"messageId": "m", "attributes": {"ApproximateReceiveCount": told}})
    assert receipt.deliveries == deliveries
    assert read_receipt({"messageId": "m", "attributes": None}) == Receipt("m")
