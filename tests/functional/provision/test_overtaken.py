"""Two commands at once: another one runs from beginning to end while the first is at one of its writing calls."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from s3copy_cli.commands import provisioning
from s3copy_cli.config import Pipeline
from s3copy_cli.provision.propagation import Patience

from ...crashing import READING, Calls, Said, call_name, chosen, run_unwatched  # noqa: TID252 (shared)

SAMPLE = os.environ.get("S3COPY_TEST_CRASH_POINTS", "1")
NOW = ("--handover-wait", "0", "--json")


def client(service: str) -> Any:
    return boto3.client(service, region_name="eu-west-1")


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    def patience(self) -> Patience:
        return Patience(lambda: self.now, self.sleep)


@pytest.fixture
def clock(moto_account: str, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(provisioning, "patience", made.patience)
    return made


@contextmanager
def interrupted(at: str, meanwhile: Callable[[], None]) -> Iterator[list[str]]:
    """Before the call `at` is sent, `meanwhile` runs; the writing calls up to there, by name."""
    original, calls, is_over = boto3.Session.__init__, Calls(), threading.Event()

    def before(model: Any, params: Any, **_: Any) -> None:
        if is_over.is_set() or model.name.startswith(READING):
            return
        if calls.before(call_name(model, params)) == at:
            is_over.set()
            meanwhile()

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call", before)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3.Session, "__init__", with_hook)
        yield calls.made


def meet(first: tuple[str, ...], at: str, other: tuple[str, ...]) -> tuple[Said, Said | None]:
    """The first command, and the other one in the middle of it; None if it did not come there."""
    said: list[Said] = []
    with interrupted(at, lambda: said.append(run_unwatched(*other, expect=None))):
        return run_unwatched(*first, expect=None), said[0] if said else None


def calls_of(command: tuple[str, ...]) -> list[str]:
    with interrupted("", lambda: None) as made:
        run_unwatched(*command)
    return sorted(made)


def errors(said: Said) -> list[dict[str, str]]:
    return list(json.loads(said.stdout)["errors"])


def trigger() -> str:
    variables = client("lambda").get_function_configuration(FunctionName="s3copy")["Environment"]["Variables"]
    return str(json.loads(variables.get("S3COPY_SETTINGS", "{}")).get("trigger", "s3"))


def everything() -> dict[str, Any]:
    return {
        "buckets": client("s3").list_buckets()["Buckets"],
        "roles": client("iam").list_roles()["Roles"],
        "functions": client("lambda").list_functions()["Functions"],
        "mappings": client("lambda").list_event_source_mappings()["EventSourceMappings"],
        "log groups": client("logs").describe_log_groups()["logGroups"],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "rules": client("events").list_rules()["Rules"],
    }


def stands_and_goes(*setup: str) -> None:
    """The next setup makes everything right, and teardown leaves nothing."""
    run_unwatched(*(setup or ("setup", *NOW)))
    planned = run_unwatched("plan", "--json", expect=None).data["steps"]
    pending = {step["resource"] for step in planned if step["action"] not in ("keep", "n/a")}
    # moto does not show the switch.
    assert pending <= {"EventBridge switch"}, planned
    run_unwatched("teardown", "--yes")
    left = everything()
    left["buckets"] = [one for one in left["buckets"] if one["Name"] != "inbox"]
    assert not any(left.values()), left


# What is there before, what the first command is, and the other one.
SETUPS = {
    "from nothing": ("", ("setup", "--trigger", "eventbridge", *NOW), ("setup", "--trigger", "sqs", *NOW)),
    "from s3 and back": ("s3", ("setup", "--trigger", "eventbridge", *NOW), ("setup", "--trigger", "s3", *NOW)),
    "from sqs": ("sqs", ("setup", "--trigger", "s3", *NOW), ("setup", "--trigger", "eventbridge", *NOW)),
    "other settings": ("s3", ("setup", "--memory", "512", *NOW), ("setup", "--trigger", "sqs", *NOW)),
}


@pytest.mark.parametrize("name", SETUPS)
def test_of_two_setups_one_holds_and_the_other_says_so(
    clock: Clock, record_property: Callable[[str, str], None], name: str
) -> None:
    before, first, other = SETUPS[name]

    def prepare() -> None:
        if before:
            run_unwatched("setup", "--trigger", before, *NOW)

    prepare()
    points = calls_of(first)
    run_unwatched("teardown", "--yes")
    tried = chosen(points, SAMPLE)  # type: ignore[type-var]
    for point in tried:
        prepare()
        clock.now = 0.0
        done, others = meet(first, point, other)
        assert clock.now < 30, (point, clock.now)
        outcomes = {one.exit_code for one in (done, others) if one is not None}
        for one in (done, others):
            if one is not None and one.exit_code:
                assert one.exit_code == 1, (point, one)
                assert {error["code"] for error in errors(one)} == {"ChosenOtherwise"}, (point, errors(one))
        if done.exit_code == 0:
            assert trigger() == (done.data["settings"]["trigger"]), point
        elif others is not None and others.exit_code == 0:
            assert trigger() == others.data["settings"]["trigger"], point
        assert 0 in outcomes, (point, done, others)
        stands_and_goes()
    record_property("figure", f"two setups, {name}: {len(points)} meeting points, {len(tried)} tried")


REMOVED = {
    "a new pipeline": ("", ("setup", *NOW)),
    "another trigger": ("s3", ("setup", "--trigger", "sqs", *NOW)),
    "deploy": ("s3", ("deploy", "--json")),
}


@pytest.mark.parametrize("name", REMOVED)
def test_a_setup_whose_pipeline_is_removed_meanwhile_says_so(
    clock: Clock, record_property: Callable[[str, str], None], name: str
) -> None:
    before, first = REMOVED[name]

    def prepare() -> None:
        if before:
            run_unwatched("setup", "--trigger", before, *NOW)
            client("lambda").update_function_configuration(FunctionName="s3copy", MemorySize=128)

    prepare()
    points = calls_of(first)
    run_unwatched("teardown", "--yes")
    tried = chosen(points, SAMPLE)  # type: ignore[type-var]
    for point in tried:
        prepare()
        clock.now = 0.0
        done, others = meet(first, point, ("teardown", "--yes", "--json"))
        assert others is None or others.exit_code == 0, (point, others)
        if done.exit_code:
            assert done.exit_code == 1, (point, done)
            for error in errors(done):
                assert error["code"] == "GoneMeanwhile", (point, error)
                assert "s3copy setup" in error["hint"]
        stands_and_goes()
    record_property("figure", f"setup and teardown, {name}: {len(points)} meeting points, {len(tried)} tried")


@pytest.mark.parametrize("bucket", ["", "inbox"])
def test_a_teardown_that_a_setup_overtakes_leaves_the_rest_to_it(
    clock: Clock, pipeline: Pipeline, record_property: Callable[[str, str], None], bucket: str
) -> None:
    setup = ("setup", "--trigger", "sqs", "--source-bucket", bucket, *NOW)
    if bucket:
        client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    run_unwatched(*setup)
    points = calls_of(("teardown", "--yes"))
    tried = chosen(points, SAMPLE)  # type: ignore[type-var]
    for point in tried:
        run_unwatched(*setup)
        done, others = meet(("teardown", "--yes", "--json"), point, setup)
        assert others is not None, point
        assert others.exit_code == 0, (point, others)
        if done.exit_code:
            assert {error["code"] for error in errors(done)} == {"BuiltMeanwhile"}, (point, errors(done))
        else:
            assert not client("lambda").list_functions()["Functions"], point
            left = client("s3").list_buckets()["Buckets"]
            assert [one["Name"] for one in left] == ([bucket] if bucket else []), point
        if bucket:
            found = client("s3").get_bucket_notification_configuration(Bucket=bucket)
            assert ("QueueConfigurations" in found) is bool(done.exit_code), point
        stands_and_goes(*setup)
    record_property("figure", f"teardown and setup: {len(points)} meeting points, {len(tried)} tried")
