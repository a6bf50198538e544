"""Why an object is not proved, in one line: pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from s3copy_cli.verify.compare import FieldVerdict, Outcome
from s3copy_cli.verify.health import Finding, Health
from s3copy_cli.verify.log_causes import Cause
from s3copy_cli.verify.log_fold import LastWord
from s3copy_cli.verify.log_lines import ErrorKind
from s3copy_cli.verify.parked import ParkedEvent
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.wording import human_size, plural

_NAMES = {"tags": "the tags", "content": "the bytes", "x-amz-missing-meta": "the metadata"}


@dataclass(frozen=True, slots=True)
class Logged:
    """What the log, or a parked event, says went wrong with a key.

    Attributes:
        text: the explanation.
        kind: how it came about; None if only a parked event tells.
        time_ms: when; 0 if only a parked event tells.
    """

    text: str
    kind: ErrorKind | None
    time_ms: int


@dataclass(frozen=True)
class Evidence:
    """Everything that may explain an object.

    Attributes:
        logged: what went wrong, by key.
        last_words: what the function said last, errors aside, by key.
        watched: the keys whose last word was looked for; None for all.
        obstacles: why no event reaches the function at all.
        health: the function's settings.
        since: when the range of the logs begins that was read; None if nothing was read.
        incomplete: why the logs are not complete; empty if they are.
        created_at: when the pipeline was deployed; None if nobody knows.
        dropped: how many events Lambda dropped.
        propagate_deletes: whether deletes are carried over.
        events_waiting: how many events the event queue holds.
        sync_tags: whether a change of tags alone is.
    """

    logged: Mapping[str, Logged] = field(default_factory=dict)
    last_words: Mapping[str, LastWord] = field(default_factory=dict)
    watched: Container[str] | None = None
    obstacles: tuple[Finding, ...] = ()
    health: Health = field(default_factory=Health)
    since: datetime | None = None
    incomplete: str = ""
    created_at: datetime | None = None
    dropped: int = 0
    propagate_deletes: bool = False
    events_waiting: int = 0
    sync_tags: bool = False


def explain(result: ObjectResult, evidence: Evidence) -> str:
    """Why this object is not proved; empty for one that is."""
    if result.outcome is Outcome.PROVED:
        return ""
    if result.message:
        return result.message
    logged = evidence.logged.get(result.key)
    if logged is not None:
        return logged.text + _limits(logged.kind, result, evidence.health)
    if result.outcome is Outcome.UNPROVED:
        return _unproved(result)
    if result.outcome is Outcome.EXTRA:
        return _extra(result, evidence)
    return _not_copied(result, evidence)


def logged_by_key(
    causes: Iterable[Cause], events: Iterable[ParkedEvent], requests: Mapping[str, tuple[str | None, ...]]
) -> Mapping[str, Logged]:
    """What explains each key: the latest cause in the log, else what the parked event says.

    An error that names no key, such as a time-out, is put next to those of its request.

    Args:
        causes: the errors in the log.
        events: the parked events.
        requests: the keys of failed requests, as far as they are known.
    """
    explained: dict[str, Logged] = {}
    for event in events:
        if event.key is not None:
            text = f"its event is parked ({event.condition})" + (f": {event.error}" if event.error else "")
            explained[event.key] = Logged(text, None, 0)
    for cause in causes:
        # Where the messages differ, the one that was kept may be about another key.
        text = f"{cause.name}: {cause.message}" if cause.message and cause.has_one_message else cause.name
        for subject in cause.subjects:
            keys = requests.get(subject.request_id, ()) if subject.key is None else (subject.key,)
            for key in keys:
                if key is not None and (key not in explained or cause.last_ms >= explained[key].time_ms):
                    explained[key] = Logged(text, cause.kind, cause.last_ms)
    return explained


def _limits(kind: ErrorKind | None, result: ObjectResult, health: Health) -> str:
    """The size of the object and the setting that it ran into."""
    facts = []
    if kind in (ErrorKind.TIMEOUT, ErrorKind.OUT_OF_MEMORY) and result.size is not None:
        facts.append(f"the object has {human_size(result.size)}")
    if kind is ErrorKind.TIMEOUT and health.timeout:
        facts.append(f"the function's time-out is {health.timeout} s")
    if kind is ErrorKind.OUT_OF_MEMORY and health.memory_mb:
        facts.append(f"the function's memory size is {health.memory_mb:,} MB")
    return f" ({'; '.join(facts)})" if facts else ""


def _unproved(result: ObjectResult) -> str:
    open_fields = [field for field in result.fields if field.verdict is FieldVerdict.NOT_COMPARABLE]
    if not open_fields:
        return ""
    # Where the bytes are proved, what stands in the way is what has to be equal besides.
    for each in open_fields:
        if each.is_required:
            return f"nothing differs, but {_NAMES.get(each.name, each.name)} cannot be compared: {each.reason}"
    return f"nothing differs, but the bytes cannot be shown to be equal: {open_fields[0].reason}"


def _extra(result: ObjectResult, evidence: Evidence) -> str:
    if evidence.propagate_deletes:
        if evidence.obstacles:
            return f"its deletion was not carried over: {evidence.obstacles[0].message}"
        return "the source has no such object: its deletion was not carried over, or something else wrote the copy"
    word = evidence.last_words.get(result.key)
    told = f"; the function copied it at {_time(word.time_ms)}" if word and word.outcome == "copied" else ""
    return f"the source has no such object{told or ' (any more)'}, and this pipeline does not carry deletes over"


def _not_copied(result: ObjectResult, evidence: Evidence) -> str:
    if evidence.watched is not None and result.key not in evidence.watched and not evidence.obstacles:
        return "the log names no error of it (there are too many to search the log for each one's copy)"
    changed_ms = _milliseconds(result.source_modified)
    word = evidence.last_words.get(result.key)
    if word is not None and word.outcome == "continued":
        return f"its copy went on in another execution at {_time(word.time_ms)}, which has not told its end"
    if word is not None and changed_ms is not None and word.time_ms >= changed_ms:
        said = {
            "copied": "copied it",
            "already_equal": "found it equal",
            "source_missing": "found no such source object",
        }
        happened = _changed(result, evidence)
        return (
            f"the function {said.get(word.outcome, f'said {word.outcome!r} of it')} at {_time(word.time_ms)}: "
            f"{happened}"
        )
    if evidence.incomplete and not evidence.obstacles:
        return f"not known: {evidence.incomplete}"
    before = f" since {_time(word.time_ms)}" if word is not None else ""
    return f"no event seen{before}: {_no_event(result, evidence)}"


def _changed(result: ObjectResult, evidence: Evidence) -> str:
    """What must have happened since the function's last word."""
    if result.outcome is Outcome.MISSING:
        return "it was deleted from the destination after that"
    differing = [field.name for field in result.fields if field.verdict is FieldVerdict.DIFFER]
    if differing and all(name.startswith("tag-") for name in differing):
        # Tags are no part of LastModified: nothing tells which side's were changed.
        unsynced = "" if evidence.sync_tags else " (a change of tags alone is not carried over: setup --sync-tags)"
        return f"the tags of the source or of the copy were changed after that{unsynced}"
    if differing == ["storage-class"]:
        return "the storage class of the source or of the copy was changed after that"
    return "it was changed after that"


def _no_event(result: ObjectResult, evidence: Evidence) -> str:
    modified = result.source_modified
    if evidence.obstacles:
        return "; ".join(obstacle.message for obstacle in evidence.obstacles)
    if modified is not None and evidence.created_at is not None and modified < evidence.created_at:
        # The log group's age is all that is known of the pipeline's.
        return (
            "the object is older than the log group: either than the whole pipeline, and only new ones send an event, "
            "or the log group was deleted and built again"
        )
    if modified is not None and evidence.since is not None and modified < evidence.since:
        return f"the object is from {modified:%Y-%m-%d %H:%M} UTC, before the range of the logs that was read"
    if evidence.events_waiting:
        return f"{plural(evidence.events_waiting, 'event')} still wait in the event queue, probably its own among them"
    if evidence.dropped:
        return f"Lambda dropped {plural(evidence.dropped, 'event')}, perhaps its own"
    return "the copy is still under way, or its event was lost"


def _milliseconds(moment: datetime | None) -> int | None:
    # LastModified has whole seconds.
    return None if moment is None else int(moment.replace(microsecond=0).timestamp() * 1000)


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
