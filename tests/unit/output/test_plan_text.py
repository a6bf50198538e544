"""A plan's changes for a person: what differs, not what is long."""

from __future__ import annotations

import io
import json
from typing import Any

from rich.console import Console

from s3copy_cli.output.plan_text import print_plan
from s3copy_cli.provision.plan import Action, Change, Plan, Step
from s3copy_cli.provision.resources import Kind


def printed(old: Any, new: Any) -> str:
    step = Step(Kind.ROLE_POLICY, "copy", Action.UPDATE, changes=(Change("policy document", old, new),))
    stream = io.StringIO()
    print_plan(Console(file=stream, width=200), Plan((step,)))
    return stream.getvalue().splitlines()[1].strip()


def policy(*actions: str, sid: str = "") -> str:
    statement = {**({"Sid": sid} if sid else {}), "Effect": "Allow", "Action": list(actions), "Resource": "arn:b/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_of_two_policies_what_differs_is_named() -> None:
    assert printed(policy("s3:Get"), policy("s3:Get", "s3:Put")) == "policy document: + Statement.Action: s3:Put"
    assert printed(policy("s3:Get", "x:y"), policy("s3:Get")) == "policy document: - Statement.Action: x:y"
    changed = printed(policy("a", sid="Read"), policy("b", sid="Read"))
    assert changed == "policy document: + Statement.Read.Action: b, - Statement.Read.Action: a"


def test_what_is_no_document_is_told_as_it_is() -> None:
    assert printed("128", "256") == "policy document: 128 -> 256"
    assert printed(None, policy("a")).startswith("policy document: (unset) -> {")
    # The same texts in another order: nothing is added or taken away, and yet it is not the same.
    assert printed(policy("a", "b"), policy("b", "a")).startswith("policy document: {")
