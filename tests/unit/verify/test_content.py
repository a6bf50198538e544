"""The bytes themselves: in ranges, side by side, and only where they are needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.errors import AwsError, CredentialsError
from s3copy_cli.s3 import Bucket, ObjectHead
from s3copy_cli.verify.compare import FieldVerdict, Outcome, Rules
from s3copy_cli.verify.content import ContentChanged, ContentComparer, first_difference
from s3copy_cli.verify.objects import ObjectEngine
from s3copy_cli.verify.results import ObjectResult

Head = Callable[..., ObjectHead]
SOURCE, DESTINATION = Bucket("s", "1"), Bucket("d", "1")
THREADS = 3


@dataclass
class Bytes:
    """Two bodies; notes what is read, and how many bytes are held at a time."""

    source: bytes
    destination: bytes
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    reading: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read_range(self, bucket: Bucket, _key: str, first_byte: int, size: int, **_: str) -> bytes:
        with self.lock:
            self.asked.append((bucket.name, first_byte, size))
            self.reading += size
            self.most = max(self.most, self.reading)
        try:
            return {"s": self.source, "d": self.destination}[bucket.name][first_byte : first_byte + size]
        finally:
            with self.lock:
                self.reading -= size


@pytest.fixture
def compare(head: Head) -> Iterator[Callable[[Bytes], Any]]:
    with ThreadPoolExecutor(THREADS) as executor:

        def run(bodies: Bytes, range_size: int = 4) -> Any:
            comparer = ContentComparer(bodies.read_range, executor, range_size)
            heads = [head("k", body) for body in (bodies.source, bodies.destination)]
            return comparer.compare(SOURCE, heads[0], DESTINATION, heads[1])

        yield run


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 400])
def test_equal_bytes_are_read_once_in_ranges(compare: Callable[..., Any], size: int) -> None:
    bodies = Bytes(bytes(size), bytes(size))
    found = compare(bodies)
    assert (found.name, found.verdict, found.proves_content) == ("content", FieldVerdict.EQUAL, True)
    for bucket in "sd":
        ranges = sorted((first, length) for name, first, length in bodies.asked if name == bucket)
        assert ranges == [(first, min(4, size - first)) for first in range(0, size, 4)]


@pytest.mark.parametrize("offset", [0, 3, 4, 7, 8, 399])
def test_the_first_difference_is_named(compare: Callable[..., Any], offset: int) -> None:
    body = bytearray(400)
    body[offset] = 0xAB
    body[399] = 0xAB
    found = compare(Bytes(bytes(400), bytes(body)))
    assert found.verdict is FieldVerdict.DIFFER
    assert (found.source, found.destination) == (f"0x00 at byte {offset}", f"0xab at byte {offset}")


def test_memory_is_bounded_by_the_threads(compare: Callable[..., Any]) -> None:
    bodies = Bytes(bytes(4000), bytes(4000))
    compare(bodies)
    assert len(bodies.asked) == 2000
    assert bodies.most <= THREADS * 4


def test_a_body_shorter_than_head_told_is_not_taken_for_equal(compare: Callable[..., Any]) -> None:
    bodies = Bytes(b"123456", b"123456")
    read_range = bodies.read_range
    bodies.read_range = lambda *asked, **more: read_range(*asked, **more)[:1]
    with pytest.raises(ContentChanged):
        compare(bodies)


def test_nothing_is_read_far_behind_a_difference(compare: Callable[..., Any]) -> None:
    bodies = Bytes(b"a" * 4000, b"b" * 4000)
    assert compare(bodies).verdict is FieldVerdict.DIFFER
    assert len(bodies.asked) < 100


@given(st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20))
def test_the_first_difference_is_where_the_common_beginning_ends(first: bytes, second: bytes) -> None:
    if first == second:
        return
    position = first_difference(first, second)
    assert first[:position] == second[:position]
    assert first[position : position + 1] != second[position : position + 1]


@pytest.fixture
def look(store: Any, source: Bucket, destination: Bucket) -> Callable[..., ObjectResult]:
    def run(key: str = "k", **rules: Any) -> ObjectResult:
        with ObjectEngine(store, source, destination, Rules("content", **rules)) as engine:
            result = engine.look(key)
        assert result is not None
        return result

    return run


@pytest.fixture
def put(store: Any, head: Head, source: Bucket, destination: Bucket) -> Callable[..., None]:
    """Put two bodies whose ETags prove nothing, unless told otherwise."""

    def run(ours: bytes, theirs: bytes, **changes: Any) -> None:
        options = {"encryption": "aws:kms", **changes}
        store.source["k"] = head("k", ours, **options)
        store.destination["k"] = head("k", theirs, **options)
        store.bodies[source.name, "k"], store.bodies[destination.name, "k"] = ours, theirs

    return run


def names(result: ObjectResult) -> dict[str, tuple[str, str]]:
    return {field.name: (field.verdict.value, field.reason) for field in result.fields}


def test_what_nothing_else_proves_is_proved_by_its_bytes(look: Callable[..., ObjectResult], put: Any) -> None:
    put(b"some bytes", b"some bytes")
    assert look().outcome is Outcome.PROVED


def test_bytes_that_differ_behind_opaque_etags_are_found(look: Callable[..., ObjectResult], put: Any) -> None:
    put(b"some bytes", b"some bytez")
    result = look()
    assert result.outcome is Outcome.DIFFERS
    assert names(result)["content"] == ("differ", "")


def refuse(store: Any, code: str, operation: str = "GetObject") -> None:
    store.failures["bytes of k"] = AwsError("reading", f"answered {code}", code=code, operation=operation)


@pytest.mark.parametrize("code", ["InvalidObjectState", "AccessDenied", "InvalidRequest"])
def test_bytes_that_s3_does_not_show_are_not_claimed(
    store: Any, look: Callable[..., ObjectResult], put: Any, code: str
) -> None:
    """Archived, denied, encrypted with the owner's own key."""
    put(b"some bytes", b"some bytes")
    refuse(store, code)
    result = look()
    assert result.outcome is Outcome.UNPROVED
    assert names(result)["content"] == ("not_comparable", f"reading: answered {code}")


def test_bytes_that_s3_cannot_show_for_now_are_to_be_looked_at_again(
    store: Any, look: Callable[..., ObjectResult], put: Any
) -> None:
    put(b"some bytes", b"some bytes")
    refuse(store, "SlowDown")
    result = look()
    assert (result.outcome, result.trouble) == (Outcome.ERROR, "passing")


@pytest.mark.parametrize(
    "error", [AwsError("reading", "no connection", code="Connection"), CredentialsError("reading", "expired")]
)
def test_a_network_that_fails_while_bytes_are_read_is_no_verdict(
    store: Any, look: Callable[..., ObjectResult], put: Any, error: Exception
) -> None:
    put(b"some bytes", b"some bytes")
    store.failures["bytes of k"] = error
    with pytest.raises(type(error)):
        look()


def test_an_object_that_never_rests_is_not_claimed(store: Any, look: Callable[..., ObjectResult], put: Any) -> None:
    put(b"some bytes", b"some bytes")
    refuse(store, "PreconditionFailed")
    result = look()
    assert result.outcome is Outcome.UNPROVED
    assert names(result)["content"] == ("not_comparable", "an object changed while it was read")
    # Three rounds, each with one look at the destination, and one more at the source than rounds.
    assert store.heads == 7


@pytest.mark.parametrize("side", ["source", "destination"])
def test_an_object_that_changed_while_it_was_read_is_looked_at_again(
    store: Any, head: Head, look: Callable[..., ObjectResult], put: Any, side: str
) -> None:
    put(b"some bytes", b"some bytes")
    stale = head("k", b"some bytes", encryption="aws:kms", etag="f" * 32)
    fresh = store.objects(Bucket(f"a-{side}", ""))["k"]
    read_range = store.read_range

    def change(bucket: Bucket, key: str, *ranges: int, etag: str) -> bytes:
        # HEAD told of a state that is gone by now.
        store.objects(Bucket(f"a-{side}", ""))["k"] = fresh
        return read_range(bucket, key, *ranges, etag=etag)

    store.objects(Bucket(f"a-{side}", ""))["k"] = stale
    store.read_range = change
    assert look().outcome is Outcome.PROVED


@pytest.mark.parametrize("changes", [{"encryption": "AES256"}, {"checksums": {"CRC32": "x"}, "checksum_type": ""}])
def test_bytes_are_not_read_where_something_else_proves_them(
    store: Any, look: Callable[..., ObjectResult], put: Any, changes: dict[str, Any]
) -> None:
    put(b"some bytes", b"some bytes", **changes)
    refuse(store, "AccessDenied")
    assert look().outcome is Outcome.PROVED


def test_prove_all_reads_them_nevertheless(store: Any, look: Callable[..., ObjectResult], put: Any) -> None:
    put(b"some bytes", b"some bytes", encryption="AES256")
    assert look(prove_all=True).outcome is Outcome.PROVED
    put(b"some bytes", b"some bytez", encryption="AES256", etag="a" * 32)
    result = look(prove_all=True)
    assert result.outcome is Outcome.DIFFERS
    assert list(names(result)) == ["content"]
    assert look().outcome is Outcome.PROVED


def test_prove_all_is_not_content_with_less(store: Any, look: Callable[..., ObjectResult], put: Any) -> None:
    put(b"some bytes", b"some bytes", encryption="AES256")
    refuse(store, "AccessDenied")
    result = look(prove_all=True)
    assert result.outcome is Outcome.UNPROVED
    assert names(result)["content"][0] == "not_comparable"


@pytest.mark.parametrize(("ours", "theirs", "outcome"), [(b"", b"", Outcome.PROVED), (b"a", b"ab", Outcome.DIFFERS)])
def test_bytes_are_not_read_where_sizes_say_enough(
    store: Any, look: Callable[..., ObjectResult], put: Any, ours: bytes, theirs: bytes, outcome: Outcome
) -> None:
    put(ours, theirs)
    refuse(store, "AccessDenied")
    assert look(prove_all=True).outcome is outcome


def test_bytes_prove_nothing_about_metadata_that_s3_cannot_show(
    store: Any, look: Callable[..., ObjectResult], put: Any
) -> None:
    put(b"some bytes", b"some bytes", missing_metadata=1)
    refuse(store, "AccessDenied")
    result = look()
    assert result.outcome is Outcome.UNPROVED
    assert "content" not in names(result)
