"""The events are those of S3, as the function itself reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_handler.events import Hint, Ignored, iter_messages
from lambda_handler.options import Options
from s3copy_cli.operate.events import MAX_BYTES, MAX_RECORDS, Difference, event_payload, iter_batches
from s3copy_cli.verify.compare import Outcome

BUCKET = "p-source"
MOMENT = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=timezone.utc)
# What Lambda takes in the tightest of its ways in.
SMALLEST_LIMIT = 256 * 1024
s3_keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda key: len(key.encode()) <= 1024)
sizes = st.one_of(st.integers(0, 1000), st.integers(0, 3 * MAX_BYTES))


def read(payload: bytes, options: Options = Options()) -> list[object]:  # noqa: B008  (frozen)
    (message,) = iter_messages(json.loads(payload), BUCKET, options)
    return list(message.items)


@given(st.lists(s3_keys, min_size=1, max_size=MAX_RECORDS))
def test_the_function_reads_every_key_as_it_is(keys: list[str]) -> None:
    batch = [Difference(key, Outcome.MISSING, 1, "e") for key in keys]
    hints = read(event_payload(batch, BUCKET, "eu-west-1", MOMENT))
    assert [hint.key for hint in hints if isinstance(hint, Hint)] == keys
    assert {hint.event_time for hint in hints if isinstance(hint, Hint)} == {MOMENT}


@pytest.mark.parametrize("outcome", [Outcome.MISSING, Outcome.DIFFERS, Outcome.UNPROVED])
def test_a_copy_is_asked_for_as_a_new_object(difference: Callable[..., Difference], outcome: Outcome) -> None:
    (hint,) = read(event_payload([difference("a b", outcome)], BUCKET, "eu-west-1", MOMENT))
    assert isinstance(hint, Hint)
    assert hint.event_name == "ObjectCreated:Put"


def test_a_deletion_is_asked_for_as_one_and_only_followed_where_deletes_are_propagated(
    difference: Callable[..., Difference],
) -> None:
    payload = event_payload([difference("gone", Outcome.EXTRA)], BUCKET, "eu-west-1", MOMENT)
    assert isinstance(read(payload)[0], Ignored)
    (hint,) = read(payload, Options(propagate_deletes=True))
    assert isinstance(hint, Hint)
    assert hint.key == "gone"


def test_keys_are_encoded_as_s3_does_it(difference: Callable[..., Difference]) -> None:
    payload = event_payload([difference("a b/é+%")], BUCKET, "eu-west-1", MOMENT)
    assert json.loads(payload)["Records"][0]["s3"]["object"]["key"] == "a+b/%C3%A9%2B%25"


def test_the_longest_keys_fit_every_limit_of_lambda() -> None:
    batch = [Difference("\U0001f600" * 256, Outcome.MISSING, 2**40, "e" * 40)] * MAX_RECORDS
    assert len(event_payload(batch, "b" * 63, "ap-southeast-99", MOMENT)) < SMALLEST_LIMIT


@given(st.lists(sizes), st.integers(1, MAX_RECORDS))
def test_batches_keep_the_order_and_both_bounds(sizes: list[int], records: int) -> None:
    differences = [Difference(str(number), Outcome.MISSING, size, "e") for number, size in enumerate(sizes)]
    batches = list(iter_batches(differences, records))
    assert [each for batch in batches for each in batch] == differences
    for batch in batches:
        assert 1 <= len(batch) <= records
        assert len(batch) == 1 or sum(each.size for each in batch) <= MAX_BYTES
    # No two neighbours could have been one.
    for one, other in pairwise(batches):
        assert len(one) == records or sum(each.size for each in one) + other[0].size > MAX_BYTES
