from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_handler.compare import ObjectState
from lambda_handler.continuation import FIELD, write_continuation
from lambda_handler.events import Hint, Refused, iter_items
from lambda_handler.requests import Continue

SOURCE = "p-source"
ORIGIN = {"event_time": "2026-01-02T03:04:05.250+00:00", "event_name": "ObjectCreated:Put", "request_id": "r-0"}


@pytest.fixture
def asked(state) -> Continue:
    source = state(size=11, version_id="v1", storage_class="GLACIER_IR", checksum_algorithm="CRC32")
    return Continue("a b/\U0001f600\n", source, "upload-1", (5, 5, 1), 3, {"team": "data"})


def written(asked: Continue, **changes: Any) -> dict[str, Any]:
    event = json.loads(write_continuation(asked, SOURCE, ORIGIN))
    return {FIELD: {**event[FIELD], **changes}}


def test_everything_comes_back(asked) -> None:
    (item,) = iter_items(written(asked), SOURCE)
    assert isinstance(item, Hint)
    assert item.continuation is not None
    assert item.continuation.asked == asked
    assert (item.key, item.event_name, item.first_request_id) == (asked.key, "ObjectCreated:Put", "r-0")
    assert item.event_time == datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=timezone.utc)
    assert item.continuation.upload.layout == (5, 5, 1)


@given(st.lists(st.integers(0, 5 * 1024**3), min_size=1, max_size=50).map(tuple))
def test_any_layout_comes_back(layout: tuple[int, ...]) -> None:
    moment = datetime(2026, 1, 2, tzinfo=timezone.utc)
    source = ObjectState(sum(layout), '"x-2"', moment, None, None, {}, {})
    if len(layout) == 1:
        layout = (max(layout[0], 1),)
    (item,) = iter_items(json.loads(write_continuation(Continue("k", source, "u", layout, 0), SOURCE, {})), SOURCE)
    assert isinstance(item, Hint)
    assert item.continuation is not None
    assert item.continuation.asked.layout == layout


def test_the_largest_event_fits(asked) -> None:
    layout = tuple(5 * 1024**3 - number for number in range(10_000))
    payload = write_continuation(Continue("\x01" * 1024, asked.source, "u" * 200, layout, 0), SOURCE, ORIGIN)
    assert len(payload) < 256 * 1024


def test_uniform_parts_are_told_in_a_word(asked) -> None:
    payload = write_continuation(Continue("k", asked.source, "u", (5,), 0), SOURCE, ORIGIN)
    assert b'"layout":[[5,1]]' in payload


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"key": ""},
        {"key": None},
        {"upload_id": 5},
        {"source": None},
        {"source": {"size": 11}},
        {"layout": [[5, 2]]},
        {"layout": []},
        {"layout": [[-5, 1], [16, 1]]},
        {"layout": [[1, 100_000_000_000]]},
        {"layout": "text"},
        {"hops": "many"},
        {"hops": -1},
        {"tags": 5},
    ],
    ids=str,
)
def test_what_was_not_written_by_us_is_refused(asked, changes: dict[str, Any]) -> None:
    (item,) = iter_items(written(asked, **changes), SOURCE)
    assert isinstance(item, Refused)
    assert item.failure.code == "UnknownEvent"
    assert item.fails_invocation


@pytest.mark.parametrize("content", [None, 5, [], "text", {}])
def test_what_is_no_continuation_is_refused(content: object) -> None:
    (item,) = iter_items({FIELD: content}, SOURCE)
    assert isinstance(item, Refused)


def test_a_continuation_for_another_bucket_is_refused(asked) -> None:
    (item,) = iter_items(written(asked), "another")
    assert isinstance(item, Refused)
    assert item.failure.code == "WrongBucket"
