"""Repair's result as JSON data; its keys are a contract (docs/json.md). Pure."""

from __future__ import annotations

from typing import Any

from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.operate.repairing import Fate
from s3copy_cli.operate.run import RepairReport
from s3copy_cli.verify.compare import Level, Outcome
from s3copy_cli.verify.to_json import to_json as verification_to_json

MAX_FAILURES = 1_000
_PLANNED = (Outcome.MISSING, Outcome.DIFFERS, Outcome.EXTRA, Outcome.UNPROVED)


def to_json(report: RepairReport, deployed: DeployedPipeline, level: Level) -> dict[str, Any]:
    """The envelope's `data`."""
    plan, repairs, cleaned = report.plan, report.repairs, report.cleaned
    failures = list(repairs.failures.items())[:MAX_FAILURES] if repairs else []
    return {
        "pipeline": deployed.pipeline.name,
        "source_bucket": deployed.source.name,
        "destination_bucket": deployed.destination.name,
        "level": level,
        "dry_run": repairs is None,
        "planned": {
            "looked_at": plan.looked_at,
            "objects": plan.total,
            "bytes": plan.size,
            **{outcome.value: plan.counts[outcome] for outcome in _PLANNED},
        },
        "first": [
            {"key": each.key, "sigil": each.outcome.sigil, "outcome": each.outcome.value, "size": each.size}
            for each in plan.first
        ],
        "left_alone": {outcome.value: plan.left[outcome] for outcome in (Outcome.UNPROVED, Outcome.ERROR)},
        "repaired": {
            **{fate.value: repairs.fates[fate] for fate in (Fate.PROVED, Fate.GONE, Fate.UNPROVED)},
            "failed": repairs.failed,
            "under_way": len(repairs.under_way),
        }
        if repairs
        else None,
        "failures": [{"key": key, "message": message} for key, message in failures],
        "invocations": repairs.invocations if repairs else 0,
        "failed_invocations": repairs.failed_invocations if repairs else 0,
        "dead_letter": {
            "queue": cleaned.queue,
            "removed": cleaned.removed,
            "kept": cleaned.kept,
            "problem": cleaned.problem or None,
        }
        if cleaned
        else None,
        "verification": verification_to_json(report.verification) if report.verification else None,
    }
