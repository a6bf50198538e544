"""The entry that Lambda calls: `lambda_handler.handler.lambda_handler`."""

from __future__ import annotations

import gc
import os
from functools import lru_cache
from typing import TYPE_CHECKING

from .settings import Settings, read_settings

if TYPE_CHECKING:
    from .function import Answer, Function


@lru_cache(maxsize=1)
def _function_for(settings: Settings) -> Function:
    """The SDK and its clients take most of a cold start: loaded and made once, kept for the life of the process."""
    from .function import build_function  # here, for `_start`

    return build_function(settings)


def lambda_handler(event: object, context: object) -> Answer:
    """Bring over every object that the event hints at.

    Raises:
        CopyFailed: some object failed; Lambda retries the event and then parks it.
        SettingsError: an environment variable is missing or wrong.
    """
    return _function_for(read_settings(os.environ))(event, context)


def _start() -> None:
    """Make the function. Lambda gives its start-up phase more CPU than an invocation of a small function has."""
    # What is loaded here stays: the collector would look for garbage in the SDK's descriptions again and again.
    gc.disable()
    try:
        _function_for(read_settings(os.environ))
        gc.freeze()
    finally:
        gc.enable()


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _start()
