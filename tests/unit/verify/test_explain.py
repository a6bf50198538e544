"""Why an object is not proved: the log first, then the queue, then what the settings and the times say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome
from s3copy_cli.verify.explain import Evidence, Logged, explain, logged_by_key
from s3copy_cli.verify.health import Finding, Health
from s3copy_cli.verify.log_causes import Cause, Subject
from s3copy_cli.verify.log_fold import LastWord
from s3copy_cli.verify.log_lines import ErrorKind
from s3copy_cli.verify.parked import ParkedEvent
from s3copy_cli.verify.results import ObjectResult

MOMENT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
MS = int(MOMENT.timestamp() * 1000)
MISSING = ObjectResult("k", Outcome.MISSING, 5_200_000_000, "e", source_modified=MOMENT)
DIFFERS = MISSING._replace(outcome=Outcome.DIFFERS, destination_modified=MOMENT)
EXTRA = ObjectResult("k", Outcome.EXTRA, 1, "e", destination_modified=MOMENT)
EVIDENCE = Evidence(since=MOMENT - timedelta(hours=1), created_at=MOMENT - timedelta(hours=1))
TRIGGER = Finding("trigger_missing", "the trigger is missing")
KMS = FieldComparison("etag", FieldVerdict.NOT_COMPARABLE, "a", "b", "no digest under aws:kms")
TAG = FieldComparison("tag-colour", FieldVerdict.DIFFER, "blue", "red", is_required=True)
CHECKSUM = FieldComparison("checksum-CRC32", FieldVerdict.NOT_COMPARABLE, "a", None, "the destination has none")
UNREAD = FieldComparison(
    "tags", FieldVerdict.NOT_COMPARABLE, None, None, "AccessDenied in the source", is_required=True
)
RETAGGED = (
    "the function copied it at 2026-03-01 12:00:02 UTC: the tags of the source or of the copy were changed after that"
)
COPIED_ONCE = (
    "the source has no such object; the function copied it at 2026-03-01 12:00:00 UTC, and this pipeline does not "
    "carry deletes over"
)


def evidence(**changes: Any) -> Evidence:
    return replace(EVIDENCE, **changes)


def said(outcome: str, seconds: float) -> dict[str, LastWord]:
    return {"k": LastWord(outcome, MS + round(seconds * 1000))}


@pytest.mark.parametrize(
    ("result", "known", "expected"),
    [
        (ObjectResult("k", Outcome.PROVED), evidence(obstacles=(TRIGGER,)), ""),
        (ObjectResult("k", Outcome.ERROR, message="looking at 'k': 403"), EVIDENCE, "looking at 'k': 403"),
        (
            MISSING,
            evidence(logged={"k": Logged("AccessDenied on CopyObject: no", ErrorKind.HANDLED, MS)}),
            "AccessDenied on CopyObject: no",
        ),
        # What the log says of the object comes before what is wrong with the pipeline.
        (MISSING, evidence(logged={"k": Logged("x", ErrorKind.HANDLED, MS)}, obstacles=(TRIGGER,)), "x"),
        (
            MISSING,
            evidence(logged={"k": Logged("time-out", ErrorKind.TIMEOUT, MS)}, health=Health(timeout=900)),
            "time-out (the object has 5.2 GB; the function's time-out is 900 s)",
        ),
        (
            MISSING,
            evidence(logged={"k": Logged("out of memory", ErrorKind.OUT_OF_MEMORY, MS)}, health=Health(memory_mb=256)),
            "out of memory (the object has 5.2 GB; the function's memory size is 256 MB)",
        ),
        (
            MISSING,
            evidence(obstacles=(TRIGGER, Finding("x", "and more"))),
            "no event seen: the trigger is missing; and more",
        ),
        (MISSING, EVIDENCE, "no event seen: the copy is still under way, or its event was lost"),
        (MISSING, evidence(dropped=3), "no event seen: Lambda dropped 3 events, perhaps its own"),
        (
            MISSING,
            evidence(incomplete="the group may not be read"),
            "not known: the group may not be read",
        ),
        (
            MISSING,
            evidence(created_at=MOMENT + timedelta(hours=1)),
            (
                "no event seen: the object is older than the log group: either than the whole pipeline, and only new "
                "ones send an event, or the log group was deleted and built again"
            ),
        ),
        (
            MISSING,
            evidence(since=MOMENT + timedelta(hours=1)),
            "no event seen: the object is from 2026-03-01 12:00 UTC, before the range of the logs that was read",
        ),
        (
            MISSING,
            evidence(last_words=said("copied", 2)),
            "the function copied it at 2026-03-01 12:00:02 UTC: it was deleted from the destination after that",
        ),
        (
            DIFFERS,
            evidence(last_words=said("already_equal", 2)),
            "the function found it equal at 2026-03-01 12:00:02 UTC: it was changed after that",
        ),
        # A copy of an earlier state explains nothing.
        (
            DIFFERS,
            evidence(last_words=said("copied", -60), obstacles=(TRIGGER,)),
            "no event seen since 2026-03-01 11:59:00 UTC: the trigger is missing",
        ),
        # LastModified has whole seconds, the log has milliseconds.
        (
            MISSING._replace(source_modified=MOMENT + timedelta(milliseconds=900)),
            evidence(last_words=said("copied", 0.5)),
            "the function copied it at 2026-03-01 12:00:00 UTC: it was deleted from the destination after that",
        ),
        # A change of tags leaves LastModified as it is: it may have been in the source.
        (
            DIFFERS._replace(fields=(TAG,)),
            evidence(last_words=said("copied", 2)),
            f"{RETAGGED} (a change of tags alone is not carried over: setup --sync-tags)",
        ),
        (
            DIFFERS._replace(fields=(TAG,)),
            evidence(last_words=said("copied", 2), sync_tags=True),
            RETAGGED,
        ),
        (
            DIFFERS._replace(fields=(replace(TAG, name="storage-class"),)),
            evidence(last_words=said("copied", 2)),
            RETAGGED.replace("tags of", "storage class of").replace("were", "was"),
        ),
        (
            DIFFERS._replace(fields=(TAG, replace(TAG, name="etag"))),
            evidence(last_words=said("copied", 2)),
            "the function copied it at 2026-03-01 12:00:02 UTC: it was changed after that",
        ),
        (
            ObjectResult("k", Outcome.UNPROVED, fields=(CHECKSUM, UNREAD)),
            EVIDENCE,
            "nothing differs, but the tags cannot be compared: AccessDenied in the source",
        ),
        (
            MISSING,
            evidence(last_words=said("continued", 2)),
            "its copy went on in another execution at 2026-03-01 12:00:02 UTC, which has not told its end",
        ),
        (
            MISSING,
            evidence(watched=frozenset()),
            "the log names no error of it (there are too many to search the log for each one's copy)",
        ),
        (
            ObjectResult("k", Outcome.UNPROVED, fields=(KMS,)),
            evidence(obstacles=(TRIGGER,)),
            "nothing differs, but the bytes cannot be shown to be equal: no digest under aws:kms",
        ),
        (EXTRA, EVIDENCE, "the source has no such object (any more), and this pipeline does not carry deletes over"),
        (
            EXTRA,
            evidence(last_words=said("copied", 0)),
            COPIED_ONCE,
        ),
        (
            EXTRA,
            evidence(propagate_deletes=True),
            "the source has no such object: its deletion was not carried over, or something else wrote the copy",
        ),
        (
            EXTRA,
            evidence(propagate_deletes=True, obstacles=(TRIGGER,)),
            "its deletion was not carried over: the trigger is missing",
        ),
    ],
)
def test_what_explains_an_object(result: ObjectResult, known: Evidence, expected: str) -> None:
    assert explain(result, known) == expected


def cause(name: str, kind: ErrorKind, last_ms: int, *subjects: Subject, message: str = "") -> Cause:
    return Cause(name, kind, "C", "", False, message, 0, last_ms, len(subjects), [], dict.fromkeys(subjects, 1))


def test_the_latest_error_of_a_key_wins() -> None:
    causes = [
        cause("old", ErrorKind.HANDLED, 5, Subject("k", "")),
        cause("new", ErrorKind.HANDLED, 9, Subject("k", ""), message="why"),
    ]
    event = ParkedEvent("k", "RetriesExhausted", "CopyFailed: x")
    for ordered in (causes, causes[::-1]):
        assert logged_by_key(ordered, [event], {})["k"].text == "new: why"
    assert logged_by_key([], [event], {})["k"].text == "its event is parked (RetriesExhausted): CopyFailed: x"


def test_an_error_without_a_key_explains_the_keys_of_its_request() -> None:
    """A time-out names its request only; the parked event of that request names the object."""
    timeout = cause("time-out", ErrorKind.TIMEOUT, 9, Subject(None, "r1"), Subject(None, "r2"))
    event = ParkedEvent("big.bin", "RetriesExhausted", "", request_id="r1")
    logged = logged_by_key([timeout], [event], {"r1": ("big.bin", None)})
    assert logged == {"big.bin": Logged("time-out", ErrorKind.TIMEOUT, 9)}


def test_where_messages_differ_none_is_put_next_to_another_key() -> None:
    denied = cause("denied", ErrorKind.HANDLED, 9, Subject("a", ""), Subject("b", ""), message="b is odd")
    denied.has_one_message = False
    assert {logged.text for logged in logged_by_key([denied], [], {}).values()} == {"denied"}
