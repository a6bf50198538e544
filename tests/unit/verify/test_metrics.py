"""Periods, sums, and which number is believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.errors import AwsError
from s3copy_cli.verify.log_executions import Executions
from s3copy_cli.verify.metrics import METRICS, Measure, choose_period, merge, read_metrics

SINCE = datetime(2026, 3, 1, 12, 0, 17, tzinfo=timezone.utc)
ZERO = Measure(0, "cloudwatch")


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_at_most_1440_datapoints_in_a_resolution_that_is_kept(length: timedelta) -> None:
    period = choose_period(SINCE, SINCE + length)
    # Both ends are widened to whole periods.
    assert length.total_seconds() / period + 1 <= 1440 + 1e-6
    assert period == 60 or period % 300 == 0
    if length > timedelta(days=15):
        assert period % 300 == 0
    if length > timedelta(days=63):
        assert period % 3600 == 0


@pytest.mark.parametrize(
    ("length", "period"),
    [
        (timedelta(0), 60),
        (timedelta(hours=23), 60),
        (timedelta(days=2), 300),
        (timedelta(days=10), 3600),
        (timedelta(days=100), 7200),
    ],
)
def test_periods(length: timedelta, period: int) -> None:
    assert choose_period(SINCE, SINCE + length) == period


@pytest.mark.parametrize(
    ("sums", "executions", "expected"),
    [
        ({"invocations": 5, "errors": 1, "throttles": 2}, (5, 1), (5, "cloudwatch", 1, "cloudwatch", 2)),
        ({"invocations": 5}, (7, 3), (7, "log", 3, "log", 0)),
        ({}, (7, 3), (7, "log", 3, "log", None)),
        ({}, (0, 0), (0, "cloudwatch", 0, "cloudwatch", 0)),
        (None, (7, 0), (7, "log", 0, "log", None)),
        (None, (0, 0), (0, "log", 0, "log", None)),
    ],
)
def test_the_better_number_wins_and_is_named(
    sums: dict[str, int] | None, executions: tuple[int, int], expected: tuple[Any, ...]
) -> None:
    measures = merge(sums, Executions(count=executions[0], failed=executions[1]))
    assert set(measures) == set(METRICS)
    invocations, errors, throttles = measures["invocations"], measures["errors"], measures["throttles"]
    found = (invocations.value, invocations.source, errors.value, errors.source, throttles.value)
    assert found == expected
    assert (throttles.source is None) == (throttles.value is None)


@pytest.mark.parametrize(
    ("sums", "failed", "expected"),
    [
        ({}, 0, Measure(None, None)),
        (None, 0, Measure(None, None)),
        ({}, 2, Measure(2, "log")),
        ({"invocations": 3}, 0, Measure(0, "cloudwatch")),
        ({"invocations": 3, "errors": 1}, 2, Measure(2, "log")),
    ],
)
def test_an_execution_of_unknown_end_is_not_called_a_success(
    sums: dict[str, int] | None, failed: int, expected: Measure
) -> None:
    assert merge(sums, Executions(count=3, failed=failed, unknown=1))["errors"] == expected


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("cloudwatch", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def test_values_are_summed_over_all_pages(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    asked: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.cloudwatch.GetMetricData", lambda params, **_: asked.append(dict(params))
    )
    for token, values in (("more", [1.0, 2.0]), ("", [4.0])):
        page: dict[str, Any] = {"MetricDataResults": [{"Id": "invocations", "Values": values}]}
        stubber.add_response("get_metric_data", {**page, **({"NextToken": token} if token else {})})
    now = SINCE + timedelta(minutes=10)
    metrics = read_metrics(client, "the-function", SINCE, now, Executions())
    assert metrics.measures["invocations"] == Measure(7, "cloudwatch")
    assert metrics.measures["dropped"] == ZERO
    request = asked[0]
    assert request["StartTime"] == SINCE.replace(second=0)
    assert request["EndTime"] >= now + timedelta(minutes=1)
    names = {query["MetricStat"]["Metric"]["MetricName"] for query in request["MetricDataQueries"]}
    assert names == {*METRICS.values(), "AsyncEventAge"}
    for query in request["MetricDataQueries"]:
        assert query["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "FunctionName", "Value": "the-function"}]


def test_events_dropped_longer_ago_than_a_queue_keeps_them(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    now = SINCE + timedelta(days=40)
    moments = [now - timedelta(days=20), now - timedelta(days=14, hours=1), now - timedelta(days=13), now]
    results: list[dict[str, Any]] = [
        {"Id": "dropped", "Values": [1.0, 2.0, 4.0, 8.0], "Timestamps": moments},
        {"Id": "invocations", "Values": [16.0], "Timestamps": moments[-1:]},
    ]
    stubber.add_response("get_metric_data", {"MetricDataResults": results})
    metrics = read_metrics(client, "f", SINCE, now, Executions())
    assert metrics.measures["dropped"] == Measure(15, "cloudwatch")
    assert metrics.dropped_lately == 12


def test_executions_throttled_longer_ago_than_lambda_repeats_them(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    now = SINCE + timedelta(hours=20)
    moments = [now - timedelta(hours=7), now - timedelta(hours=6, seconds=30), now - timedelta(hours=1)]
    results: list[dict[str, Any]] = [{"Id": "throttles", "Values": [1.0, 2.0, 4.0], "Timestamps": moments}]
    stubber.add_response("get_metric_data", {"MetricDataResults": results})
    metrics = read_metrics(client, "f", SINCE, now, Executions())
    # A datapoint has the time at which its minute begins.
    assert (metrics.value("throttles"), metrics.throttled_lately) == (7, 6)


def test_metrics_that_may_not_be_read(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_client_error("get_metric_data", "AccessDenied")
    metrics = read_metrics(client, "f", SINCE, SINCE, Executions(count=3))
    assert "cloudwatch:GetMetricData is needed" in metrics.unreadable
    assert metrics.measures["invocations"] == Measure(3, "log")
    assert metrics.measures["dropped"] == Measure(None, None)


def test_metrics_that_fail_otherwise(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_client_error("get_metric_data", "InvalidParameterValue")
    with pytest.raises(AwsError, match="reading the function's metrics"):
        read_metrics(client, "f", SINCE, SINCE, Executions())


@pytest.mark.parametrize("status", ["InternalError", "Forbidden"])
def test_a_metric_that_is_not_shown_is_not_zero(stubbed: tuple[Any, Stubber], status: str) -> None:
    client, stubber = stubbed
    results: list[dict[str, Any]] = [
        {"Id": "invocations", "Values": [3.0], "StatusCode": "Complete"},
        {"Id": "destination_delivery_failures", "Values": [], "StatusCode": status},
    ]
    stubber.add_response("get_metric_data", {"MetricDataResults": results})
    metrics = read_metrics(client, "f", SINCE, SINCE, Executions(count=3))
    assert "DestinationDeliveryFailures" in metrics.unreadable
    assert metrics.measures["destination_delivery_failures"] == Measure(None, None)
