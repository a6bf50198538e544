"""What counts as a reason, and how it is said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.scope import EVERYTHING, Scope
from s3copy_cli.verify.verdict import describe_nothing, find_reasons


def world(**changes: Any) -> dict[str, Any]:
    """A run in which all is well, but for the changes: what `find_reasons` looks at and nothing else."""
    values: dict[str, Any] = {
        "counts": {},
        "absent": 0,
        "is_complete": True,
        "log_errors": 0,
        "incomplete": "",
        "kept_days": None,
        "parked": 0,
        "depth": 0,
        "queue_unreadable": "",
        "unread": 0,
        "failures": 0,
        "metrics_unreadable": "",
        "dropped": 0,
        **changes,
    }
    counts = {outcome: values["counts"].get(outcome, 0) for outcome in Outcome}
    measures = {"destination_delivery_failures": values["failures"]}
    return {
        "objects": SimpleNamespace(
            counts=counts, total=sum(counts.values()), absent=values["absent"], is_complete=values["is_complete"]
        ),
        "logs": SimpleNamespace(
            unrecovered=values["log_errors"],
            scan=SimpleNamespace(incomplete=values["incomplete"]),
            kept_days=values["kept_days"],
        ),
        "dead_letter": SimpleNamespace(
            unrecovered=values["parked"],
            queue=SimpleNamespace(
                depth=values["depth"], unreadable=values["queue_unreadable"], unread=values["unread"]
            ),
        ),
        "metrics": SimpleNamespace(
            value=measures.__getitem__, unreadable=values["metrics_unreadable"], dropped_lately=values["dropped"]
        ),
    }


EXTRA = {Outcome.EXTRA: 2}
GONE = "the logs could not be read from their beginning: lines older than 30 days are gone"
UNPARKED = "3 events that Lambda could not park"
SOME = {"scope": EVERYTHING.narrowed("a/")}


@pytest.mark.parametrize(
    ("changes", "options", "reasons"),
    [
        ({}, {}, []),
        ({"counts": {Outcome.PROVED: 5}}, {"strict": True, "propagate_deletes": True}, []),
        ({"counts": {Outcome.MISSING: 1}}, {}, ["1 object missing at the destination"]),
        ({"counts": {Outcome.DIFFERS: 2}}, {}, ["2 objects different at the destination"]),
        ({"counts": {Outcome.UNPROVED: 2}}, {}, ["2 objects that could not be proved equal"]),
        ({"counts": {Outcome.ERROR: 2}}, {}, ["2 objects that could not be looked at"]),
        ({"counts": EXTRA}, {}, []),
        ({"counts": EXTRA}, {"strict": True}, ["2 objects only at the destination (--strict)"]),
        (
            {"counts": EXTRA},
            {"propagate_deletes": True},
            ["2 objects only at the destination (deletes are propagated)"],
        ),
        (
            {"counts": EXTRA},
            {"strict": True, **SOME},
            ["2 objects only at the destination (--strict)"],
        ),
        (
            {"counts": EXTRA},
            {"propagate_deletes": True, **SOME},
            ["2 objects only at the destination (deletes are propagated)"],
        ),
        (
            {"is_complete": False},
            {},
            ["verify stopped there (--fail-fast): the rest was not looked at"],
        ),
        ({"log_errors": 1}, {}, ["1 unrecovered error in the logs"]),
        ({"incomplete": "no group"}, {}, ["the logs could not be read completely: no group"]),
        ({"parked": 2}, {}, ["2 unrecovered events in the dead-letter queue"]),
        ({"parked": 2, "unread": 2}, {}, ["2 messages in the dead-letter queue that could not be looked at"]),
        (
            {"parked": 3, "unread": 1},
            {},
            [
                "2 unrecovered events in the dead-letter queue",
                "1 message in the dead-letter queue that could not be looked at",
            ],
        ),
        ({"queue_unreadable": "the queue is missing"}, {}, ["the queue is missing"]),
        # What could not be parked names no object: where all are proved, it has recovered.
        ({"failures": 3}, {}, []),
        ({"failures": 3, "parked": 1}, {}, ["1 unrecovered event in the dead-letter queue", UNPARKED]),
        ({"failures": 3, "queue_unreadable": "the queue is missing"}, {}, ["the queue is missing", UNPARKED]),
        # Errors in lines that are gone have recovered where every object is proved, and may be the cause elsewhere.
        ({"kept_days": 30}, {}, []),
        ({"kept_days": 30, "counts": {Outcome.MISSING: 1}}, {}, ["1 object missing at the destination", GONE]),
        (
            {"kept_days": 30, "counts": {Outcome.MISSING: 1}},
            SOME,
            ["1 object missing at the destination"],
        ),
        ({"metrics_unreadable": "no right"}, {}, ["no right"]),
        ({"dropped": 9}, {}, []),
        (
            {"dropped": 3, "depth": 2, "log_errors": 1},
            {},
            [
                "1 unrecovered error in the logs",
                "1 event dropped by Lambda that are not in the dead-letter queue",
            ],
        ),
        ({"dropped": 2, "depth": 2, "log_errors": 1}, {}, ["1 unrecovered error in the logs"]),
        (
            {"counts": {Outcome.PROVED: 1}, "log_errors": 1, "parked": 1, "failures": 1, "dropped": 1},
            SOME,
            [],
        ),
        (
            {"counts": {Outcome.PROVED: 1}, "incomplete": "no group", "queue_unreadable": "the queue is missing"},
            SOME,
            ["the logs could not be read completely: no group", "the queue is missing"],
        ),
        ({"counts": {Outcome.PROVED: 1}, "metrics_unreadable": "no right"}, SOME, []),
        ({}, SOME, ["nothing was proved: no object under 'a/' in either bucket"]),
        ({"counts": {Outcome.ERROR: 2}, "absent": 2}, SOME, ["2 objects in neither bucket"]),
        (
            {"counts": {Outcome.ERROR: 2}, "absent": 1},
            SOME,
            ["1 object in neither bucket", "1 object that could not be looked at"],
        ),
    ],
)
def test_reasons(changes: dict[str, Any], options: dict[str, Any], reasons: list[str]) -> None:
    assert list(find_reasons(**world(**changes), **{"strict": False, **options})) == reasons


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope("in/"), "no object under 'in/' in either bucket"),
        (Scope("in/", ".csv"), "no object under 'in/' ending in '.csv' in either bucket"),
        (Scope(suffix=".csv"), "no object ending in '.csv' in either bucket"),
        (Scope(keys=()), "no object in either bucket"),
        (Scope("\x1b[31m"), "no object under '\\x1b[31m' in either bucket"),
    ],
)
def test_what_there_is_nothing_of(scope: Scope, words: str) -> None:
    assert describe_nothing(scope) == words
