"""Looking at the objects themselves: the walk, and HEAD where a listing is not enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from types import TracebackType

from s3copy_cli.aws import S3_CONCURRENCY
from s3copy_cli.errors import AwsError
from s3copy_cli.s3 import PASSING_CODES, Bucket, HeadUnderWay, ObjectStore
from s3copy_cli.verify.compare import FieldComparison, Outcome, Rules, are_proved_by_listing, not_comparable
from s3copy_cli.verify.content import RANGES_IN_WORK, ContentChanged, ContentComparer
from s3copy_cli.verify.ordered import Begun, Known, iter_in_order
from s3copy_cli.verify.results import ObjectResult, Seen, Trouble, judge, judge_at_a_glance
from s3copy_cli.verify.scope import EVERYTHING, Scope
from s3copy_cli.verify.spool import Entry
from s3copy_cli.verify.walk import Pair, iter_pairs

# How often a key is looked at that changes under our eyes, before the last answer stands.
_ROUNDS = 3
# Keys begun ahead of the one whose result is due next; bounds memory.
_WINDOW = 4 * S3_CONCURRENCY
_UNKNOWN = (
    "neither bucket has an object of this name. A key is compared as S3 stores it: without the bucket, with its case, "
    "and usually without a slash in front"
)


class ObjectEngine:
    """Compares the two buckets. Use as a context manager: it owns threads.

    Args:
        store: the data plane; must be safe to share between threads.
        source: the bucket that is copied.
        destination: the bucket that is copied to.
        rules: how closely to look.
        scope: at which keys.
        trusts_listed_etags: whether both buckets are known to encrypt so that ETags are digests; otherwise the level
            "listing" asks HEAD for every object, too.
    """

    def __init__(
        self,
        store: ObjectStore,
        source: Bucket,
        destination: Bucket,
        rules: Rules,
        scope: Scope = EVERYTHING,
        *,
        trusts_listed_etags: bool = False,
    ) -> None:
        self._store = store
        self._source = source
        self._destination = destination
        self._rules = rules
        self._scope = scope
        self._is_listing_enough = rules.level == "listing" and not rules.tags and trusts_listed_etags
        self._are_buckets_confirmed = False
        self._pool = ThreadPoolExecutor(S3_CONCURRENCY, thread_name_prefix="s3copy-head")
        # Threads of its own: whoever compares two objects waits for the ranges that are read here.
        self._readers = ThreadPoolExecutor(RANGES_IN_WORK, thread_name_prefix="s3copy-read")
        self._contents = ContentComparer(store.read_range, self._readers)

    def __enter__(self) -> ObjectEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._pool.shutdown(wait=True)

    def iter_all(self) -> Iterator[ObjectResult]:
        """Every key in scope that either bucket has, in key order, in memory that does not grow with their number.

        A key that the scope names comes in any case; one that neither bucket has is an error.
        """
        if self._scope.keys is not None:
            for _, result in self.iter_again(self._scope.keys):
                if result is not None:
                    yield result
            return
        scope = self._scope
        pairs = iter_pairs(
            scope.iter_source(self._store.iter_objects(self._source, scope.source_prefix)),
            scope.iter_destination(self._store.iter_objects(self._destination, scope.destination_listing_prefix)),
        )
        glanced = iter_in_order(pairs, self._begin_glance, _WINDOW, self._known_by_listing)
        for _, result in iter_in_order(glanced, self._begin_look, _WINDOW, itemgetter(1)):
            if result is not None:
                yield result

    def iter_again(self, keys: Iterable[str]) -> Iterator[tuple[str, ObjectResult | None]]:
        """These keys as they are now, in the given order; None for one that neither bucket has."""

        def begin(key: str) -> Begun[ObjectResult | None]:
            return self._pool.submit(self.look, key)

        return iter_in_order(keys, begin, _WINDOW)

    def iter_revised(
        self, entries: Iterable[Entry], is_due: Callable[[Entry], bool]
    ) -> Iterator[tuple[Entry, ObjectResult | None]]:
        """Results with what they are now, in the given order.

        Args:
            entries: earlier results.
            is_due: which of them to look at; the others come back as they are.
        """

        def begin(entry: Entry) -> Begun[ObjectResult | None]:
            return self._pool.submit(self.look, entry.result.key) if is_due(entry) else Known(entry.result)

        return iter_in_order(entries, begin, _WINDOW)

    def look(self, key: str) -> ObjectResult | None:
        """One key as it is now, by HEAD on both sides; None if neither side has it.

        A verdict other than "proved" stands only if the source was the same before and after the destination was
        looked at: otherwise it was a change in between, and both are looked at again.

        Raises:
            AwsError: S3 cannot be reached at all, or a bucket is gone. A refusal of this one object is a result.
            CredentialsError: the credentials ceased to be good.
        """
        try:
            result = self._look(key)
        except AwsError as error:
            if not error.operation or error.code == "NoSuchBucket":
                raise
            why = self._why_bad_request(key) if error.code == "400" else ""
            trouble: Trouble = "passing" if error.code in PASSING_CODES else ""
            return ObjectResult(key, Outcome.ERROR, message=f"{error.doing}: {error.happened}{why}", trouble=trouble)
        if self._scope.keys is None:
            return result
        if result is None or result.outcome in (Outcome.MISSING, Outcome.EXTRA):
            self._confirm_buckets(key)
        return result or ObjectResult(key, Outcome.ERROR, message=_UNKNOWN, trouble="absent")

    def _look(self, key: str) -> ObjectResult | None:
        source = self._see(self._source, key)
        result = None
        for _ in range(_ROUNDS):
            destination = self._see(self._destination, self._scope.destination_key(key))
            result, is_settled = self._judge(key, source, destination)
            if result is not None and result.outcome is Outcome.PROVED:
                break
            again = self._see(self._source, key)
            if again == source and is_settled:
                break
            source = again
        return result

    def _see(self, bucket: Bucket, key: str) -> Seen:
        """One side of a key."""
        head = self._store.head(bucket, key)
        if head is None or not self._rules.tags:
            return Seen(head)
        try:
            return Seen(head, self._store.tags(bucket, key))
        except AwsError as error:
            if not error.operation or error.code in PASSING_CODES:
                raise
            # Nothing that changes from answer to answer: two looks at the same state must be equal.
            return Seen(head, f"the tags in {bucket.name} cannot be read: {error.code} on {error.operation}")

    def _judge(self, key: str, source: Seen, destination: Seen) -> tuple[ObjectResult | None, bool]:
        """The result, and whether both sides stood still while it was found."""
        if source.head is not None and destination.head is not None:
            result = judge_at_a_glance(key, source.head, destination.head, self._rules)
            if result is not None:
                return result, True
        judged, is_content_due = judge(key, source, destination, self._rules)
        if not is_content_due or source.head is None or destination.head is None:
            return judged, True
        content: FieldComparison
        is_settled = True
        try:
            content = self._contents.compare(self._source, source.head, self._destination, destination.head)
        except ContentChanged:
            content, is_settled = not_comparable("content", "an object changed while it was read"), False
        return judge(key, source, destination, self._rules, content)[0], is_settled

    def _why_bad_request(self, key: str) -> str:
        """What a 400 to HEAD means: it has no body that could tell of expired credentials, a listing has one.

        Raises:
            CredentialsError: the credentials have expired or are refused.
            AwsError: S3 does not show the bucket either; then it is no verdict about this object.
        """
        next(iter(self._store.iter_objects(self._source, prefix=key)), None)
        return " (the credentials have not expired; perhaps it is encrypted with its owner's own key, SSE-C)"

    def _confirm_buckets(self, key: str) -> None:
        """HEAD does not tell a missing object from a missing bucket; a listing does.

        Raises:
            AwsError: a bucket is gone, or may not be listed.
        """
        if self._are_buckets_confirmed:
            return
        for bucket in (self._source, self._destination):
            next(iter(self._store.iter_objects(bucket, prefix=key)), None)
        self._are_buckets_confirmed = True

    def _known_by_listing(self, pair: Pair) -> ObjectResult | None:
        """The result of a pair that needs no request."""
        key, source, destination = pair
        if not self._is_listing_enough or source is None or destination is None:
            return None
        if not are_proved_by_listing(source, destination, rules=self._rules):
            return None
        times = source.last_modified, destination.last_modified
        return ObjectResult(key, Outcome.PROVED, source.size, source.etag, (), "", *times)

    def _begin_glance(self, pair: Pair) -> Begun[ObjectResult | None]:
        """The result of a pair that is plainly equal; None for one that needs a look."""
        source, destination = pair.source, pair.destination
        if source is None or destination is None:
            return Known(None)
        is_alike = source.etag == destination.etag and source.size == destination.size
        if not is_alike or self._rules.tags or self._rules.prove_all:
            return Known(None)
        return _Glance(
            pair.key,
            self._store.submit_head(self._source, pair.key),
            self._store.submit_head(self._destination, self._scope.destination_key(pair.key)),
            self._rules,
        )

    def _begin_look(self, glanced: tuple[Pair, ObjectResult | None]) -> Begun[ObjectResult | None]:
        pair, _ = glanced
        return self._pool.submit(self.look, pair.key)


class _Glance:
    """Two HEADs under way, side by side and without a thread: the usual object is equal, and needs no more.

    Not for rules that ask for tags or for the bytes of every object.
    """

    __slots__ = ("_destination", "_key", "_rules", "_source")

    def __init__(self, key: str, source: HeadUnderWay, destination: HeadUnderWay, rules: Rules) -> None:
        self._key = key
        self._source = source
        self._destination = destination
        self._rules = rules

    def done(self) -> bool:
        return self._source.done() and self._destination.done()

    def result(self) -> ObjectResult | None:
        try:
            source, destination = self._source.result(), self._destination.result()
        except AwsError:
            # The look meets it again, and knows what it means.
            return None
        if source is None or destination is None:
            return None
        result = judge_at_a_glance(self._key, source, destination, self._rules)
        if result is None:
            result, _ = judge(self._key, Seen(source), Seen(destination), self._rules)
        # Anything else stands only after a second look at the source.
        return result if result is not None and result.outcome is Outcome.PROVED else None

    def cancel(self) -> bool:
        return False
