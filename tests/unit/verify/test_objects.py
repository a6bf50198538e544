"""The walk with HEADs, and the waiting, on a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from s3copy_cli.errors import AwsError, CredentialsError
from s3copy_cli.s3 import Bucket, ListedObject, ObjectHead
from s3copy_cli.verify.compare import Level, Outcome, Rules
from s3copy_cli.verify.objects import ObjectEngine
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.scope import EVERYTHING, Scope
from s3copy_cli.verify.tally import Tally
from s3copy_cli.verify.waiting import Settling, wait_for_copies

Head = Callable[..., ObjectHead]


@pytest.fixture
def look(store: Any, source: Bucket, destination: Bucket) -> Callable[..., dict[str, ObjectResult]]:
    def run(level: Level = "metadata", scope: Scope = EVERYTHING, **rules: Any) -> dict[str, ObjectResult]:
        with ObjectEngine(store, source, destination, Rules(level, **rules), scope, trusts_listed_etags=True) as engine:
            return {result.key: result for result in engine.iter_all()}

    return run


def test_each_outcome(store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]) -> None:
    store.put(*[head(key) for key in ("equal", "different", "refused", "unknown", "missing")])
    del store.destination["missing"]
    store.destination["different"] = head("different", metadata={"a": "1"})
    store.destination["unknown"] = head("unknown", encryption="aws:kms")
    store.destination["extra"] = head("extra")
    store.failures["refused"] = AwsError("looking", "HeadObject answered 403", operation="HeadObject", code="403")
    results = look()
    assert {key: result.outcome for key, result in results.items()} == {
        "different": Outcome.DIFFERS,
        "equal": Outcome.PROVED,
        "extra": Outcome.EXTRA,
        "missing": Outcome.MISSING,
        "refused": Outcome.ERROR,
        "unknown": Outcome.UNPROVED,
    }
    assert [field.name for field in results["different"].fields] == ["x-amz-meta-a"]
    assert results["refused"].message == "looking: HeadObject answered 403"


def test_results_come_in_key_order_and_many_of_them(
    store: Any, head: Head, source: Bucket, destination: Bucket
) -> None:
    keys = [f"{number:04}" for number in range(700)]
    store.put(*[head(key) for key in keys])
    with ObjectEngine(store, source, destination, Rules()) as engine:
        assert [result.key for result in engine.iter_all()] == keys
    assert store.heads == 2 * 700


def test_the_listing_level_needs_no_head_where_etags_are_equal(
    store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]
) -> None:
    store.put(head("equal"), head("kms"))
    store.destination["equal"] = head("equal", headers={})
    store.destination["kms"] = head("kms", etag="f" * 32, encryption="aws:kms")
    results = look("listing")
    assert results["equal"].outcome is Outcome.PROVED
    # Different ETags prove a difference only where HEAD shows that they are digests.
    assert results["kms"].outcome is Outcome.UNPROVED
    assert store.heads == 3


def test_a_network_that_fails_is_not_a_verdict_about_objects(
    store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]
) -> None:
    store.put(head("a"))
    store.failures["a"] = AwsError("looking", "no connection", code="EndpointConnectionError")
    with pytest.raises(AwsError, match="no connection"):
        look()


@pytest.mark.parametrize(
    ("failing", "code", "trouble"),
    [
        ("a", "SlowDown", "passing"),
        ("a", "InternalError", "passing"),
        ("a", "503", "passing"),
        ("tags of a", "InternalError", "passing"),
        ("a", "403", ""),
        ("a", "MalformedAnswer", ""),
    ],
)
def test_what_may_pass_is_told_from_what_stays(
    store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]], failing: str, code: str, trouble: str
) -> None:
    store.put(head("a"), head("b"))
    store.failures[failing] = AwsError("looking", "no", operation="HeadObject", code=code)
    results = look(tags=True)
    assert (results["a"].outcome, results["a"].trouble) == (Outcome.ERROR, trouble)
    assert results["b"].outcome is Outcome.PROVED


def test_credentials_that_expire_end_the_run(
    store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]
) -> None:
    store.put(head("a"))
    store.failures["a"] = CredentialsError("looking", "expired")
    with pytest.raises(CredentialsError):
        look()


BAD_REQUEST = AwsError("looking", "HeadObject answered 400: Bad Request", operation="HeadObject", code="400")


def test_a_bad_request_is_no_verdict_about_an_object_if_the_credentials_have_expired(
    store: Any, source: Bucket, destination: Bucket
) -> None:
    """HEAD has no body that could say ExpiredToken; a listing has."""
    store.failures["a"] = BAD_REQUEST
    asked: list[tuple[str, str]] = []

    def listing(bucket: Bucket, prefix: str = "") -> Iterator[ListedObject]:
        asked.append((bucket.name, prefix))
        raise CredentialsError("listing", "ListObjectsV2 answered ExpiredToken", code="ExpiredToken")

    store.iter_objects = listing
    with ObjectEngine(store, source, destination, Rules()) as engine, pytest.raises(CredentialsError):
        engine.look("a")
    assert asked == [(source.name, "a")]


def test_a_bad_request_is_about_the_object_if_the_credentials_are_good(
    store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]
) -> None:
    store.put(head("a"), head("b"))
    store.failures["a"] = BAD_REQUEST
    results = look()
    assert results["a"].outcome is Outcome.ERROR
    assert results["a"].message.startswith("looking: HeadObject answered 400: Bad Request (the credentials have not")
    assert "SSE-C" in results["a"].message
    assert results["b"].outcome is Outcome.PROVED


def test_deleted_between_listing_and_head(store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]) -> None:
    store.put(head("gone"), head("stays"), head("left"))

    def delete(store: Any, bucket: Bucket, key: str) -> None:
        store.source.pop("gone", None)
        store.destination.pop("gone", None)
        store.source.pop("left", None)

    store.before_head = delete
    results = look()
    assert "gone" not in results
    assert results["stays"].outcome is Outcome.PROVED
    assert results["left"].outcome is Outcome.EXTRA


def test_copied_between_the_two_listings(store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]) -> None:
    store.put(head("late"), copied=False)
    store.before_head = lambda *_: store.put(head("late"))
    assert look()["late"].outcome is Outcome.PROVED


def test_put_into_the_source_after_its_listing(
    store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]
) -> None:
    store.destination["new"] = head("new")
    store.before_head = lambda *_: store.put(head("new"))
    assert look()["new"].outcome is Outcome.PROVED


def test_overwritten_between_the_two_heads_is_looked_at_again(
    store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]
) -> None:
    store.put(head("k", b"old"))

    def overwrite(store: Any, bucket: Bucket, key: str) -> None:
        # Source old, destination new: a difference that never was.
        if store.heads == 2:
            store.put(head("k", b"new"))

    store.before_head = overwrite
    assert look()["k"].outcome is Outcome.PROVED
    assert store.heads == 4


def test_a_key_that_never_rests_ends_as_a_difference(
    store: Any, head: Head, look: Callable[..., dict[str, ObjectResult]]
) -> None:
    store.put(head("k"), copied=False)

    def overwrite(store: Any, bucket: Bucket, key: str) -> None:
        store.source["k"] = head("k", str(store.heads).encode())

    store.before_head = overwrite
    assert look()["k"].outcome is Outcome.MISSING
    assert store.heads == 7


def test_what_a_running_copy_would_explain(head: Head) -> None:
    moment = datetime(2026, 1, 1)
    earlier = moment - timedelta(seconds=5)
    stale = ObjectResult("k", Outcome.UNPROVED, source_modified=moment, destination_modified=earlier)
    assert is_pending(stale)
    assert not is_pending(stale._replace(source_modified=earlier))
    assert not is_pending(stale._replace(source_modified=None))
    assert is_pending(ObjectResult("k", Outcome.MISSING))
    assert not is_pending(ObjectResult("k", Outcome.ERROR))
    assert not is_pending(ObjectResult("k", Outcome.EXTRA))
    assert ObjectResult("k", Outcome.EXTRA).may_be_under_way(propagate_deletes=True)


def is_pending(result: ObjectResult) -> bool:
    return result.may_be_under_way(propagate_deletes=False)


class Waiting:
    """A walk, then the waiting, with a clock that only sleeping moves."""

    def __init__(self, store: Any, time: Any, source: Bucket, destination: Bucket) -> None:
        self.store, self.time = store, time
        self.buckets = source, destination
        self.tallies = ExitStack()
        self.parked: dict[str, datetime] = {}
        self.pending: list[int] = []

    def run(self, wait: float, walk_seconds: float = 0.0, *, propagate_deletes: bool = False) -> float:
        self.tally = self.tallies.enter_context(Tally(None, propagate_deletes=propagate_deletes))
        with ObjectEngine(self.store, *self.buckets, Rules()) as engine:
            for result in engine.iter_all():
                self.tally.add(result, self.time.seconds)
            self.time.seconds += walk_seconds
            return wait_for_copies(
                self.tally,
                engine.iter_revised,
                lambda: self.parked,
                wait=wait,
                clock=self.time.clock(),
                on_pending=self.pending.append,
            )

    @property
    def is_all_proved(self) -> bool:
        return all(result.outcome is Outcome.PROVED for result in self.tally.iter_final({}))


@pytest.fixture
def waiting(store: Any, fake_time: Any, source: Bucket, destination: Bucket) -> Iterator[Waiting]:
    waiting = Waiting(store, fake_time, source, destination)
    with waiting.tallies:
        yield waiting


def test_waiting_ends_when_the_copies_have_come(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"), head("b"), copied=False)
    waiting.store.put(head("c"))
    waiting.time.on_sleep = lambda now: waiting.store.put(head("a"), *([head("b")] if now > 7 else []))
    waited = waiting.run(30)
    assert 7 < waited < 13
    assert waiting.is_all_proved
    assert waiting.tally.counts[Outcome.PROVED] == waiting.tally.source_objects == 3
    assert waiting.pending[0] == 2
    assert waiting.pending[-1] == 0


def test_waiting_ends_after_its_time(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"), copied=False)
    assert waiting.run(30) == pytest.approx(30)
    assert waiting.tally.counts[Outcome.MISSING] == 1
    # Looked at with growing intervals, not all the time.
    assert waiting.store.heads < 60


def test_less_than_a_second_is_waited_as_well(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"), copied=False)
    waiting.time.on_sleep = lambda now: waiting.store.put(head("a")) if now > 0.4 else None
    assert 0.4 < waiting.run(0.9) < 0.9
    assert waiting.is_all_proved


def test_no_waiting_was_asked_for(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"), copied=False)
    assert waiting.run(0) == 0
    assert waiting.store.heads == 3


def test_nothing_is_pending(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"))
    waiting.store.destination["extra"] = head("extra")
    assert waiting.run(30) == 0
    assert waiting.pending == []


def test_a_deletion_under_way_is_waited_for_where_deletes_are_propagated(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"))
    waiting.store.destination["extra"] = head("extra")
    waiting.time.on_sleep = lambda now: now > 3 and waiting.store.destination.pop("extra", None)
    assert 3 < waiting.run(30, propagate_deletes=True) < 8
    assert waiting.is_all_proved
    assert waiting.tally.counts[Outcome.EXTRA] == 0
    assert (waiting.pending[0], waiting.pending[-1]) == (1, 0)


def test_a_deletion_that_never_comes_is_what_it_is(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"))
    waiting.store.destination["extra"] = head("extra")
    assert waiting.run(30, propagate_deletes=True) == pytest.approx(30)
    assert waiting.tally.counts[Outcome.EXTRA] == 1
    assert (waiting.tally.source_objects, waiting.tally.source_bytes) == (1, 5)
    assert [result.key for result in waiting.tally.iter_final({})] == ["a", "extra"]


def test_after_a_walk_longer_than_the_wait_there_is_one_more_look(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"), copied=False)
    waiting.store.before_head = lambda store, *_: store.heads > 3 and store.put(head("a"))
    waited = waiting.run(30, walk_seconds=100)
    assert waited == 0
    assert waiting.is_all_proved


def test_waiting_ends_when_nothing_can_come_any_more(waiting: Waiting, head: Head, fake_time: Any) -> None:
    waiting.store.put(head("a"), copied=False)
    waiting.parked = {"a": fake_time.now() + timedelta(milliseconds=300)}
    assert waiting.run(30) == 0
    assert waiting.tally.counts[Outcome.MISSING] == 1


def test_a_parked_event_of_an_earlier_state_does_not_end_the_waiting(
    waiting: Waiting, head: Head, fake_time: Any
) -> None:
    waiting.store.put(head("a"), copied=False)
    waiting.parked = {"a": fake_time.now() - timedelta(seconds=2)}
    waiting.time.on_sleep = lambda now: now > 3 and waiting.store.put(head("a"))
    assert waiting.run(30) > 3
    assert waiting.is_all_proved


def test_deleted_while_waiting(waiting: Waiting, head: Head) -> None:
    waiting.store.put(head("a"), copied=False)
    waiting.time.on_sleep = lambda _: waiting.store.source.clear()
    waiting.run(30)
    assert waiting.tally.source_objects == 0
    assert waiting.tally.source_bytes == 0


class Followed:
    """One result, followed until it is settled; what is looked at next is `found`."""

    def __init__(self, time: Any, wait: float) -> None:
        self.time = time
        self.looks: list[float] = []
        self.told: list[int] = []
        self.found: ObjectResult | None = ObjectResult("k", Outcome.MISSING)
        self.parked: dict[str, datetime] = {}
        self.settling = Settling(
            self._look,
            lambda: self.parked,
            lambda result: result.outcome is Outcome.MISSING,
            wait,
            time.clock(),
            self.told.append,
        )

    def _look(self, key: str) -> ObjectResult | None:
        assert key == "k"
        self.looks.append(self.time.seconds)
        return self.found


MISSING = ObjectResult("k", Outcome.MISSING, source_modified=datetime(2026, 3, 1, 12, tzinfo=timezone.utc))


@pytest.mark.parametrize("wait", [0.5, 1.0, 20.0])
def test_a_single_result_is_followed_until_its_time_is_over(fake_time: Any, wait: float) -> None:
    followed = Followed(fake_time, wait)
    assert followed.settling.settle(MISSING) is followed.found
    assert followed.looks[-1] == pytest.approx(wait)
    assert followed.settling.seconds == pytest.approx(wait)
    assert followed.told == [1, 0]
    assert len(followed.looks) < 12


def test_a_single_result_that_settles_is_not_followed_further(fake_time: Any) -> None:
    followed = Followed(fake_time, 20.0)
    fake_time.on_sleep = lambda now: now > 1 and setattr(followed, "found", None)
    assert followed.settling.settle(MISSING) is None
    assert 1 < followed.settling.seconds < 3


def test_a_single_result_that_cannot_change_is_not_followed(fake_time: Any) -> None:
    followed = Followed(fake_time, 20.0)
    proved = ObjectResult("k", Outcome.PROVED)
    assert followed.settling.settle(proved) is proved
    impatient = Followed(fake_time, 0.0)
    assert impatient.settling.settle(MISSING) is MISSING
    # Nobody is told of a wait that is none.
    assert followed.told == impatient.told == []
    followed.parked = {"k": fake_time.now()}
    assert followed.settling.settle(MISSING) is MISSING
    assert (followed.looks, fake_time.seconds) == ([], 0.0)
