"""Which old failures still count: the decision behind "recovered"."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from s3copy_cli.verify.log_causes import Cause, Subject
from s3copy_cli.verify.log_lines import ErrorKind
from s3copy_cli.verify.parked import ParkedEvent
from s3copy_cli.verify.recovery import Recovery, causes_within, events_within, named_keys, parked_requests

REQUESTS: Mapping[str, tuple[str | None, ...]] = {
    "good": ("a", "b"),
    "half": ("a", "x"),
    "foreign": ("a", None),
    "empty": (),
}
RECOVERY = Recovery(frozenset("ab"), frozenset({"retried"}), REQUESTS)


def cause(subjects: Mapping[Subject, int], *, untracked: int = 0, is_harmless: bool = False) -> Cause:
    count = sum(subjects.values()) + untracked
    return Cause(
        "c",
        ErrorKind.HANDLED,
        "C",
        "",
        False,
        "",
        0,
        0,
        count,
        subjects=dict(subjects),
        untracked=untracked,
        is_harmless=is_harmless,
    )


@pytest.mark.parametrize(
    ("subject", "is_healed"),
    [
        (Subject("a", ""), True),
        (Subject("x", ""), False),
        # The object decides, whatever became of the request.
        (Subject("x", "retried"), False),
        (Subject(None, "retried"), True),
        (Subject(None, "good"), True),
        (Subject(None, "half"), False),
        (Subject(None, "foreign"), False),
        (Subject(None, "empty"), False),
        (Subject(None, "unknown"), False),
        (Subject(None, ""), False),
    ],
)
def test_what_has_healed(subject: Subject, is_healed: bool) -> None:
    assert RECOVERY.of_cause(cause({subject: 3})) == (3 if is_healed else 0)


def test_a_request_that_is_not_told_has_not_healed_though_others_of_no_name_have() -> None:
    recovery = Recovery(frozenset("a"), frozenset({""}), {"": ("a",)})
    assert recovery.of_cause(cause({Subject(None, ""): 1})) == 0


def test_errors_beyond_the_bound_never_heal_and_harmless_ones_always() -> None:
    subjects = {Subject("a", ""): 2, Subject("x", ""): 1}
    assert RECOVERY.of_cause(cause(subjects, untracked=5)) == 2
    assert RECOVERY.of_cause(cause(subjects, untracked=5, is_harmless=True)) == 8


@pytest.mark.parametrize(("key", "is_healed"), [("a", True), ("x", False), (None, False)])
def test_a_parked_event_has_healed_with_its_object(key: str | None, is_healed: bool) -> None:
    assert RECOVERY.of_event(ParkedEvent(key, "RetriesExhausted", "")) is is_healed


def test_every_name_is_looked_at_once() -> None:
    causes = [cause({Subject("k", ""): 1, Subject(None, "half"): 1}), cause({Subject("k", ""): 1})]
    events = [ParkedEvent("p", "", ""), ParkedEvent(None, "", ""), ParkedEvent("a", "", "")]
    assert named_keys(causes, events, REQUESTS) == ["k", "a", "x", "p"]


def test_of_some_keys_only_their_failures_count() -> None:
    subjects = {Subject("a1", ""): 2, Subject("a2", ""): 3, Subject("b", ""): 4, Subject(None, "r"): 5}
    (within,) = causes_within([cause(subjects, untracked=6), cause({Subject("b", ""): 1})], lambda key: key[0] == "a")
    assert within.subjects == {Subject("a1", ""): 2, Subject("a2", ""): 3}
    assert (within.count, within.untracked) == (5, 0)
    events = [ParkedEvent(key, "", "") for key in ("a", "b", None)]
    assert events_within(events, lambda key: key == "a") == (events[0],)


def test_of_all_that_a_pipeline_copies_what_names_no_key_counts_too() -> None:
    subjects = {Subject("a", ""): 2, Subject("b", ""): 4, Subject(None, "r"): 5}
    causes = [cause(subjects, untracked=6), cause({Subject("b", ""): 1}, untracked=7), cause({Subject("b", ""): 1})]
    first, second = causes_within(causes, lambda key: key == "a", keeps_unnamed=True)
    assert first.subjects == {Subject("a", ""): 2, Subject(None, "r"): 5}
    assert (first.count, first.untracked, second.count, second.untracked) == (13, 6, 7, 7)
    events = [ParkedEvent(key, "", "") for key in ("a", "b", None)]
    assert events_within(events, lambda key: key == "a", keeps_unnamed=True) == (events[0], events[2])


def test_all_records_of_a_parked_request_count() -> None:
    events = [
        ParkedEvent("a", "", "", request_id="r"),
        ParkedEvent(None, "", "", request_id="r"),
        ParkedEvent("b", "", "", request_id="s"),
        ParkedEvent("c", "", ""),
    ]
    assert parked_requests(events) == {"r": ("a", None), "s": ("b",)}
