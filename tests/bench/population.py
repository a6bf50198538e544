"""What is in the buckets of the fixed-answer server: objects by formula, so that a million of them need no memory.

A bucket's name says what it holds: `bench-source-flat-100000` has 100,000 objects in one folder,
`bench-source-tree-100000` the same number in folders of 1,000, and `bench-destination-flat-100000-7` differs from its
source in 7 objects.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

PAGE = 1_000
MAX_OBJECTS = 1_000_000
CRC32 = "AAAAAA=="
# Stands in a line of a listing where the number of its page of 1,000 objects belongs.
_MARK = b"######"
_LAYOUTS = {"flat": "object-######{:03d}.csv", "tree": "events/######/part-{:03d}.csv"}
_NAME = re.compile(r"[a-z0-9-]*-(flat|tree)-(\d{1,7})(?:-(\d+))?(?:-run\d+)?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One object. Its checksum is always `CRC32`.

    Attributes:
        key: its key.
        size: bytes.
        etag: 32 hexadecimal digits, without quotes.
        modified_second: when it was written, in seconds after noon.
    """

    key: str
    size: int
    etag: str
    modified_second: int

    @property
    def last_modified(self) -> str:
        """As listings write it."""
        minutes, seconds = divmod(self.modified_second, 60)
        return f"2026-01-05T12:{minutes:02d}:{seconds:02d}.000Z"

    @property
    def last_modified_header(self) -> str:
        """As HEAD writes it."""
        minutes, seconds = divmod(self.modified_second, 60)
        return f"Mon, 05 Jan 2026 12:{minutes:02d}:{seconds:02d} GMT"


@dataclass(frozen=True)
class Population:
    """The objects of one bucket, numbered in key order.

    Attributes:
        layout: "flat" or "tree".
        count: how many objects there are.
        differing: how many of them have other bytes than in a bucket with 0; spread evenly.
    """

    layout: str
    count: int
    differing: int = 0

    def key(self, number: int) -> str:
        """The key of an object."""
        page, index = divmod(number, PAGE)
        return _keys(self.layout)[index].replace(_MARK.decode(), f"{page:06d}")

    def entry(self, number: int) -> Entry:
        """The object of a number below `count`."""
        page, index = divmod(number, PAGE)
        size, tail = 100 + index, _etag_tail(index)
        if self._is_different(number):
            size, tail = size + 1, "f" * 26
        return Entry(self.key(number), size, f"{page:06d}{tail}", index)

    def find(self, key: str) -> int | None:
        """The number of the object with this key, or None."""
        digits = key[7:16] if self.layout == "flat" else key[7:13] + key[19:22]
        if not (digits.isascii() and digits.isdigit()):
            return None
        number = int(digits)
        return number if number < self.count and self.key(number) == key else None

    def first_after(self, text: str, *, inclusive: bool = False) -> int:
        """The number of the first object whose key is greater than `text` (or equal, if inclusive); `count` if none."""
        low, high = 0, self.count
        wanted = text.encode()
        while low < high:
            middle = (low + high) // 2
            key = self.key(middle).encode()
            if key < wanted or (key == wanted and not inclusive):
                low = middle + 1
            else:
                high = middle
        return low

    def lines(self, first: int, end: int, *, versions: bool = False) -> bytes:
        """The entries of a listing, from the object `first` up to but not including `end`."""
        found = []
        while first < end:
            page, index = divmod(first, PAGE)
            last = min(end, (page + 1) * PAGE)
            if self.differing and any(map(self._is_different, range(first, last))):
                found += [_line(self.entry(number), versions) for number in range(first, last)]
            else:
                found.append(_template(self.layout, versions).lines(page, index, index + last - first))
            first = last
        return b"".join(found)

    def _is_different(self, number: int) -> bool:
        if not self.differing:
            return False
        step = self.count // self.differing
        return number % step == step // 2 and number // step < self.differing


@lru_cache(maxsize=1_000)
def population(bucket: str) -> Population | None:
    """What a bucket's name promises; None for a bucket that begins empty."""
    match = _NAME.fullmatch(bucket)
    if match is None:
        return None
    layout, count, differing = match.groups()
    return Population(layout, min(int(count), MAX_OBJECTS), min(int(differing or 0), int(count)))


@lru_cache(maxsize=2)
def _keys(layout: str) -> list[str]:
    return [_LAYOUTS[layout].format(index) for index in range(PAGE)]


@lru_cache(maxsize=PAGE)
def _etag_tail(index: int) -> str:
    return hashlib.md5(str(index).encode(), usedforsecurity=False).hexdigest()[:26]


class _Template:
    """The lines of a page of 1,000 objects, cut at the marks where the page's number belongs."""

    def __init__(self, lines: list[bytes]) -> None:
        cut = [line.split(_MARK) for line in lines]
        self._begin = cut[0][0]
        self._ends = [last for _, _, last in cut]
        # Joined with the number, these give everything after the beginning of the first line.
        self._pieces = [piece for _, middle, last in cut for piece in (middle, last + self._begin)]

    def lines(self, page: int, first: int, end: int) -> bytes:
        """From line `first` up to but not including `end`."""
        pieces = [self._begin, *self._pieces[2 * first : 2 * end - 1], self._ends[end - 1]]
        return (b"%06d" % page).join(pieces)


@lru_cache(maxsize=4)
def _template(layout: str, versions: bool) -> _Template:
    keys = _keys(layout)
    mark = _MARK.decode()
    return _Template(
        [_line(Entry(keys[index], 100 + index, mark + _etag_tail(index), index), versions) for index in range(PAGE)]
    )


def _line(entry: Entry, versions: bool) -> bytes:
    name = "Version" if versions else "Contents"
    version = "<VersionId>null</VersionId><IsLatest>true</IsLatest>" if versions else ""
    return (
        f"<{name}><Key>{entry.key}</Key>{version}<LastModified>{entry.last_modified}</LastModified>"
        f"<ETag>&quot;{entry.etag}&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
        f"<ChecksumType>FULL_OBJECT</ChecksumType><Size>{entry.size}</Size>"
        f"<StorageClass>STANDARD</StorageClass></{name}>"
    ).encode()
