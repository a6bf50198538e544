"""Which old failures have healed: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from s3copy_cli.verify.log_causes import Cause, Subject
from s3copy_cli.verify.parked import ParkedEvent


@dataclass(frozen=True)
class Recovery:
    """What is known of the keys that a log error or a parked event names.

    Attributes:
        healed_keys: those whose object is proved, or no longer in the source.
        succeeded_requests: requests that failed and succeeded when they were retried.
        parked_requests: the keys of parked and of noted events by request id (None for a record that names no key).
    """

    healed_keys: frozenset[str]
    succeeded_requests: frozenset[str]
    parked_requests: Mapping[str, tuple[str | None, ...]]

    def of_event(self, event: ParkedEvent) -> bool:
        """Whether a parked event's object is in order now."""
        return event.key is not None and event.key in self.healed_keys

    def of_cause(self, cause: Cause) -> int:
        """How many of a cause's errors have healed; all of one that never did any harm."""
        if cause.is_harmless:
            return cause.count
        return sum(count for subject, count in cause.subjects.items() if self._is_healed(subject))

    def _is_healed(self, subject: Subject) -> bool:
        if subject.key is not None:
            return subject.key in self.healed_keys
        if not subject.request_id:
            return False
        if subject.request_id in self.succeeded_requests:
            return True
        keys = self.parked_requests.get(subject.request_id, ())
        return bool(keys) and all(key in self.healed_keys for key in keys)


def named_keys(
    causes: Iterable[Cause], events: Iterable[ParkedEvent], requests: Mapping[str, tuple[str | None, ...]]
) -> list[str]:
    """Every key that a log error or a parked event names, or a failed request was about, once, in a stable order."""
    names: dict[str, None] = {}
    for cause in causes:
        for subject in cause.subjects:
            keys = (subject.key,) if subject.key is not None else requests.get(subject.request_id, ())
            names.update((key, None) for key in keys if key is not None)
    names.update((event.key, None) for event in events if event.key is not None)
    return list(names)


def causes_within(
    causes: Iterable[Cause], covers: Callable[[str], bool], *, keeps_unnamed: bool = False
) -> tuple[Cause, ...]:
    """What of the causes is about some keys only; errors that name no key are left out, unless they are to be kept."""
    limited = []
    for cause in causes:
        subjects = {
            subject: count
            for subject, count in cause.subjects.items()
            if (keeps_unnamed if subject.key is None else covers(subject.key))
        }
        untracked = cause.untracked if keeps_unnamed else 0
        if subjects or untracked:
            count = sum(subjects.values()) + untracked
            limited.append(replace(cause, subjects=subjects, count=count, untracked=untracked))
    return tuple(limited)


def events_within(
    events: Iterable[ParkedEvent], covers: Callable[[str], bool], *, keeps_unnamed: bool = False
) -> tuple[ParkedEvent, ...]:
    """The parked events that are about some keys only; those that name no key are left out, unless to be kept."""
    return tuple(event for event in events if (keeps_unnamed if event.key is None else covers(event.key)))


def parked_requests(events: Iterable[ParkedEvent]) -> Mapping[str, tuple[str | None, ...]]:
    """The keys of each parked request."""
    requests: dict[str, tuple[str | None, ...]] = {}
    for event in events:
        if event.request_id:
            requests[event.request_id] = (*requests.get(event.request_id, ()), event.key)
    return requests
