"""A plan's changes for a person: what differs, not what is long."""

from __future__ import annotations

import io
import json
from typing import Any

from rich.console import Console

from s3copy_cli.output.plan_text import confirmation_lines, counts_line, print_plan
from s3copy_cli.provision.plan import Action, Change, Plan, Step
from s3copy_cli.provision.resources import Kind


def printed(old: Any, new: Any) -> str:
    step = Step(Kind.ROLE_POLICY, "copy", Action.UPDATE, changes=(Change("policy document", old, new),))
    stream = io.StringIO()
    print_plan(Console(file=stream, width=200), Plan((step,)))
    return stream.getvalue().splitlines()[1].strip()


def test_of_tags_and_rows_what_differs_is_named_without_brackets() -> None:
    assert printed({}, {"team": "blue", "cost": "47 11"}) == (
        "policy document: cost (unset) -> 47 11, team (unset) -> blue"
    )
    assert printed({"team": "blue", "a": "b"}, {"team": "red", "a": "b"}) == "policy document: team blue -> red"
    assert printed(["a", "b"], ["b", "c"]) == "policy document: + c, - a"
    assert printed("", "in/") == printed(None, "in/") == "policy document: (unset) -> in/"
    assert printed({}, {"tags": [["team", "blue"]]}) == "policy document: tags (unset) -> team=blue"
    assert printed(True, False) == "policy document: yes -> no"


def test_a_reason_is_told_where_no_values_are() -> None:
    stream = io.StringIO()
    kept = Step(Kind.SOURCE_BUCKET, "invoices", Action.KEEP, "it is yours")
    print_plan(Console(file=stream, width=200), Plan((kept,)))
    assert stream.getvalue().splitlines()[1].strip() == "it is yours"


def test_counts_are_told_as_what_was_done_afterwards() -> None:
    counts = {"create": 2, "update": 1, "keep": 7, "delete": 5}
    assert counts_line(counts) == "2 to create, 1 to update, 7 to keep, 5 to delete"
    assert counts_line(counts, is_done=True) == "2 created, 1 updated, 7 kept, 5 deleted"


def policy(*actions: str, sid: str = "") -> str:
    statement = {**({"Sid": sid} if sid else {}), "Effect": "Allow", "Action": list(actions), "Resource": "arn:b/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_of_two_policies_what_differs_is_named() -> None:
    assert printed(policy("s3:Get"), policy("s3:Get", "s3:Put")) == "policy document: + Statement.Action: s3:Put"
    assert printed(policy("s3:Get", "x:y"), policy("s3:Get")) == "policy document: - Statement.Action: x:y"
    changed = printed(policy("a", sid="Read"), policy("b", sid="Read"))
    assert changed == "policy document: + Statement.Read.Action: b, - Statement.Read.Action: a"


def test_many_differences_are_a_line_each() -> None:
    lots = [f"s3:{'Action' * 5}{number}" for number in range(9)]
    step = Step(Kind.ROLE_POLICY, "copy", Action.UPDATE, changes=(Change("policy document", ["s3:Get"], lots),))
    stream = io.StringIO()
    print_plan(Console(file=stream, width=200), Plan((step,)))
    lines = [line.strip() for line in stream.getvalue().splitlines()[1:]]
    assert lines == ["policy document:", *(f"+ {one}" for one in lots), "- s3:Get"]


def test_what_is_no_document_is_told_as_it_is() -> None:
    assert printed("128", "256") == "policy document: 128 -> 256"
    assert printed(None, policy("a")).startswith("policy document: (unset) -> {")
    # The same texts in another order: nothing is added or taken away, and yet it is not the same.
    assert printed(policy("a", "b"), policy("b", "a")).startswith("policy document: {")


def test_who_has_to_agree_sees_what_stays_apart_from_what_goes() -> None:
    gone = Step(Kind.FUNCTION, "f", Action.DELETE)
    steps = (Step(Kind.SOURCE_BUCKET, "invoices", Action.KEEP, "it is yours"), gone)
    assert confirmation_lines(Plan(steps)) == [
        "This will be removed, with all that is in it:",
        "  - function f",
        "This stays:",
        "  = source bucket invoices (it is yours)",
    ]
    assert confirmation_lines(Plan((gone,))) == ["This will be removed, with all that is in it:", "  - function f"]
