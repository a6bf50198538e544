from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lambda_handler

FILES = sorted(Path(lambda_handler.__file__).parent.rglob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "boto3", "botocore"}
PURE = {
    "compare",
    "continuation",
    "drive",
    "errors",
    "events",
    "log",
    "multipart",
    "options",
    "reconcile",
    "redelivery",
    "requests",
    "settings",
    "strategy",
}


class RuntimeImports(ast.NodeVisitor):
    """The top-level packages that a module imports when it runs; what only type checkers see is left out."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name.split(".")[0] for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0 and node.module:
            self.found.add(node.module.split(".")[0])


def imports_of(path: Path) -> set[str]:
    visitor = RuntimeImports()
    visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
    return visitor.found


def relative_imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.module or ""


def test_the_files_were_found() -> None:
    assert {path.stem for path in FILES} >= {*PURE, "handler", "function", "perform", "__init__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_what_the_runtime_has_is_imported(path: Path) -> None:
    assert imports_of(path) <= ALLOWED


@pytest.mark.parametrize("path", [path for path in FILES if path.stem in PURE], ids=lambda path: path.stem)
def test_decisions_do_not_know_the_sdk(path: Path) -> None:
    assert imports_of(path) <= set(sys.stdlib_module_names)
    assert set(relative_imports_of(path)) <= PURE


def test_the_check_sees_a_foreign_import(tmp_path) -> None:
    module = tmp_path / "module.py"
    module.write_text("if TYPE_CHECKING:\n    import typed\nimport click.core\ndef f():\n    from rich import x\n")
    assert imports_of(module) == {"click", "rich"}
