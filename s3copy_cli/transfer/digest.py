"""What S3 should say about a file's bytes: the ETag and the CRC32 checksums, for a given part size."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

READ_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The bytes of a file, as S3 sums them up.

    Attributes:
        size: bytes read.
        etag: the MD5 of the bytes, or for several parts the MD5 of the parts' MD5s and `-N`; without quotes.
        crc32: CRC32 of all bytes in Base64 (checksum type FULL_OBJECT).
        crc32_composite: for several parts the CRC32 of the parts' CRC32s and `-N` (checksum type COMPOSITE); else "".
    """

    size: int
    etag: str
    crc32: str
    crc32_composite: str = ""


def digest_file(path: Path, part_size: int, on_read: Callable[[], None] = lambda: None) -> FileDigest:
    """Read a file once, in constant memory.

    Args:
        path: the file.
        part_size: bytes in each part; a file up to this size is one request without parts.
        on_read: called now and then; what it raises ends the reading.

    Raises:
        OSError: the file cannot be read.
    """
    if part_size < 1:
        raise ValueError(f"a part has at least one byte, not {part_size}")
    size = full_crc = part_crc = 0
    room = part_size
    part_md5 = hashlib.md5(usedforsecurity=False)
    finished_md5s = hashlib.md5(usedforsecurity=False)
    finished_crcs = 0
    parts = 0

    with path.open("rb", buffering=0) as file:
        while data := file.read(min(READ_SIZE, room or part_size)):
            if not room:
                # Only now is it known that another part follows.
                finished_md5s.update(part_md5.digest())
                finished_crcs = zlib.crc32(_bytes(part_crc), finished_crcs)
                parts += 1
                part_md5, part_crc, room = hashlib.md5(usedforsecurity=False), 0, part_size
            on_read()
            size += len(data)
            room -= len(data)
            part_md5.update(data)
            part_crc = zlib.crc32(data, part_crc)
            full_crc = zlib.crc32(data, full_crc)

    if not parts:
        return FileDigest(size=size, etag=part_md5.hexdigest(), crc32=_base64(full_crc))
    finished_md5s.update(part_md5.digest())
    finished_crcs = zlib.crc32(_bytes(part_crc), finished_crcs)
    return FileDigest(
        size=size,
        etag=f"{finished_md5s.hexdigest()}-{parts + 1}",
        crc32=_base64(full_crc),
        crc32_composite=f"{_base64(finished_crcs)}-{parts + 1}",
    )


def _bytes(crc: int) -> bytes:
    return crc.to_bytes(4, "big")


def _base64(crc: int) -> str:
    return base64.b64encode(_bytes(crc)).decode("ascii")
