"""The options of `verify` on one pipeline of the embedded AWS that nobody changes any more.

`fine/` is in order, `broken/` is not, `parts/` can be proved by its bytes alone, and `late/` came ten minutes late.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
NOW = ("--wait", "0", "--json")
MIB = 1024 * 1024
FINE = ["fine/1.csv", "fine/2.csv", "fine/3.csv"]
BYTES, EXTRA, MISSING, TAGS, TYPE = (f"broken/{name}" for name in ("bytes", "extra", "missing", "tags", "type"))
PARTS, LATE = "parts/6 MiB", "late/1.csv"


def put(s3: Any, bucket: str, key: str, body: bytes = b"a,b\n1,2\n", **options: Any) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=body, **{"ContentType": "text/csv", "Tagging": "team=blue", **options})


def put_in_parts(s3: Any, key: str, body: bytes) -> None:
    upload = {"Bucket": DESTINATION, "Key": key}
    begun = s3.create_multipart_upload(**upload, ContentType="text/csv", Tagging="team=blue")
    upload["UploadId"] = begun["UploadId"]
    done = [
        {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=part)["ETag"]}
        for number, part in enumerate((body[: 5 * MIB], body[5 * MIB :]), 1)
    ]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})


@pytest.fixture(scope="module")
def pipeline(shared: Any) -> Any:
    """The account, once everything in it is as the module's docstring says."""
    shared.s3copy("setup", expect=0)
    s3 = shared.clients("s3")
    for key in [*FINE, BYTES, MISSING, TAGS, TYPE, LATE]:
        put(s3, SOURCE, key)
    big = bytes(range(256)) * 4 * 1024 * 6
    put(s3, SOURCE, PARTS, big)
    assert shared.s3copy("verify", "--wait", "120", "--tags", "--json", expect=0).data["counts"]["proved"] == 9

    put(s3, DESTINATION, BYTES, b"a,b\n9,2\n")
    put(s3, DESTINATION, EXTRA)
    s3.delete_object(Bucket=DESTINATION, Key=MISSING)
    put(s3, DESTINATION, TAGS, Tagging="team=red")
    put(s3, DESTINATION, TYPE, ContentType="text/plain")
    put_in_parts(s3, PARTS, big)

    # An event that was ten minutes on its way.
    s3.delete_object(Bucket=DESTINATION, Key=LATE)
    happened = datetime.now(timezone.utc) - timedelta(minutes=10)
    record = {
        "eventVersion": "2.3",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": happened.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": SOURCE}, "object": {"key": LATE}},
    }
    answer = shared.clients("lambda").invoke(FunctionName="s3copy", Payload=json.dumps({"Records": [record]}))
    assert "FunctionError" not in answer, answer["Payload"].read()
    return shared


def sigils(data: dict[str, Any]) -> dict[str, str]:
    return {entry["key"]: entry["sigil"] for entry in data["objects"]}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--level", "listing"), {BYTES: "*", EXTRA: "-", MISSING: "+", TAGS: "=", TYPE: "="}),
        ((), {BYTES: "*", EXTRA: "-", MISSING: "+", TAGS: "=", TYPE: "*"}),
        (("--tags",), {BYTES: "*", EXTRA: "-", MISSING: "+", TAGS: "*", TYPE: "*"}),
    ],
    ids=["listing", "metadata", "tags"],
)
def test_how_closely(pipeline: Any, options: tuple[str, ...], expected: dict[str, str]) -> None:
    assert sigils(pipeline.s3copy("verify", "--prefix", "broken/", *options, *NOW, expect=3).data) == expected


def test_bytes_prove_what_etags_cannot(pipeline: Any) -> None:
    looked_at = ("verify", "--prefix", "parts/", *NOW)
    unproved = pipeline.s3copy(*looked_at, expect=3).data
    assert sigils(unproved) == {PARTS: "?"}
    assert set(unproved["objects"][0]["fields"]) == {"etag", "checksum-CRC32"}
    proved = pipeline.s3copy(*looked_at, "--level", "content", expect=0).data
    assert (proved["level"], sigils(proved)) == ("content", {PARTS: "="})
    assert proved["compared"][-1] == "the bytes where nothing else proves them"


def test_every_byte(pipeline: Any) -> None:
    data = pipeline.s3copy("verify", "--prove-all", "--prefix", "broken/", *NOW, expect=3).data
    assert data["compared"][-1] == "every byte"
    content = {entry["key"]: entry.get("fields", {}).get("content") for entry in data["objects"]}
    assert {key for key, found in content.items() if found} == {BYTES}
    assert (content[BYTES]["source"], content[BYTES]["destination"]) == ("0x31 at byte 4", "0x39 at byte 4")
    assert pipeline.s3copy("verify", "--prove-all", *NOW, *FINE, expect=0).data["counts"]["proved"] == len(FINE)


def test_a_few_keys(pipeline: Any) -> None:
    data = pipeline.s3copy("verify", *NOW, FINE[0], TYPE, expect=3).data
    assert (data["scope"]["keys"], sigils(data)) == (sorted([FINE[0], TYPE]), {TYPE: "*", FINE[0]: "="})


def test_a_prefix(pipeline: Any) -> None:
    data = pipeline.s3copy("verify", "--prefix", "fine/", *NOW, expect=0).data
    assert (data["scope"]["prefix"], sigils(data)) == ("fine/", dict.fromkeys(FINE, "="))
    said = pipeline.s3copy("verify", "--prefix", "fine/", expect=0).stdout
    assert "of those asked for; the rest was not looked at" in " ".join(said.split())


def test_stopping_at_the_first_that_is_not_proved(pipeline: Any) -> None:
    data = pipeline.s3copy("verify", "--fail-fast", *NOW, expect=3).data
    assert data["objects_complete"] is False
    assert {key: sigil for key, sigil in sigils(data).items() if sigil in "*+?!"} == {BYTES: "*"}


def test_one_file_for_each_outcome(pipeline: Any, tmp_path: Path) -> None:
    kinds = ("combined", "proved", "differs", "missing", "extra", "unproved", "errors")
    options = [word for kind in kinds for word in (f"--{kind}", str(tmp_path / kind))]
    data = pipeline.s3copy("verify", *NOW, *options, expect=3).data
    keys = {kind: [line.split("\t")[0] for line in (tmp_path / kind).read_text().splitlines()] for kind in kinds}
    outcomes = {
        "proved": [TAGS, *FINE, LATE],
        "differs": [BYTES, TYPE],
        "missing": [MISSING],
        "extra": [EXTRA],
        "unproved": [PARTS],
        "errors": [],
    }
    assert {kind: keys[kind] for kind in outcomes} == outcomes
    signs = {"proved": "=", "differs": "*", "missing": "+", "extra": "-", "unproved": "?"}
    lines = {key: f"{signs[kind]} {key}" for kind, found in outcomes.items() for key in found}
    assert keys["combined"] == [lines[key] for key in sorted(lines, key=str.encode)]
    assert {file["kind"]: file["objects"] for file in data["report_files"]} == {k: len(keys[k]) for k in kinds}
    assert [file["file"] for file in data["report_files"]] == [str(tmp_path / kind) for kind in kinds]


def test_a_list_on_stdout_leaves_everything_else_to_stderr(pipeline: Any) -> None:
    listed = pipeline.s3copy("verify", "--wait", "0", "--prefix", "fine/", "--combined", "-", expect=0)
    assert listed.stdout == "".join(f"= {key}\n" for key in FINE)
    assert "proved: 3 objects" in listed.stderr
    quiet = pipeline.s3copy("verify", "--wait", "0", "--prefix", "fine/", "--combined", "-", "--quiet", expect=0)
    assert (quiet.stdout, quiet.stderr) == (listed.stdout, "")


def test_a_copy_that_took_too_long(pipeline: Any) -> None:
    looked_at = ("verify", "--prefix", "late/", *NOW, "--max-latency")
    kept = pipeline.s3copy(*looked_at, "1h", expect=0).data["latency"]
    assert (kept["kept"], kept["max_allowed_seconds"]) == (True, 3600)
    data = pipeline.s3copy(*looked_at, "5m", expect=3).data
    assert data["latency"]["kept"] is False
    assert 600 <= data["latency"]["event_to_copy"]["max"] < 3600
    assert sigils(data) == {LATE: "="}


def test_what_was_logged_before_is_left_out(pipeline: Any) -> None:
    everything = pipeline.s3copy("verify", *NOW, FINE[0], expect=0).data["logs"]
    assert everything["events_read"] > 0
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    data = pipeline.s3copy("verify", *NOW, "--since", now, FINE[0], expect=0).data
    assert data["logs"]["since"].startswith(now)
    assert (data["logs"]["events_read"], data["logs"]["complete"]) == (0, True)
    assert data["counts"]["proved"] == 1


def test_waiting_ends_as_soon_as_nothing_is_pending(pipeline: Any) -> None:
    put(pipeline.clients("s3"), SOURCE, "new/1.csv")
    began = time.monotonic()
    data = pipeline.s3copy("verify", "--prefix", "new/", "--wait", "600", "--json", expect=0).data
    assert sigils(data) == {"new/1.csv": "="}
    assert time.monotonic() - began < 120
    assert data["waited_seconds"] < 120
