"""Causes, report files and limits as a person meets them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
NOW = ("--wait", "0")


@pytest.fixture(autouse=True)
def _no_waiting_for_log_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    from s3copy_cli.verify import run

    monkeypatch.setattr(run, "_INGESTION_LAG", timedelta(0))


def test_a_pipeline_that_cannot_work_says_so_next_to_the_object(world: Any, s3copy: Run) -> None:
    """No trigger, and a function that may never run: two settings that somebody has changed."""
    world.put("a.csv")
    name = world.pipeline.function_name
    world.aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    data = s3copy("verify", *NOW, "--json", expect=3).data
    codes = [finding["code"] for finding in data["findings"]]
    assert codes == ["concurrency_zero", "trigger_missing", "permission_missing"]
    cause = data["objects"][0]["cause"]
    assert cause.startswith("no event seen: the function's reserved concurrency is 0")
    assert "the trigger is missing" in cause
    text = " ".join(s3copy("verify", *NOW, expect=3).stdout.split())
    assert "cause: no event seen: the function's reserved concurrency is 0" in text
    assert f"aws lambda delete-function-concurrency --function-name {name}" in text


def test_report_files_name_every_object_and_its_cause(world: Any, s3copy: Run, tmp_path: Path) -> None:
    world.put_both("equal")
    world.put("new\nline")
    world.log_failure("new\nline")
    combined, missing, extra = (tmp_path / name for name in ("all", "missing", "extra"))
    missing.write_text("of yesterday\n")
    files = ("--combined", str(combined), "--missing", str(missing), "--extra", str(extra))
    outcome = s3copy("verify", *NOW, *files, "--max-listed", "1", expect=3)
    cause = "AccessDenied on CopyObject: Access Denied"
    assert combined.read_text() == f"= equal\n+ new\\nline\t\t{cause}\n"
    assert missing.read_text() == f"new\\nline\t\t{cause}\n"
    assert extra.read_text() == ""
    assert "1 object (missing) written to" in " ".join(outcome.stdout.split())
    # A list on stdout leaves the rest to stderr.
    outcome = s3copy("verify", *NOW, "--proved", "-", expect=3)
    assert outcome.stdout == "equal\n"
    assert "not shown equal: 1 object missing" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--combined", "{tmp}/no/folder"), "opening --combined"),
        (("--combined", "{tmp}/x", "--extra", "{tmp}/x"), "--combined names the same file"),
        (("--combined", "-", "--json"), "stdout takes the JSON object"),
        (("--max-latency", "soon"), "it is not a duration"),
    ],
)
def test_what_cannot_be_written_or_read_is_wrong_usage_before_anything_is_asked(
    s3copy: Run, moto_account: str, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """There is no pipeline either, but that is not what is said."""
    outcome = s3copy("verify", *(argument.format(tmp=tmp_path) for argument in arguments), expect=2)
    assert words in outcome.stdout + outcome.stderr
    assert not list(tmp_path.iterdir())
