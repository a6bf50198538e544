"""Four processes upload, overwrite and delete at random at once; afterwards the destination is the source.

Relies on the embedded AWS, which delivers events of one key in any order and side by side. `S3COPY_TEST_OBJECTS=500`
makes it larger. No tags: unlike S3, the emulator writes an object and its tags one after the other, and sends the event
in between.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from s3copy_cli.local import LocalAws

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
WRITERS = 4
OBJECTS = int(os.environ.get("S3COPY_TEST_OBJECTS", "100"))
WRITES_PER_OBJECT = 3  # by all writers together, on average

WRITER = """
import json, random, sys
import boto3

seed, objects, writes = (int(argument) for argument in sys.argv[1:4])
chance = random.Random(seed)
s3 = boto3.client("s3")
done = {"put": 0, "delete": 0, "parts": 0}

def put_in_parts(key):
    upload = {"Bucket": BUCKET, "Key": key}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    sizes = (5 * 1024 * 1024, chance.randrange(1, 100_000))
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=chance.randbytes(size))["ETag"]}
        for n, size in enumerate(sizes, 1)
    ]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

for number in range(writes):
    key = f"shared/{chance.randrange(objects):04}"
    action = chance.choices(["put", "delete", "parts"], [70, 28, 2])[0]
    if action == "put":
        body = chance.randbytes(chance.choice([0, 1, 10, 1000]))
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata={"writer": f"{seed}-{number}"})
    elif action == "delete":
        s3.delete_object(Bucket=BUCKET, Key=key)
    else:
        put_in_parts(key)
    done[action] += 1
print(json.dumps(done))
""".replace("BUCKET", repr(SOURCE))


def listing(s3: Any, bucket: str) -> dict[str, tuple[int, str]]:
    """Size and ETag of every object of a bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {entry["Key"]: (entry["Size"], entry["ETag"]) for page in pages for entry in page.get("Contents", [])}


def test_whatever_four_writers_do_the_destination_becomes_the_source(
    s3copy: Run,
    embedded: LocalAws,
    clients: Callable[[str], Any],
    environ: dict[str, str],
) -> None:
    s3copy("setup", "--propagate-deletes", "--accept-permanent-deletes", expect=0)
    credentials = {
        "AWS_ENDPOINT_URL": embedded.endpoint_url,
        "AWS_ACCESS_KEY_ID": embedded.access_key_id,
        "AWS_SECRET_ACCESS_KEY": embedded.secret_access_key,
        "AWS_DEFAULT_REGION": embedded.region,
    }
    writes = str(OBJECTS * WRITES_PER_OBJECT // WRITERS)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(seed), str(OBJECTS), writes],
            env={**environ, **credentials},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(WRITERS)
    ]
    done: Counter[str] = Counter()
    for writer in writers:
        out, err = writer.communicate(timeout=300)
        assert writer.returncode == 0, err
        done += Counter(json.loads(out))
    assert min(done[action] for action in ("put", "delete", "parts")) > 0, done

    waited = s3copy("verify", "--wait", "300", "--json")
    assert waited.exit_code == 0, waited.data["reasons"]

    # verify has waited for what was missing, stale or still to be deleted: no second chance.
    s3 = clients("s3")
    expected = listing(s3, SOURCE)
    assert listing(s3, DESTINATION) == expected
    verified = s3copy("verify", "--json", expect=0).data
    assert verified["counts"]["proved"] == len(expected)
    assert verified["counts"]["extra"] == 0
    assert 0 < len(expected) < OBJECTS, "some keys exist and some were deleted"
