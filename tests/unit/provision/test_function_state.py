"""What Lambda's State and LastUpdateStatus mean for a plan."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from s3copy_cli.provision import resources as names
from s3copy_cli.provision.function_state import function_state, function_state_reason, lambda_time


@pytest.mark.parametrize(
    ("state", "update", "expected"),
    [
        ("Active", "Successful", names.STATE_ACTIVE),
        ("Inactive", "Successful", names.STATE_ACTIVE),
        ("Pending", None, names.STATE_PENDING),
        ("Active", "InProgress", names.STATE_PENDING),
        ("Active", "Failed", names.STATE_UPDATE_FAILED),
        ("Pending", "Failed", names.STATE_PENDING),
        ("Failed", "Successful", names.STATE_FAILED),
        ("Failed", "InProgress", names.STATE_FAILED),
        ("Deleting", "InProgress", names.STATE_DELETING),
    ],
)
def test_each_state(state: str, update: str | None, expected: str) -> None:
    assert function_state({"State": state, **({"LastUpdateStatus": update} if update else {})}) == expected


def test_a_service_without_states_has_active_functions() -> None:
    assert function_state({}) == names.STATE_ACTIVE


def test_the_reason_is_the_state_s_or_the_update_s() -> None:
    assert function_state_reason({"StateReason": "a", "LastUpdateStatusReason": "b"}) == "a"
    assert function_state_reason({"StateReason": "", "LastUpdateStatusReason": "b"}) == "b"
    assert function_state_reason({}) == ""


def test_lambda_s_times() -> None:
    assert lambda_time("2026-07-01T10:00:00.500+0000") == datetime(2026, 7, 1, 10, 0, 0, 500_000, timezone.utc)
    assert lambda_time("2026-07-01T10:00:00.000000000Z") is None
    assert lambda_time("") is None
