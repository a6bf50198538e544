"""The function's deployment package, byte for byte the same for the same code on every machine."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from s3copy_cli.errors import S3CopyError

PACKAGE_NAME = "lambda_handler"
HANDLER = "lambda_handler.handler.lambda_handler"
# The earliest time that a zip can hold.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644 << 16


@dataclass(frozen=True)
class Package:
    """A deployment package.

    Attributes:
        content: the zip's bytes.
        code_sha256: its SHA-256 in Base64, as Lambda reports it.
    """

    content: bytes
    code_sha256: str


def build_package(folder: Path | None = None) -> Package:
    """Zip the function's modules.

    Args:
        folder: the `lambda_handler` folder; None takes the installed one.

    Raises:
        S3CopyError: the folder holds no modules.
    """
    root = folder or _installed_folder()
    modules = sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)
    if not modules:
        raise S3CopyError("packaging the function", f"{root} holds no Python modules", "Reinstall s3copy.")
    buffer = io.BytesIO()
    # Stored, not compressed: what zlib writes differs between versions, and the package is small.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in modules:
            entry = zipfile.ZipInfo(f"{PACKAGE_NAME}/{path.relative_to(root).as_posix()}", date_time=_EPOCH)
            entry.external_attr = _READABLE_FILE
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes())
    content = buffer.getvalue()
    return Package(content=content, code_sha256=base64.b64encode(hashlib.sha256(content).digest()).decode("ascii"))


def _installed_folder() -> Path:
    spec = find_spec(PACKAGE_NAME)
    if spec is None or not spec.submodule_search_locations:
        raise S3CopyError("packaging the function", f"the package {PACKAGE_NAME} is not installed", "Reinstall s3copy.")
    return Path(next(iter(spec.submodule_search_locations)))
