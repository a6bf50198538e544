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
# Longer than any ARN or name: what is cut could be what differs.
_LONGEST_VALUE = 200
_LONGEST_LINE = 160
_DOCUMENTS = frozenset({names.TRUST, names.DOCUMENT, names.TLS_ONLY})


def step_line(step: Step) -> str:
    """One line about a step, without colour."""
    sign, _ = _SIGNS[step.action]
    reason = f" ({step.reason})" if step.reason and step.action is not Action.CREATE else ""
    return f"  {sign} {step.kind.value} {step.name}{reason}"


def confirmation_lines(plan: Plan) -> list[str]:
    """What a teardown is about to do, for whoever has to agree: what goes, and apart from it what stays."""
    stays = [step for step in plan.steps if step not in plan.pending]
    return [
        "This will be removed, with all that is in it:",
        *(step_line(step) for step in plan.pending),
        *(["This stays:"] if stays else []),
        *(step_line(step) for step in stays),
    ]


def print_plan(console: Console, plan: Plan) -> None:
    """One line for each step, with old and new values under an update and the reason under what is left out."""
    from rich.text import Text

    for step in plan.steps:
        sign, style = _SIGNS[step.action]
        line = Text.assemble((f"{sign} {step.action.value:<6}", style), f"  {step.kind.value:<25}  {safe(step.name)}")
        console.print(line, soft_wrap=True)
        # That something differs is said better by its values.
        if step.reason and step.action is not Action.CREATE and not step.changes:
            console.print(Text(f"{'':<10}{safe(step.reason)}", "dim"), soft_wrap=True)
        for change in step.changes:
            for words in _change_lines(change):
                console.print(Text(f"{'':<10}{words}"), soft_wrap=True)


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


def counts_line(counts: dict[str, int], *, is_done: bool = False) -> str:
    """E.g. "9 to create, 2 to keep"; afterwards "9 created, 2 kept"."""
    words = {
        Action.CREATE.value: "created" if is_done else "to create",
        Action.UPDATE.value: "updated" if is_done else "to update",
        Action.KEEP.value: "kept" if is_done else "to keep",
        Action.DELETE.value: "deleted" if is_done else "to delete",
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


def _change_lines(change: Change) -> list[str]:
    """What differs, in one line, or in a line each if it is long."""
    differences = _differences(change.old, change.new)
    line = f"{change.attribute}: {', '.join(differences)}"
    if len(differences) == 1 or len(line) <= _LONGEST_LINE:
        return [line]
    return [f"{change.attribute}:", *(f"  {one}" for one in differences)]


def _differences(old: Any, new: Any) -> list[str]:
    """Of two long values only what differs is worth reading."""
    if isinstance(old or {}, Mapping) and isinstance(new or {}, Mapping) and (old or new):
        had, has = dict(old or {}), dict(new or {})
        differing = sorted(name for name in {**had, **has} if had.get(name) != has.get(name))
        return [f"{safe(str(name))} {_value(had.get(name))} -> {_value(has.get(name))}" for name in differing]
    told: list[str] = []
    documents = _document(old), _document(new)
    if all(document is not None for document in documents):
        told = _gained_and_lost(*({f"{path}: {value}" for path, value in _iter_leaves(one)} for one in documents))
    elif _is_row(old) and _is_row(new):
        told = _gained_and_lost(set(old), set(new))
    return told or [f"{_value(old)} -> {_value(new)}"]


def _gained_and_lost(had: set[str], has: set[str]) -> list[str]:
    return [f"+ {safe(one)}" for one in sorted(has - had)] + [f"- {safe(one)}" for one in sorted(had - has)]


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, str) for one in value)


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
            named = {word: it for word, it in inner.items() if word != "Sid"} if name else inner
            yield from _iter_leaves(named, f"{path}.{name}" if name else path)
    else:
        yield path, str(value)


def _value(value: Any) -> str:
    return shorten(safe(_words(value)), _LONGEST_VALUE)


def _words(value: Any) -> str:
    """A value as a person writes it: rows and pairs without brackets and quotes."""
    if value in (None, "", {}, [], ()):
        return "(unset)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        pairs = [isinstance(one, list | tuple) for one in value]
        return ", ".join("=".join(map(str, one)) if pair else str(one) for one, pair in zip(value, pairs, strict=True))
    return str(value)
