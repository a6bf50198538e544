from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from s3copy_cli.errors import AwsError
from s3copy_cli.s3 import Bucket, CrtObjectStore, ObjectVersion, PutOptions
from s3copy_cli.transfer.digest import digest_file
from s3copy_cli.transfer.upload import check

MIB = 1024 * 1024
ODD_KEYS = [
    "/lead",
    "dir/",
    "a//b",
    "a/../b",
    "./a",
    "a/./b",
    ".",
    "😀/é",
    "+ %",
    "%2F",
    "a?b#c&d=e;f",
    "'\"<>&\\^`{|}~",
    " space ",
    "x" * 1024,
    "é" * 512,
    "..",
    "a/..",
    "%2f%2F%252F",
    "~-_.!*'()",
    "\u200b\u202e\ufeff",
    "e\u0301 is not \u00e9",
    "tab\tin it",
    "line\nbreak",
    "\x01\x1f\x7f",
    "\ufffe\uffff",
]


def nothing(amount: int) -> None:
    pass


def put(store: CrtObjectStore, bucket: Bucket, key: str, path: Path, **options: Any) -> None:
    store.put_file(bucket, key, path, PutOptions(**options), nothing)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.write_bytes(b"abc")
    return path


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_come_back_as_they_went(s3: Any, store: CrtObjectStore, bucket: Bucket, small: Path, key: str) -> None:
    put(store, bucket, key, small)
    found = store.head(bucket, key)
    assert found is not None
    assert (found.key, found.size) == (key, 3)
    assert [entry.key for entry in store.iter_objects(bucket)] == [key]
    (version,) = store.iter_versions(bucket)
    assert version == ObjectVersion(key, "null")
    assert store.delete_versions(bucket, [version]) == []
    assert list(store.iter_objects(bucket)) == []


@pytest.mark.parametrize(
    ("size", "parts"),
    [(0, 0), (1, 0), (5 * MIB - 1, 0), (5 * MIB, 0), (5 * MIB + 1, 2), (10 * MIB, 2), (12 * MIB + 7, 3)],
)
def test_the_digest_foretells_what_s3_says_of_files_of_every_size(
    s3: Any, store: CrtObjectStore, bucket: Bucket, tmp_path: Path, size: int, parts: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(251)) * (size // 251) + bytes(size % 251))
    sent: list[int] = []
    store.put_file(bucket, "key", path, PutOptions(), sent.append)

    found = store.head(bucket, "key")
    digest = digest_file(path, store.part_size_for(size))
    assert found is not None
    assert (found.size, found.etag) == (size, digest.etag)
    assert found.etag.endswith(f"-{parts}") if parts else "-" not in found.etag
    assert sum(sent) == size
    assert check("uploading", digest, found) == "etag"
    if not parts:
        assert found.checksums["CRC32"] == digest.crc32


def test_options_arrive(s3: Any, store: CrtObjectStore, bucket: Bucket, small: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(5 * MIB + 1))
    for key, path in (("small", small), ("large", large)):
        put(
            store,
            bucket,
            key,
            path,
            content_type="text/csv",
            content_encoding="gzip",
            metadata={"owner": "me"},
            tags={"a b": "x+=/@:"},
        )
        found = store.head(bucket, key)
        assert found is not None
        assert found.headers == {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
        assert found.metadata == {"owner": "me"}
        assert store.tags(bucket, key) == {"a b": "x+=/@:"}


def test_what_is_not_there_is_none(store: CrtObjectStore, bucket: Bucket) -> None:
    assert store.head(bucket, "nothing") is None


def test_errors_name_the_code(store: CrtObjectStore, bucket: Bucket, small: Path) -> None:
    nowhere = Bucket("nowhere", bucket.owner)
    for call in (
        lambda: put(store, nowhere, "k", small),
        lambda: list(store.iter_objects(nowhere)),
        lambda: list(store.iter_versions(nowhere)),
        lambda: list(store.iter_multipart_uploads(nowhere)),
    ):
        with pytest.raises(AwsError) as caught:
            call()
        assert caught.value.code == "NoSuchBucket"


def test_a_file_that_is_not_there_is_an_oserror(store: CrtObjectStore, bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put(store, bucket, "k", tmp_path / "missing")


def test_a_listing_is_complete_and_in_the_order_of_utf8(s3: Any, store: CrtObjectStore, bucket: Bucket) -> None:
    keys = [f"{number:04}" for number in range(1001)] + ["Z", "a", "\uffff", "😀"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket.name, Key=key, Body=b""), keys))
    assert [entry.key for entry in store.iter_objects(bucket)] == sorted(keys, key=str.encode)
    assert [entry.key for entry in store.iter_objects(bucket, "000")] == [f"000{number}" for number in range(10)]


def test_versions_and_delete_markers_are_listed_and_deleted(s3: Any, store: CrtObjectStore, bucket: Bucket) -> None:
    s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket.name, Key="a", Body=b"1")
    s3.put_object(Bucket=bucket.name, Key="a", Body=b"2")
    s3.delete_object(Bucket=bucket.name, Key="a")
    versions = list(store.iter_versions(bucket))
    assert [version.key for version in versions] == ["a", "a", "a"]
    assert len({version.version_id for version in versions}) == 3
    assert store.delete_versions(bucket, versions) == []
    assert list(store.iter_versions(bucket)) == []


def test_open_uploads_are_listed_and_aborted_even_twice(s3: Any, store: CrtObjectStore, bucket: Bucket) -> None:
    keys = ["+ %", "😀", "dir/a"]
    for key in keys:
        s3.create_multipart_upload(Bucket=bucket.name, Key=key)
    uploads = list(store.iter_multipart_uploads(bucket))
    assert sorted(upload.key for upload in uploads) == sorted(keys)
    for upload in [*uploads, *uploads]:
        store.abort_multipart_upload(bucket, upload)
    assert list(store.iter_multipart_uploads(bucket)) == []


def test_threads_share_one_store(s3: Any, store: CrtObjectStore, bucket: Bucket, tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def one(number: int) -> str:
        path = tmp_path / str(number)
        path.write_bytes(bytes([number]) * (5 * MIB + 1 if number % 4 == 0 else 10))
        barrier.wait(10)
        put(store, bucket, f"k{number}", path)
        found = store.head(bucket, f"k{number}")
        assert found is not None
        return found.etag

    with ThreadPoolExecutor(8) as pool:
        etags = list(pool.map(one, range(8)))
    assert etags == [digest_file(tmp_path / str(number), 5 * MIB).etag for number in range(8)]
