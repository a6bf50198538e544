"""Each trigger end to end, the change from each to each other with uploads going on, and a burst through the queue."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
Clients = Callable[[str], Any]
Eventually = Callable[..., Any]
SOURCE = "s3copy-source-000000000000-us-east-1-an"
DESTINATION = "s3copy-destination-000000000000-us-east-1-an"
# Each trigger comes after each other one.
WALK = ("s3", "sqs", "s3", "eventbridge", "sqs", "eventbridge", "s3")
# `S3COPY_TEST_BURST=2000` for the full one.
BURST = int(os.environ.get("S3COPY_TEST_BURST", "200"))


@contextmanager
def uploading(s3: Any) -> Iterator[list[str]]:
    """Uploads go on until the block is left; the keys so far."""
    keys: list[str] = []
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.wait(0.2):
            key = f"during/{len(keys)}"
            s3.put_object(Bucket=SOURCE, Key=key, Body=key.encode())
            keys.append(key)

    with ThreadPoolExecutor(1) as pool:
        uploads = pool.submit(go_on)
        try:
            yield keys
        finally:
            is_over.set()
        uploads.result()


def notifications(s3: Any) -> dict[str, Any]:
    found = s3.get_bucket_notification_configuration(Bucket=SOURCE)
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


def test_every_change_of_the_trigger_loses_no_event(
    s3copy: Run, clients: Clients, account: Callable[[], Any], eventually: Eventually
) -> None:
    s3 = clients("s3")
    s3copy("setup", expect=0)
    with uploading(s3) as keys:
        for trigger in WALK[1:]:
            before = len(keys)
            eventually(lambda: len(keys) > before)  # noqa: B023 (called at once)
            steps = s3copy("setup", "--trigger", trigger, "--json", expect=0).data["steps"]
            assert [step for step in steps if step["action"] == "delete"], "the old trigger has gone"
            found = notifications(s3)
            assert ("LambdaFunctionConfigurations" in found) is (trigger == "s3")
            assert ("QueueConfigurations" in found) is (trigger == "sqs")
            assert ("EventBridgeConfiguration" in found) is (trigger == "eventbridge")
            # And by this very trigger.
            key = f"after/{before}/{trigger}"
            s3.put_object(Bucket=SOURCE, Key=key, Body=trigger.encode())
            eventually(lambda: exists(s3, key), seconds=60)  # noqa: B023
    assert s3copy("setup", "--json", expect=0).data["changed"] is False
    report = s3copy("verify", "--wait", "90", "--json", expect=0).data
    assert report["counts"]["proved"] == len(keys) + len(WALK) - 1
    s3copy("teardown", "--yes", expect=0)
    assert not any(account().values()), account()


def exists(s3: Any, key: str) -> bool:
    return bool(s3.list_objects_v2(Bucket=DESTINATION, Prefix=key).get("Contents"))


@pytest.mark.parametrize("trigger", ["sqs", "eventbridge"])
def test_what_is_set_up_is_taken_down(
    s3copy: Run, clients: Clients, account: Callable[[], Any], tmp_path: Path, trigger: str
) -> None:
    s3copy("setup", "--trigger", trigger, "--tag", "team=copies", expect=0)
    (tmp_path / "a.txt").write_text("a")
    s3copy("upload", "a.txt", "--wait", expect=0)
    # Without --trigger it stays.
    kept = s3copy("setup", "--json", expect=0).data
    assert (kept["changed"], kept["settings"]["trigger"]) == (False, trigger)
    s3copy("verify", expect=0)
    # What was changed by hand is put right.
    if trigger == "sqs":
        (mapping,) = clients("lambda").list_event_source_mappings()["EventSourceMappings"]
        clients("lambda").update_event_source_mapping(UUID=mapping["UUID"], BatchSize=1, Enabled=False)
        url = clients("sqs").get_queue_url(QueueName="s3copy-events")["QueueUrl"]
        clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5", "Policy": ""})
        changed = {"event queue", "event source mapping"}
    else:
        clients("events").disable_rule(Name="s3copy-copy")
        clients("events").remove_targets(Rule="s3copy-copy", Ids=["s3copy-copy"])
        changed = {"rule", "rule's target"}
    done = s3copy("setup", "--json", expect=0).data
    assert {step["resource"] for step in done["steps"] if step["action"] in ("create", "update")} == changed
    (tmp_path / "a.txt").write_text("b")
    s3copy("upload", "a.txt", "--wait", expect=0)
    s3copy("teardown", "--yes", expect=0)
    assert not any(account().values()), account()


def test_prefixes_and_a_message_that_always_fails(
    s3copy: Run, clients: Clients, eventually: Eventually, tmp_path: Path
) -> None:
    s3, sqs = clients("s3"), clients("sqs")
    s3copy(
        *("setup", "--trigger", "sqs", "--prefix", "in/", "--suffix", ".csv", "--destination-prefix", "copies/"),
        expect=0,
    )
    # Sooner than by default, for the sake of this test.
    url = sqs.get_queue_url(QueueName="s3copy-events")["QueueUrl"]
    redrive = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["RedrivePolicy"])
    patient = redrive["maxReceiveCount"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps({**redrive, "maxReceiveCount": 2})})
    too_long = "in/" + "/".join(["x" * 99] * 10) + "/12345678901234.csv"
    assert len(f"copies/{too_long}") > 1024 >= len(too_long)
    for key in (too_long, "in/a.csv", "in/b.txt", "out/c.csv"):
        s3.put_object(Bucket=SOURCE, Key=key, Body=key.encode())
    parked = sqs.get_queue_url(QueueName="s3copy-dead-letter")["QueueUrl"]

    def depth() -> int:
        found = sqs.get_queue_attributes(QueueUrl=parked, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    eventually(lambda: depth() == 1, seconds=90)
    eventually(lambda: exists(s3, "copies/in/a.csv"), seconds=60)
    listed = s3.list_objects_v2(Bucket=DESTINATION)["Contents"]
    assert [found["Key"] for found in listed] == ["copies/in/a.csv"]

    report = s3copy("verify", "--wait", "0", "--json", expect=3).data
    assert (report["counts"]["proved"], report["counts"]["missing"]) == (1, 1)
    (missing,) = (one for one in report["objects"] if one["outcome"] == "missing")
    assert "S3 allows 1024" in missing["cause"]
    (event,) = report["dead_letter"]["parked"]
    assert (event["key"], event["condition"]) == (too_long, "DeliveredTooOften")

    # Out of the way: then its event is, too.
    s3.delete_object(Bucket=SOURCE, Key=too_long)
    s3copy("repair", expect=0)
    assert depth() == 0
    s3copy("verify", expect=0)

    (step,) = (one for one in s3copy("setup", "--json", expect=0).data["steps"] if one["action"] == "update")
    (change,) = step["changes"]
    assert (step["resource"], change["old"], change["new"]) == ("event queue", 2, patient)

    (tmp_path / "d.csv").write_text("d")
    refused = s3copy("upload", "d.csv", expect=2)
    assert "'in/'" in refused.stderr
    s3copy("upload", "d.csv", "--prefix", "in/", "--wait", expect=0)
    assert exists(s3, "copies/in/d.csv")
    assert s3copy("verify", "out/c.csv", expect=2).stdout == ""
    s3copy("verify", "in/d.csv", expect=0)


def test_a_burst_goes_through_the_queue(s3copy: Run, clients: Clients) -> None:
    s3 = clients("s3")
    s3copy("setup", "--trigger", "sqs", expect=0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=SOURCE, Key=f"{n:05}", Body=b"1"), range(BURST)))
    # The wait is shorter than the burst may take: verify sees that the queue gets emptier, and goes on.
    report = s3copy("verify", "--wait", "20", "--json", expect=0).data
    assert report["counts"]["proved"] == BURST
    assert report["dead_letter"]["depth"] == 0
    print(json.dumps({"objects": BURST, "waited": report["waited_seconds"], "latency": report["latency"]}))  # noqa: T201
