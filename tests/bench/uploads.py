"""What the fixed-answer server remembers: uploads (size and digests, never bytes) and deletions."""

from __future__ import annotations

import base64
import hashlib
import itertools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from .population import Population


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that a client wrote.

    Attributes:
        size: bytes.
        etag: MD5 of the bytes, or an invented one with `-N` for N parts; without quotes.
        crc32: of all bytes.
        headers: content headers and user metadata, to be given back.
    """

    size: int
    etag: str
    crc32: int
    headers: Mapping[str, str]


@dataclass
class OpenUpload:
    """A multipart upload: number -> size and CRC32 of each part."""

    key: str
    headers: Mapping[str, str]
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def complete(self) -> Stored:
        """All parts together, in the order of their numbers."""
        size = crc = 0
        for number in sorted(self.parts):
            part_size, part_crc = self.parts[number]
            size += part_size
            crc = combine(crc, part_crc, part_size)
        return Stored(size, f"{crc:032x}-{len(self.parts)}", crc, self.headers)


class Memory:
    """What one bucket was told."""

    def __init__(self, population: Population | None) -> None:
        self.population = population
        self.stored: dict[str, Stored] = {}
        self.uploads: dict[str, OpenUpload] = {}
        self._deleted: bytearray | None = None
        self._numbers = itertools.count(1)

    @property
    def has_deletions(self) -> bool:
        """Whether objects of the population are gone."""
        return self._deleted is not None

    def next_present(self, number: int) -> int:
        """The first object of the population from this number on that is still there; its count if none."""
        if self._deleted is None or self.population is None:
            return number
        found = self._deleted.find(0, number)
        return self.population.count if found < 0 else found

    def delete(self, key: str) -> None:
        """Forget an object."""
        self.stored.pop(key, None)
        number = self.population.find(key) if self.population is not None else None
        if number is not None and self.population is not None:
            if self._deleted is None:
                self._deleted = bytearray(self.population.count)
            self._deleted[number] = 1

    def find(self, key: str) -> int | None:
        """The number of an object of the population that is still there."""
        number = self.population.find(key) if self.population is not None else None
        return None if number is None or (self._deleted is not None and self._deleted[number]) else number

    def begin(self, key: str, headers: Mapping[str, str]) -> str:
        """Open a multipart upload; its id."""
        upload_id = f"upload-{next(self._numbers)}"
        self.uploads[upload_id] = OpenUpload(key, headers)
        return upload_id


def body_and_crc(body: memoryview, headers: Mapping[bytes, bytes]) -> tuple[bytes | memoryview, int]:
    """The object's bytes in a request body and their CRC32: the client's own where it sent one, else computed."""
    sent = headers.get(b"x-amz-checksum-crc32")
    if b"aws-chunked" in headers.get(b"content-encoding", b"") or b"x-amz-decoded-content-length" in headers:
        chunks, trailer = _unchunk(body)
        sent = trailer.get(b"x-amz-checksum-crc32", sent)
        body = chunks
    if sent:
        return body, int.from_bytes(base64.b64decode(sent), "big")
    return body, zlib.crc32(body)


def md5(body: bytes | memoryview) -> str:
    """The ETag of an object that came in one request."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _unchunk(body: memoryview) -> tuple[memoryview, Mapping[bytes, bytes]]:
    """The content of a body in `aws-chunked` encoding, and its trailing headers. One chunk is not copied."""
    chunks: list[memoryview] = []
    position = 0
    while True:
        # A chunk's first line: its size in hexadecimal digits, perhaps a signature.
        head = bytes(body[position : position + 200])
        line = head[: head.index(b"\r\n")]
        size = int(line.split(b";")[0], 16)
        position += len(line) + 2
        if size == 0:
            break
        chunks.append(body[position : position + size])
        position += size + 2
    trailer = {}
    for field_line in bytes(body[position:]).split(b"\r\n"):
        name, colon, value = field_line.partition(b":")
        if colon:
            trailer[name.strip().lower()] = value.strip()
    return (chunks[0] if len(chunks) == 1 else memoryview(b"".join(chunks))), trailer


def combine(first: int, second: int, size: int) -> int:
    """The CRC32 of two pieces one after the other, from the CRC32 of each and the size of the second (as zlib does)."""
    if not size:
        return first
    for row in _zeros(size):
        # One operator per set bit of the size; each is a matrix over GF(2), a column for every bit of the CRC.
        first = _times(row, first)
    return first ^ second


@lru_cache(maxsize=64)
def _zeros(size: int) -> tuple[tuple[int, ...], ...]:
    """The operators that feed `size` zero bytes to a CRC."""
    operator = (0xEDB88320, *(1 << bit for bit in range(31)))  # one zero bit
    for _ in range(3):
        operator = _square(operator)  # two, four, eight bits: one byte
    chosen = []
    while size:
        if size & 1:
            chosen.append(operator)
        operator = _square(operator)
        size >>= 1
    return tuple(chosen)


def _square(operator: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_times(operator, column) for column in operator)


def _times(operator: tuple[int, ...], crc: int) -> int:
    result = bit = 0
    while crc:
        if crc & 1:
            result ^= operator[bit]
        crc >>= 1
        bit += 1
    return result
