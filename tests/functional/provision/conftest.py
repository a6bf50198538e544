"""Clients that answer in the shapes that AWS documents, for what the emulators do not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto.s3.models import S3Backend

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.provision.choices import Choices
from s3copy_cli.provision.desired import desired_state
from s3copy_cli.provision.execute import Executor
from s3copy_cli.provision.package import Package
from s3copy_cli.provision.plan import Action, Change, Plan, Step
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.record import Record
from s3copy_cli.provision.removal import Removed, Remover
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.settings import Settings
from s3copy_cli.s3 import Bucket

PIPELINE = Pipeline(name="s3copy", account_id="123456789012", region="eu-west-1")


class NobodyElse(Record):
    """Nobody else writes to the pipeline, so that it is not asked for."""

    def check(self, doing: str) -> None:
        pass

    def revision_to_replace(self, doing: str) -> str:  # noqa: ARG002
        return ""


@dataclass
class World:
    """Stubbed clients, and a clock that only moves when somebody sleeps."""

    aws: Aws
    s3: Stubber
    lambda_: Stubber
    iam: Stubber
    sqs: Stubber
    logs: Stubber
    now: float = 0.0
    said: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def take(
        self,
        kind: Kind,
        action: Action = Action.CREATE,
        timeout_seconds: float = 30.0,
        changes: tuple[Change, ...] = (),
    ) -> None:
        """Execute a plan of one step."""
        choices = Choices(settings=Settings(**self.settings))
        desired = desired_state(PIPELINE, Package(content=b"zip", code_sha256="c2hh"), choices)
        executor = Executor(
            aws=self.aws,
            desired=desired,
            record=NobodyElse(self.aws, PIPELINE, {}),
            patience=Patience(lambda: self.now, self.sleep, timeout_seconds),
            on_step=lambda _: None,
            on_wait=self.said.append,
        )
        executor.execute(Plan((Step(kind, desired.resources[kind].name, action, changes=changes),)))

    def remove(self, kind: Kind, *, empty_error: Exception | None = None) -> Removed:
        """Execute a teardown of one step."""
        (removed,) = self.remove_all(kind, empty_error=empty_error)
        return removed

    def remove_all(self, *kinds: Kind, empty_error: Exception | None = None) -> list[Removed]:
        """Execute a teardown of these steps."""

        def empty(bucket: Bucket) -> list[str]:
            self.emptied.append(bucket.name)
            if empty_error is not None:
                raise empty_error
            return []

        remover = Remover(
            aws=self.aws,
            pipeline=PIPELINE,
            patience=Patience(lambda: self.now, self.sleep, 30.0),
            empty_bucket=empty,
            on_removed=lambda _: None,
        )
        resources = desired_state(PIPELINE, Package(content=b"zip", code_sha256="c2hh")).resources
        steps = [Step(kind, resources[kind].name, Action.DELETE) for kind in kinds]
        if Kind.FUNCTION not in kinds:
            steps.append(Step(Kind.FUNCTION, PIPELINE.function_name, Action.LEAVE))
        return remover.execute(Plan(tuple(steps)))

    def queue_is(self, tags: dict[str, str]) -> None:
        """The next look at the queue finds it with these tags."""
        self.sqs.add_response("get_queue_url", {"QueueUrl": "u"})
        self.sqs.add_response("list_queue_tags", {"Tags": tags})
        self.sqs.add_response("get_queue_attributes", {"Attributes": {}})

    def bucket_is(self, tags: dict[str, str]) -> None:
        """The next look at the bucket finds it with these tags."""
        self.s3.add_response("head_bucket", {})
        if tags:
            tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
            self.s3.add_response("get_bucket_tagging", {"TagSet": tag_set})
        else:
            self.s3.add_client_error("get_bucket_tagging", "NoSuchTagSet")

    def done(self) -> None:
        """Every expected call was made."""
        for stubber in self.stubbers:
            stubber.assert_no_pending_responses()

    @property
    def stubbers(self) -> tuple[Stubber, ...]:
        return self.s3, self.lambda_, self.iam, self.sqs, self.logs


@pytest.fixture
def world() -> Iterator[Any]:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
    aws = Aws(session=session, region="eu-west-1")
    with ExitStack() as stack:
        clients = (aws.s3, aws.lambda_, aws.iam, aws.sqs, aws.logs)
        yield World(aws, *(stack.enter_context(Stubber(client)) for client in clients))


@pytest.fixture
def buckets_tagged_at_birth(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on AWS. moto forgets the tags of CreateBucket: whoever dies there would leave a bucket of somebody else."""
    create = S3Backend.create_bucket

    def create_tagged(self: Any, bucket_name: str, *arguments: Any, **keywords: Any) -> Any:
        bucket = create(self, bucket_name, *arguments, **keywords)
        if bucket_name.startswith("s3copy-"):
            self.put_bucket_tagging(bucket_name, {"s3copy:pipeline": "s3copy"})
        return bucket

    monkeypatch.setattr(S3Backend, "create_bucket", create_tagged)
