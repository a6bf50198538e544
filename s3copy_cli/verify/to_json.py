"""The result as JSON data; its keys are a contract (docs/json.md). Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.findings import aged_out
from s3copy_cli.verify.latency import ERROR_BOUND, LatencyReport, Percentiles
from s3copy_cli.verify.report import CauseReport, DeadLetterReport, LogsReport, Report
from s3copy_cli.verify.results import ObjectResult

MAX_KEYS_OF_CAUSE = 50


def to_json(report: Report) -> dict[str, Any]:
    """The envelope's `data`."""
    objects = report.objects
    executions = report.logs.scan.executions
    average = executions.duration_sum_ms / executions.timed if executions.timed else None
    return {
        "pipeline": report.pipeline,
        "source_bucket": report.source_bucket,
        "destination_bucket": report.destination_bucket,
        "level": report.level,
        "compared": list(report.compared),
        "scope": {
            "prefix": report.scope.source_prefix,
            "suffix": report.scope.suffix,
            "destination_prefix": report.scope.destination_prefix,
            "keys": None if report.scope.keys is None else list(report.scope.keys),
        },
        "verdict": "proved" if report.is_proved else "differences",
        "reasons": list(report.reasons),
        "counts": {
            **{outcome.value: objects.counts[outcome] for outcome in Outcome},
            "source_objects": objects.source_objects,
            "source_bytes": objects.source_bytes,
        },
        "objects": [_object(result) for result in objects.listed],
        "objects_complete": objects.is_complete,
        "objects_listed": len(objects.listed),
        "objects_truncated": len(objects.listed) < objects.total,
        "logs": _logs(report.logs),
        "metrics": {
            **{
                name: {"value": measure.value, "source": measure.source}
                for name, measure in report.metrics.measures.items()
            },
            "duration_ms": {
                "avg": round(average, 1) if average is not None else None,
                "max": round(executions.duration_max_ms, 1) if executions.timed else None,
                "source": "log",
            },
            "max_memory_mb": {"value": executions.max_memory_mb, "source": "log"},
            "event_age_ms": {"max": report.metrics.event_age_ms, "source": "cloudwatch"},
            "rule_failed": {"value": report.metrics.rule_failed, "source": "cloudwatch"},
            "aged_out": {"value": aged_out(report.dead_letter), "source": "dead_letter"},
        },
        "latency": _latency(report.latency),
        "findings": [
            {"code": finding.code, "message": finding.message, "remedy": finding.remedy} for finding in report.findings
        ],
        "dead_letter": _dead_letter(report.dead_letter),
        "waited_seconds": round(objects.waited_seconds, 1),
    }


def _object(result: ObjectResult) -> dict[str, Any]:
    data: dict[str, Any] = {
        "key": result.key,
        "sigil": result.outcome.sigil,
        "outcome": result.outcome.value,
        "size": result.size,
        "etag": result.etag,
    }
    if result.outcome is Outcome.PROVED:
        return data
    data["fields"] = {
        field.name: {
            "result": field.verdict.value,
            "source": field.source,
            "destination": field.destination,
            "reason": field.reason,
        }
        for field in result.fields
    }
    data["cause"] = result.cause or result.message or None
    return data


def _latency(latency: LatencyReport | None) -> dict[str, Any] | None:
    if latency is None:
        return None
    return {
        "event_to_copy": _percentiles(latency.told, 3),
        "estimate": _percentiles(latency.estimated, 0),
        "unknown_objects": latency.unknown,
        "incomplete_reason": latency.incomplete or None,
        "max_allowed_seconds": latency.limit,
        "kept": latency.is_kept,
    }


def _percentiles(found: Percentiles | None, digits: int) -> dict[str, Any] | None:
    """Seconds; None if there was nothing to measure."""
    if found is None:
        return None
    values = {"p50": found.p50, "p95": found.p95, "p99": found.p99, "max": found.max}
    rounded = {name: round(value, digits) for name, value in values.items()}
    return {"count": found.count, **rounded, "error_bound": 0.0 if found.is_exact else ERROR_BOUND}


def _logs(logs: LogsReport) -> dict[str, Any]:
    scan = logs.scan
    return {
        "group": scan.group,
        "since": _iso(scan.since) if scan.since else None,
        "until": _iso(scan.until),
        "complete": not scan.incomplete,
        "incomplete_reason": scan.incomplete or None,
        "kept_days": logs.kept_days,
        "streams": list(scan.streams),
        "streams_read": scan.streams_read,
        "events_read": scan.events_read,
        "errors": [_cause(cause) for cause in logs.causes],
        "unrecovered_errors": logs.unrecovered,
        "recovered_errors": logs.recovered,
    }


def _cause(report: CauseReport) -> dict[str, Any]:
    cause = report.cause
    keys = [subject.key for subject in cause.subjects if subject.key is not None]
    return {
        "cause": cause.name,
        "kind": cause.kind.value,
        "code": cause.code,
        "count": cause.count,
        "recovered": report.recovered,
        "permanent": cause.permanent,
        "keys": keys[:MAX_KEYS_OF_CAUSE],
        "keys_count": len(keys),
        "request_ids": list(cause.request_ids),
        "first": _iso_ms(cause.first_ms),
        "last": _iso_ms(cause.last_ms),
        "remedy": report.remedy,
        "message": cause.message,
    }


def _dead_letter(dead_letter: DeadLetterReport) -> dict[str, Any]:
    return {
        "queue": dead_letter.queue.queue,
        "depth": dead_letter.queue.depth,
        "parked": [
            {
                "key": parked.event.key,
                "condition": parked.event.condition,
                "error": parked.event.error,
                "recovered": parked.is_recovered,
            }
            for parked in dead_letter.parked
        ],
        "unread": dead_letter.queue.unread,
        "unrecovered": dead_letter.unrecovered,
        "recovered": dead_letter.recovered,
    }


def _iso_ms(milliseconds: int) -> str:
    return _iso(datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc))


def _iso(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
