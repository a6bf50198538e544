"""Benchmarks of whole commands: `make bench`. Prints a table, and writes the same as JSON to build/bench.json.

Figures of one machine at one time; read the ratios. Nothing here is a test: a slow machine is no failure.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from s3copy_cli.config import Pipeline
from s3copy_cli.provision.desired import function_environment
from s3copy_cli.provision.options import CopyOptions
from s3copy_cli.provision.package import build_package

RUNS = 7
BURST = 500
BIN = Path(sys.executable).parent
OUTPUT = Path("build/bench.json")


@dataclass(frozen=True)
class Row:
    """One measured thing.

    Attributes:
        what: what was timed.
        seconds: the median of its runs.
        peer: what it is compared with, or "".
        ratio: our median over the peer's, measured in turns; None without a peer.
        limit: what the ratio ought to stay under; None where nothing is promised.
    """

    what: str
    seconds: float
    peer: str = ""
    ratio: float | None = None
    limit: float | None = None


def wall(command: list[str], environ: dict[str, str]) -> float:
    """Seconds that a command takes.

    Raises:
        CalledProcessError: it failed, so its time means nothing.
    """
    started = time.monotonic()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.monotonic() - started


def against(
    what: str,
    ours: list[str],
    peer: str,
    theirs: list[str],
    limit: float | None,
    environ: dict[str, str],
    runs: int = RUNS,
) -> Row:
    """Two commands in turn, so that a machine that slows down slows both."""
    for command in (ours, theirs):
        wall(command, environ)
    pairs = [(wall(ours, environ), wall(theirs, environ)) for _ in range(runs)]
    median = statistics.median(one for one, _ in pairs)
    return Row(what, median, peer, statistics.median(one / other for one, other in pairs), limit)


def start_up(environ: dict[str, str]) -> list[Row]:
    """How long a person waits for help."""
    ours = [str(BIN / "s3copy"), "--help"]
    rows = [against("s3copy --help", ours, "python -c pass", [sys.executable, "-c", "pass"], None, environ)]
    aws = shutil.which("aws", path=environ["PATH"])
    if aws is None:
        print("aws is not installed: not compared")  # noqa: T201
    else:
        # Through our interpreter: the script's first line may name one that is gone.
        peer = [sys.executable, aws, "--version"]
        rows.append(against("s3copy --help", ours, "aws --version", peer, 0.35, environ))
    return rows


PEER_HANDLER = """\
import boto3
s3 = boto3.client("s3")
def lambda_handler(event, context): ...
"""


def cold_start(environ: dict[str, str], folder: Path) -> list[Row]:
    """The start of our function against the shortest one with an S3 client, as Lambda starts both: nothing compiled."""
    ours, peer = folder / "ours", folder / "peer"
    with zipfile.ZipFile(io.BytesIO(build_package().content)) as package:
        package.extractall(ours)
    peer.mkdir()
    (peer / "handler.py").write_text(PEER_HANDLER)
    lambda_environ = {
        **environ,
        "PYTHONDONTWRITEBYTECODE": "1",  # the folder of a function is read-only
        "AWS_LAMBDA_FUNCTION_NAME": "s3copy",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        **function_environment(Pipeline("s3copy", "000000000000", "us-east-1"), CopyOptions()),
    }

    def start(place: Path, module: str) -> list[str]:
        code = f"import sys; sys.path[0] = {str(place)!r}; from {module} import lambda_handler"
        return [sys.executable, "-c", code]

    theirs = start(peer, "handler")
    return [
        against("cold start", start(ours, "lambda_handler.handler"), "three lines", theirs, 1.05, lambda_environ, 15)
    ]


def main_job(environ: dict[str, str], folder: Path) -> list[Row]:
    """The life of a pipeline on the embedded AWS."""
    many = folder / "many"
    many.mkdir()
    for number in range(BURST):
        (many / f"{number:04}.csv").write_text(f"id\n{number}\n")

    def timed(what: str, *arguments: str) -> Row:
        return Row(what, wall([str(BIN / "s3copy"), *arguments], environ))

    steps: list[Callable[[], Row]] = [
        lambda: timed("setup, with the start of the embedded AWS", "setup"),
        lambda: timed("setup again: nothing to change", "setup"),
        lambda: timed("upload of one file, until copied (cold start)", "upload", "sample.csv", "--wait"),
        lambda: timed(f"upload of {BURST} files, until all are copied", "upload", "-r", str(many), "--wait"),
        lambda: timed(f"verify of {BURST + 1} objects", "verify"),
        lambda: timed("teardown", "teardown", "--yes"),
    ]
    return [step() for step in steps]


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": name,
            "LANG": "C.UTF-8",
            "S3COPY_LOCAL": "1",
            "S3COPY_LOCAL_STATE_DIR": str(folder / "state"),
        }
        try:
            rows = [*start_up(environ), *cold_start(environ, folder), *main_job(environ, folder)]
        finally:
            subprocess.run([str(BIN / "s3copy"), "local", "reset", "--yes", "--quiet"], env=environ, check=False)
    for row in rows:
        compared = f"{row.ratio:6.2f} x {row.peer} {f'(limit {row.limit})' if row.limit else ''}" if row.ratio else ""
        print(f"{row.what:<50} {row.seconds:8.3f} s  {compared}")  # noqa: T201
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(f"written to {OUTPUT}")  # noqa: T201


if __name__ == "__main__":
    main()
