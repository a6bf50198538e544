from types import SimpleNamespace
from typing import Any

from s3copy_cli.local.bridging import invoke_rule_targets_asynchronously

ARN = "arn:aws:lambda:us-east-1:000000000000:function:s3copy"


def lambda_service(invoked: list[Any]) -> Any:
    return SimpleNamespace(
        _get_func_record_for_ref=lambda arn: ({"arn": arn}, {"a": 1}, "s3copy") if arn == ARN else (None, None, ""),
        _execution_record_for_config=lambda function, configuration: (function["arn"], configuration),
        invoke_async_with_retry=lambda record, event: invoked.append((record, event)),
    )


def test_a_rule_s_event_goes_the_way_of_a_notification() -> None:
    invoked: list[Any] = []
    eventbridge = SimpleNamespace(_dispatch_to_lambda=lambda *_: None)
    assert invoke_rule_targets_asynchronously(eventbridge, lambda_service(invoked))
    eventbridge._dispatch_to_lambda(ARN, '{"source": "aws.s3"}')
    eventbridge._dispatch_to_lambda("arn:of:nothing", "{}")
    assert invoked == [((ARN, {"a": 1}), {"source": "aws.s3"})]


def test_another_ministack_is_left_as_it_is() -> None:
    eventbridge = SimpleNamespace(_dispatch_to_lambda="something else")
    assert not invoke_rule_targets_asynchronously(eventbridge, lambda_service([]))
    assert eventbridge._dispatch_to_lambda == "something else"
    assert not invoke_rule_targets_asynchronously(SimpleNamespace(_dispatch_to_lambda=print), SimpleNamespace())
