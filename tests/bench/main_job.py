"""The life of a pipeline on the embedded AWS, one figure for each step; there is nobody to compare it with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .clients import BIN, ROOT
from .measure import Trial, run_once
from .table import Row


def measure(environ: Mapping[str, str], folder: Path, burst: int) -> list[Row]:
    """Build, use and remove a pipeline.

    Args:
        environ: of a person without AWS configuration.
        folder: an empty one.
        burst: files uploaded at the same time.
    """
    many = folder / "many"
    many.mkdir()
    for number in range(burst):
        (many / f"{number:04}.csv").write_text(f"id\n{number}\n")
    local = {**environ, "S3COPY_LOCAL": "1", "S3COPY_LOCAL_STATE_DIR": str(folder / "state")}

    def timed(what: str, *words: str) -> Row:
        return Row(what, "s", run_once(Trial("s3copy", lambda _: [str(BIN / "s3copy"), *words], local), 0).wall)

    try:
        return [
            timed("setup, with the start of the embedded AWS", "setup"),
            timed("setup again: nothing to change", "setup"),
            timed("upload of one file, until copied (cold)", "upload", str(ROOT / "sample.csv"), "--wait"),
            timed(f"upload of {burst} files, until copied", "upload", "-r", str(many), "--wait"),
            timed(f"verify of {burst + 1} objects", "verify"),
            timed("teardown", "teardown", "--yes"),
        ]
    finally:
        words = ("local", "reset", "--yes", "--quiet")
        run_once(Trial("s3copy", lambda _: [str(BIN / "s3copy"), *words], local), 0)
