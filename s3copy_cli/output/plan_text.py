"""Plans and their steps, for people and for JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from s3copy_cli.output.safe import safe, shorten
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.plan import Action, Change, Plan, Step
from s3copy_cli.provision.policy import differing_statements

if TYPE_CHECKING:
    from rich.console import Console

_SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.KEEP: ("=", "dim"),
    Action.NOT_APPLICABLE: ("·", "dim"),
    Action.DELETE: ("-", "red"),
    Action.LEAVE: ("!", "yellow"),
    Action.WAIT: (".", "dim"),
}
_LONGEST_VALUE = 60
_DOCUMENTS = frozenset({names.TRUST, names.DOCUMENT, names.TLS_ONLY})


def step_line(step: Step) -> str:
    """One line about a step, without colour."""
    sign, _ = _SIGNS[step.action]
    reason = f" ({step.reason})" if step.reason and step.action is not Action.CREATE else ""
    return f"  {sign} {step.kind.value} {step.name}{reason}"


def print_plan(console: Console, plan: Plan) -> None:
    """One line for each step, with old and new values under an update and the reason under what is left out."""
    from rich.text import Text

    for step in plan.steps:
        sign, style = _SIGNS[step.action]
        line = Text.assemble((f"{sign} {step.action.value:<6}", style), f"  {step.kind.value:<25}  {safe(step.name)}")
        console.print(line, soft_wrap=True)
        if step.action in {Action.NOT_APPLICABLE, Action.LEAVE, Action.WAIT}:
            console.print(Text(f"{'':<10}{safe(step.reason)}", "dim"), soft_wrap=True)
        for change in step.changes:
            console.print(Text(f"{'':<10}{_change_line(change)}"), soft_wrap=True)


def plan_data(plan: Plan) -> list[dict[str, Any]]:
    """The steps for the JSON envelope."""
    return [step_data(step) for step in plan.steps]


def step_data(step: Step) -> dict[str, Any]:
    """One step for the JSON envelope."""
    return {
        "resource": step.kind.value,
        "name": step.name,
        "action": step.action.value,
        "reason": step.reason,
        "changes": [_change_data(change) for change in step.changes],
    }


def counts_line(counts: dict[str, int]) -> str:
    """E.g. "9 to create, 2 to keep"."""
    words = {
        Action.CREATE.value: "to create",
        Action.UPDATE.value: "to update",
        Action.KEEP.value: "to keep",
        Action.DELETE.value: "to delete",
        Action.LEAVE.value: "left alone",
        Action.NOT_APPLICABLE.value: "not applicable",
    }
    return ", ".join(f"{counts[action]} {text}" for action, text in words.items() if counts.get(action))


def names_of(steps: Iterable[Step]) -> str:
    """The steps' resources in a row."""
    return ", ".join(f"{step.kind.value} {safe(step.name)}" for step in steps)


def _change_data(change: Change) -> dict[str, Any]:
    old, new = change.old, change.new
    if change.attribute in _DOCUMENTS:
        old, new = differing_statements(old, new)
    return {"attribute": change.attribute, "old": old, "new": new}


def _change_line(change: Change) -> str:
    old, new = change.old, change.new
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        # Of two long mappings only what differs is worth reading.
        differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        old, new = ({name: one[name] for name in differing if name in one} for one in (old, new))
    documents = _document(old), _document(new)
    if all(document is not None for document in documents):
        # Of two policies likewise.
        had, has = ({f"{path}: {value}" for path, value in _iter_leaves(document)} for document in documents)
        told = [f"+ {safe(leaf)}" for leaf in sorted(has - had)] + [f"- {safe(leaf)}" for leaf in sorted(had - has)]
        if told:
            return f"{change.attribute}: {', '.join(told)}"
    return f"{change.attribute}: {_value(old)} -> {_value(new)}"


def _document(value: Any) -> Any:
    """A JSON document that is an object; None for anything else."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _iter_leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a JSON document, and the names that lead to it; a statement's own name stands for its place."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _iter_leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for inner in value:
            name = inner.get("Sid", "") if isinstance(inner, Mapping) else ""
            yield from _iter_leaves(inner, f"{path}.{name}" if name else path)
    else:
        yield path, str(value)


def _value(value: Any) -> str:
    return shorten(safe(str(value)), _LONGEST_VALUE) if value is not None else "(unset)"
