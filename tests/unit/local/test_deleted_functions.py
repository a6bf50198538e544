import logging
from types import SimpleNamespace
from typing import Any

import pytest

from s3copy_cli.local.deleted_functions import drop_events_of_deleted_functions


class LambdaService(SimpleNamespace):
    """As much of ministack's as is changed."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self._functions: dict[str, dict[str, Any]] = {}
        self._execute_function_dispatch = self.execute
        self._emit_lambda_logs = self.write

    def create(self, name: str) -> None:
        self._functions[name] = {"config": {"FunctionName": name}, "versions": {}}

    def record(self, name: str) -> dict[str, Any]:
        """What an event has of a function."""
        return {**self._functions[name], "config": dict(self._functions[name]["config"])}

    def execute(self, function: Any, event: str) -> dict[str, Any]:
        self.done.append(f"{event} of {function['config']['FunctionName']}")
        return {"error": True}

    def write(self, function: Any, request_id: str) -> None:
        self.done.append(f"log of {function['config']['FunctionName']}: {request_id}")


@pytest.fixture
def service() -> LambdaService:
    service = LambdaService()
    service.create("copy")
    assert drop_events_of_deleted_functions(service) is True
    return service


def test_a_function_that_stands_runs_and_logs(service: LambdaService) -> None:
    function = service.record("copy")
    service._functions["copy"]["config"]["Timeout"] = 5
    assert service._execute_function_dispatch(function, "event") == {"error": True}
    service._emit_lambda_logs(function, "1")
    assert service.done == ["event of copy", "log of copy: 1"]


@pytest.mark.parametrize("is_made_anew", [False, True])
def test_events_and_logs_of_a_deleted_function_are_dropped(service: LambdaService, is_made_anew: bool) -> None:
    function = service.record("copy")
    del service._functions["copy"]
    if is_made_anew:
        service.create("copy")
    assert not service._execute_function_dispatch(function, "event").get("error")
    service._emit_lambda_logs(function, "1")
    assert service.done == []


def test_another_ministack_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    service = SimpleNamespace(_emit_lambda_logs=print, _functions={})
    with caplog.at_level(logging.WARNING):
        assert drop_events_of_deleted_functions(service) is False
    assert service == SimpleNamespace(_emit_lambda_logs=print, _functions={})
    assert "deleted functions may go on" in caplog.text
