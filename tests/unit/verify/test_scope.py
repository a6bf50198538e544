"""Prefix, suffix, destination prefix and named keys: against operations on sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.s3 import Bucket, ListedObject, ObjectHead
from s3copy_cli.verify.compare import Outcome, Rules
from s3copy_cli.verify.objects import ObjectEngine
from s3copy_cli.verify.scope import EVERYTHING, Scope, as_key
from s3copy_cli.verify.walk import iter_pairs

KEYS = st.sets(st.text(alphabet="ab/é\U0001f600", min_size=1, max_size=4), max_size=25)
AFFIXES = st.text(alphabet="ab/é", max_size=2)


def listing(keys: Iterable[str], prefix: str) -> list[ListedObject]:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    chosen = sorted((key for key in keys if key.startswith(prefix)), key=str.encode)
    return [ListedObject(key, len(key), "e", moment) for key in chosen]


@given(KEYS, KEYS, AFFIXES, AFFIXES, AFFIXES, AFFIXES)
def test_mapped_keys_are_walked_in_order_and_none_is_lost(
    source: set[str], destination: set[str], source_prefix: str, suffix: str, destination_prefix: str, narrower: str
) -> None:
    scope = Scope(source_prefix, suffix, destination_prefix).narrowed(narrower)
    if scope.keys is None:
        prefixes = scope.source_prefix, scope.destination_listing_prefix
        pairs = list(
            iter_pairs(
                scope.iter_source(listing(source, prefixes[0])),
                scope.iter_destination(listing(destination, prefixes[1])),
            )
        )
    else:
        pairs = []

    def is_meant(key: str) -> bool:
        return bool(key) and key.startswith(source_prefix) and key.startswith(narrower) and key.endswith(suffix)

    ours = {key for key in source if is_meant(key)}
    theirs = {
        key[len(destination_prefix) :]
        for key in destination
        if key.startswith(destination_prefix) and is_meant(key[len(destination_prefix) :])
    }
    assert [pair.key for pair in pairs] == sorted(ours | theirs, key=str.encode)
    assert {pair.key for pair in pairs if pair.source} == ours
    assert {pair.key for pair in pairs if pair.destination} == theirs
    assert all(entry is None or entry.key == pair.key for pair in pairs for entry in (pair.source, pair.destination))
    assert {key for key in source if scope.covers(key)} == ours
    assert all(scope.destination_key(key) in destination for key in theirs)


def test_which_scopes_are_everything() -> None:
    assert EVERYTHING.is_everything
    assert EVERYTHING.narrowed("") is EVERYTHING
    for scope in (Scope("a"), Scope(suffix="a"), Scope(keys=()), EVERYTHING.narrowed("a"), EVERYTHING.limited_to("a")):
        assert not scope.is_everything


def test_two_prefixes_that_exclude_each_other_leave_nothing() -> None:
    scope = Scope("in/").narrowed("out/")
    assert scope.keys == ()
    assert not scope.covers("in/a")
    assert Scope("in/").narrowed("in/a") == Scope("in/a")
    assert Scope("in/a").narrowed("in/") == Scope("in/a")


def test_a_listing_that_needs_no_change_is_passed_through() -> None:
    lines = listing("ab", "")
    assert EVERYTHING.iter_source(lines) is lines
    assert EVERYTHING.iter_destination(lines) is lines


def test_named_keys_come_in_order_and_once() -> None:
    scope = EVERYTHING.limited_to(["b", "\U0001f600", "a", "b", "￿"])
    assert scope.keys == ("a", "b", "￿", "\U0001f600")
    assert [key for key in "abc" if scope.covers(key)] == ["a", "b"]


@pytest.fixture
def look(store: Any, source: Bucket, destination: Bucket) -> Callable[[Scope], dict[str, Outcome]]:
    def run(scope: Scope) -> dict[str, Outcome]:
        with ObjectEngine(store, source, destination, Rules(), scope) as engine:
            return {result.key: result.outcome for result in engine.iter_all()}

    return run


def test_objects_are_looked_up_by_their_name_on_each_side(
    store: Any, head: Callable[..., ObjectHead], look: Callable[[Scope], dict[str, Outcome]]
) -> None:
    for key in ("in/a.csv", "in/b.csv", "in/c.txt", "out.csv"):
        store.source[key] = head(key)
    for key in ("copy/in/a.csv", "copy/in/x.csv", "in/b.csv", "copy/in/c.txt", "elsewhere"):
        store.destination[key] = head(key)
    assert look(Scope("in/", ".csv", "copy/")) == {
        "in/a.csv": Outcome.PROVED,
        "in/b.csv": Outcome.MISSING,
        "in/x.csv": Outcome.EXTRA,
    }
    assert look(Scope("in/", ".csv", "copy/", keys=("in/a.csv",))) == {"in/a.csv": Outcome.PROVED}


def test_named_keys_are_looked_up_without_a_listing(
    store: Any, head: Callable[..., ObjectHead], look: Callable[[Scope], dict[str, Outcome]]
) -> None:
    store.put(head("a"), head("b"), head("c"))

    def no_listing(*_: Any, **__: Any) -> None:
        raise AssertionError("listed")

    store.iter_objects = no_listing
    assert look(EVERYTHING.limited_to(["c", "a"])) == {"a": Outcome.PROVED, "c": Outcome.PROVED}
    assert store.heads == 4


def test_a_bucket_that_is_gone_is_not_taken_for_missing_objects(
    store: Any, head: Callable[..., ObjectHead], source: Bucket, destination: Bucket
) -> None:
    """HEAD of a key in a missing bucket is a plain 404."""
    store.put(head("a"), copied=False)
    asked: list[tuple[str, str]] = []

    def listed(bucket: Bucket, prefix: str = "") -> list[ListedObject]:
        asked.append((bucket.name, prefix))
        return []

    store.iter_objects = listed
    with ObjectEngine(store, source, destination, Rules(), EVERYTHING.limited_to("ab")) as engine:
        results = list(engine.iter_all())
    assert [(result.key, result.outcome) for result in results] == [("a", Outcome.MISSING), ("b", Outcome.ERROR)]
    assert "neither bucket has an object of this name" in results[1].message
    assert {name for name, _ in asked} == {source.name, destination.name}
    assert {prefix for _, prefix in asked} <= {"a", "b"}


@pytest.mark.parametrize("key", ["a", " ", "/", "\x00", "é" * 512, "\U0001f600"])
def test_what_can_be_a_key(key: str) -> None:
    assert as_key(key) == key


@pytest.mark.parametrize("value", [None, 7, b"a", ["a"], "", "\ud800", "a\udcff", "a" * 1025, "é" * 513])
def test_what_cannot_be_a_key(value: object) -> None:
    assert as_key(value) is None
