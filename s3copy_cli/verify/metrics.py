"""The function's metrics in CloudWatch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.verify.log_executions import Executions

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_MINUTE = 60
_FIVE_MINUTES = 300
_HOUR = 3600
_MAX_DATAPOINTS = 1440
# SQS keeps a message no longer; `setup` asks for all of it.
PARKED_FOR = timedelta(days=14)
# Lambda repeats a throttled event no longer: what was throttled earlier has run, or is parked.
THROTTLED_FOR = timedelta(hours=6)
# JSON name -> CloudWatch's name in AWS/Lambda.
METRICS = {
    "received": "AsyncEventsReceived",
    "invocations": "Invocations",
    "errors": "Errors",
    "throttles": "Throttles",
    "dropped": "AsyncEventsDropped",
    "destination_delivery_failures": "DestinationDeliveryFailures",
    "recursion_dropped": "RecursiveInvocationsDropped",
}
# The longest time that an event waited for its execution, milliseconds; a maximum, not a sum.
_EVENT_AGE = "event_age"
_RULE_FAILED = "rule_failed"
# What GetMetricData says, within an answer of 200, of a metric that it does not show; no value is not zero then.
_NOT_SHOWN = frozenset({"Forbidden", "InternalError"})


@dataclass(frozen=True)
class Measure:
    """A number and where it comes from.

    Attributes:
        value: the number; None if nobody knows it.
        source: "cloudwatch" or "log"; None if nobody knows it.
    """

    value: int | None
    source: str | None


@dataclass(frozen=True)
class Metrics:
    """Sums since the pipeline was deployed.

    Attributes:
        measures: by the names in `METRICS`.
        unreadable: why CloudWatch could not be asked; empty if it could.
        dropped_lately: the events dropped in the last 14 days; one that was parked earlier is no longer in the queue.
        event_age_ms: the longest time that an event waited for its execution; None if nobody knows it.
        rule_failed: events that EventBridge could not hand to the function; None without a rule, or if nobody knows it.
        throttled_lately: the executions that could not start in the last 6 hours; their events may still be waiting.
    """

    measures: Mapping[str, Measure]
    unreadable: str = ""
    dropped_lately: int = 0
    event_age_ms: float | None = None
    rule_failed: int | None = None
    throttled_lately: int = 0

    def value(self, name: str) -> int:
        """The number, 0 if nobody knows it."""
        return self.measures[name].value or 0


def read_metrics(
    client: CloudWatchClient,
    function_name: str,
    since: datetime,
    now: datetime,
    executions: Executions,
    rule_name: str = "",
) -> Metrics:
    """Sum the metrics, and put the log's numbers where CloudWatch knows less.

    CloudWatch lags by a minute or two, and the embedded AWS records nothing for executions that events start, so of
    two counts the higher one is the better one.

    Args:
        client: CloudWatch.
        function_name: the function.
        since: the beginning.
        now: the time of day.
        executions: what the log says.
        rule_name: the rule of EventBridge that invokes it; "" where none does.

    Raises:
        AwsError: CloudWatch failed, other than by refusing.
        CredentialsError: the credentials are not good.
    """
    unreadable = ""
    found: _Found | None = None
    with translate_errors("reading the function's metrics"):
        try:
            found = _read(client, function_name, since, now, rule_name)
        except ClientError as error:
            if not is_denied(error):
                raise
            unreadable = f"the metrics may not be read ({error_code(error)}): cloudwatch:GetMetricData is needed"
    if found is not None and found.not_shown:
        unreadable = f"CloudWatch does not show the metrics {', '.join(found.not_shown)}: run verify again"
        found = None
    if found is None:
        return Metrics(merge(None, executions), unreadable)
    return Metrics(
        merge(found.sums, executions),
        unreadable,
        found.dropped_lately,
        found.event_age_ms,
        found.rule_failed,
        found.throttled_lately,
    )


def merge(sums: Mapping[str, int] | None, executions: Executions) -> Mapping[str, Measure]:
    """CloudWatch's sums (None if it could not be asked, {} if it has no datapoint) and the log's counts. Pure."""
    # No datapoint at all means zero only where there were no executions either.
    if sums is not None and not sums and not executions.count:
        sums = dict.fromkeys(METRICS, 0)
    known = sums or {}
    measures = {name: Measure(known.get(name, 0), "cloudwatch") if known else Measure(None, None) for name in METRICS}
    for name, count in (("invocations", executions.count), ("errors", executions.failed)):
        if not known or count > known.get(name, 0):
            measures[name] = Measure(count, "log")
    if measures["errors"] == Measure(0, "log") and executions.unknown:
        # No word of a failure is not a word of success.
        measures["errors"] = Measure(None, None)
    return measures


def choose_period(since: datetime, until: datetime) -> int:
    """Seconds in a datapoint: at most 1,440 of them, and a resolution that CloudWatch still keeps. Pure."""
    seconds = max((until - since).total_seconds(), 1)
    for period in (_MINUTE, _FIVE_MINUTES):
        if seconds <= period * (_MAX_DATAPOINTS - 1):
            return period
    return _HOUR * math.ceil(seconds / (_HOUR * (_MAX_DATAPOINTS - 1)))


@dataclass(frozen=True)
class _Found:
    """What CloudWatch says.

    Attributes:
        sums: by name.
        dropped_lately: how many events were dropped while a parked one would still be in the queue.
        event_age_ms: the longest time that an event waited.
        throttled_lately: how many executions were throttled while their events may still be waiting.
        not_shown: the metrics, in CloudWatch's words, that it refused or failed to show.
        rule_failed: events that EventBridge could not hand over; None without a rule.
    """

    sums: Mapping[str, int]
    dropped_lately: int
    event_age_ms: float | None
    throttled_lately: int
    not_shown: tuple[str, ...] = ()
    rule_failed: int | None = None


def _read(client: CloudWatchClient, function_name: str, since: datetime, now: datetime, rule_name: str) -> _Found:
    # Datapoints are stamped with the beginning of their period, so both ends are widened to whole periods.
    until = now + timedelta(minutes=2)
    period = choose_period(since, until)
    start = datetime.fromtimestamp(since.timestamp() // period * period, tz=timezone.utc)
    end = datetime.fromtimestamp(math.ceil(until.timestamp() / period) * period, tz=timezone.utc)
    queries = [_query(name, metric, "Sum", function_name, period) for name, metric in METRICS.items()]
    queries.append(_query(_EVENT_AGE, "AsyncEventAge", "Maximum", function_name, period))
    if rule_name:
        # Published only where there is something to count.
        failed = _query(_RULE_FAILED, "FailedInvocations", "Sum", rule_name, period)
        dimensions = [{"Name": "RuleName", "Value": rule_name}]
        failed["MetricStat"]["Metric"] |= {"Namespace": "AWS/Events", "Dimensions": dimensions}
        queries.append(failed)
    rule_failed = 0.0
    sums: dict[str, float] = {}
    lately = {"dropped": 0.0, "throttles": 0.0}
    # Datapoints are stamped with the beginning of their period.
    recent = {"dropped": now - PARKED_FOR, "throttles": now - THROTTLED_FOR - timedelta(seconds=period)}
    ages: list[float] = []
    not_shown: set[str] = set()
    pages = client.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, StartTime=start, EndTime=end)
    for page in pages:
        for result in page["MetricDataResults"]:
            if result.get("StatusCode") in _NOT_SHOWN:
                not_shown.add({**METRICS, _RULE_FAILED: "FailedInvocations"}.get(result["Id"], "AsyncEventAge"))
            if result["Id"] == _RULE_FAILED:
                rule_failed += sum(result["Values"])
            elif result["Id"] == _EVENT_AGE:
                ages.extend(result["Values"])
            elif result["Values"]:
                sums[result["Id"]] = sums.get(result["Id"], 0.0) + sum(result["Values"])
            if result["Id"] in lately:
                values = zip(result.get("Timestamps", []), result["Values"], strict=False)
                lately[result["Id"]] += sum(value for moment, value in values if moment > recent[result["Id"]])
    rounded = {name: round(value) for name, value in sums.items()}
    return _Found(
        rounded,
        round(lately["dropped"]),
        max(ages, default=None),
        round(lately["throttles"]),
        tuple(sorted(not_shown)),
        round(rule_failed) if rule_name else None,
    )


def _query(name: str, metric: str, statistic: str, function_name: str, period: int) -> Any:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": [{"Name": "FunctionName", "Value": function_name}],
            },
            "Period": period,
            "Stat": statistic,
        },
    }
