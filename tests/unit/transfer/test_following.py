# ruff: noqa: ARG002  (a fake has no use for every parameter of the interface)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from s3copy_cli.errors import AwsError
from s3copy_cli.s3 import Bucket, ObjectHead
from s3copy_cli.transfer.following import LONGEST_INTERVAL, Arrivals, Followed, Seen, follow, is_copy

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
SOURCE = Bucket("source", "123456789012")
DESTINATION = Bucket("destination", "123456789012")


def head(key: str = "k", **changes: Any) -> ObjectHead:
    plain = ObjectHead(key=key, size=3, etag="e", last_modified=NOW, headers={"Content-Type": "text/csv"})
    return replace(plain, **changes)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Store:
    """Heads by bucket and time: the last entry that has come by the time of the clock."""

    def __init__(self, clock: Clock, objects: Mapping[tuple[str, str], list[tuple[float, ObjectHead]]]) -> None:
        self.clock = clock
        self.objects = objects
        self.looks: list[float] = []

    def head(self, bucket: Bucket, key: str) -> ObjectHead | None:
        if bucket == DESTINATION:
            self.looks.append(self.clock.now)
        come = [found for at, found in self.objects.get((bucket.name, key), []) if at <= self.clock.now]
        return come[-1] if come else None


def run(store: Store, *followed: Followed, seconds: float = 120.0, **options: Any) -> list[Seen]:
    arrivals = Arrivals()
    for one in followed:
        arrivals.add(one)
    arrivals.close()
    return follow(
        store,  # type: ignore[arg-type]
        SOURCE,
        DESTINATION,
        arrivals,
        seconds=seconds,
        clock=store.clock,
        sleep=store.clock.sleep,
        **options,
    )


def test_the_time_is_that_from_the_uploads_end_to_the_first_look_that_saw_it() -> None:
    clock = Clock()
    store = Store(clock, {("destination", "k"): [(101.0, head())]})
    (seen,) = run(store, Followed(head(), uploaded_at=99.0))
    assert seen.key == "k"
    assert 2.0 <= seen.after_seconds <= 2.6
    assert not seen.was_there_before


def test_the_looks_become_rarer_up_to_a_limit() -> None:
    clock = Clock()
    store = Store(clock, {})
    assert run(store, Followed(head(), 100.0), seconds=60.0) == []
    gaps = [later - earlier for earlier, later in pairwise(store.looks)]
    assert gaps[0] == pytest.approx(0.1, abs=0.01)
    assert all(later >= earlier - 0.01 for earlier, later in pairwise(gaps))
    assert gaps[-1] == pytest.approx(LONGEST_INTERVAL, abs=0.01)
    assert len(store.looks) < 30


def test_the_time_is_limited_and_the_missing_are_missing() -> None:
    clock = Clock()
    store = Store(clock, {("destination", "a"): [(0.0, head("a"))]})
    seen = run(store, Followed(head("a"), 100.0), Followed(head("b"), 100.0), seconds=7.0)
    assert [one.key for one in seen] == ["a"]
    assert clock.now == pytest.approx(107.0, abs=0.1)


def test_an_old_copy_is_not_the_new_one() -> None:
    clock = Clock()
    old = head(etag="old", last_modified=NOW - timedelta(days=1))
    store = Store(clock, {("source", "k"): [(0.0, head())], ("destination", "k"): [(0.0, old), (105.0, head())]})
    (seen,) = run(store, Followed(head(), 100.0))
    assert seen.after_seconds >= 5.0


def test_an_equal_object_from_before_is_said_to_be_from_before() -> None:
    clock = Clock()
    store = Store(clock, {("destination", "k"): [(0.0, head(last_modified=NOW - timedelta(days=1)))]})
    (seen,) = run(store, Followed(head(), 100.0))
    assert seen.was_there_before


def test_a_source_that_was_overwritten_meanwhile_is_followed_as_it_is_now() -> None:
    clock = Clock()
    newer = head(etag="newer", size=9)
    store = Store(clock, {("source", "k"): [(0.0, newer)], ("destination", "k"): [(0.0, newer)]})
    (seen,) = run(store, Followed(head(), 100.0))
    assert seen.key == "k"


def test_objects_that_come_while_others_are_followed_are_followed_too() -> None:
    clock = Clock()
    store = Store(clock, {("destination", key): [(0.0, head(key))] for key in ("a", "b")})
    arrivals = Arrivals()
    arrivals.add(Followed(head("a"), 100.0))

    def on_seen(seen: Seen) -> None:
        if seen.key == "a":
            arrivals.add(Followed(head("b"), clock.now))
            arrivals.close()

    seen = follow(
        store,  # type: ignore[arg-type]
        SOURCE,
        DESTINATION,
        arrivals,
        seconds=5.0,
        clock=clock,
        sleep=clock.sleep,
        on_seen=on_seen,
    )
    assert [one.key for one in seen] == ["a", "b"]


def test_a_stop_ends_it_although_nothing_was_seen() -> None:
    clock = Clock()
    store = Store(clock, {})
    assert run(store, Followed(head(), 100.0), seconds=1e9, is_stopped=lambda: clock.now > 103.0) == []
    assert clock.now < 104.0


def test_a_refusal_to_look_is_raised() -> None:
    class Refusing(Store):
        def head(self, bucket: Bucket, key: str) -> ObjectHead | None:
            raise AwsError("looking", "no", code="403", operation="HeadObject")

    with pytest.raises(AwsError, match="looking: no"):
        run(Refusing(Clock(), {}), Followed(head(), 100.0))


FULL = {"checksums": {"CRC32": "same"}, "checksum_type": "FULL_OBJECT"}
OTHER = {"checksums": {"CRC32": "other"}, "checksum_type": "FULL_OBJECT"}
COMPOSITE = {"checksums": {"CRC32": "c-2"}, "checksum_type": "COMPOSITE"}
KMS = {"encryption": "aws:kms", "etag": "random"}
LATER = NOW + timedelta(seconds=1)
EARLIER = NOW - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("source", "there", "is_equal"),
    [
        ({}, {}, True),
        ({}, {"size": 4}, False),
        ({}, {"headers": {}}, False),
        ({}, {"metadata": {"a": "b"}}, False),
        ({}, {"etag": "x", "last_modified": LATER}, False),
        ({"etag": "m-2"}, {"etag": "n-2", "last_modified": LATER}, False),
        # The layout of the parts was not reproduced, and a checksum of all bytes is there.
        ({"etag": "m-2", **FULL}, {"etag": "n", **FULL}, True),
        ({"etag": "m-2", **FULL}, {"etag": "n", **OTHER, "last_modified": LATER}, False),
        # Neither ETag nor checksum: then the time has to do.
        ({"etag": "m-2"}, {"etag": "n", "last_modified": LATER}, True),
        ({"etag": "m-2"}, {"etag": "n", "last_modified": EARLIER}, False),
        # KMS: equal ETags prove nothing, different ones neither.
        (KMS, {**KMS, "last_modified": EARLIER}, False),
        (KMS, {"etag": "x", "last_modified": LATER}, True),
        ({**KMS, **FULL}, {"etag": "x", **FULL, "last_modified": EARLIER}, True),
        ({**KMS, **FULL}, {"etag": "x", **OTHER, "last_modified": LATER}, False),
        ({**KMS, **COMPOSITE}, {**KMS, **COMPOSITE, "last_modified": EARLIER}, True),
        ({**KMS, **COMPOSITE}, {"etag": "x", **FULL, "last_modified": LATER}, True),
    ],
)
def test_what_counts_as_a_copy(source: dict[str, Any], there: dict[str, Any], is_equal: bool) -> None:
    assert is_copy(head(**source), head(**there)) is is_equal
