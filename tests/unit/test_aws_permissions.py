"""Which permission an error message names."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from s3copy_cli.aws_errors import from_client_error
from s3copy_cli.aws_permissions import iam_action


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("HeadBucket", "s3:ListBucket"),
        ("PutRule", "events:PutRule"),
        ("DescribeRule", "events:DescribeRule"),
        ("PutTargets", "events:PutTargets"),
        ("ListTargetsByRule", "events:ListTargetsByRule"),
        ("CreateEventSourceMapping", "lambda:CreateEventSourceMapping"),
        ("GetFunctionConfiguration", "lambda:GetFunctionConfiguration"),
        ("CreateRole", "iam:CreateRole"),
        ("PutRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"),
        ("SetQueueAttributes", "sqs:SetQueueAttributes"),
        ("PutRetentionPolicy", "logs:PutRetentionPolicy"),
        ("DescribeKey", "kms:DescribeKey"),
        ("SomethingElse", "SomethingElse"),
    ],
)
def test_the_operation_tells_the_action(operation: str, action: str) -> None:
    assert iam_action(operation) == action


def test_a_role_that_lacks_something_is_not_taken_for_the_persons_own_permissions() -> None:
    message = "The provided execution role does not have permissions to call ReceiveMessage on SQS"
    error = ClientError(
        {"Error": {"Code": "InvalidParameterValueException", "Message": message}}, "CreateEventSourceMapping"
    )
    assert "plan --show-policy" in from_client_error("doing", error).hint


@pytest.mark.parametrize(
    ("operation", "message", "action"),
    [
        # Tags at creation need a permission of their own, which the operation's name does not tell.
        (
            "PutRule",
            (
                "User: arn:aws:iam::111122223333:user/me is not authorized to perform: events:TagResource on resource: "
                "arn:aws:events:eu-west-1:111122223333:rule/s3copy-copy because no identity-based policy allows the "
                "events:TagResource action"
            ),
            "events:TagResource",
        ),
        (
            "CreateFunction",
            "User: arn:aws:iam::111122223333:user/me is not authorized to perform: iam:PassRole on resource: r",
            "iam:PassRole",
        ),
        ("PutRule", "Access denied", "events:PutRule"),
    ],
)
def test_what_aws_names_itself_comes_first(operation: str, message: str, action: str) -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)
    assert f"Your credentials need {action} here" in from_client_error("doing", error).hint
