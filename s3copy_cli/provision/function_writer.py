"""Writing the function: creating and updating it, waiting until that is in force, and who and what it is wired to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code
from s3copy_cli.errors import AwsError
from s3copy_cli.provision import propagation, remote
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.context import Context
from s3copy_cli.provision.desired import (
    MAX_EVENT_AGE_SECONDS,
    MAX_RETRIES,
    function_environment,
)
from s3copy_cli.provision.function_state import function_state, function_state_reason
from s3copy_cli.provision.plan import Action, Step
from s3copy_cli.provision.record import Record
from s3copy_cli.provision.resources import Kind
from s3copy_cli.provision.tag_writer import ensure_tags
from s3copy_cli.provision.trigger_writer import remember_former_source
from s3copy_cli.provision.triggers.reading import spare_permission_id

_CODE = frozenset({names.CODE, names.ARCHITECTURE})
# What is neither code nor configuration, but has calls of its own.
_OTHER_CALLS = frozenset({names.RESERVED_CONCURRENCY, names.RECURSIVE_LOOPS, names.TAGS})
# How what somebody has added is taken away again (Lambda: UpdateFunctionConfiguration).
_REMOVED: Mapping[str, Mapping[str, Any]] = {
    names.LAYERS: {"Layers": []},
    names.VPC: {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}},
    names.FILE_SYSTEMS: {"FileSystemConfigs": []},
    names.DEAD_LETTERS_TOO: {"DeadLetterConfig": {"TargetArn": ""}},
}


@dataclass(frozen=True)
class FunctionWriter:
    """Takes the steps that are about the function.

    Attributes:
        context: the surroundings of the step.
        record: what the function records, which another setup may be changing.
    """

    context: Context
    record: Record

    def ensure(self, step: Step) -> None:
        """Create the function or send what differs, and wait until it is in force.

        Raises:
            OwnershipError: there is one by now, and it is not ours.
            AwsError: Lambda could not bring it into force, or patience ended first.
            OvertakenError: another setup has recorded something else meanwhile, or the function has gone.
        """
        changed = {change.attribute for change in step.changes} - {names.STATE}
        for change in step.changes:
            if change.attribute == names.ENVIRONMENT:
                remember_former_source(self.context, change.old)
        old_state = next((str(change.old) for change in step.changes if change.attribute == names.STATE), "")
        if step.action is Action.CREATE:
            if old_state == names.STATE_DELETING:
                self._wait_until_gone(step)
            self._create(step)
        elif old_state.startswith(names.STATE_UPDATE_FAILED):
            # Lambda does not say whether it was the code or the settings that it could not bring into force.
            self._update_code()
            self._update_configuration(changed)
        else:
            if changed & _CODE:
                self._update_code()
            if changed - _CODE - _OTHER_CALLS:
                self._update_configuration(changed)
        self._wait_until_active(is_new=step.action is Action.CREATE)
        self._ensure_reserved_concurrency(step)
        if names.RECURSIVE_LOOPS in changed:
            self._ensure_loops_end()
        ensure_tags(self.context, step)

    def ensure_async_invocation(self) -> None:
        """Retries, and where an event goes that cannot be handled."""
        pipeline = self.context.pipeline
        self.context.retry(
            lambda: self.context.aws.lambda_.put_function_event_invoke_config(
                FunctionName=pipeline.function_name,
                MaximumRetryAttempts=MAX_RETRIES,
                MaximumEventAgeInSeconds=MAX_EVENT_AGE_SECONDS,
                DestinationConfig={"OnFailure": {"Destination": pipeline.queue_arn}},
            ),
            propagation.any_of(
                propagation.is_role_not_permitted_yet,
                propagation.is_update_in_progress,
                propagation.is_function_not_visible_yet,
            ),
        )

    def ensure_permission(self, step: Step) -> None:
        """Let the source bucket, or the rule, start the function."""
        changes = {change.attribute: change.old for change in step.changes}
        spare = spare_permission_id(step.name)
        if changes.get(names.STATEMENT) is not None:
            # No call replaces a statement. Until the new one is there, the spare one admits whoever starts the
            # function: EventBridge does not try again what it is not allowed to do.
            if names.DUPLICATES in changes:
                self._remove_permission(spare)
            self._add_permission(step, spare)
            self._remove_permission(step.name)
        if step.action is Action.CREATE or names.STATEMENT in changes:
            self._add_permission(step, step.name)
        if changes:
            self._remove_permission(spare)

    def _add_permission(self, step: Step, statement_id: str) -> None:
        name, lambda_ = self.context.pipeline.function_name, self.context.aws.lambda_
        wanted = self.context.desired.resources[step.kind].attributes[names.STATEMENT]
        # EventBridge names no account besides that in the rule's ARN.
        account = {"SourceAccount": wanted["source account"]} if wanted["source account"] else {}

        def is_there() -> bool:
            try:
                self.context.retry(
                    lambda: lambda_.add_permission(
                        FunctionName=name,
                        StatementId=statement_id,
                        Action=wanted["action"],
                        Principal=wanted["principal"],
                        SourceArn=wanted["source arn"],
                        **account,
                    ),
                    propagation.any_of(propagation.is_update_in_progress, propagation.is_function_not_visible_yet),
                )
            except lambda_.exceptions.ResourceConflictException:
                # Another setup was faster; or the one that was removed before has not gone everywhere, and would be
                # missed after the spare one.
                found = remote.read_permission(self.context.aws, self.context.pipeline, step.kind, statement_id)
                return bool(found.attributes.get(names.STATEMENT) == wanted)
            return True

        if not self.context.patience.until(is_there):
            raise self._timeout(f"adding the permission {statement_id}", "another one of that name did not go")

    def _remove_permission(self, statement_id: str) -> None:
        name, lambda_ = self.context.pipeline.function_name, self.context.aws.lambda_
        try:
            self.context.retry(
                lambda: lambda_.remove_permission(FunctionName=name, StatementId=statement_id),
                propagation.is_update_in_progress,
            )
        except lambda_.exceptions.ResourceNotFoundException:
            # Another setup was faster.
            return

    def _create(self, step: Step) -> None:
        pipeline, lambda_ = self.context.pipeline, self.context.aws.lambda_
        try:
            self.context.retry(
                lambda: lambda_.create_function(
                    **self._settings(),
                    Code={"ZipFile": self.context.desired.package.content},
                    Architectures=[self.context.desired.settings.architecture],  # type: ignore[list-item]
                    Tags=self.context.tags,
                ),
                propagation.any_of(propagation.is_role_not_assumable_yet, propagation.is_function_being_deleted),
            )
        except lambda_.exceptions.ResourceConflictException:
            # Another setup was faster. Its code is the next plan's business, as long as it has chosen the same.
            found = self.context.adopt(step, lambda: remote.read_function(self.context.aws, pipeline))
            if found.attributes[names.STATE] != names.STATE_DELETING:
                self.record.refuse_other(found.attributes, f"creating the function {step.name}")
                return
            self._wait_until_gone(step)
            self._create(step)

    def _ensure_reserved_concurrency(self, step: Step) -> None:
        name, lambda_ = self.context.pipeline.function_name, self.context.aws.lambda_
        wanted = self.context.desired.resources[Kind.FUNCTION].attributes.get(names.RESERVED_CONCURRENCY)
        is_changed = any(change.attribute == names.RESERVED_CONCURRENCY for change in step.changes)
        if wanted is None:
            if is_changed:
                lambda_.delete_function_concurrency(FunctionName=name)
        elif is_changed or step.action is Action.CREATE:
            try:
                self.context.retry(
                    lambda: lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=wanted),
                    propagation.is_update_in_progress,
                )
            except ClientError as error:
                if not is_too_much_concurrency(error):
                    raise
                # The pipeline works without.
                self.context.on_wait(f"not reserved: {error.response.get('Error', {}).get('Message', '')}")

    def _ensure_loops_end(self) -> None:
        self.context.retry(
            lambda: self.context.aws.lambda_.put_function_recursion_config(
                FunctionName=self.context.pipeline.function_name, RecursiveLoop=names.LOOPS_TERMINATE
            ),
            propagation.is_update_in_progress,
        )

    def _update_code(self) -> None:
        self.context.retry(
            lambda: self.context.aws.lambda_.update_function_code(
                FunctionName=self.context.pipeline.function_name,
                ZipFile=self.context.desired.package.content,
                Architectures=[self.context.desired.settings.architecture],  # type: ignore[list-item]
            ),
            propagation.is_update_in_progress,
        )
        self._wait_until_active()

    def _update_configuration(self, changed: set[str]) -> None:
        settings = self._settings()
        settings |= {key: value for name in changed for key, value in _REMOVED.get(name, {}).items()}

        def update() -> None:
            # Not over what somebody has chosen since the plan was made, also not between this look and the call.
            revision = self.record.revision_to_replace(f"updating the function {settings['FunctionName']}")
            as_seen: Any = {"RevisionId": revision} if revision else {}
            self.context.aws.lambda_.update_function_configuration(**settings, **as_seen)

        self.context.retry(
            update,
            propagation.any_of(
                propagation.is_update_in_progress,
                propagation.is_revision_outdated,
                propagation.is_role_not_assumable_yet,
                propagation.is_visibility_timeout_not_seen_yet,
            ),
        )

    def _settings(self) -> Any:
        wanted = self.context.desired.resources[Kind.FUNCTION].attributes
        return {
            "FunctionName": self.context.pipeline.function_name,
            "Description": wanted[names.DESCRIPTION],
            "Runtime": wanted[names.RUNTIME],
            "Handler": wanted[names.HANDLER],
            "Role": wanted[names.ROLE],
            "Timeout": wanted[names.TIMEOUT],
            "MemorySize": wanted[names.MEMORY],
            "Environment": {"Variables": function_environment(self.context.pipeline, self.context.desired.choices)},
            "LoggingConfig": {"LogFormat": wanted[names.LOG_FORMAT], "LogGroup": wanted[names.LOG_GROUP]},
        }

    def _wait_until_active(self, *, is_new: bool = False) -> None:
        name = self.context.pipeline.function_name
        look = partial(self.context.aws.lambda_.get_function_configuration, FunctionName=name)
        is_unseen = propagation.is_function_not_visible_yet if is_new else propagation.any_of()
        failed = ""

        def is_settled() -> bool:
            nonlocal failed
            answer = self.context.patience.briefly().retry(look, is_unseen)
            state = function_state(answer)
            if state in {names.STATE_FAILED, names.STATE_UPDATE_FAILED}:
                failed = function_state_reason(answer) or "no reason given"
            return bool(failed) or state == names.STATE_ACTIVE

        is_in_time = self.context.patience.until(is_settled)
        if failed:
            raise AwsError(f"waiting for the function {name}", failed, "Run the command again.", code="FunctionFailed")
        if not is_in_time:
            raise self._timeout(f"waiting for the function {name}", "it did not become active")

    def _wait_until_gone(self, step: Step) -> None:
        self.context.on_wait(f"waiting for AWS: the function {step.name} is still being deleted")
        if not self.context.patience.until(lambda: is_function_gone(self.context.aws, step.name)):
            raise self._timeout(f"creating the function {step.name}", "the old one of that name was not deleted")

    def _timeout(self, doing: str, happened: str) -> AwsError:
        return AwsError(
            doing,
            f"{happened} within {self.context.patience.timeout_seconds:.0f} seconds",
            "Run the command again: it goes on where it stopped.",
            code="Timeout",
        )


def is_too_much_concurrency(error: ClientError) -> bool:
    """Lambda keeps 100 executions for functions without a reservation (PutFunctionConcurrency)."""
    message = str(error.response.get("Error", {}).get("Message", "")).lower()
    return error_code(error) == "LimitExceededException" or (
        error_code(error) == "InvalidParameterValueException" and "unreservedconcurrentexecution" in message
    )


def is_function_gone(aws: Aws, name: str) -> bool:
    """Whether a deletion has ended; it passes through a state of its own (Lambda API: State "Deleting").

    Raises:
        ClientError: AWS refused or failed the call.
    """
    try:
        aws.lambda_.get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error_code(error) in remote.FUNCTION_MISSING:
            return True
        raise
    return False
