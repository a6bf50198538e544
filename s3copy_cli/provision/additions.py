"""What somebody has added to the pipeline's own resources and what is left there, but has to be known. Pure."""

from __future__ import annotations

from s3copy_cli.provision import resources as names
from s3copy_cli.provision.resources import Kind, RemoteState

_OWN_KEY_OF_SQS = "alias/aws/sqs"


def describe_additions(remote: RemoteState) -> list[str]:
    """One sentence for each: policies of the role that are not ours, keys by which the queues encrypt."""
    return [line for line in (_role(remote), _dead_letter_queue(remote), _event_queue(remote)) if line]


def _role(remote: RemoteState) -> str:
    role = remote[Kind.ROLE]
    others = role.attributes.get(names.OTHER_POLICIES)
    if not others:
        return ""
    return (
        f"the role {role.name} has policies that are not setup's ({', '.join(others)}): the function may do more than "
        "it needs. If they are not meant, remove them: aws iam detach-role-policy, aws iam delete-role-policy"
    )


def _dead_letter_queue(remote: RemoteState) -> str:
    queue = remote[Kind.DEAD_LETTER_QUEUE]
    key = queue.attributes.get(names.QUEUE_KEY)
    # Whoever may use SQS in the account may use SQS's own key.
    if not queue.is_ours or not key or key == _OWN_KEY_OF_SQS:
        return ""
    return (
        f"the dead-letter queue {queue.name} is encrypted with the KMS key {key}: failed events are lost unless that "
        "key's policy lets the function's role use it (kms:GenerateDataKey and kms:Decrypt)"
    )


def _event_queue(remote: RemoteState) -> str:
    queue = remote[Kind.EVENT_QUEUE]
    key = queue.attributes.get(names.QUEUE_KEY)
    if not queue.is_ours or not key:
        return ""
    problem = "which does not let S3 use it, so that events are lost"
    if key != _OWN_KEY_OF_SQS:
        problem = (
            "so that events are lost unless that key's policy lets s3.amazonaws.com use it, and the function's role "
            "(kms:GenerateDataKey and kms:Decrypt)"
        )
    return f"the event queue {queue.name} is encrypted with the KMS key {key}, {problem}"
