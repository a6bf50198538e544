from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.s3 import Bucket, CrtObjectStore, ObjectVersion
from s3copy_cli.s3.crt_store import MAX_PARTS, MIN_PART_SIZE

BUCKET = Bucket("source", "123456789012")
NO_TRANSPORT: Any = object()


@given(st.integers(0, 60 * 1024**4), st.sampled_from([MIN_PART_SIZE, 8 * 1024**2, 5 * 1024**3]))
def test_parts_are_as_many_as_s3_takes(size: int, part_size: int) -> None:
    found = CrtObjectStore(NO_TRANSPORT, part_size).part_size_for(size)
    assert part_size <= found <= 5 * 1024**3
    if size <= MAX_PARTS * 5 * 1024**3:
        assert -(-size // found) <= MAX_PARTS
    if found > part_size:
        assert size > MAX_PARTS * found // 2


@pytest.mark.parametrize("part_size", [0, MIN_PART_SIZE - 1, 5 * 1024**3 + 1])
def test_parts_that_s3_refuses_are_refused(part_size: int) -> None:
    with pytest.raises(ValueError, match="a part has"):
        CrtObjectStore(NO_TRANSPORT, part_size)


def test_nothing_to_delete_is_no_request_and_too_much_is_refused() -> None:
    store = CrtObjectStore(NO_TRANSPORT)
    assert store.delete_versions(BUCKET, []) == []
    with pytest.raises(ValueError, match="at most 1000"):
        store.delete_versions(BUCKET, [ObjectVersion("a", "v")] * 1001)


@pytest.mark.parametrize(("first_byte", "size"), [(0, 0), (-1, 5), (3, -1)])
def test_a_range_without_bytes_is_refused(first_byte: int, size: int) -> None:
    with pytest.raises(ValueError, match="no range"):
        CrtObjectStore(NO_TRANSPORT).read_range(BUCKET, "k", first_byte, size, etag="e")
