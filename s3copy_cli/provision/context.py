"""What all writers share: where they write, what is wanted, how they wait, and whose things they may write to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from s3copy_cli.aws import Aws
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError
from s3copy_cli.provision import propagation
from s3copy_cli.provision.desired import DesiredState
from s3copy_cli.provision.plan import Step
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.refusals import refuse_foreign
from s3copy_cli.provision.resources import RemoteResource
from s3copy_cli.provision.tags import wanted_tags


@dataclass(frozen=True)
class Context:
    """The surroundings of a step.

    Attributes:
        aws: where.
        desired: what each resource is to become.
        patience: how long to wait for AWS where it needs time.
        on_wait: called with a line when waiting for AWS begins.
    """

    aws: Aws
    desired: DesiredState
    patience: Patience
    on_wait: Callable[[str], None]

    @property
    def pipeline(self) -> Pipeline:
        """Whose resources."""
        return self.desired.pipeline

    @property
    def tags(self) -> dict[str, str]:
        """All tags that a new resource gets."""
        return wanted_tags(self.pipeline, self.desired.settings.tags)

    def retry(self, call: Callable[[], Any], is_temporary: propagation.Predicate) -> Any:
        """Call until the answer is not temporary any more, and say once that it is waited for."""
        return self.patience.retry(call, is_temporary, lambda message: self.on_wait(f"waiting for AWS: {message}"))

    def refuse_foreign(self, step: Step, found: RemoteResource) -> None:
        """Stop if what is there is not ours.

        Raises:
            OwnershipError: naming it; nothing has been written to it.
        """
        refuse_foreign(self.pipeline, [found], f"creating the {step.kind.value} {step.name}")

    def adopt(self, step: Step, read: Callable[[], RemoteResource]) -> RemoteResource:
        """Take over what appeared after the plan was made, e.g. by another setup of ours.

        Args:
            step: the step that was to create it.
            read: reads it as it is now.

        Raises:
            OwnershipError: it is not ours; nothing has been written to it.
            AwsError: AWS says that it exists and does not show it.
        """
        found = read()

        def is_visible() -> bool:
            nonlocal found
            found = read() if not found.exists else found
            return found.exists

        if not self.patience.until(is_visible):
            raise AwsError(
                f"creating the {step.kind.value} {step.name}",
                "AWS says that it exists already, and does not show it",
                "Run the command again: it goes on where it stopped.",
                code="Timeout",
            )
        self.refuse_foreign(step, found)
        self.on_wait(f"the {step.kind.value} {step.name} appeared meanwhile")
        return found


def make_clients(aws: Aws) -> None:
    """Make the clients that threads are going to share: making one is not thread-safe, using it is."""
    _ = (aws.s3, aws.iam, aws.lambda_, aws.logs, aws.sqs, aws.events)
