"""Following objects from the source to the destination, for `upload --wait`."""

from __future__ import annotations

import heapq
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from s3copy_cli.s3.store import ObjectStore
from s3copy_cli.s3.types import Bucket, ObjectHead
from s3copy_cli.transfer.upload import ENCRYPTIONS_WITHOUT_DIGEST

FIRST_INTERVAL = 0.1
INTERVAL_GROWTH = 1.5
LONGEST_INTERVAL = 5.0
THREADS = 8


@dataclass(frozen=True)
class Followed:
    """An object on its way.

    Attributes:
        source: the object in the source bucket, as it was uploaded.
        uploaded_at: the clock at the upload's end, in seconds.
    """

    source: ObjectHead
    uploaded_at: float


@dataclass(frozen=True)
class Seen:
    """An object that was seen at the destination.

    Attributes:
        key: its key.
        after_seconds: from the upload's end until it was seen there.
        was_there_before: the destination had it already, from an earlier upload of the same file.
    """

    key: str
    after_seconds: float
    was_there_before: bool = False


@dataclass
class Arrivals:
    """The objects to follow; filled by one thread while another follows them."""

    _queue: queue.SimpleQueue[Followed | None] = field(default_factory=queue.SimpleQueue)

    def add(self, followed: Followed) -> None:
        """One more object."""
        self._queue.put(followed)

    def close(self) -> None:
        """There will be no more: from now on the time is limited."""
        self._queue.put(None)

    def take(self) -> tuple[list[Followed], bool]:
        """What has come since the last call, and whether that was all."""
        taken: list[Followed] = []
        while True:
            try:
                followed = self._queue.get_nowait()
            except queue.Empty:
                return taken, False
            if followed is None:
                return taken, True
            taken.append(followed)


@dataclass(order=True)
class _Pending:
    due: float
    number: int
    followed: Followed = field(compare=False)
    interval: float = field(default=FIRST_INTERVAL, compare=False)


def follow(
    store: ObjectStore,
    source: Bucket,
    destination: Bucket,
    arrivals: Arrivals,
    *,
    seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    is_stopped: Callable[[], bool] = lambda: False,
    on_seen: Callable[[Seen], None] = lambda _: None,
    threads: int = THREADS,
    destination_key: Callable[[str], str] = lambda key: key,
) -> list[Seen]:
    """Look at the destination until every object was seen there, at growing intervals.

    Args:
        store: the data plane.
        source: where the objects were put; looked at again if something else has come to the destination.
        destination: where they are expected.
        arrivals: the objects; may still be growing.
        seconds: how long to go on after the last one has been added.
        clock: seconds, the same as in `Followed.uploaded_at`.
        sleep: seconds.
        is_stopped: whether to give up now.
        on_seen: called in this thread for each.
        threads: HEAD requests at the same time.
        destination_key: what a key of the source is called at the destination.

    Returns:
        What was seen. What is missing was not there, or not equal, when the time was over.

    Raises:
        AwsError, CredentialsError: AWS does not let us look.
    """
    pending: list[_Pending] = []
    seen: list[Seen] = []
    number = 0
    deadline: float | None = None

    def look(item: _Pending) -> tuple[_Pending, Seen | None]:
        name = destination_key(item.followed.source.key)
        return item, _look(store, source, destination, item.followed, clock, name)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="s3copy-follow") as pool:
        while not is_stopped():
            if deadline is None:
                added, is_complete = arrivals.take()
                for followed in added:
                    number += 1
                    heapq.heappush(pending, _Pending(clock(), number, followed))
                if is_complete:
                    deadline = clock() + seconds
            if deadline is not None and not pending:
                break
            due: list[_Pending] = []
            # A few at a time, so that neither the deadline nor a stop has to wait for a long round.
            while pending and pending[0].due <= clock() and len(due) < 4 * threads:
                due.append(heapq.heappop(pending))
            for item, found in pool.map(look, due):
                if found is not None:
                    seen.append(found)
                    on_seen(found)
                    continue
                item.due = clock() + item.interval
                item.interval = min(item.interval * INTERVAL_GROWTH, LONGEST_INTERVAL)
                heapq.heappush(pending, item)
            if deadline is not None and clock() >= deadline:
                break
            if not due:
                sleep(_pause(pending, deadline, clock()))
    return seen


def _pause(pending: list[_Pending], deadline: float | None, now: float) -> float:
    """Until the next look, but never long while objects still arrive or a stop may come."""
    pause = FIRST_INTERVAL
    if pending:
        pause = min(pause, pending[0].due - now)
    if deadline is not None:
        pause = min(pause, deadline - now)
    return max(pause, 0.001)


def _look(
    store: ObjectStore,
    source: Bucket,
    destination: Bucket,
    followed: Followed,
    clock: Callable[[], float],
    destination_key: str,
) -> Seen | None:
    expected = followed.source
    there = store.head(destination, destination_key)
    if there is None:
        return None
    if not is_copy(expected, there):
        # Perhaps the source was overwritten meanwhile, and this is the copy of what it is now.
        now = store.head(source, expected.key)
        if now is None or not is_copy(now, there):
            return None
        expected = now
    return Seen(
        key=expected.key,
        after_seconds=max(0.0, clock() - followed.uploaded_at),
        was_there_before=there.last_modified < expected.last_modified,
    )


def is_copy(source: ObjectHead, there: ObjectHead) -> bool:
    """Whether the destination's object is a copy of the source's, as far as two HEADs tell. Pure.

    Where no ETag and no checksum can be compared, the size and a LastModified that is not older have to do;
    `verify` says of such an object that it is not proved.
    """
    if source.size != there.size or source.headers != there.headers or source.metadata != there.metadata:
        return False
    etags_are_digests = not {source.encryption, there.encryption} & ENCRYPTIONS_WITHOUT_DIGEST
    if etags_are_digests and source.etag == there.etag:
        return True
    shared = source.checksums.keys() & there.checksums.keys()
    if shared and source.checksum_type == there.checksum_type:
        if all(source.checksums[name] == there.checksums[name] for name in shared):
            return True
        if source.checksum_type == "FULL_OBJECT":
            return False
    if etags_are_digests and ("-" in source.etag) == ("-" in there.etag):
        return False
    return there.last_modified >= source.last_modified
