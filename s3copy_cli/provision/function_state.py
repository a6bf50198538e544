"""What Lambda says of a function's state: pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from s3copy_cli.provision import resources as names


def function_state(configuration: Mapping[str, Any]) -> str:
    """What Lambda says of a function, as one of `resources.STATE_…`.

    A function that Lambda has put to sleep ("Inactive") is as active as one can be that nobody starts.
    """
    state, update = configuration.get("State"), configuration.get("LastUpdateStatus")
    if state == "Deleting":
        return names.STATE_DELETING
    if state == "Failed":
        return names.STATE_FAILED
    if state == "Pending" or update == "InProgress":
        return names.STATE_PENDING
    return names.STATE_UPDATE_FAILED if update == "Failed" else names.STATE_ACTIVE


def function_state_reason(configuration: Mapping[str, Any]) -> str:
    """Why a function, or its last update, failed; "" where Lambda does not say."""
    return str(configuration.get("StateReason") or configuration.get("LastUpdateStatusReason") or "")


def lambda_time(text: str) -> datetime | None:
    """A time as Lambda writes it; None for what is not one."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        # A compatible service's own format.
        return None
