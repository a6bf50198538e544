"""Which keys a run of verify is about, and how a key of the source is called at the destination: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from s3copy_cli.errors import UsageError

if TYPE_CHECKING:
    from s3copy_cli.deployed import DeployedPipeline
    from s3copy_cli.s3 import ListedObject


# S3 has no longer ones, in bytes of UTF-8.
MAX_KEY_BYTES = 1024


def as_key(value: object) -> str | None:
    """Something that others wrote, if it can be an object's key: a text of 1 to 1,024 bytes; otherwise None."""
    if not isinstance(value, str):
        return None
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        # Half a surrogate pair, e.g. of a JSON escape.
        return None
    return value if 0 < size <= MAX_KEY_BYTES else None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which keys are compared.

    Keys are named as in the source everywhere; only requests to the destination use the name there.

    Attributes:
        source_prefix: only keys that begin so are compared.
        suffix: only keys that end so are compared.
        destination_prefix: stands before the source's whole key at the destination.
        keys: only these keys, in the order of their UTF-8 bytes, none twice; None for all.
        is_partial: the person asked for some only of the keys that the pipeline copies.
    """

    source_prefix: str = ""
    suffix: str = ""
    destination_prefix: str = ""
    keys: tuple[str, ...] | None = None
    is_partial: bool = field(default=False, compare=False)

    @property
    def is_everything(self) -> bool:
        """Whether every key of the source is compared."""
        return not self.source_prefix and not self.suffix and self.keys is None

    def covers(self, key: str) -> bool:
        """Whether a key of the source is to be compared."""
        return (
            key.startswith(self.source_prefix) and key.endswith(self.suffix) and (self.keys is None or key in self.keys)
        )

    def destination_key(self, key: str) -> str:
        """What a key of the source is called at the destination."""
        return self.destination_prefix + key

    @property
    def destination_listing_prefix(self) -> str:
        """What the keys of the destination begin with that are to be compared."""
        return self.destination_prefix + self.source_prefix

    def narrowed(self, prefix: str) -> Scope:
        """Only the keys that begin with `prefix` as well."""
        if self.source_prefix.startswith(prefix):
            return self
        if prefix.startswith(self.source_prefix):
            return replace(self, source_prefix=prefix, is_partial=True)
        # No key begins with both.
        return replace(self, keys=(), is_partial=True)

    def limited_to(self, keys: Iterable[str]) -> Scope:
        """Only these keys."""
        return replace(self, keys=tuple(sorted(set(keys))), is_partial=True)

    def iter_source(self, listing: Iterable[ListedObject]) -> Iterable[ListedObject]:
        """The lines of the source's listing that are to be compared."""
        return (entry for entry in listing if entry.key.endswith(self.suffix)) if self.suffix else listing

    def iter_destination(self, listing: Iterable[ListedObject]) -> Iterable[ListedObject]:
        """The lines of the destination's listing that are to be compared, by the source's keys.

        All keys of the listing begin with the same prefix, so that taking it away keeps their order.
        """
        return self.iter_source(self._iter_renamed(listing) if self.destination_prefix else listing)

    def _iter_renamed(self, listing: Iterable[ListedObject]) -> Iterator[ListedObject]:
        length = len(self.destination_prefix)
        for entry in listing:
            key = entry.key[length:]
            # The prefix itself may be an object; the source can have none without a name.
            if key:
                yield entry._replace(key=key)


EVERYTHING = Scope()


def scope_of(deployed: DeployedPipeline, keys: Sequence[str] = (), prefix: str = "") -> Scope:
    """The keys that a pipeline copies, or those of them that a person asked for.

    Args:
        deployed: the pipeline.
        keys: these only; () for all.
        prefix: those only that begin so; "" for all.

    Raises:
        UsageError: the pipeline does not copy what was asked for.
    """
    whole = Scope(deployed.prefix, deployed.suffix, deployed.destination_prefix)
    outside = next((key for key in keys if not deployed.covers(key)), None)
    if outside is not None:
        raise UsageError(
            f"looking for the object {outside!r}", f"the pipeline copies only {_in_words(deployed)}", "Name such a key."
        )
    if not prefix.startswith(deployed.prefix) and not deployed.prefix.startswith(prefix):
        raise UsageError(
            f"looking for keys that begin with {prefix!r}",
            f"the pipeline copies only {_in_words(deployed)}",
            "Name such a prefix, or none.",
        )
    return whole.limited_to(keys) if keys else whole.narrowed(prefix)


def _in_words(deployed: DeployedPipeline) -> str:
    limits = (("begin", deployed.prefix), ("end", deployed.suffix))
    return "keys that " + " and ".join(f"{verb} with {affix!r}" for verb, affix in limits if affix)
