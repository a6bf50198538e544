"""What an end state is worth."""

from __future__ import annotations

from lambda_handler.options import Options

from .world import Retag, World, Write

EQUAL = "equal"
PARKED = "parked"
SAME_SECOND = "same second"
LATE_REQUEST = "late request, same bytes"
LATE_REQUEST_ABSENT = "late request, absent"
TAGS_NOT_SYNCED = "tags without --sync-tags"
VIOLATION = "VIOLATION"
DOCUMENTED = (SAME_SECOND, LATE_REQUEST, LATE_REQUEST_ABSENT, TAGS_NOT_SYNCED)


def judge(world: World, options: Options, writes: tuple[Write, ...], parked: int) -> str:
    """Whether the destination equals the source; if not, whether that is known to anybody, or documented."""
    fields = _differing(world, options)
    if not fields:
        return EQUAL
    if parked:
        return PARKED
    if fields == {"tags"} and not options.sync_tags and any(isinstance(change, Retag) for change in writes):
        return TAGS_NOT_SYNCED
    if world.late and not world.outdone:
        return LATE_REQUEST if world.late == "bytes" else LATE_REQUEST_ABSENT
    if world.returned:
        return SAME_SECOND
    return VIOLATION


def _differing(world: World, options: Options) -> set[str]:
    source, destination = world.source, world.destination
    if source is None:
        return {"existence"} if destination is not None and options.propagate_deletes else set()
    if destination is None:
        return {"existence"}
    compared = {
        "etag": source.etag == destination.etag,
        "content": source.content == destination.content,
        "headers": source.headers == destination.headers,
        "tags": source.tags == destination.tags,
    }
    return {field for field, is_equal in compared.items() if not is_equal}
