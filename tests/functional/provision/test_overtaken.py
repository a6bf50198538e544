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
from s3copy_cli.provision.propagation import Patience

from ...crashing import READING, Calls, Said, call_name, run_unwatched  # noqa: TID252 (shared)

pytestmark = pytest.mark.usefixtures("buckets_tagged_at_birth")
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
def interrupted(at: str | None, meanwhile: Callable[[], object]) -> Iterator[list[str]]:
    """Before the first call whose name begins with `at` is sent, `meanwhile` runs; the writing calls up to there."""
    original, calls, is_over = boto3.Session.__init__, Calls(), threading.Event()

    def before(model: Any, params: Any, **_: Any) -> None:
        if is_over.is_set() or model.name.startswith(READING):
            return
        call = calls.before(call_name(model, params))
        if at is not None and call.startswith(at):
            is_over.set()
            meanwhile()

    def with_hook(self: boto3.Session, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.events.register("before-call", before)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3.Session, "__init__", with_hook)
        yield calls.made


def meet(first: tuple[str, ...], at: str, other: tuple[str, ...]) -> tuple[Said, Said]:
    """What came of the first command, and of the other one in the middle of it."""
    said: list[Said] = []
    with interrupted(at, lambda: said.append(run_unwatched(*other, expect=None))):
        done = run_unwatched(*first, expect=None)
    assert said, f"it did not come to {at}"
    return done, said[0]


def points_of(prepare: Callable[[], object], first: tuple[str, ...], telling: str) -> list[str]:
    """Where to meet: at every writing call of the first command, or only at the most telling one."""
    if SAMPLE != "all":
        return [telling]
    prepare()
    with interrupted(None, lambda: None) as made:
        run_unwatched(*first)
    run_unwatched("teardown", "--yes")
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


# The trigger that is there before, the options of the first setup, those of the other one, and the most telling call.
SETUPS = {
    "from nothing": ("", "--trigger eventbridge", "--trigger sqs", "lambda:CreateFunction"),
    "from s3 and back": ("s3", "--trigger eventbridge", "--trigger s3", "events:PutTargets"),
    "from sqs": ("sqs", "--trigger s3", "--trigger eventbridge", "s3:PutBucketNotificationConfiguration"),
    "other settings": ("s3", "--memory 512", "--trigger sqs", "lambda:UpdateFunctionConfiguration"),
}


@pytest.mark.parametrize("name", SETUPS)
def test_of_two_setups_one_holds_and_the_other_says_so(
    clock: Clock, record_property: Callable[[str, str], None], name: str
) -> None:
    before, options, others_options, telling = SETUPS[name]
    first, other = (("setup", *words.split(), *NOW) for words in (options, others_options))

    def prepare() -> None:
        if before:
            run_unwatched("setup", "--trigger", before, *NOW)

    points = points_of(prepare, first, telling)
    for point in points:
        prepare()
        clock.now = 0.0
        both = meet(first, point, other)
        assert clock.now < 30, (point, clock.now)
        for one in both:
            if one.exit_code:
                assert one.exit_code == 1, (point, one)
                assert {error["code"] for error in errors(one)} == {"ChosenOtherwise"}, (point, errors(one))
        winners = [one for one in both if one.exit_code == 0]
        assert winners, (point, both)
        assert trigger() == winners[0].data["settings"]["trigger"], point
        stands_and_goes()
    record_property("figure", f"two setups, {name}: {len(points)} meeting points tried")


REMOVED = {
    "a new pipeline": ("", ("setup", *NOW), "lambda:CreateFunction"),
    "another trigger": ("s3", ("setup", "--trigger", "sqs", *NOW), "lambda:CreateEventSourceMapping"),
    "deploy": ("s3", ("deploy", "--json"), "lambda:UpdateFunctionConfiguration"),
}


@pytest.mark.parametrize("name", REMOVED)
def test_a_setup_whose_pipeline_is_removed_meanwhile_says_so(
    clock: Clock, record_property: Callable[[str, str], None], name: str
) -> None:
    before, first, telling = REMOVED[name]

    def prepare() -> None:
        if before:
            run_unwatched("setup", "--trigger", before, *NOW)
            client("lambda").update_function_configuration(FunctionName="s3copy", MemorySize=128)

    points = points_of(prepare, first, telling)
    for point in points:
        prepare()
        done, others = meet(first, point, ("teardown", "--yes", "--json"))
        if others.exit_code:
            # Beside it, the rest of the first one went on.
            assert {error["code"] for error in errors(others)} == {"BuiltMeanwhile"}, (point, errors(others))
        if done.exit_code or point == telling:
            assert done.exit_code == 1, (point, done)
            for error in errors(done):
                assert error["code"] == "GoneMeanwhile", (point, error)
                assert "s3copy setup" in error["hint"]
        stands_and_goes()
    record_property("figure", f"teardown meets setup, {name}: {len(points)} meeting points tried")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("bucket", "telling"), [("", "s3:DeleteBucket"), ("inbox", "lambda:DeleteFunction")])
def test_a_teardown_that_a_setup_overtakes_leaves_the_rest_to_it(
    record_property: Callable[[str, str], None], bucket: str, telling: str
) -> None:
    setup = ("setup", "--trigger", "sqs", "--source-bucket", bucket, *NOW)
    if bucket:
        client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    points = points_of(lambda: run_unwatched(*setup), ("teardown", "--yes"), telling)
    for point in points:
        run_unwatched(*setup)
        done, others = meet(("teardown", "--yes", "--json"), point, setup)
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
    record_property("figure", f"setup meets teardown: {len(points)} meeting points tried")
