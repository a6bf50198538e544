"""Deciding what is uploaded, under which key and with which properties. Pure: no disk, no network."""

from __future__ import annotations

import mimetypes
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from s3copy_cli.errors import UsageError
from s3copy_cli.transfer.listing import FoundFile, refuse

# S3's limits (S3 User Guide: object keys, object metadata, object tagging, multipart upload limits).
MAX_KEY_BYTES = 1024
MAX_METADATA_BYTES = 2048
MAX_TAGS = 10
MAX_TAG_KEY_LENGTH = 128
MAX_TAG_VALUE_LENGTH = 256
MAX_OBJECT_BYTES = 10_000 * 5 * 1024**3

UNKNOWN_CONTENT_TYPE = "application/octet-stream"

# Compressed files keep the type of their compression and get no Content-Encoding: with "gzip" there, browsers and
# many HTTP clients would unpack the bytes on the way, and what arrives would not be the file that was uploaded.
_COMPRESSED = {
    ".gz": "application/gzip",
    ".tgz": "application/gzip",
    ".taz": "application/gzip",
    ".svgz": "application/gzip",
    ".bz2": "application/x-bzip2",
    ".tbz2": "application/x-bzip2",
    ".xz": "application/x-xz",
    ".txz": "application/x-xz",
    ".z": "application/x-compress",
    ".zst": "application/zstd",
}
# Types that some versions of Python do not know, or know otherwise.
_DATA_FILES = {
    ".csv": "text/csv",
    ".jsonl": "application/x-ndjson",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TAG_PUNCTUATION = frozenset("+-=._:/@ ")
_CONTENT_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:[ \t]*;[\x20-\x7e]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlannedUpload:
    """One file and what becomes of it.

    Attributes:
        path: the file.
        key: the object's key.
        size: bytes, when the folder was read.
        content_type: the object's Content-Type.
    """

    path: str
    key: str
    size: int
    content_type: str


@dataclass(frozen=True)
class UploadPlan:
    """Everything that one command uploads.

    Attributes:
        files: in the order in which they are started.
        metadata: user metadata for each of them, names in lower case as S3 keeps them.
        tags: object tags for each of them.
    """

    files: Sequence[PlannedUpload]
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(file.size for file in self.files)


class TypeGuesser:
    """Content types by file name, the same on every machine: the system's own tables are not read."""

    def __init__(self) -> None:
        known = mimetypes.MimeTypes()
        self._types = {**known.types_map[0], **known.types_map[1], **_DATA_FILES, **_COMPRESSED}

    def guess(self, name: str) -> str:
        """The Content-Type for a file of this name."""
        extension = posixpath.splitext(name)[1].lower()
        return self._types.get(extension, UNKNOWN_CONTENT_TYPE)


def plan_uploads(
    files: Iterable[FoundFile],
    *,
    prefix: str = "",
    content_type: str = "",
    metadata: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> UploadPlan:
    """Decide what is uploaded.

    Args:
        files: what was found on disk.
        prefix: put before each name as it is; it needs its own "/" at the end to look like a folder.
        content_type: for all files; "" guesses by each name.
        metadata: `K=V` each.
        tags: `K=V` each.

    Raises:
        UsageError: a key, metadata or tags that S3 would refuse, or two files with the same key.
    """
    if content_type and not _CONTENT_TYPE.fullmatch(content_type):
        raise UsageError(
            "reading --content-type",
            f"{content_type!r} has not the form type/subtype",
            "Write it like --content-type text/csv, or leave it out: it is guessed by the file's name.",
        )
    parsed_metadata = parse_metadata(metadata)
    parsed_tags = parse_tags(tags)
    guesser = TypeGuesser()
    planned = [
        PlannedUpload(
            path=file.path,
            key=prefix + file.name,
            size=file.size,
            content_type=content_type or guesser.guess(file.name),
        )
        for file in files
    ]
    _check_keys(planned)
    return UploadPlan(planned, parsed_metadata, parsed_tags)


def key_problem(key: str) -> str:
    """Why S3 would refuse a key; "" if it would not."""
    try:
        length = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    if length > MAX_KEY_BYTES:
        return f"its key would have {length:,} bytes; S3 allows {MAX_KEY_BYTES:,}"
    # "/soap" is an address of its own at S3's virtual hosts.
    if key == "soap":
        return "S3 has no objects with the key 'soap'"
    depth = 0
    for segment in key.split("/"):
        depth += -1 if segment == ".." else 1 if segment not in {"", "."} else 0
        if depth < 0:
            return "S3 refuses keys that climb above the bucket with '..'"
    return ""


def _check_keys(planned: Sequence[PlannedUpload]) -> None:
    problems = []
    twins = []
    paths: dict[str, str] = {}
    for file in planned:
        problem = key_problem(file.key)
        if not problem and file.size > MAX_OBJECT_BYTES:
            problem = f"it has {file.size:,} bytes; S3 allows {MAX_OBJECT_BYTES:,}"
        if problem:
            problems.append(f"{file.path}: {problem}")
        if file.key in paths:
            twins.append(f"{paths[file.key]} and {file.path} would both become {file.key!r}")
        paths[file.key] = file.path
    if problems:
        raise refuse(problems, "Rename the file, leave it out, or choose another --prefix.")
    if twins:
        raise refuse(twins, "Upload them one after the other, each with a --prefix of its own, or rename one.")


def parse_metadata(pairs: Sequence[str]) -> dict[str, str]:
    """User metadata from `K=V`; names in lower case, as S3 keeps them.

    Raises:
        UsageError: what HTTP headers or S3 cannot carry.
    """
    option = "--metadata"
    metadata: dict[str, str] = {}
    for pair in pairs:
        name, value = _split(option, pair)
        name = name.lower()
        if not _HEADER_NAME.fullmatch(name):
            raise _bad(option, pair, "the name may have only letters, digits and - . _ and a few other signs")
        if name in metadata:
            raise _bad(option, pair, f"the name {name!r} is given twice (S3 does not tell capitals apart)")
        if not value.isascii() or not value.isprintable():
            raise _bad(option, pair, "S3 takes only printable ASCII characters in a value")
        if value != value.strip():
            raise _bad(option, pair, "spaces at the beginning or end of a value would be lost on the way")
        metadata[name] = value
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > MAX_METADATA_BYTES:
        raise UsageError(
            f"reading {option}",
            f"all names and values together have {size:,} bytes; S3 allows {MAX_METADATA_BYTES:,}",
            "Shorten them, or put the data into an object of its own.",
        )
    return metadata


def parse_tags(pairs: Sequence[str]) -> dict[str, str]:
    """Object tags from `K=V`.

    Raises:
        UsageError: what S3 refuses.
    """
    option = "--tag"
    tags: dict[str, str] = {}
    for pair in pairs:
        key, value = _split(option, pair)
        if key in tags:
            raise _bad(option, pair, f"the tag {key!r} is given twice")
        if len(key) > MAX_TAG_KEY_LENGTH or len(value) > MAX_TAG_VALUE_LENGTH:
            limits = f"{MAX_TAG_KEY_LENGTH} characters in a tag's key and {MAX_TAG_VALUE_LENGTH} in its value"
            raise _bad(option, pair, f"S3 allows {limits}")
        if key.lower().startswith("aws:"):
            raise _bad(option, pair, "AWS keeps tags that begin with 'aws:' for itself")
        if not all(char.isalnum() or char in _TAG_PUNCTUATION for char in key + value):
            raise _bad(option, pair, "a tag may have only letters, digits, spaces and + - = . _ : / @")
        tags[key] = value
    if len(tags) > MAX_TAGS:
        raise UsageError(
            f"reading {option}",
            f"{len(tags)} tags were given; S3 allows {MAX_TAGS} on an object",
            "Leave some out, or use --metadata for what need not be a tag.",
        )
    return tags


def _split(option: str, pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals:
        raise _bad(option, pair, "there is no '=' in it")
    if not name:
        raise _bad(option, pair, "there is no name before the '='")
    return name, value


def _bad(option: str, pair: str, problem: str) -> UsageError:
    shown = pair if len(pair) <= 80 else pair[:79] + "…"
    return UsageError(f"reading {option} {shown!r}", problem, f"Write it like {option} project=alpha.")
