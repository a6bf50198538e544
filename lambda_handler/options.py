"""What the user chose about copying."""

from __future__ import annotations

from dataclasses import dataclass

STANDARD = "STANDARD"
KEEP = "keep"
# Objects in these cannot be read before they are restored.
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True)
class Options:
    """What the user chose about copying.

    Attributes:
        propagate_deletes: an object that is missing in the source is deleted at the destination.
        sync_tags: a change of tags alone is brought over.
        storage_class: of the copies; "keep" for that of the source.
        kms_key_id: encrypts the copies; None leaves it to the destination bucket.
        prefix: only keys that begin so are copied.
        suffix: only keys that end so are copied.
        destination_prefix: stands before the whole key at the destination.
        part_concurrency: how many parts of an object are copied side by side.
        max_hops: how often a copy is handed on to another invocation. Lambda ends a chain of 16 invocations.
    """

    propagate_deletes: bool = False
    sync_tags: bool = False
    storage_class: str = STANDARD
    kms_key_id: str | None = None
    prefix: str = ""
    suffix: str = ""
    destination_prefix: str = ""
    part_concurrency: int = 16
    max_hops: int = 15

    def covers(self, key: str) -> bool:
        """Whether a key of the source is one of those that are copied."""
        return key.startswith(self.prefix) and key.endswith(self.suffix)

    def destination_key(self, key: str) -> str:
        """What a key of the source is called at the destination."""
        return self.destination_prefix + key


DEFAULT_OPTIONS = Options()


def storage_class_of(options: Options, source_class: str) -> str | None:
    """The class of a copy; None where S3's own default, STANDARD, is meant."""
    wanted = source_class if options.storage_class == KEEP else options.storage_class
    return None if wanted == STANDARD else wanted
