"""The command on a pipeline in moto: verdicts, exit codes, text and JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Run = Callable[..., Any]

# The embedded AWS and the real one copy within seconds; here nothing comes, and nobody has to wait for it.
NOW = ("--wait", "0")


@pytest.fixture(autouse=True)
def _no_waiting_for_log_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies made by the tests are fresh and have no log lines."""
    from datetime import timedelta

    from s3copy_cli.verify import run

    monkeypatch.setattr(run, "_INGESTION_LAG", timedelta(0))


def sigils(data: dict[str, Any]) -> dict[str, str]:
    return {entry["key"]: entry["sigil"] for entry in data["objects"]}


def test_all_is_proved(world: Any, s3copy: Run) -> None:
    world.put_both("sample.csv", Metadata={"owner": "me"})
    world.put_both("empty.txt", b"")
    world.log_execution(world.line("copied", "sample.csv"))
    outcome = s3copy("verify", expect=0)
    assert "proved: 2 objects, 8 bytes, destination equals source" in outcome.stdout
    assert "0 errors in 4 events of 1 stream of /aws/lambda/s3copy" in " ".join(outcome.stdout.split())
    assert "2026/03/01/[$LATEST]abc" in outcome.stdout
    data = s3copy("verify", "--json", expect=0).data
    assert data["verdict"] == "proved"
    assert data["reasons"] == []
    assert data["counts"] == {
        "proved": 2,
        "differs": 0,
        "missing": 0,
        "extra": 0,
        "unproved": 0,
        "error": 0,
        "source_objects": 2,
        "source_bytes": 8,
    }
    assert data["objects"][1] == {
        "key": "sample.csv",
        "sigil": "=",
        "outcome": "proved",
        "size": 8,
        "etag": hashlib.md5(b"a,b\n1,2\n", usedforsecurity=False).hexdigest(),
    }
    assert (data["objects_listed"], data["objects_truncated"]) == (2, False)
    assert data["logs"]["streams"] == ["2026/03/01/[$LATEST]abc"]
    assert data["logs"]["complete"] is True
    assert data["metrics"]["invocations"] == {"value": 1, "source": "log"}
    assert data["metrics"]["duration_ms"] == {"avg": 20.0, "max": 20.0, "source": "log"}
    assert data["dead_letter"]["depth"] == 0


def test_nothing_to_prove_yet(world: Any, s3copy: Run) -> None:
    outcome = s3copy("verify", expect=0)
    assert "nothing to prove yet: the source bucket is empty" in outcome.stdout
    assert "proved:" not in outcome.stdout
    assert s3copy("verify", "--json", expect=0).data["counts"]["source_objects"] == 0


def test_each_kind_of_difference_is_listed_with_what_differs(world: Any, s3copy: Run) -> None:
    for key in ("equal", "body", "type", "meta"):
        world.put_both(key, Metadata={"owner": "me"})
    world.put("missing")
    world.put_copy("extra")
    world.put_copy("body", b"other bytes", Metadata={"owner": "me"})
    world.put_copy("type", ContentType="text/plain", CacheControl="no-store", Metadata={"owner": "me"})
    world.put_copy("meta", Metadata={"owner": "you", "added": "1"})
    outcome = s3copy("verify", *NOW, "--json", expect=3)
    assert outcome.envelope["status"] == "differences"
    data = outcome.data
    assert data["verdict"] == "differences"
    assert sigils(data) == {"body": "*", "meta": "*", "missing": "+", "type": "*", "extra": "-", "equal": "="}
    fields = {entry["key"]: set(entry.get("fields", {})) for entry in data["objects"]}
    assert fields == {
        "body": {"size", "etag", "checksum-CRC32"},
        "meta": {"x-amz-meta-owner", "x-amz-meta-added"},
        "type": {"Content-Type", "Cache-Control"},
        "missing": set(),
        "extra": set(),
        "equal": set(),
    }
    by_key = {entry["key"]: entry for entry in data["objects"]}
    expected = {"result": "differ", "source": "text/csv", "destination": "text/plain", "reason": ""}
    assert by_key["type"]["fields"]["Content-Type"] == expected
    assert data["reasons"] == [
        "1 object missing at the destination",
        "3 objects different at the destination",
    ]
    text = " ".join(s3copy("verify", *NOW, expect=3).stdout.split())
    assert "Content-Type: text/csv -> text/plain" in text
    assert "x-amz-meta-added: (not set) -> 1" in text
    assert "Cache-Control: (not set) -> no-store" in text
    assert "s3copy repair (has the function copy those objects again, and verifies)" in text


def test_an_extra_object_fails_only_when_asked(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    world.put_copy("extra")
    assert s3copy("verify", "--json", expect=0).data["counts"]["extra"] == 1
    data = s3copy("verify", "--json", "--strict", expect=3).data
    assert data["reasons"] == ["1 object only at the destination (--strict)"]
    text = " ".join(s3copy("verify", expect=0).stdout.split())
    assert "destination equals source; 1 other object only at the destination (-)" in text


def test_what_cannot_be_compared_is_not_claimed(world: Any, s3copy: Run) -> None:
    world.put("k")
    world.put_copy("k", ServerSideEncryption="aws:kms", ChecksumAlgorithm="SHA256")
    entry = s3copy("verify", *NOW, "--json", expect=3).data["objects"][0]
    assert (entry["sigil"], entry["outcome"]) == ("?", "unproved")
    assert entry["fields"]["etag"]["result"] == "not_comparable"
    assert "aws:kms" in entry["fields"]["etag"]["reason"]
    assert "s3copy verify --level content (reads the bytes" in s3copy("verify", *NOW, expect=3).stdout
    assert "--level content" not in s3copy("verify", *NOW, "--level", "content", expect=0).stdout


def test_levels(world: Any, s3copy: Run) -> None:
    world.put("k")
    world.put_copy("k", ContentType="text/plain")
    assert s3copy("verify", *NOW, "--json", "--level", "listing", expect=0).data["level"] == "listing"
    assert s3copy("verify", *NOW, "--json", "--level", "metadata", expect=3).data["level"] == "metadata"


def test_listing_limit(world: Any, s3copy: Run) -> None:
    for number in range(60):
        world.put_both(f"{number:03}")
    world.put("zz-missing")
    data = s3copy("verify", *NOW, "--json", expect=3).data
    assert data["objects_listed"] == len(data["objects"]) == 50
    assert data["objects_truncated"] is True
    assert data["objects"][0]["key"] == "zz-missing"
    assert data["counts"]["proved"] == 60
    text = " ".join(s3copy("verify", *NOW, "--max-listed", "3", expect=3).stdout.split())
    assert "… and not shown: 58 proved (--max-listed 0 shows all, --combined FILE writes all)" in text
    everything = s3copy("verify", *NOW, "--json", "--max-listed", "0", expect=3).data
    assert (everything["objects_listed"], everything["objects_truncated"]) == (61, False)


def test_named_keys_only(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    world.put("b")
    world.put("c")
    for key in ("b", "c"):
        world.log_failure(key)
        world.park(key)
    world.log("[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n  File x")
    data = s3copy("verify", "a", *NOW, "--json", expect=0).data
    assert (data["counts"]["proved"], data["counts"]["source_objects"]) == (1, 1)
    assert data["scope"] == {"prefix": "", "suffix": "", "destination_prefix": "", "keys": ["a"]}
    assert data["logs"]["errors"] == []
    assert data["dead_letter"]["parked"] == []
    data = s3copy("verify", "b", "a", *NOW, "--json", expect=3).data
    assert sigils(data) == {"b": "+", "a": "="}
    assert [error["keys"] for error in data["logs"]["errors"]] == [["b"]]
    assert [parked["key"] for parked in data["dead_letter"]["parked"]] == ["b"]
    assert data["objects"][0]["cause"] == "AccessDenied on CopyObject: Access Denied"
    # The rest may be as it likes: it was not asked about.
    assert data["reasons"] == ["1 object missing at the destination"]
    assert "of those asked for" in " ".join(s3copy("verify", "a", expect=0).stdout.split())


def test_a_key_that_neither_bucket_has(world: Any, s3copy: Run) -> None:
    world.put_both("a.csv")
    data = s3copy("verify", "/a.csv", *NOW, "--json", expect=3).data
    (entry,) = data["objects"]
    assert (entry["key"], entry["sigil"]) == ("/a.csv", "!")
    assert "neither bucket has an object of this name" in entry["cause"]
    assert "without a slash in front" in " ".join(s3copy("verify", "/a.csv", *NOW, expect=3).stdout.split())


def test_a_named_key_in_a_bucket_that_is_gone(world: Any, s3copy: Run) -> None:
    world.put("a")
    world.aws.s3.delete_bucket(Bucket=world.pipeline.destination_bucket)
    outcome = s3copy("verify", "a", "--json", expect=1)
    assert outcome.envelope["errors"][0]["code"] == "NoSuchBucket"


def test_keys_of_a_prefix_only(world: Any, s3copy: Run) -> None:
    world.put_both("in/a")
    world.put_copy("in/x")
    world.put("out")
    world.put_copy("zz")
    data = s3copy("verify", "--prefix", "in/", "--json", expect=0).data
    assert sigils(data) == {"in/a": "=", "in/x": "-"}
    assert data["scope"] == {"prefix": "in/", "suffix": "", "destination_prefix": "", "keys": None}
    assert s3copy("verify", "--prefix", "in/", "--strict", "--json", expect=3).data["counts"]["extra"] == 1
    # A wrong prefix must not look like a success.
    text = s3copy("verify", "--prefix", "nothing/", expect=3).stdout
    assert "nothing was proved: no object under 'nothing/' in either bucket" in text


def test_stopping_at_the_first_object_that_is_not_proved(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    world.put("b")
    world.put("c")
    world.log_failure("b")
    world.log_failure("c")
    data = s3copy("verify", "--fail-fast", *NOW, "--json", expect=3).data
    assert sigils(data) == {"a": "=", "b": "+"}
    assert (data["objects_complete"], data["counts"]["missing"]) == (False, 1)
    assert "verify stopped there (--fail-fast): the rest was not looked at" in data["reasons"]
    world.put_copy("b")
    world.put_copy("c")
    assert s3copy("verify", "--fail-fast", *NOW, "--json", expect=0).data["objects_complete"] is True


def test_the_log_explains_a_missing_object(world: Any, s3copy: Run) -> None:
    world.put("denied.csv")
    world.log_failure("denied.csv")
    world.park("denied.csv")
    data = s3copy("verify", *NOW, "--json", expect=3).data
    assert data["objects"][0]["cause"] == "AccessDenied on CopyObject: Access Denied"
    (error,) = data["logs"]["errors"]
    assert (error["cause"], error["count"], error["recovered"]) == ("AccessDenied on CopyObject", 1, 0)
    assert error["keys"] == ["denied.csv"]
    assert "s3copy setup" in error["remedy"]
    assert (data["logs"]["unrecovered_errors"], data["logs"]["recovered_errors"]) == (1, 0)
    parked = {"key": "denied.csv", "condition": "RetriesExhausted", "error": "CopyFailed: 1 of 1 records failed"}
    assert data["dead_letter"]["parked"] == [{**parked, "recovered": False}]
    text = " ".join(s3copy("verify", *NOW, expect=3).stdout.split())
    assert "cause: AccessDenied on CopyObject: Access Denied" in text
    assert "Run 's3copy setup' to restore its policy" in text
    assert "! parked (RetriesExhausted): denied.csv" in text


def test_old_failures_of_objects_that_are_proved_have_recovered(world: Any, s3copy: Run) -> None:
    world.put_both("a b+c.csv")
    world.log_failure("a b+c.csv")
    world.park("a+b%2Bc.csv")
    world.log_failure("deleted.csv")
    world.park("deleted.csv")
    data = s3copy("verify", "--json", expect=0).data
    assert (data["logs"]["unrecovered_errors"], data["logs"]["recovered_errors"]) == (0, 2)
    assert (data["dead_letter"]["unrecovered"], data["dead_letter"]["recovered"]) == (0, 2)
    assert data["dead_letter"]["depth"] == 2
    text = s3copy("verify", expect=0).stdout
    assert "~ AccessDenied on CopyObject: 2 errors, recovered" in text
    assert "~ parked, recovered: a b+c.csv" in text
    assert "proved: 1 object" in text


def test_looking_leaves_the_parked_events_where_they_are(world: Any, s3copy: Run) -> None:
    world.park("gone.csv")
    for _ in range(3):
        assert s3copy("verify", "--json", expect=0).data["dead_letter"]["depth"] == 1


def test_an_error_that_names_no_key_does_not_heal_by_itself(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    world.log("[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n  File x")
    data = s3copy("verify", "--json", expect=3).data
    assert data["reasons"] == ["1 unrecovered error in the logs"]
    assert data["logs"]["errors"][0]["cause"] == "unhandled KeyError"
    # It can be left out by asking about a later time only.
    from datetime import datetime, timezone

    since = datetime.now(timezone.utc).isoformat()
    assert s3copy("verify", "--json", "--since", since, expect=0).data["logs"]["events_read"] == 0


def test_an_error_without_a_key_heals_with_the_parked_event_of_its_request(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    world.log_execution("[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n  File x")
    world.park("a")
    data = s3copy("verify", "--json", expect=0).data
    assert data["logs"]["recovered_errors"] == 1


def test_a_parked_event_that_nobody_understands_counts(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    world.park("a", bucket="somebody-elses")
    data = s3copy("verify", "--json", expect=3).data
    assert data["dead_letter"]["parked"][0]["key"] is None
    assert data["reasons"] == ["1 unrecovered event in the dead-letter queue"]


def test_a_missing_log_group_is_not_fine(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    world.aws.logs.delete_log_group(logGroupName=world.pipeline.log_group)
    data = s3copy("verify", "--json", "--since", "1h", expect=3).data
    assert data["logs"]["complete"] is False
    assert data["logs"]["incomplete_reason"] == "there is no log group /aws/lambda/s3copy"
    assert data["counts"]["proved"] == 1
    assert "INCOMPLETE: there is no log group" in " ".join(s3copy("verify", expect=3).stdout.split())


def test_a_missing_dead_letter_queue_is_not_fine(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    url = world.aws.sqs.get_queue_url(QueueName=world.pipeline.queue_name)["QueueUrl"]
    world.aws.sqs.delete_queue(QueueUrl=url)
    data = s3copy("verify", "--json", expect=3).data
    assert data["reasons"] == ["the dead-letter queue s3copy-dead-letter is missing"]


@pytest.mark.parametrize(
    ("metric", "parked", "reasons"),
    [
        ("AsyncEventsDropped", 0, ["2 events dropped by Lambda that are not in the dead-letter queue"]),
        ("AsyncEventsDropped", 1, ["1 event dropped by Lambda that are not in the dead-letter queue"]),
        ("AsyncEventsDropped", 2, []),
        ("DestinationDeliveryFailures", 0, ["2 events that Lambda could not park"]),
    ],
)
def test_events_that_left_no_trace(world: Any, s3copy: Run, metric: str, parked: int, reasons: list[str]) -> None:
    world.put_both("a")
    world.put("missing")
    put_metric(world, metric)
    for _ in range(parked):
        world.park("a")
    data = s3copy("verify", *NOW, "--json", expect=3).data
    assert data["reasons"] == ["1 object missing at the destination", *reasons]
    assert data["metrics"]["invocations"]["value"] == 0


def put_metric(world: Any, metric: str) -> None:
    world.aws.cloudwatch.put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {"MetricName": metric, "Dimensions": [{"Name": "FunctionName", "Value": "s3copy"}], "Value": 2},
            {
                "MetricName": "Invocations",
                "Dimensions": [{"Name": "FunctionName", "Value": "another"}],
                "Value": 9,
            },
        ],
    )


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("AsyncEventsDropped", "2 dropped events, recovered (CloudWatch)"),
        ("DestinationDeliveryFailures", "2 events not parked, recovered (CloudWatch)"),
    ],
)
def test_lost_events_fail_nothing_once_everything_is_proved(world: Any, s3copy: Run, metric: str, told: str) -> None:
    """A parked event that recovered expires in the end, or is purged; the metric stays."""
    world.put_both("a")
    put_metric(world, metric)
    assert s3copy("verify", "--json", expect=0).data["reasons"] == []
    assert told in " ".join(s3copy("verify", expect=0).stdout.split())


def test_how_long_the_log_lines_are_kept_is_looked_up(world: Any) -> None:
    from s3copy_cli.deployed import find_deployed

    group = world.pipeline.log_group
    # A longer name with the same beginning comes in the same answer.
    world.aws.logs.create_log_group(logGroupName=f"{group}-other")
    assert find_deployed(world.aws, world.pipeline, "s3copy setup").log_retention_days is None
    world.aws.logs.put_retention_policy(logGroupName=group, retentionInDays=30)
    assert find_deployed(world.aws, world.pipeline, "s3copy setup").log_retention_days == 30
    world.aws.logs.delete_log_group(logGroupName=group)
    gone = find_deployed(world.aws, world.pipeline, "s3copy setup")
    assert (gone.created_at, gone.log_retention_days) == (None, None)


def test_hostile_keys_and_lines_do_nothing_to_a_terminal(world: Any, s3copy: Run) -> None:
    key = "[red]a\x1b[31mb\nc\u202e[/red] \U0001f600"
    world.put(key, Metadata={"note": "[bold]x"})
    world.put_copy(key, Metadata={"note": "y"})
    world.log_failure(key, message="\x1b]0;owned\x07[link=x]")
    text = s3copy("verify", *NOW, expect=3).stdout
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    flat = "".join(text.split())
    assert r"[red]a\x1b[31mb\nc\u202e[/red]" in flat
    assert "note:[bold]x->y" in flat
    data = s3copy("verify", *NOW, "--json", expect=3).data
    assert data["objects"][0]["key"] == key
    assert data["objects"][0]["cause"].endswith("\x1b]0;owned\x07[link=x]")


def test_text_fits_into_80_columns(world: Any, s3copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    world.put("long/" + "key-" * 60)
    world.put_both("short")
    world.log_failure("long/" + "key-" * 60, message="words " * 80)
    lines = s3copy("verify", *NOW, expect=3).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("key-key-" in line for line in lines) >= 4


def test_json_is_the_only_thing_on_stdout(world: Any, s3copy: Run) -> None:
    world.put_both("a")
    outcome = s3copy("verify", "--json", expect=0)
    assert json.loads(outcome.stdout)["s3copy_result_version"] == "1"
    assert outcome.stderr == ""


def test_the_wait_is_told_on_stderr(world: Any, s3copy: Run) -> None:
    world.put("late.csv")
    outcome = s3copy("verify", "--wait", "0.3", expect=3)
    assert "waiting up to 0.3 s for what may be under way: 1 pending" in outcome.stderr
    assert "waiting" not in outcome.stdout


def test_there_is_no_pipeline(s3copy: Run) -> None:
    outcome = s3copy("verify", "--name", "nobody", expect=1)
    assert "there is no function nobody" in outcome.stderr
    assert "s3copy setup" in outcome.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--wait", "-1"),
        ("--wait", "nan"),
        ("--since", "soon"),
        ("--level", "everything"),
        ("--max-listed", "-1"),
        ("a", "--prefix", "b"),
        ("",),
        ("--prove-all", "--level", "metadata"),
        ("--tags", "--level", "listing"),
    ],
)
def test_wrong_usage(s3copy: Run, moto_account: str, arguments: tuple[str, ...]) -> None:
    s3copy("verify", *arguments, expect=2)


def test_a_missing_bucket_is_an_error_and_not_a_verdict(world: Any, s3copy: Run) -> None:
    world.aws.s3.delete_bucket(Bucket=world.pipeline.destination_bucket)
    outcome = s3copy("verify", "--json", expect=1)
    assert outcome.envelope["status"] == "error"
    assert outcome.envelope["errors"][0]["code"] == "NoSuchBucket"
    with pytest.raises(ClientError):
        world.aws.s3.head_bucket(Bucket=world.pipeline.destination_bucket)
