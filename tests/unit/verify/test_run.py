"""The whole run on fakes: what is read when, and what it comes to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from s3copy_cli.config import Pipeline
from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.errors import AwsError
from s3copy_cli.output.verify_text import write_text
from s3copy_cli.s3 import Bucket, ObjectHead
from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.health import Health
from s3copy_cli.verify.report import Report
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.run import Services, VerifyOptions, verify_pipeline
from s3copy_cli.verify.scope import EVERYTHING
from s3copy_cli.verify.to_json import to_json

Head = Callable[..., ObjectHead]


@dataclass
class FakeAccount:
    """Logs, metrics and a queue; each list of log pages is one whole answer, the last one stays."""

    scans: list[list[str]] = field(default_factory=lambda: [[]])
    asked: list[dict[str, Any]] = field(default_factory=list)
    denied_metrics: bool = False
    dropped: list[tuple[datetime, float]] = field(default_factory=list)
    before_scan: Callable[[], object] = lambda: None
    time_ms: int = 0

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        self.before_scan()
        self.asked.append(request)
        messages = self.scans.pop(0) if len(self.scans) > 1 else self.scans[0]
        return {"events": [{"logStreamName": "s", "timestamp": self.time_ms, "message": m} for m in messages]}

    def get_paginator(self, _: str) -> FakeAccount:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        if self.denied_metrics:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetMetricData")
        values = [value for _, value in self.dropped]
        return [
            {
                "MetricDataResults": [
                    {"Id": "dropped", "Values": values, "Timestamps": [when for when, _ in self.dropped]}
                ]
            }
        ]

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {}}

    def receive_message(self, **_: Any) -> dict[str, Any]:
        return {}


class Listener:
    def on_object(self) -> None: ...

    def on_pending(self, pending: int) -> None: ...

    def on_step(self, doing: str) -> None: ...


@pytest.fixture
def account(fake_time: Any) -> FakeAccount:
    return FakeAccount(time_ms=int(fake_time.now().timestamp() * 1000))


@pytest.fixture
def verify(store: Any, fake_time: Any, account: Any, source: Bucket, destination: Bucket) -> Callable[..., Report]:
    pipeline = Pipeline("p", "123456789012", "eu-west-1")

    def run(
        age: timedelta = timedelta(hours=1),
        kept_days: int | None = None,
        propagate_deletes: bool = False,
        sink: Any = None,
        look_around: Callable[[DeployedPipeline], Health] = lambda _: Health(),
        **options: Any,
    ) -> Report:
        created_at = fake_time.now() - age
        deployed = DeployedPipeline(
            pipeline, source, destination, "https://queue", created_at, kept_days, propagate_deletes
        )
        services = Services(
            store=store,
            logs=account,
            cloudwatch=account,
            sqs=account,
            clock=fake_time.clock(),
            look_around=look_around,
        )
        return verify_pipeline(deployed, services, VerifyOptions(**options), Listener(), sink)

    return run


def failed(key: str) -> str:
    error = {"code": "AccessDenied", "message": "no", "operation": "CopyObject"}
    return json.dumps({"s3copy_log_version": "1", "outcome": "failed", "key": key, "error": error})


REPORT = "REPORT RequestId: 00000001-0000-4000-8000-000000000001\tDuration: 1 ms"


def test_lines_of_a_fresh_copy_are_waited_for(
    verify: Callable[..., Report], store: Any, account: FakeAccount, fake_time: Any, head: Head
) -> None:
    store.put(head("a"))
    account.scans = [[], [], [REPORT]]
    report = verify()
    assert len(account.asked) == 3
    assert fake_time.seconds == 2
    assert report.logs.scan.executions.count == 1
    assert report.is_proved


def test_lines_that_never_come_are_not_waited_for_for_ever(
    verify: Callable[..., Report], store: Any, account: FakeAccount, fake_time: Any, head: Head
) -> None:
    store.put(head("a"))
    assert verify().is_proved
    assert 1 < fake_time.seconds <= 10


@pytest.mark.parametrize("age", [timedelta(minutes=1), timedelta(seconds=-30)])
def test_the_lines_of_an_old_copy_are_there(
    verify: Callable[..., Report], store: Any, account: FakeAccount, fake_time: Any, head: Head, age: timedelta
) -> None:
    store.put(head("a", last_modified=fake_time.now() - age))
    verify()
    assert fake_time.seconds == 0
    assert len(account.asked) == 1


def test_who_does_not_wait_does_not_wait_for_the_log_either(
    verify: Callable[..., Report], store: Any, fake_time: Any, head: Head
) -> None:
    store.put(head("a"))
    verify(wait=0.0)
    assert fake_time.seconds == 0


def test_the_logs_are_read_from_the_deployment_or_since(
    verify: Callable[..., Report], account: FakeAccount, fake_time: Any
) -> None:
    verify()
    since = fake_time.now() - timedelta(minutes=5)
    verify(since=since)
    starts = [request["startTime"] for request in account.asked]
    assert starts == [int((fake_time.now() - timedelta(hours=1)).timestamp() * 1000), int(since.timestamp() * 1000)]


@pytest.mark.parametrize(
    ("age", "kept_days", "since", "days_read", "shortened_by"),
    [
        (timedelta(days=45), 30, None, 30, 30),
        (timedelta(days=45), 30, timedelta(days=40), 30, 30),
        (timedelta(days=45), 30, timedelta(days=2), 2, None),
        (timedelta(days=29), 30, None, 29, None),
        (timedelta(days=45), None, None, 45, None),
    ],
)
def test_the_logs_are_not_claimed_from_before_their_retention(
    verify: Callable[..., Report],
    account: FakeAccount,
    fake_time: Any,
    age: timedelta,
    kept_days: int | None,
    since: timedelta | None,
    days_read: int,
    shortened_by: int | None,
) -> None:
    moment = fake_time.now() - since if since else None
    report = verify(age, kept_days, since=moment)
    begin = fake_time.now() - timedelta(days=days_read)
    assert account.asked[0]["startTime"] == int(begin.timestamp() * 1000)
    assert to_json(report)["logs"]["since"] == begin.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert report.logs.kept_days == shortened_by
    text = " ".join(rendered(report).split())
    assert ("(older lines are gone: the group keeps 30 days)" in text) == (shortened_by is not None)


def rendered(report: Report) -> str:
    console = Console(file=io.StringIO(), width=80)
    write_text(
        report,
        console,
        setup_command="S",
        upload_command="U",
        repair_command="R",
        verify_command="V",
        prove_command="P",
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_dropped_events_have_recovered_once_everything_is_proved(
    verify: Callable[..., Report], store: Any, account: FakeAccount, fake_time: Any, head: Head
) -> None:
    store.put(head("a"))
    account.dropped = [(fake_time.now() - timedelta(days=1), 2.0)]
    report = verify(timedelta(days=20), wait=0.0)
    assert report.is_proved
    assert to_json(report)["metrics"]["dropped"] == {"value": 2, "source": "cloudwatch"}
    assert "2 dropped events, recovered (CloudWatch)" in " ".join(rendered(report).split())


@pytest.mark.parametrize(
    ("days", "reasons"), [(1, ["2 events dropped by Lambda that are not in the dead-letter queue"]), (15, [])]
)
def test_dropped_events_count_while_they_could_be_parked(
    verify: Callable[..., Report],
    store: Any,
    account: FakeAccount,
    fake_time: Any,
    head: Head,
    days: int,
    reasons: list[str],
) -> None:
    store.put(head("a"), copied=False)
    account.dropped = [(fake_time.now() - timedelta(days=days), 2.0)]
    report = verify(timedelta(days=20), wait=0.0)
    assert report.reasons == ("1 object missing at the destination", *reasons)
    assert "2 dropped events (CloudWatch)" in " ".join(rendered(report).split())


def test_an_execution_that_ended_without_a_word_is_told(
    verify: Callable[..., Report], account: FakeAccount, fake_time: Any
) -> None:
    account.scans = [[REPORT]]
    report = verify(wait=0.0)
    assert to_json(report)["metrics"]["errors"] == {"value": None, "source": None}
    text = " ".join(rendered(report).split())
    assert "1 execution without a word of how it ended (log)" in text
    assert "failed execution" not in text


def test_the_next_step_names_setup_only_where_it_changes_something(
    verify: Callable[..., Report], store: Any, head: Head
) -> None:
    store.put(head("a"), copied=False)
    again = "R (has the function copy those objects again, and verifies)"
    text = " ".join(rendered(verify(wait=0.0, setup_command="S")).split())
    assert text.endswith(f"Next: {again}")
    broken = verify(wait=0.0, setup_command="S", look_around=lambda _: Health(has_trigger=False))
    text = " ".join(rendered(broken).split())
    message = "the trigger is missing: the source bucket does not tell the function of new objects"
    assert text.endswith(f"Next: S ({message}) then {again}")


def test_what_is_proved_by_other_fields_is_told_once(verify: Callable[..., Report], store: Any, head: Head) -> None:
    sums = {"checksums": {"CRC64NVME": "x"}, "checksum_type": "FULL_OBJECT", "encryption": "aws:kms"}
    store.put(*(head(f"{number}", etag=f"{number:032}", **sums) for number in range(40)))
    report = verify(wait=0.0)
    assert report.is_proved
    text = " ".join(rendered(report).split())
    assert text.count("not comparable") == 1
    assert "= 40 listed objects proved by other fields; etag: not comparable, an ETag is not a digest" in text


def test_a_long_cause_is_cut_at_its_end_only(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("a"))
    happened = "is not authorized " + "x" * 1000
    store.failures["a"] = AwsError("looking", happened, operation="HeadObject", code="403")
    text = "".join(rendered(verify(wait=0.0)).split())
    assert "cause:looking:isnotauthorizedxxx" in text
    assert "x…" in text


def test_an_object_that_a_failure_names_is_looked_at_once_more(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    """Proved by the walk, overwritten after it, and the copy of that failed: the log gives it away."""
    store.put(head("a", b"old"), head("b"))
    account.before_scan = lambda: store.put(head("a", b"new bytes"), copied=False)
    account.scans = [[failed("a")]]
    report = verify(wait=0.0)
    assert report.objects.counts[Outcome.DIFFERS] == 1
    assert report.objects.counts[Outcome.PROVED] == 1
    assert report.objects.source_objects == 2
    assert report.logs.unrecovered == 1
    assert to_json(report)["objects"][0]["cause"] == "AccessDenied on CopyObject: no"
    assert report.reasons == ("1 object different at the destination", "1 unrecovered error in the logs")


def test_a_deletion_that_failed_has_not_recovered_while_the_object_is_there(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("a"))
    store.destination["b"] = head("b")
    account.scans = [[failed("b")]]
    assert verify(wait=0.0).is_proved
    report = verify(wait=0.0, propagate_deletes=True)
    assert report.reasons == (
        "1 object only at the destination (deletes are propagated)",
        "1 unrecovered error in the logs",
    )
    del store.destination["b"]
    assert verify(wait=0.0, propagate_deletes=True).is_proved


def test_an_object_that_was_copied_late_has_recovered(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("a"), copied=False)
    account.before_scan = lambda: store.put(head("a"))
    account.scans = [[failed("a")]]
    report = verify(wait=0.0)
    assert report.is_proved
    assert report.logs.recovered == 1


def test_an_object_that_cannot_be_looked_at_has_not_recovered(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("a"))
    store.failures["a"] = AwsError("looking at 'a'", "HeadObject answered 403", operation="HeadObject", code="403")
    account.scans = [[failed("a")]]
    report = verify(wait=0.0)
    assert report.reasons == ("1 object that could not be looked at", "1 unrecovered error in the logs")
    data = to_json(report)["objects"][0]
    assert (data["sigil"], data["size"], data["cause"]) == ("!", None, "looking at 'a': HeadObject answered 403")


def test_what_could_not_be_proved_or_read_is_a_reason(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("a"))
    store.destination["a"] = replace(store.source["a"], encryption="aws:kms")
    account.denied_metrics = True
    report = verify(wait=0.0)
    assert report.reasons == (
        "1 object that could not be proved equal",
        "the metrics may not be read (AccessDenied): cloudwatch:GetMetricData is needed",
    )
    assert to_json(report)["metrics"]["dropped"] == {"value": None, "source": None}


def test_a_message_that_varies_is_not_put_next_to_another_key(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("a"), head("b"), copied=False)
    account.scans = [[failed("a"), failed("b").replace('"no"', '"b is odd"')]]
    objects = to_json(verify(wait=0.0))["objects"]
    assert {entry["key"]: entry["cause"] for entry in objects} == {
        "a": "AccessDenied on CopyObject",
        "b": "AccessDenied on CopyObject",
    }


@dataclass
class Collected:
    """What a report file would be given."""

    wants_proved: bool = True
    results: list[ObjectResult] = field(default_factory=list)

    def on_final(self, result: ObjectResult) -> None:
        self.results.append(result)


@pytest.mark.parametrize("wants_proved", [True, False])
def test_a_sink_is_given_what_is_final_in_key_order(
    verify: Callable[..., Report], store: Any, account: FakeAccount, fake_time: Any, head: Head, wants_proved: bool
) -> None:
    """Copied while verify waited, stale since the walk, failed, never there: each comes once, as it ended."""
    store.put(head("a"), head("b", b"old"), head("c"))
    store.put(head("d"), head("e"), copied=False)
    store.destination["x"] = head("x")
    fake_time.on_sleep = lambda _: store.put(head("d"))
    account.before_scan = lambda: store.put(head("b", b"new bytes"), copied=False)
    account.scans = [[failed("b"), failed("e"), REPORT]]
    sink = Collected(wants_proved)
    verify(sink=sink, max_listed=1)
    expected = ["= a", "* b", "= c", "= d", "+ e", "- x"]
    lines = [f"{result.outcome.sigil} {result.key}" for result in sink.results]
    assert lines == [line for line in expected if wants_proved or line[0] != "="]
    causes = {result.key: result.cause for result in sink.results if result.outcome is not Outcome.EXTRA}
    assert {key for key, cause in causes.items() if cause} == {"b", "e"}


def test_stopping_at_the_first_object_that_is_not_proved_in_the_end(
    verify: Callable[..., Report], store: Any, fake_time: Any, head: Head
) -> None:
    store.put(*[head(key) for key in "abde"])
    del store.destination["b"], store.destination["d"]
    store.destination["c"] = head("c")
    fake_time.on_sleep = lambda now: now > 2 and store.put(head("b"))
    report = verify(fail_fast=True, wait=10.0)
    # "b" came in time, "c" is harmless, "d" never came.
    assert [(result.key, result.outcome.sigil) for result in report.objects.listed] == [
        ("d", "+"),
        ("c", "-"),
        ("a", "="),
        ("b", "="),
    ]
    assert not report.objects.is_complete
    assert 12 < report.objects.waited_seconds < 14
    assert report.reasons == (
        "1 object missing at the destination",
        "verify stopped there (--fail-fast): the rest was not looked at",
    )
    assert verify(fail_fast=True, wait=0.0, strict=True).objects.counts[Outcome.EXTRA] == 1


def test_a_run_about_some_keys_is_not_judged_by_others(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("in/a"))
    store.put(head("out"), copied=False)
    account.scans = [[failed("out"), "[ERROR] KeyError: 'x'"]]
    account.denied_metrics = True
    assert not verify(wait=0.0).is_proved
    for scope in (EVERYTHING.narrowed("in/"), EVERYTHING.limited_to(["in/a"])):
        report = verify(wait=0.0, scope=scope)
        assert report.is_proved
        assert report.logs.causes == ()
        assert report.objects.source_objects == 1
    assert verify(wait=0.0, scope=EVERYTHING.limited_to(["out"])).logs.unrecovered == 1


def test_a_run_about_some_keys_says_what_could_not_be_read(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("in/a"))
    account.scans = [['{"type": "platform.logsDropped", "record": {"droppedRecords": 3}}']]
    for scope in (EVERYTHING.narrowed("in/"), EVERYTHING.limited_to(["in/a"])):
        report = verify(wait=0.0, scope=scope)
        assert report.objects.counts[Outcome.PROVED] == 1
        assert report.reasons == ("the logs could not be read completely: Lambda dropped 3 log lines",)


def test_nothing_where_something_was_asked_for_is_no_proof(
    verify: Callable[..., Report], store: Any, head: Head
) -> None:
    assert verify(wait=0.0).is_proved
    store.put(head("in/a"))
    report = verify(wait=0.0, scope=EVERYTHING.narrowed("typo/"))
    assert report.reasons == ("nothing was proved: no object under 'typo/' in either bucket",)
    assert "\nnothing was proved: no object under 'typo/' in either bucket\n" in rendered(report)
    report = verify(wait=0.0, scope=EVERYTHING.limited_to(["in/a", "typo"]))
    assert report.reasons == ("1 object in neither bucket",)
    assert report.objects.absent == 1


def test_an_object_that_s3_could_not_show_for_a_while_is_looked_at_again(
    verify: Callable[..., Report], store: Any, fake_time: Any, head: Head
) -> None:
    store.put(head("a"), head("b"))
    store.failures["a"] = AwsError("looking", "slow down", code="SlowDown", operation="HeadObject")

    def end_storm(now: float) -> None:
        if now > 7:
            store.failures.clear()

    fake_time.on_sleep = end_storm
    for fail_fast in (False, True):
        fake_time.seconds = 0.0
        store.failures["a"] = AwsError("looking", "slow down", code="SlowDown", operation="HeadObject")
        report = verify(fail_fast=fail_fast)
        assert report.objects.counts[Outcome.PROVED] == 2
        assert report.is_proved
        assert 7 < report.objects.waited_seconds < 12
    store.failures["a"] = AwsError("looking", "denied", code="AccessDenied", operation="HeadObject")
    report = verify()
    assert report.objects.waited_seconds == 0
    assert report.reasons == ("1 object that could not be looked at",)


def test_tags_that_cannot_be_read_are_not_taken_for_equal(
    verify: Callable[..., Report], store: Any, head: Head, source: Bucket
) -> None:
    store.put(head("a"))
    assert verify(wait=0.0, tags=True).is_proved
    store.all_tags[source.name, "a"] = {"team": "blue"}
    assert verify(wait=0.0, tags=True).objects.counts[Outcome.DIFFERS] == 1
    assert verify(wait=0.0).is_proved
    store.failures["tags of a"] = AwsError("tags", "no", operation="GetObjectTagging", code="AccessDenied")
    (result,) = verify(wait=0.0, tags=True).objects.listed
    assert result.outcome is Outcome.UNPROVED
    assert [field.name for field in result.fields] == ["tags"]
    assert "a-source cannot be read: AccessDenied on GetObjectTagging" in result.fields[0].reason
    assert "a-destination cannot be read" in result.fields[0].reason


def told(key: str, outcome: str = "copied", latency_ms: int | None = 1000) -> str:
    return json.dumps({"s3copy_log_version": "1", "outcome": outcome, "key": key, "latency_ms": latency_ms})


def test_every_final_result_is_told_once_in_key_order_with_its_cause(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("b"), head("a"))
    store.put(head("c"), head("d"), copied=False)
    store.destination["e"] = head("e")
    account.scans = [[failed("c"), told("d")]]
    sink = Collected()
    report = verify(wait=0.0, sink=sink)
    found = [(result.key, result.outcome.sigil) for result in sink.results]
    assert found == [("a", "="), ("b", "="), ("c", "+"), ("d", "+"), ("e", "-")]
    causes = {result.key: result.cause for result in sink.results}
    assert causes["c"] == "AccessDenied on CopyObject: no"
    assert causes["d"].startswith("the function copied it at 2026-03-01 12:00:00 UTC: it was deleted")
    assert causes["e"].startswith("the source has no such object")
    assert (causes["a"], causes["b"]) == ("", "")
    assert [entry.cause for entry in report.objects.listed] == [causes[key] for key in "cdeab"]


def test_the_settings_are_looked_at_only_where_something_is_odd(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    asked: list[DeployedPipeline] = []

    def look_around(deployed: DeployedPipeline) -> Health:
        asked.append(deployed)
        return Health(has_trigger=False)

    store.put(head("a"))
    account.scans = [[REPORT]]
    assert verify(wait=0.0, look_around=look_around).findings == ()
    assert asked == []
    store.put(head("b"), copied=False)
    report = verify(wait=0.0, look_around=look_around)
    assert len(asked) == 1
    assert [finding.code for finding in report.findings] == ["trigger_missing"]
    assert report.objects.listed[0].cause == f"no event seen: {report.findings[0].message}"
    text = " ".join(rendered(report).split())
    assert "! the trigger is missing" in text
    assert "Run 's3copy setup' to restore it." in text


def test_a_limit_of_latency(verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head) -> None:
    store.put(head("a"), head("b"))
    account.scans = [[told("a", latency_ms=1000), told("b", latency_ms=61_000)]]
    assert verify(wait=0.0).is_proved
    assert verify(wait=0.0, max_latency=61.0).is_proved
    report = verify(wait=0.0, max_latency=60.0)
    assert report.reasons == ("a copy took 1 min 1 s, longer than --max-latency 1 min",)
    text = " ".join(rendered(report).split())
    assert (
        "p50 1 s, p95 1 min 1 s, p99 1 min 1 s, at most 1 min 1 s, from event to copy (2 copies in the log; TOO LONG)"
        in text
    )
    data = to_json(report)["latency"]
    assert (data["kept"], data["max_allowed_seconds"]) == (False, 60.0)
    expected = {"count": 2, "p50": 1.0, "p95": 61.0, "p99": 61.0, "max": 61.0, "error_bound": 0.0}
    assert data["event_to_copy"] == expected


def test_a_latency_that_no_line_tells_is_not_said_to_be_kept(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    store.put(head("a"), head("b"))
    account.scans = [[told("a"), told("b", latency_ms=None)]]
    assert verify(wait=0.0).is_proved
    report = verify(wait=0.0, max_latency=60.0)
    assert not report.is_proved
    assert "could not be proved that every copy took at most 1 min: for 1 of the copied objects" in report.reasons[0]
    data = to_json(report)["latency"]
    assert (data["kept"], data["unknown_objects"]) == (None, 1)


def test_what_a_failure_names_is_looked_at_closely_whatever_the_level(
    verify: Callable[..., Report], store: Any, account: FakeAccount, head: Head
) -> None:
    """Key, size and ETag are equal; the failure was about the headers, so it has not recovered."""
    store.put(head("a"))
    store.source["a"] = head("a", headers={"Content-Type": "text/plain"})
    account.scans = [[failed("a")]]
    report = verify(level="listing", wait=0.0)
    assert not report.is_proved
    assert report.logs.unrecovered == 1
    assert report.objects.counts[Outcome.DIFFERS] == 1
    store.source["a"] = store.destination["a"]
    assert verify(level="listing", wait=0.0).is_proved
