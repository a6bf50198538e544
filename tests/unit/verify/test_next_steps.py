"""Each next step is one that can change the answer, and the first one is that which has to come first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.health import Health, iter_obstacles
from s3copy_cli.verify.next_steps import Commands, iter_next_steps
from s3copy_cli.verify.scope import EVERYTHING

COMMANDS = Commands("SETUP", "REPAIR", "VERIFY", "PROVE")
COPY = "REPAIR (has the function copy those objects again, and verifies)"
TWO = EVERYTHING.limited_to("ab")
MISSING = {Outcome.MISSING: 1}
EXTRA = {Outcome.EXTRA: 1}
DENIED = {"name": "AccessDenied on CopyObject", "command": "SETUP"}
STOPPED = Health(reserved_concurrency=0)
UNTRIGGERED = Health(has_trigger=False)


def steps(*, after_repair: bool = False, is_under_way: bool = False, **changes: Any) -> list[str]:
    """The steps for a run in which nothing is proved and nothing is known, but for the changes."""
    values: dict[str, Any] = {"is_proved": False, "level": "metadata", "health": Health(), "counts": {}, **changes}
    causes = [
        SimpleNamespace(
            cause=SimpleNamespace(name=each["name"]), command=each.get("command", ""), unrecovered=each.get("open", 1)
        )
        for each in values.get("causes", [])
    ]
    parked = [SimpleNamespace(is_recovered=False, event=SimpleNamespace(key=key)) for key in values.get("parked", [])]
    scan = {"is_missing": False, "is_denied": False, "incomplete": "", **values.get("scan", {})}
    report: Any = SimpleNamespace(
        is_proved=values["is_proved"],
        level=values["level"],
        strict=values.get("strict", False),
        propagate_deletes=values.get("propagate_deletes", False),
        source_bucket="originals",
        destination_bucket="copies",
        scope=values.get("scope", EVERYTHING),
        objects=SimpleNamespace(
            absent=values.get("absent", 0),
            total=sum(values["counts"].values()),
            counts={outcome: values["counts"].get(outcome, 0) for outcome in Outcome},
            is_complete=values.get("is_complete", True),
        ),
        findings=list(iter_obstacles(values["health"], "f", "SETUP")),
        logs=SimpleNamespace(
            causes=causes, unrecovered=sum(each.unrecovered for each in causes), scan=SimpleNamespace(**scan)
        ),
        dead_letter=SimpleNamespace(
            queue=SimpleNamespace(queue="q", unreadable=values.get("queue", ""), unread=values.get("unread", 0)),
            parked=parked,
        ),
        metrics=SimpleNamespace(unreadable=values.get("metrics", "")),
    )
    return list(iter_next_steps(report, COMMANDS, after_repair=after_repair, is_under_way=is_under_way))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"is_proved": True, "counts": EXTRA}, []),
        # Where setup would change nothing, it is not named.
        ({"counts": MISSING}, [COPY]),
        ({"counts": MISSING, "health": UNTRIGGERED}, ["SETUP (the trigger is missing", COPY]),
        (
            {"counts": MISSING, "health": STOPPED},
            ["aws lambda delete-function-concurrency --function-name f (the", COPY],
        ),
        (
            {"counts": MISSING, "causes": [DENIED]},
            ["SETUP (if not done since the last AccessDenied on CopyObject)", COPY],
        ),
        ({"counts": MISSING, "causes": [{**DENIED, "open": 0}]}, [COPY]),
        ({"counts": {Outcome.DIFFERS: 1}}, [COPY]),
        ({"counts": {Outcome.DIFFERS: 1, Outcome.MISSING: 1}}, [COPY]),
        ({"counts": EXTRA, "propagate_deletes": True}, ["REPAIR (has the function delete those objects"]),
        # What repair cannot help.
        ({"counts": {Outcome.UNPROVED: 1}}, ["PROVE (reads the bytes"]),
        ({"counts": {Outcome.UNPROVED: 1}, "level": "content"}, ["make readable what could not be compared"]),
        ({"counts": {Outcome.ERROR: 1}}, ["see the causes above"]),
        ({"counts": {Outcome.ERROR: 2}, "absent": 2, "scope": TWO}, ["ask for names as the source bucket originals"]),
        ({"counts": {Outcome.ERROR: 2}, "absent": 1, "scope": TWO}, ["ask for names", "see the causes above"]),
        ({"scope": EVERYTHING.narrowed("typo/")}, ["ask for names as the source bucket originals has them"]),
        (
            {"counts": EXTRA, "strict": True},
            [
                (
                    "aws s3 rm s3://copies/KEY for what nobody needs there (s3copy deletes nothing that only the "
                    "destination has), or verify without --strict"
                )
            ],
        ),
        ({"scan": {"is_missing": True, "incomplete": "none"}}, ["SETUP (the log group is missing)"]),
        ({"scan": {"is_denied": True, "incomplete": "no"}}, ["give yourself the permissions that are named above"]),
        (
            {"scan": {"incomplete": "Lambda dropped 1 log line"}},
            ["when it is mended, leave what is old out with: VERIFY"],
        ),
        ({"queue": "the dead-letter queue q is missing"}, ["SETUP (the dead-letter queue is missing)"]),
        ({"queue": "the dead-letter queue q may not be read"}, ["give yourself the permissions"]),
        ({"metrics": "the metrics may not be read"}, ["give yourself the permissions"]),
        (
            {"scan": {"is_missing": True, "incomplete": "none"}, "queue": "the dead-letter queue q is missing"},
            ["SETUP (the log group is missing; the dead-letter queue is missing)"],
        ),
        (
            {"parked": [None]},
            [
                (
                    "look at the parked events in the queue q that name no object of the source bucket, and delete "
                    "them there if nobody needs them (aws sqs receive-message, delete-message): s3copy does not"
                )
            ],
        ),
        ({"counts": MISSING, "parked": ["k"]}, [COPY]),
        ({"unread": 1500, "counts": MISSING}, [COPY]),
        ({"unread": 1500, "after_repair": True}, []),
        ({"unread": 1500}, ["REPAIR (takes the parked events out of the queue whose objects are in order"]),
        # Only old lines are left: setup or deploy alone would be named for ever.
        ({"causes": [{"name": "LoggedError"}]}, ["when it is mended, leave what is old out with: VERIFY --since 10m"]),
        (
            {"causes": [{"name": "process crash", "command": "DEPLOY"}]},
            ["DEPLOY (if not done since the last process crash)", "when it is mended"],
        ),
        ({"is_complete": False, "counts": MISSING}, [COPY]),
    ],
)
def test_steps(facts: dict[str, Any], expected: list[str]) -> None:
    found = steps(**facts)
    assert len(found) == len(expected), found
    for step, beginning in zip(found, expected, strict=True):
        assert step.startswith(beginning), found
        # A step that is given whole ends there.
        assert len(beginning) < 120 or step == beginning


def test_after_a_repair_the_same_again_is_not_all() -> None:
    assert steps(counts=MISSING, after_repair=True) == [f"put right what is named above as the cause, and then {COPY}"]
    assert steps(counts=MISSING, causes=[DENIED], after_repair=True)[1] == COPY
    (step,) = steps(counts=MISSING, after_repair=True, is_under_way=True)
    assert step.startswith("VERIFY --wait 600 (waits for what is still being copied), and if that is not enough REPAIR")
    assert steps(counts={Outcome.UNPROVED: 1}, after_repair=True)[0].startswith("PROVE")
