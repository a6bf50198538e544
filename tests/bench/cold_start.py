"""The start of our function against the shortest one with an S3 client, as Lambda starts both: nothing compiled."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.choices import Choices
from s3copy_cli.provision.desired import function_environment
from s3copy_cli.provision.package import build_package

from .measure import Trial

PEER_HANDLER = """\
import boto3
s3 = boto3.client("s3")
def lambda_handler(event, context): ...
"""


def trials(environ: Mapping[str, str], folder: Path) -> list[Trial]:
    """Ours first.

    Args:
        environ: for both.
        folder: an empty one, for the unpacked functions.
    """
    ours, peer = folder / "ours", folder / "peer"
    with zipfile.ZipFile(io.BytesIO(build_package().content)) as package:
        package.extractall(ours)
    peer.mkdir()
    (peer / "handler.py").write_text(PEER_HANDLER)
    lambda_environ = {
        **{name: value for name, value in environ.items() if name != "PYTHONPATH"},
        "PYTHONDONTWRITEBYTECODE": "1",  # the folder of a function is read-only
        "AWS_LAMBDA_FUNCTION_NAME": "s3copy",
        **function_environment(Pipeline("s3copy", "000000000000", "us-east-1"), Choices()),
    }

    def start(client: str, place: Path, module: str) -> Trial:
        # Without an end: Lambda freezes what has started, so what the interpreter clears up does not count.
        code = f"import os, sys; sys.path[0] = {str(place)!r}; from {module} import lambda_handler; os._exit(0)"
        return Trial(client, lambda _: [sys.executable, "-c", code], lambda_environ)

    return [start("s3copy", ours, "lambda_handler.handler"), start("three lines", peer, "handler")]
