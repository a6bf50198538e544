"""`s3copy upload`: put files into the source bucket, check them, and follow them to the destination."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from s3copy_cli.commands.app import App
from s3copy_cli.commands.common import Number, command
from s3copy_cli.errors import ExitCode, S3CopyError, UsageError
from s3copy_cli.output.result import Problem, Result
from s3copy_cli.output.safe import safe
from s3copy_cli.transfer.listing import list_files
from s3copy_cli.transfer.plan import PlannedUpload, UploadPlan, plan_uploads
from s3copy_cli.wording import human_size

if TYPE_CHECKING:
    from rich.console import Console

    from s3copy_cli.deployed import DeployedPipeline
    from s3copy_cli.s3 import ObjectStore
    from s3copy_cli.transfer.following import Arrivals, Seen
    from s3copy_cli.transfer.upload import FileResult, UploadReport

# Files named one by one in the text; the summary counts them all, and JSON names them all.
MAX_FILES_SHOWN = 20

# How long --wait waits at most, after the last upload.
WAIT_SECONDS = 120.0


@command(
    "upload",
    "s3copy upload sample.csv --wait",
    "s3copy upload reports/ --recursive --prefix 2026/ --dry-run",
    "s3copy upload a.csv b.csv --metadata owner=finance --tag project=alpha",
)
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path())
@click.option("--recursive", "-r", is_flag=True, help="Upload everything in the folders given.")
@click.option("--prefix", default="", metavar="P", help='Put before each key as it is, e.g. "2026/".')
@click.option("--metadata", multiple=True, metavar="K=V", help="User metadata for each object; may be repeated.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="A tag for each object; up to 10.")
@click.option("--content-type", default="", metavar="T", help="Content type for all files (default: guessed by name).")
@click.option("--dry-run", is_flag=True, help="Show what would be uploaded; send nothing.")
@click.option("--wait", is_flag=True, help="Wait until each file was copied, and show how long that took.")
@click.option(
    "--wait-seconds",
    type=Number(0.001, 86_400, "seconds"),
    metavar="N",
    help=f"As --wait, for at most N seconds after the last upload (default: {WAIT_SECONDS:g}).",
)
def upload(
    app: App,
    files: Sequence[str],
    recursive: bool,
    prefix: str,
    metadata: Sequence[str],
    tags: Sequence[str],
    content_type: str,
    dry_run: bool,
    wait: bool,
    wait_seconds: float | None,
) -> Result:
    """Put files into the source bucket.

    Each object is checked against the bytes that were sent. A file's key is its name, or its path within
    the folder given, with --prefix before it.
    """
    app.announce("Uploading")
    listing = list_files(files, recursive=recursive)
    plan = plan_uploads(listing.files, prefix=prefix, content_type=content_type, metadata=metadata, tags=tags)
    for loop in listing.skipped_loops:
        app.terminal.say(f"Not followed: {loop} links to a folder that it lies in.")

    # Bad input is refused above, before the SDK is loaded.
    from s3copy_cli.deployed import find_deployed

    deployed = find_deployed(app.aws, app.pipeline, app.command("setup"))
    _refuse_what_is_not_copied(deployed, plan)
    if dry_run:
        return _planned(app, deployed, plan)

    run = _Run(app, deployed, app.store, plan)
    if wait and wait_seconds is None:
        wait_seconds = WAIT_SECONDS
    return run.upload(wait_seconds)


def _refuse_what_is_not_copied(deployed: DeployedPipeline, plan: UploadPlan) -> None:
    outside = [planned.key for planned in plan.files if not deployed.covers(planned.key)]
    if outside:
        limits = (("begin", deployed.prefix), ("end", deployed.suffix))
        chosen = " and ".join(f"{verb} with {affix!r}" for verb, affix in limits if affix)
        prefix = f" E.g. put the files under it: --prefix {deployed.prefix}" if deployed.prefix else ""
        raise UsageError(
            f"uploading {_files(len(plan.files))}",
            f"{_files(len(outside))} would not be copied, first {outside[0]!r}: this pipeline copies only keys that "
            f"{chosen}",
            f"Choose other keys, or have setup choose others to copy.{prefix}",
        )


def _planned(app: App, deployed: DeployedPipeline, plan: UploadPlan) -> Result:
    bucket = deployed.source.name

    def text(console: Console) -> None:
        for planned in plan.files[:MAX_FILES_SHOWN]:
            what = f"{human_size(planned.size)}, {planned.content_type}"
            _line(console, f"would upload {planned.path} -> s3://{bucket}/{planned.key} ({what})")
        _left_out(console, len(plan.files))
        _line(console, f"Dry run: {_files(len(plan.files))}, {human_size(plan.size)}; nothing was sent.")

    entries = [_entry(planned, "planned") for planned in plan.files]
    return Result(data=_data(app, deployed, entries, dry_run=True), text=text)


@dataclass
class _Run:
    """One upload, from the first byte to the result."""

    app: App
    deployed: DeployedPipeline
    store: ObjectStore
    plan: UploadPlan
    seen: dict[str, Seen] = field(default_factory=dict)

    def upload(self, wait_seconds: float | None) -> Result:
        """Send, check, and follow if there is a limit to wait for.

        Raises:
            S3CopyError: nothing was uploaded, for a reason that concerns all files.
        """
        from s3copy_cli.transfer.following import Arrivals, Followed
        from s3copy_cli.transfer.upload import upload_files

        arrivals = Arrivals()
        give_up = threading.Event()
        follow_error: S3CopyError | None = None
        is_interrupted = False
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="s3copy-wait") as pool:
            following = pool.submit(self._follow, arrivals, wait_seconds, give_up) if wait_seconds is not None else None
            try:
                with self.app.terminal.bar("Uploading", self.plan.size, is_bytes=True) as bar:

                    def on_result(result: FileResult) -> None:
                        if result.head is not None:
                            arrivals.add(Followed(result.head, result.finished_at))

                    report = upload_files(
                        self.store,
                        self.deployed.source,
                        self.plan,
                        on_progress=bar.advance,
                        on_result=on_result,
                        clock=time.monotonic,
                    )
                arrivals.close()
                if following is not None and not report.is_interrupted and report.stopped_by is None:
                    follow_error, is_interrupted = self._await(following)
            finally:
                give_up.set()
        if report.stopped_by is not None and not any(result.is_uploaded for result in report.results):
            raise report.stopped_by
        return _Outcome(self, report, wait_seconds, is_interrupted, follow_error).result()

    def _follow(self, arrivals: Arrivals, seconds: float, give_up: threading.Event) -> None:
        from s3copy_cli.transfer.following import follow

        def on_seen(seen: Seen) -> None:
            self.seen[seen.key] = seen

        follow(
            self.store,
            self.deployed.source,
            self.deployed.destination,
            arrivals,
            seconds=seconds,
            clock=time.monotonic,
            sleep=time.sleep,
            is_stopped=give_up.is_set,
            on_seen=on_seen,
            destination_key=self.deployed.destination_key,
        )

    def _await(self, following: Future[None]) -> tuple[S3CopyError | None, bool]:
        if not following.done():
            self.app.terminal.say("Waiting for the copies …")
        try:
            following.result()
        except KeyboardInterrupt:
            return None, True
        except S3CopyError as error:
            return error, False
        return None, False


@dataclass(frozen=True)
class _Outcome:
    """What there is to say at the end."""

    run: _Run
    report: UploadReport
    wait_seconds: float | None
    wait_interrupted: bool
    follow_error: S3CopyError | None

    @property
    def uploaded(self) -> list[FileResult]:
        return [result for result in self.report.results if result.is_uploaded]

    @property
    def failed(self) -> list[FileResult]:
        return [result for result in self.report.results if not result.is_uploaded]

    @property
    def not_copied(self) -> list[FileResult]:
        if self.wait_seconds is None:
            return []
        return [result for result in self.uploaded if result.planned.key not in self.run.seen]

    @property
    def is_interrupted(self) -> bool:
        return self.report.is_interrupted or self.wait_interrupted

    def result(self) -> Result:
        by_path = {result.planned.path: result for result in self.report.results}
        entries = []
        for planned in self.run.plan.files:
            result = by_path.get(planned.path)
            entries.append(self._entry(planned, result))
        return Result(
            data=_data(self.run.app, self.run.deployed, entries, dry_run=False),
            text=self._text,
            exit_code=self._exit_code(),
            problems=self._problems(),
        )

    def _entry(self, planned: PlannedUpload, result: FileResult | None) -> dict[str, Any]:
        if result is None:
            return _entry(planned, "planned", error="stopped before it was uploaded and checked")
        if result.error is not None or result.head is None:
            return _entry(planned, "failed", error=str(result.error))
        seen = self.run.seen.get(planned.key)
        return {
            **_entry(planned, "uploaded"),
            "size": result.head.size,
            "etag": result.head.etag,
            "checked_by": result.checked_by,
            "copied_after_seconds": round(seen.after_seconds, 3) if seen is not None else None,
        }

    def _exit_code(self) -> ExitCode:
        if self.is_interrupted:
            return ExitCode.INTERRUPTED
        if self.report.stopped_by is not None:
            return self.report.stopped_by.exit_code
        if self.follow_error is not None:
            return self.follow_error.exit_code
        return ExitCode.FAILED if self.failed or self.not_copied else ExitCode.OK

    def _problems(self) -> list[Problem]:
        problems = [Problem.from_error(result.error) for result in self.failed if result.error is not None]
        command = self.run.app.command
        if self.is_interrupted:
            left = len(self.run.plan.files) - len(self.uploaded)
            happened = f"interrupted; {_files(len(self.uploaded))} uploaded and checked, {left:,} not"
            hint = (
                f"Run the command again to upload the rest. Prove what is there with: {command('verify')}"
                if left
                else f"Everything was uploaded; see whether it was copied with: {command('verify')}"
            )
            problems.append(Problem("Interrupted", f"uploading: {happened}", hint))
        elif self.follow_error is not None:
            problems.append(Problem.from_error(self.follow_error))
        elif self.not_copied and self.report.stopped_by is None:
            count = len(self.not_copied)
            happened = f"{_files(count)} not seen at the destination within {self.wait_seconds:g} seconds"
            problems.append(
                Problem("NotCopied", f"waiting for the copies: {happened}", f"Find out why with: {command('verify')}")
            )
        return problems

    def _text(self, console: Console) -> None:
        for result in self.report.results[:MAX_FILES_SHOWN]:
            _line(console, self._describe(result))
        _left_out(console, len(self.report.results))
        _line(console, self._summary())
        if self.uploaded and not self._problems():
            _line(console, f"Next: {self.run.app.command('verify')}")

    def _describe(self, result: FileResult) -> str:
        planned = result.planned
        if result.head is None:
            return f"failed   {planned.path}"
        line = f"uploaded {planned.path} -> s3://{self.run.deployed.source.name}/{planned.key}"
        line += f" ({human_size(result.head.size)}, checked by {_PROOFS[result.checked_by]})"
        seen = self.run.seen.get(planned.key)
        if seen is not None:
            line += ", was at the destination before" if seen.was_there_before else f", copied {_after(seen)}"
        elif self.wait_seconds is not None:
            line += ", not copied yet"
        return line

    def _summary(self) -> str:
        size = sum(result.head.size for result in self.uploaded if result.head is not None)
        parts = [f"Uploaded {_files(len(self.uploaded))}, {human_size(size)}"]
        if self.uploaded:
            parts.append("each checked against the bytes that were sent")
        if self.failed:
            parts.append(f"{len(self.failed):,} failed")
        not_begun = len(self.run.plan.files) - len(self.report.results)
        if not_begun:
            parts.append(f"{not_begun:,} not uploaded, or not checked")
        if self.wait_seconds is not None and self.uploaded:
            slowest = max(self.run.seen.values(), key=lambda seen: seen.after_seconds, default=None)
            copied = f"{len(self.run.seen):,} at the destination"
            parts.append(copied + (f", the slowest {_after(slowest)}" if slowest and len(self.run.seen) > 1 else ""))
        return "; ".join(parts) + "."


_PROOFS = {"etag": "ETag", "crc32": "CRC32", "": "nothing"}


def _data(
    app: App, deployed: DeployedPipeline, entries: Sequence[Mapping[str, Any]], *, dry_run: bool
) -> dict[str, Any]:
    uploaded = [entry for entry in entries if entry["status"] == "uploaded"]
    return {
        "pipeline": app.options.name,
        "source_bucket": deployed.source.name,
        "dry_run": dry_run,
        "files": list(entries),
        "uploaded": len(uploaded),
        "failed": sum(entry["status"] == "failed" for entry in entries),
        "bytes": sum(entry["size"] for entry in (entries if dry_run else uploaded)),
    }


def _entry(planned: PlannedUpload, status: str, error: str | None = None) -> dict[str, Any]:
    return {
        "path": planned.path,
        "key": planned.key,
        "size": planned.size,
        "etag": None,
        "content_type": planned.content_type,
        "checked_by": None,
        "status": status,
        "error": error,
        "copied_after_seconds": None,
    }


def _line(console: Console, text: str) -> None:
    console.print(safe(text), soft_wrap=True)


def _left_out(console: Console, count: int) -> None:
    if count > MAX_FILES_SHOWN:
        _line(console, f"… and {_files(count - MAX_FILES_SHOWN)} more")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _after(seen: Seen) -> str:
    return f"after {seen.after_seconds:.1f} s"
