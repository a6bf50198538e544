"""What a person would write with boto3 in a few lines: a peer of `s3copy verify`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config


def iter_entries(client: Any, bucket: str) -> Iterator[tuple[bytes, int, str]]:
    """Key, size and ETag of each object, in key order."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            yield entry["Key"].encode(), entry["Size"], entry["ETag"]


def compare(client: Any, source: str, destination: str) -> None:
    """Walk two listings in lock step; ends with 1 if they differ."""
    left, right = iter_entries(client, source), iter_entries(client, destination)
    if any(one != other for one, other in zip(left, right, strict=True)):
        sys.exit(1)


def heads(client: Any, source: str, destination: str, threads: int) -> None:
    """HEAD on both sides of every key; ends with 1 if metadata differ."""
    keys = [key.decode() for key, _, _ in iter_entries(client, source)]

    def look(key: str) -> bool:
        one, other = (client.head_object(Bucket=bucket, Key=key) for bucket in (source, destination))
        return bool(one["Metadata"] == other["Metadata"] and one["ETag"] == other["ETag"])

    with ThreadPoolExecutor(threads) as pool:
        if not all(pool.map(look, keys)):
            sys.exit(1)


def main() -> None:
    """`boto3_peer URL compare|heads SOURCE DESTINATION [THREADS]`."""
    url, task, source, destination, *threads = sys.argv[1:]
    config = Config(max_pool_connections=64, s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=url, config=config)
    if task == "compare":
        compare(client, source, destination)
    else:
        heads(client, source, destination, int(threads[0]))


if __name__ == "__main__":
    main()
