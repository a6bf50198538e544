"""Who may import whom; a newcomer finds the rules in docs/architecture.md, and here what enforces them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lambda_handler
import s3copy_cli

CLI = Path(s3copy_cli.__file__).parent
HANDLER = Path(next(iter(lambda_handler.__path__)))

# package or module -> what of s3copy_cli it may not import, at module level or inside a function.
LAYERS = ["cli", "commands", "output", "provision", "transfer", "operate", "verify", "local", "deployed", "s3", "aws"]
FORBIDDEN = {
    "provision": {"cli", "commands", "output", "transfer", "operate", "verify", "local"},
    "transfer": {"cli", "commands", "output", "provision", "operate", "verify", "local"},
    "operate": {"cli", "commands", "output", "provision", "transfer", "local"},
    "verify": {"cli", "commands", "output", "provision", "transfer", "operate", "local"},
    "local": {"cli", "commands", "output", "provision", "transfer", "operate", "verify", "aws", "s3"},
    "s3": {"cli", "commands", "output", "provision", "transfer", "operate", "verify", "local", "deployed"},
    "aws": {"cli", "commands", "output", "provision", "transfer", "operate", "verify", "s3", "deployed"},
    "deployed": {"cli", "commands", "output", "provision", "transfer", "operate", "verify", "local"},
    "config": {*LAYERS},
    "errors": {*LAYERS, "config"},
}
# Modules that decide and do nothing else: no I/O, no SDK.
PURE = [
    "config.py",
    "errors.py",
    "operate/events.py",
    "operate/planning.py",
    "operate/to_json.py",
    "output/safe.py",
    "provision/choices.py",
    "bucket_names.py",
    "provision/denials.py",
    "provision/desired.py",
    "provision/function_state.py",
    "provision/notes.py",
    "provision/notifications.py",
    "provision/options.py",
    "provision/order.py",
    "provision/plan.py",
    "provision/policy.py",
    "provision/resources.py",
    "provision/settings.py",
    "provision/triggers/filters.py",
    "provision/triggers/wanted.py",
    "s3/types.py",
    "verify/compare.py",
    "verify/conclude.py",
    "verify/explain.py",
    "verify/findings.py",
    "verify/health.py",
    "verify/latency.py",
    "verify/log_causes.py",
    "verify/log_executions.py",
    "verify/log_fold.py",
    "verify/log_lines.py",
    "verify/remedies.py",
    "verify/verdict.py",
    "verify/walk.py",
]
IO_MODULES = {"boto3", "botocore", "socket", "subprocess", "urllib.request", "http", "http.client", "threading", "time"}


def imports_of(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.level:  # from .sibling import name: inside the package itself
                continue
            yield node.module
            if node.module == "s3copy_cli":
                yield from (f"s3copy_cli.{alias.name}" for alias in node.names)


def modules_of(part: str) -> list[Path]:
    folder = CLI / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [CLI / f"{part}.py"]


@pytest.mark.parametrize("part", FORBIDDEN)
def test_imports_point_downwards(part: str) -> None:
    modules = modules_of(part)
    assert modules
    for path in modules:
        for name in imports_of(path):
            words = name.split(".")
            if words[0] == "s3copy_cli" and len(words) > 1:
                assert words[1] not in FORBIDDEN[part], f"{path.name} imports {name}"


@pytest.mark.parametrize("module", PURE)
def test_modules_that_decide_do_no_io(module: str) -> None:
    imported = set(imports_of(CLI / module))
    assert not {name for name in imported if name in IO_MODULES or name.split(".")[0] in {"boto3", "botocore"}}


def test_the_function_needs_only_the_standard_library_and_boto3() -> None:
    allowed = {*sys.stdlib_module_names, "boto3", "botocore", "lambda_handler"}
    for path in HANDLER.rglob("*.py"):
        outside = {name for name in imports_of(path) if name.split(".")[0] not in allowed}
        assert not outside, f"{path.name} imports {outside}"


def test_the_command_line_imports_the_function_from_nowhere() -> None:
    for path in CLI.rglob("*.py"):
        assert not [name for name in imports_of(path) if name.split(".")[0] == "lambda_handler"], path


@pytest.mark.parametrize("path", sorted([*CLI.rglob("*.py"), *HANDLER.rglob("*.py")]), ids=lambda path: path.name)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


def test_vocabulary() -> None:
    """`source_*` and `destination_*` everywhere; never src, dst, target for buckets."""
    for path in [*CLI.rglob("*.py"), *HANDLER.rglob("*.py")]:
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not {
            name for name in names if name in {"src", "dst", "dest"} or name.startswith(("src_", "dst_", "dest_"))
        }, path
