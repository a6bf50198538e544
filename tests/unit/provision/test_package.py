"""The deployment package."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from s3copy_cli.errors import S3CopyError
from s3copy_cli.provision.package import HANDLER, build_package


def make_folder(root: Path, *, mode: int = 0o644) -> Path:
    folder = root / "lambda_handler"
    (folder / "deep").mkdir(parents=True)
    for name in ("handler.py", "__init__.py", "deep/inner.py"):
        path = folder / name
        path.write_text(f"# {name}\n")
        path.chmod(mode)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "handler.cpython-311.py").write_text("junk")
    (folder / "notes.txt").write_text("not code")
    return folder


def test_the_same_code_gives_the_same_bytes_whatever_the_file_times_and_modes(tmp_path: Path) -> None:
    first = make_folder(tmp_path / "a", mode=0o600)
    second = make_folder(tmp_path / "b", mode=0o755)
    for path in second.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert build_package(first).content == build_package(second).content


def test_changed_code_changes_the_hash(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    before = build_package(folder).code_sha256
    (folder / "handler.py").write_text("changed\n")
    assert build_package(folder).code_sha256 != before


def test_the_hash_is_lambda_s(tmp_path: Path) -> None:
    package = build_package(make_folder(tmp_path))
    assert base64.b64decode(package.code_sha256) == hashlib.sha256(package.content).digest()


def test_only_modules_are_in_it(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(build_package(make_folder(tmp_path)).content))
    assert archive.namelist() == [
        "lambda_handler/__init__.py",
        "lambda_handler/deep/inner.py",
        "lambda_handler/handler.py",
    ]


def test_the_installed_package_holds_the_handler_it_names() -> None:
    archive = zipfile.ZipFile(io.BytesIO(build_package().content))
    module, _, function = HANDLER.rpartition(".")
    source = archive.read(module.replace(".", "/") + ".py").decode()
    assert f"def {function}(" in source


def test_a_folder_without_modules_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(S3CopyError, match="no Python modules"):
        build_package(tmp_path)
