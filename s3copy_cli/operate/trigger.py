"""Whether uploads start the function at all, and whether it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import is_denied, translate_errors
from s3copy_cli.deployed import DeployedPipeline
from s3copy_cli.errors import NotSetUpError
from s3copy_cli.verify.health import Health, iter_obstacles

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


# Lambda wakes such a function up for the first invocation.
_PASSES = "function_inactive"


def require_running(health: Health, deployed: DeployedPipeline, setup_command: str) -> None:
    """Make sure that the function can run, by its settings. Pure.

    Otherwise Lambda would refuse every invocation, and only waiting would tell. What could not be read keeps nobody
    from repairing.

    Args:
        health: the settings.
        deployed: the pipeline.
        setup_command: the command line that puts them right.

    Raises:
        NotSetUpError: something keeps the function from running, or S3 from starting it.
    """
    name = deployed.pipeline.function_name
    obstacles = [each for each in iter_obstacles(health, name, setup_command) if each.code != _PASSES]
    if obstacles:
        raise NotSetUpError(
            f"looking at the settings of the function {name}",
            "; ".join(obstacle.message for obstacle in obstacles),
            # A remedy may end with a command line: nothing behind it may look like a part of that.
            "; ".join([*dict.fromkeys(each.remedy.rstrip(".") for each in obstacles), "then run repair again."]),
        )


def require_trigger(client: S3Client, deployed: DeployedPipeline, setup_command: str) -> None:
    """Make sure that the source bucket sends its events on the way to the function.

    Without that, what is brought back today is missing again with the next upload. Who may not read the notifications
    is not kept from repairing.

    Args:
        client: S3.
        deployed: the pipeline.
        setup_command: the command line that puts the trigger right.

    Raises:
        NotSetUpError: there is no trigger, or it starts another function.
        AwsError: S3 failed, other than by refusing.
    """
    doing = f"looking for the trigger of the source bucket {deployed.source.name}"
    pipeline = deployed.pipeline
    with translate_errors(doing):
        try:
            configuration = client.get_bucket_notification_configuration(
                Bucket=deployed.source.name, ExpectedBucketOwner=deployed.source.owner
            )
        except ClientError as error:
            if is_denied(error):
                return
            raise
    found = {
        "s3": (configuration.get("LambdaFunctionConfigurations", []), "LambdaFunctionArn", pipeline.function_arn),
        "sqs": (configuration.get("QueueConfigurations", []), "QueueArn", pipeline.event_queue_arn),
    }
    entries, whom, arn = found.get(deployed.trigger, ([], "", ""))
    if any(entry.get("Id") == pipeline.notification_id and entry.get(whom) == arn for entry in entries):  # type: ignore[attr-defined]
        return
    if deployed.trigger == "eventbridge" and configuration.get("EventBridgeConfiguration") is not None:
        return
    missing = (
        "it does not send its events to EventBridge"
        if deployed.trigger == "eventbridge"
        else f"no trigger {pipeline.notification_id} starts the function {pipeline.function_name}"
    )
    raise NotSetUpError(
        doing,
        f"{missing}, so new objects are not copied",
        f"Put it right with: {setup_command}. Then run repair again for what has been missed.",
    )
