"""Removing what the triggers consist of. What is missing is gone already."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code
from s3copy_cli.config import Pipeline
from s3copy_cli.errors import AwsError
from s3copy_cli.provision import propagation
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.propagation import Patience
from s3copy_cli.provision.reading import parsed
from s3copy_cli.provision.triggers import reading
from s3copy_cli.provision.triggers.wanted import DEAD_LETTER_STATEMENT_ID
from s3copy_cli.queues import QUEUE_MISSING, read_load

_EMPTY_LOOKS = 2
_LOOK_SECONDS = 0.5
# A mapping takes minutes at times to be gone; nothing else takes so long.
_MAPPING_PATIENCE = 4.0


@dataclass(frozen=True)
class TriggerRemover:
    """Removes one kind after the other.

    Attributes:
        aws: where.
        pipeline: whose.
        patience: how long to wait for AWS where it needs time.
    """

    aws: Aws
    pipeline: Pipeline
    patience: Patience

    def resume_mapping(self) -> None:
        """Have Lambda take what the event queue holds, also where somebody switched that off."""
        for mapping in reading.alive_mappings(reading.list_mappings(self.aws, self.pipeline)):
            if reading.mapping_state(mapping) not in {names.STATE_ACTIVE, names.STATE_PENDING}:
                self._call(
                    lambda uuid=mapping["UUID"]: self.aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True),  # type: ignore[misc]
                    reading.MAPPING_MISSING,
                    propagation.is_mapping_busy,
                )

    def wait_until_drained(self, *, is_taken: bool = True) -> None:
        """Wait until the event queue is empty, for as long as it gets emptier.

        Args:
            is_taken: there is a mapping that takes what it holds.

        Raises:
            AwsError: events are left; they stay, and so does what takes them.
        """
        clock, timeout = self.patience.clock, self.patience.timeout_seconds
        least: int | None = None
        deadline = clock() + timeout
        empty_looks = 0
        # SQS counts roughly: what is empty is looked at once more.
        while empty_looks < _EMPTY_LOOKS:
            load = read_load(self.aws.sqs, self.pipeline.event_queue_name)
            if load is None:
                return
            empty_looks = 0 if load.total else empty_looks + 1
            if least is None or load.total < least:
                least, deadline = load.total, clock() + timeout
            elif load.total and clock() > deadline:
                raise self._not_empty(load.total, is_taken=is_taken)
            self.patience.sleep(_LOOK_SECONDS)

    def _not_empty(self, events: int, *, is_taken: bool) -> AwsError:
        doing, code = f"removing the event queue {self.pipeline.event_queue_name}", "QueueNotEmpty"
        happened = f"it still holds {events:,} events, so it stays"
        if is_taken:
            hint = "Nothing is lost. Run the command again when they have been copied or parked; verify tells."
            return AwsError(doing, f"{happened}, with all that copies from it", hint, code=code)
        return AwsError(
            doing,
            f"{happened}, and nothing takes them: its event source mapping is gone",
            "To have them copied, go back to --trigger sqs until verify finds nothing missing. If they are not needed, "
            f"empty the queue: aws sqs purge-queue --queue-url $(aws sqs get-queue-url --queue-name "
            f"{self.pipeline.event_queue_name} --query QueueUrl --output text). Then run the command again.",
            code=code,
        )

    def remove_mapping(self) -> None:
        """Have Lambda take no more events from the event queue, and wait until it has stopped.

        Raises:
            AwsError: it has not stopped in time.
        """

        def are_gone() -> bool:
            found = reading.list_mappings(self.aws, self.pipeline)
            for mapping in reading.alive_mappings(found):
                self._call(
                    lambda uuid=mapping["UUID"]: self.aws.lambda_.delete_event_source_mapping(UUID=uuid),  # type: ignore[misc]
                    reading.MAPPING_MISSING,
                    propagation.is_mapping_busy,
                )
            return not found

        patience = self.patience.times(_MAPPING_PATIENCE)
        if not patience.until(are_gone):
            raise AwsError(
                "removing the event source mapping",
                f"it is still there after {patience.timeout_seconds:.0f} seconds",
                "Run the command again.",
                code="Timeout",
            )

    def remove_target(self) -> None:
        """Have the rule invoke nothing any more."""
        ids = [target["Id"] for target in reading.list_targets(self.aws, self.pipeline)]
        if ids:
            self._call(
                lambda: self.aws.events.remove_targets(Rule=self.pipeline.rule_name, Ids=ids),
                reading.RULE_MISSING,
                propagation.is_rule_busy,
            )

    def remove_rule(self) -> None:
        """Remove the rule, with whatever else has been added to it."""
        self.remove_target()
        self._call(
            lambda: self.aws.events.delete_rule(Name=self.pipeline.rule_name),
            reading.RULE_MISSING,
            propagation.is_rule_busy,
        )

    def remove_dead_letter_queue_policy(self) -> None:
        """Take our statement out of the dead-letter queue's policy."""
        sqs, name = self.aws.sqs, self.pipeline.queue_name
        found = self._call(lambda: sqs.get_queue_url(QueueName=name), QUEUE_MISSING)
        if found is None:
            return
        url = found["QueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        policy = parsed(answer.get("Attributes", {}).get("Policy"))
        statements = policy.get("Statement", [])
        listed = statements if isinstance(statements, list) else [statements]
        others = [one for one in listed if one.get("Sid") != DEAD_LETTER_STATEMENT_ID]
        if len(others) < len(listed):
            # An empty text takes the policy away.
            text = json.dumps({**policy, "Statement": others}) if others else ""
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})

    def _call(
        self, call: Callable[[], Any], missing: frozenset[str], is_temporary: propagation.Predicate = lambda _: False
    ) -> Any:
        try:
            return self.patience.retry(call, is_temporary)
        except ClientError as error:
            if error_code(error) in missing:
                return None
            raise
