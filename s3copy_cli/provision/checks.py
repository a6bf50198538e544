"""What is asked of AWS before a plan is made, because Lambda would refuse it later: read calls only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from s3copy_cli.aws import Aws
from s3copy_cli.aws_errors import error_code, is_denied, translate_errors
from s3copy_cli.errors import S3CopyError, UsageError
from s3copy_cli.provision import resources as names
from s3copy_cli.provision.reading import if_offered
from s3copy_cli.provision.resources import RemoteResource

# What Lambda keeps for functions without a reservation (PutFunctionConcurrency); all there is in smaller accounts, of
# which its refusals say "below its minimum value of [10]".
UNRESERVED_MINIMUM = 100
_LAMBDA = "lambda.amazonaws.com"


def role_warning(aws: Aws, role_arn: str, account_id: str) -> str:
    """Whether Lambda may take on a role of the owner's: "" if so; in words if that could not be looked at.

    Raises:
        UsageError: it is a role of another account.
        S3CopyError: there is no such role, or its trust policy does not name Lambda.
        AwsError: IAM failed the request.
    """
    doing = f"choosing the role {role_arn}"
    if role_arn.split(":")[4] != account_id:
        raise UsageError(doing, f"it is not in the pipeline's account {account_id}", "Lambda takes no other.")
    name = role_arn.rsplit("/", 1)[-1]
    with translate_errors(doing, region=aws.region):
        try:
            role = aws.iam.get_role(RoleName=name)["Role"]
        except ClientError as error:
            if is_denied(error):
                return f"role {role_arn}: you lack iam:GetRole on it, so whether Lambda may assume it was not checked"
            if error_code(error) != "NoSuchEntity":
                raise
            raise S3CopyError(
                doing, "there is no such role", "s3copy plan --show-policy prints what it needs.", code="NoSuchRole"
            ) from error
    document: Any = role.get("AssumeRolePolicyDocument")
    if role["Arn"] != role_arn:
        raise S3CopyError(doing, f"the role of that name is {role['Arn']}", "Pass that ARN.", code="NoSuchRole")
    if not admits_lambda(json.loads(unquote(document)) if isinstance(document, str) else document):
        raise S3CopyError(
            doing,
            f"its trust policy does not let {_LAMBDA} assume it",
            "s3copy plan --show-policy prints the trust policy that it needs.",
            code="RoleNotAssumable",
        )
    return ""


def admits_lambda(trust: Mapping[str, Any] | None) -> bool:
    """Whether a trust policy has a statement that allows Lambda to assume the role."""
    statements = (trust or {}).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, Mapping) else []
        actions = statement.get("Action", [])
        is_named = _LAMBDA in ([services] if isinstance(services, str) else services)
        allowed = {action.lower() for action in ([actions] if isinstance(actions, str) else actions)}
        if statement.get("Effect") == "Allow" and is_named and allowed & {"sts:assumerole", "sts:*", "*"}:
            return True
    return False


def concurrency_problem(aws: Aws, function: RemoteResource, wanted: int | None) -> str:
    """Why Lambda would not keep so many executions for the function, in words; "" where it would, or nobody knows.

    Nothing is asked unless they are to be changed.
    """
    has = function.attributes.get(names.RESERVED_CONCURRENCY)
    if wanted is None or wanted == has:
        return ""
    with translate_errors("looking at the account's concurrency", region=aws.region):
        answered = if_offered(aws.lambda_.get_account_settings)
    limit = (answered or {}).get("AccountLimit", {})
    if not {"ConcurrentExecutions", "UnreservedConcurrentExecutions"} <= limit.keys():
        return ""
    # What the function has reserved now is free for its new reservation.
    free = limit["UnreservedConcurrentExecutions"] + (has or 0)
    kept = min(UNRESERVED_MINIMUM, limit["ConcurrentExecutions"])
    if free - wanted >= kept:
        return ""
    return (
        f"{wanted:,} executions are not reserved: the account has {limit['ConcurrentExecutions']:,} at a time, "
        f"{free:,} of them without a reservation, and Lambda keeps {kept} of those for other functions. "
        "The pipeline works without; AWS raises the limit on request."
    )
