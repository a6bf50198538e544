"""EventBridge invokes functions asynchronously, as on AWS.

AWS repeats an invocation that failed, and parks its event at last. ministack runs a rule's function once, and forgets
the event if that fails. Here it goes the way that a notification of S3 goes.
"""

from __future__ import annotations

import json
import logging
from typing import Any


def invoke_rule_targets_asynchronously(eventbridge: Any, lambda_service: Any) -> bool:
    """Changes ministack's EventBridge so; False, and nothing changed, where it is not built as expected."""
    names = ("_get_func_record_for_ref", "_execution_record_for_config", "invoke_async_with_retry")
    has_names = all(callable(getattr(lambda_service, name, None)) for name in names)
    if not has_names or not callable(getattr(eventbridge, "_dispatch_to_lambda", None)):
        logging.getLogger(__name__).warning("this ministack is built differently: failed events of rules may be lost")
        return False

    def dispatch(arn: str, payload: str) -> None:
        function, configuration, _ = lambda_service._get_func_record_for_ref(arn)
        if function and configuration:
            record = lambda_service._execution_record_for_config(function, configuration)
            lambda_service.invoke_async_with_retry(record, json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch
    return True
