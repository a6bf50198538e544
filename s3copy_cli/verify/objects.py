"""Looking at the objects themselves: the walk, and HEAD where a listing is not enough."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from s3copy_cli.aws import S3_CONCURRENCY
from s3copy_cli.errors import AwsError
from s3copy_cli.s3 import Bucket, ObjectStore
from s3copy_cli.verify.compare import Level, Outcome, compare_listed
from s3copy_cli.verify.results import ObjectResult, judge
from s3copy_cli.verify.walk import Pair, iter_pairs

# How often a key is looked at that changes under our eyes, before the last answer stands.
_ROUNDS = 3
# Requests begun ahead of the one whose result is due next; bounds memory.
_WINDOW = 4 * S3_CONCURRENCY


class ObjectEngine:
    """Compares the two buckets. Use as a context manager: it owns threads.

    Args:
        store: the data plane; must be safe to share between threads.
        source: the bucket that is copied.
        destination: the bucket that is copied to.
        level: how closely to look.
    """

    def __init__(self, store: ObjectStore, source: Bucket, destination: Bucket, level: Level) -> None:
        self._store = store
        self._source = source
        self._destination = destination
        self._level: Level = level
        self._pool = ThreadPoolExecutor(S3_CONCURRENCY, thread_name_prefix="s3copy-head")

    def __enter__(self) -> ObjectEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def iter_all(self) -> Iterator[ObjectResult]:
        """Every key of either bucket, in key order, in memory that does not grow with their number."""
        waiting: deque[ObjectResult | Future[ObjectResult | None]] = deque()
        pairs = iter_pairs(self._store.iter_objects(self._source), self._store.iter_objects(self._destination))
        for pair in pairs:
            waiting.append(self._from_listing(pair) or self._pool.submit(self.look, pair.key))
            if len(waiting) >= _WINDOW:
                yield from _settled(waiting.popleft())
        while waiting:
            yield from _settled(waiting.popleft())

    def iter_again(self, keys: Iterable[str]) -> Iterator[tuple[str, ObjectResult | None]]:
        """These keys as they are now, in the given order; None for one that neither bucket has."""
        waiting: deque[tuple[str, Future[ObjectResult | None]]] = deque()
        for key in keys:
            waiting.append((key, self._pool.submit(self.look, key)))
            if len(waiting) >= _WINDOW:
                first, future = waiting.popleft()
                yield first, future.result()
        for key, future in waiting:
            yield key, future.result()

    def look(self, key: str) -> ObjectResult | None:
        """One key as it is now, by HEAD on both sides; None if neither side has it.

        A verdict other than "proved" stands only if the source was the same before and after the destination was
        looked at: otherwise it was a change in between, and both are looked at again.

        Raises:
            AwsError: S3 cannot be reached at all. A refusal of this one object is a result.
            CredentialsError: the credentials ceased to be good.
        """
        try:
            result = None
            for _ in range(_ROUNDS):
                source = self._store.head(self._source, key)
                result = judge(source, self._store.head(self._destination, key), self._level)
                if result is None or result.outcome in (Outcome.PROVED, Outcome.EXTRA):
                    break
                if self._store.head(self._source, key) == source:
                    break
        except AwsError as error:
            if not error.operation:
                raise
            why = self._why_bad_request(key) if error.code == "400" else ""
            return ObjectResult(key, Outcome.ERROR, message=f"{error.doing}: {error.happened}{why}")
        return result

    def _why_bad_request(self, key: str) -> str:
        """What a 400 to HEAD means: it has no body that could tell of expired credentials, a listing has one.

        Raises:
            CredentialsError: the credentials have expired or are refused.
            AwsError: S3 does not show the bucket either; then it is no verdict about this object.
        """
        next(iter(self._store.iter_objects(self._source, prefix=key)), None)
        return " (the credentials have not expired; perhaps it is encrypted with its owner's own key, SSE-C)"

    def _from_listing(self, pair: Pair) -> ObjectResult | None:
        """The result, if two lines of listings are enough for it."""
        if self._level != "listing" or pair.source is None or pair.destination is None:
            return None
        if compare_listed(pair.source, pair.destination).outcome is not Outcome.PROVED:
            return None
        return ObjectResult(
            pair.key,
            Outcome.PROVED,
            pair.source.size,
            pair.source.etag,
            source_modified=pair.source.last_modified,
            destination_modified=pair.destination.last_modified,
        )


def _settled(item: ObjectResult | Future[ObjectResult | None]) -> Iterator[ObjectResult]:
    result = item.result() if isinstance(item, Future) else item
    if result is not None:
        yield result
