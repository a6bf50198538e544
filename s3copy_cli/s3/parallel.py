"""Listing a bucket in key order with several requests at the same time, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from s3copy_cli.s3.answers import malformed
from s3copy_cli.s3.flight import Outcome
from s3copy_cli.s3.ranges import ListingPlan, Stretch
from s3copy_cli.s3.store import KEYS_PER_REQUEST
from s3copy_cli.s3.transport import MAX_ATTEMPTS
from s3copy_cli.s3.types import Bucket, ListedObject
from s3copy_cli.s3.wire import Call
from s3copy_cli.s3.xml import MalformedAnswerError, parse_objects

Submit = Callable[[Call, Callable[[Outcome], None]], object]


def iter_listing(submit: Submit, bucket: Bucket, prefix: str) -> Iterator[ListedObject]:
    """Current objects in S3's order. One request for a bucket of up to 1,000 keys; see `ranges` for more.

    Args:
        submit: begins a request.
        bucket: to list.
        prefix: of the keys.

    Raises:
        AwsError: S3 refuses, cannot be reached, or does not give complete answers.
        CredentialsError: S3 refuses the credentials.
    """
    plan = ListingPlan(prefix)
    answers: SimpleQueue[tuple[Stretch, int, Outcome]] = SimpleQueue()

    def ask(stretch: Stretch, attempt: int) -> None:
        submit(_call(bucket, prefix, stretch), lambda outcome: answers.put((stretch, attempt, outcome)))

    def take_in(stretch: Stretch, attempt: int, outcome: Outcome) -> None:
        if plan.forget(stretch):
            return
        if isinstance(outcome, Exception):
            raise outcome
        try:
            plan.settle(stretch, parse_objects(outcome.body))
        except MalformedAnswerError as problem:
            if attempt == MAX_ATTEMPTS:
                raise malformed(_call(bucket, prefix, stretch), problem) from problem
            ask(stretch, attempt + 1)

    while not plan.is_finished:
        for stretch in plan.iter_to_ask():
            ask(stretch, 1)
        objects = plan.take()
        if objects is None:
            take_in(*answers.get())
        else:
            yield from objects
        # What else has come meanwhile shows what to ask for next.
        while True:
            try:
                answer = answers.get_nowait()
            except Empty:
                break
            take_in(*answer)


def _call(bucket: Bucket, prefix: str, stretch: Stretch) -> Call:
    query = {"list-type": "2", "encoding-type": "url", "max-keys": str(KEYS_PER_REQUEST)}
    if prefix:
        query["prefix"] = prefix
    if stretch.token:
        query["continuation-token"] = stretch.token
    elif stretch.after:
        query["start-after"] = stretch.after
    return Call("ListObjectsV2", "GET", bucket, f"listing bucket {bucket.name}", query=query)
