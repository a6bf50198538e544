from __future__ import annotations

import base64
import hashlib
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3copy_cli.transfer import digest as module
from s3copy_cli.transfer.digest import FileDigest, digest_file


def expected(data: bytes, part_size: int) -> FileDigest:
    """The same, from all bytes at once."""
    parts = [data[start : start + part_size] for start in range(0, len(data), part_size)]
    full = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    if len(parts) <= 1:
        return FileDigest(len(data), hashlib.md5(data).hexdigest(), full)  # noqa: S324
    md5s = b"".join(hashlib.md5(part).digest() for part in parts)  # noqa: S324
    crcs = b"".join(zlib.crc32(part).to_bytes(4, "big") for part in parts)
    composite = base64.b64encode(zlib.crc32(crcs).to_bytes(4, "big")).decode()
    return FileDigest(
        len(data),
        f"{hashlib.md5(md5s).hexdigest()}-{len(parts)}",  # noqa: S324
        full,
        f"{composite}-{len(parts)}",
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200), st.integers(1, 70), st.integers(1, 50))
def test_any_file_in_parts_of_any_size_read_in_any_pieces(
    tmp_path: Path, data: bytes, part_size: int, read_size: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "READ_SIZE", read_size)
        assert digest_file(path, part_size) == expected(data, part_size)


def test_known_values(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert digest_file(path, 5) == FileDigest(0, "d41d8cd98f00b204e9800998ecf8427e", "AAAAAA==")
    path.write_bytes(b"hello")
    assert digest_file(path, 5) == FileDigest(5, "5d41402abc4b2a76b9719d911017c592", "NhCmhg==")


def test_a_part_has_at_least_a_byte(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not 0"):
        digest_file(tmp_path / "file", 0)
