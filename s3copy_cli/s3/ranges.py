"""Listing a bucket by several key ranges at the same time, in key order: what to ask for next. Pure.

A listing is a row of stretches of the key space, each (after, until]. One request gives the first keys of a stretch;
if there are more, the rest of it is one or more new stretches. Wherever they are cut, every key belongs to exactly
one, so a bad guess costs a request and nothing else.

Where to cut is guessed from the page just seen. Its first and its last key differ from some column on. Read as digits,
the characters there have grown by so much on this page, and probably go on so: from "log-0000" to "log-0999" on this
page, to "log-1899" on the next. Where that number has no more digits, the columns left of it may count something, too:
after "2026/01/31/…" come "2026/02" and "2026/03".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain, islice
from operator import lt

from s3copy_cli.s3.types import ListedObject
from s3copy_cli.s3.xml import MalformedAnswerError, ObjectPage

# Requests under way for one listing. It begins with one, and with each page that brought keys it is one more.
MAX_IN_FLIGHT = 12
# Pages under way or read ahead, for one listing: what bounds memory.
MAX_PAGES = 32
# Stretches that what remains after a page is cut into.
MAX_CUTS = 16
# Requests that may turn out to be in vain, and how many more for each page that brought keys.
FREE_MISSES = 4
MISSES_PER_PAGE = 1 / 8
# Columns that are read as a number, and how much of a page a stretch should fill.
_WIDTH = 3
_FILL = 0.9


class State(Enum):
    """How far a stretch is."""

    WAITING = "not asked for"
    ASKED = "asked for"
    ARRIVED = "its first keys are here"


@dataclass(eq=False, slots=True)
class Stretch:
    """A range of keys that one request asks for.

    Attributes:
        after: keys greater than this; "" for the first.
        until: up to this key, inclusive; None for no end.
        token: S3's name for the page, where `after` does not do: after a page without keys, or an unsorted one.
    """

    after: str
    until: str | None
    token: str = ""
    state: State = State.WAITING
    objects: Sequence[ListedObject] = ()


@dataclass
class ListingPlan:
    """The stretches of a listing, in key order.

    Attributes:
        prefix: keys begin with it.
        pages: requests that brought keys.
        misses: requests that brought none.
    """

    prefix: str = ""
    pages: int = 0
    misses: int = 0
    _row: list[Stretch] = field(default_factory=lambda: [Stretch("", None)])
    _in_flight: int = 0
    _limit: int = 1
    _is_unsorted: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether every key was taken."""
        return not self._row

    def take(self) -> Sequence[ListedObject] | None:
        """The next keys in order, or None if they are not here yet, or there are none."""
        if not self._row or self._row[0].state is not State.ARRIVED:
            return None
        return self._row.pop(0).objects

    def iter_to_ask(self) -> Iterator[Stretch]:
        """What to ask for now. The first one that is not here is always among it, or under way."""
        held = sum(1 for stretch in self._row if stretch.state is State.ARRIVED and stretch.objects)
        is_first = True
        for stretch in self._row:
            if stretch.state is State.ARRIVED:
                continue
            if stretch.state is State.WAITING:
                if not is_first and not self._may_guess(held):
                    return
                stretch.state = State.ASKED
                self._in_flight += 1
                yield stretch
            is_first = False

    def _may_guess(self, held: int) -> bool:
        return (
            self._in_flight < self._limit
            and self._in_flight + held < MAX_PAGES
            and self.misses <= FREE_MISSES + self.pages * MISSES_PER_PAGE
        )

    def forget(self, stretch: Stretch) -> bool:
        """Whether nobody waits for this answer any more: another page has shown meanwhile that nothing is there."""
        if stretch.state is not State.ARRIVED:
            return False
        self._in_flight -= 1
        self._count(False)
        return True

    def settle(self, stretch: Stretch, page: ObjectPage) -> None:
        """Take a page that was asked for.

        Raises:
            MalformedAnswerError: it cannot be what was asked for; nothing has changed.
        """
        keys = [entry.key for entry in page.objects]
        is_sorted = not keys or (stretch.after < keys[0] and all(map(lt, keys, islice(keys, 1, None))))
        if page.is_truncated and page.token == stretch.token:
            raise MalformedAnswerError("a page leads to itself")
        if not is_sorted and stretch.until is not None:
            raise MalformedAnswerError("keys that are not in the order of S3")
        self._in_flight -= 1
        taken = self._within(keys, stretch.until) if is_sorted else len(keys)
        self._count(taken > 0)
        self._is_unsorted |= not is_sorted
        if not keys and page.is_truncated:
            stretch.token, stretch.state = page.token, State.WAITING
            return
        position = self._row.index(stretch) + 1
        stretch.state = State.ARRIVED
        end = keys[-1] if page.is_truncated else None
        if self._is_unsorted:
            # Some stores do not sort. Then ranges mean nothing; their own way from page to page does.
            if page.is_truncated:
                self._row[position:] = [Stretch("", None, page.token)]
        elif _reaches(end, stretch.until):
            taken = self._settle_following(position, keys, taken, end)
        elif end is not None:
            self._row[position:position] = _cut(keys, stretch.until, self.prefix)
        stretch.objects = page.objects if taken == len(keys) else page.objects[:taken]

    def _settle_following(self, position: int, keys: Sequence[str], taken: int, end: str | None) -> int:
        """Use what a page says about the stretches behind its own; how many of its keys are taken then."""
        while position < len(self._row):
            behind = self._row[position]
            within = self._within(keys, behind.until)
            if behind.state is State.WAITING and not behind.token:
                taken = within
                if not _reaches(end, behind.until):
                    behind.after = keys[-1]
                    break
                del self._row[position]
            elif behind.state is State.ASKED and within == taken and _reaches(end, behind.until):
                # The page goes beyond it and has no key in it.
                behind.state = State.ARRIVED
                position += 1
            else:
                break
        return taken

    def _count(self, is_hit: bool) -> None:
        if is_hit:
            self.pages += 1
            self._limit = min(self._limit + 1, MAX_IN_FLIGHT)
        else:
            self.misses += 1
            self._limit = max(self._limit // 2, 1)

    @staticmethod
    def _within(keys: Sequence[str], until: str | None) -> int:
        return len(keys) if until is None else bisect_right(keys, until)


def cuts(keys: Sequence[str], until: str | None, prefix: str) -> list[str]:
    """Where the keys after a page may be cut: first into a little less than a page each, then more coarsely.

    A little less, because a page that ends before its stretch does costs another request to see that nothing is left.

    Args:
        keys: the page's, sorted.
        until: nothing is cut beyond it.
        prefix: all keys have it.

    Returns:
        At most MAX_CUTS of them, ascending, each greater than the page's last key.
    """
    first, last = keys[0], keys[-1]
    column = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    alphabet = sorted({letter for key in keys for letter in key[column : column + _WIDTH] if _is_plain(letter)})
    found: list[str] = []
    fine = _fine_cuts(first, last, column, alphabet, len(prefix))
    for cut in chain(fine, _coarse_cuts(last, column, alphabet, prefix)):
        if len(found) == MAX_CUTS or (until is not None and cut >= until):
            break
        if cut > (found[-1] if found else last):
            found.append(cut)
    return found


def _fine_cuts(first: str, last: str, column: int, alphabet: Sequence[str], floor: int) -> Iterator[str]:
    """The columns where keys differ are digits of a number; it grew by so much on this page, and may go on so."""
    end = column + _WIDTH
    grown = _number(last[column:end], alphabet) - _number(first[column:end], alphabet)
    if len(alphabet) < 2 or grown < 1:
        return
    cut = _plus(last, column, max(int(grown * _FILL), 1), alphabet, floor)
    while cut is not None:
        yield cut
        cut = _plus(cut, column, max(int(grown * _FILL), 1), alphabet, floor)


def _coarse_cuts(last: str, column: int, alphabet: Sequence[str], prefix: str) -> Iterator[str]:
    """A later character in a column left of those: the next folder, the next day, the next of whatever is counted."""
    for at in range(min(column, len(last)) - 1, len(prefix) - 1, -1):
        for letter in alphabet[bisect_right(alphabet, last[at]) :] if _is_plain(last[at]) else ():
            yield last[:at] + letter


def _number(digits: str, alphabet: Sequence[str]) -> int:
    value = 0
    for at in range(_WIDTH):
        value = value * len(alphabet) + (_digit(digits[at], alphabet) if at < len(digits) else 0)
    return value


def _plus(key: str, column: int, step: int, alphabet: Sequence[str], floor: int) -> str | None:
    """The key, cut after the columns that count, and counted on; None where the number has no more digits."""
    digits = list(key[: column + _WIDTH].ljust(column + _WIDTH, alphabet[0]))
    carry, at = step, column + _WIDTH - 1
    while carry:
        if at < floor or (at < column and digits[at] not in alphabet):
            return None
        carry, digit = divmod(_digit(digits[at], alphabet) + carry, len(alphabet))
        digits[at] = alphabet[digit]
        at -= 1
    return "".join(digits)


def _digit(letter: str, alphabet: Sequence[str]) -> int:
    return max(bisect_right(alphabet, letter) - 1, 0)


def _is_plain(letter: str) -> bool:
    return letter.isascii() and letter.isalnum()


def _cut(keys: Sequence[str], until: str | None, prefix: str) -> list[Stretch]:
    edges = [keys[-1], *cuts(keys, until, prefix)]
    ends: list[str | None] = [*edges[1:], until]
    return [Stretch(after, end) for after, end in zip(edges, ends, strict=True)]


def _reaches(end: str | None, until: str | None) -> bool:
    """Whether a page that ends at a key (None: at the end of the listing) tells all about a stretch."""
    return end is None or (until is not None and end >= until)
