"""Benchmarks of whole commands, ours and the peers' in turn: `make bench`, or `python -m tests.bench.run --help`.

Prints one table and writes the same, with every single run, as JSON. Figures of one machine at one time: read the
ratios. Nothing here is a test: a slow machine is no failure, and the exit code is 0 also where a promise is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path

from . import main_job
from .clients import BIN, PEERS, Clients, aws, base_environment, installed
from .measure import CommandFailedError, Measured, Trial, alternate
from .serving import MaximumRate, measure_maximum, running_server
from .table import Row, at_least, at_most, faster, rate, render, smaller

KIB, MIB = 1024, 1024 * 1024
LATENCY = 0.08
HEAD_THREADS = 16


@dataclass(frozen=True)
class Sizes:
    """How much is done, and how often.

    Attributes:
        pairs: objects in each bucket for the comparison by listings.
        many_pairs: the same, for the large comparison.
        head_pairs: objects in each bucket for the comparison by HEAD, ours.
        boto3_pairs: the same for boto3, which is slow.
        curve: numbers of objects, at the level listing.
        head_curve: numbers of objects, at the default level.
        small_files: files of 10 KiB to upload.
        large_mib: size of the one large file.
        emptied: objects in the bucket to empty.
        burst: files for the embedded AWS.
        runs: how often the fast commands run.
        slow_runs: how often the slow ones do.
    """

    pairs: int = 100_000
    many_pairs: int = 1_000_000
    head_pairs: int = 10_000
    boto3_pairs: int = 1_000
    curve: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    head_curve: tuple[int, ...] = (1_000, 10_000, 100_000)
    small_files: int = 2_000
    large_mib: int = 512
    emptied: int = 10_000
    burst: int = 500
    runs: int = 5
    slow_runs: int = 2


QUICK = Sizes(10_000, 100_000, 1_000, 300, (1_000, 10_000), (1_000, 3_000), 200, 64, 2_000, 50, 3, 1)


@dataclass
class Bench:
    """What the groups of measurements share, and what they leave behind.

    Attributes:
        sizes: how much.
        environ: of every client.
        versions: of each peer that is installed.
        folder: for files.
        stack: ends the servers.
        log: every measurement, for the JSON file.
    """

    sizes: Sizes
    environ: Mapping[str, str]
    versions: Mapping[str, str]
    folder: Path
    stack: ExitStack
    log: list[Measurement] = field(default_factory=list)

    @cached_property
    def url(self) -> str:
        """The fixed-answer server."""
        return self.stack.enter_context(running_server())

    @cached_property
    def maximum(self) -> MaximumRate:
        """What that server can do at most."""
        return measure_maximum(self.url)

    def clients(self, url: str | None = None) -> Clients:
        """All clients at a server."""
        return Clients(url or self.url, self.environ, tuple(self.versions))

    def measure(
        self, group: str, trials: Sequence[Trial], runs: int, objects: int = 0, level: str = ""
    ) -> dict[str, Measured]:
        """Run the trials in turn and note every run.

        Args:
            group: what is being measured.
            trials: whom.
            runs: how often.
            objects: how many objects are dealt with.
            level: the level of verify.
        """
        say(f"{group}{f', {objects:,} objects' if objects else ''}{f', level {level}' if level else ''}")
        found = alternate(trials, runs, say)
        self.log += [Measurement(group, objects, level, measured) for measured in found.values()]
        return found


@dataclass(frozen=True)
class Measurement:
    """All runs of one client in one group.

    Attributes:
        group: what was measured.
        objects: how many objects were dealt with; 0 where that says nothing.
        level: the level of verify; "" where there is none.
        measured: the runs.
    """

    group: str
    objects: int
    level: str
    measured: Measured

    def to_json(self) -> dict[str, object]:
        """For the file."""
        measured = self.measured
        return {
            "group": self.group,
            "client": measured.client,
            "objects": self.objects,
            "level": self.level,
            "wall": measured.wall,
            "cpu": measured.cpu,
            "peak_mb": measured.peak_mb,
            "samples": [asdict(sample) for sample in measured.samples],
        }


def say(text: str) -> None:
    """Progress; the table alone is on standard output."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def start_up(bench: Bench) -> list[Row]:
    """How long a person waits for help."""
    trials = [
        Trial("s3copy", lambda _: [str(BIN / "s3copy"), "--help"], bench.environ),
        Trial("python -c pass", lambda _: [sys.executable, "-c", "pass"], bench.environ),
    ]
    if "aws" in bench.versions:
        trials.append(Trial("aws --version", lambda _: [*aws(bench.environ), "--version"], bench.environ))
    ours, *theirs = bench.measure("help", trials, 3 * bench.sizes.runs).values()
    wanted = {"aws --version": 1 / 0.35}
    return [faster("s3copy --help", ours, peer, wanted.get(peer.client)) for peer in theirs]


def compare_listings(bench: Bench) -> list[Row]:
    """Two equal buckets, by what listings say; one folder with everything in it, and folders of 1,000."""
    sizes, rows = bench.sizes, []
    wanted = {"rclone check": 1.5, "s5cmd sync --size-only": 2.5, "aws s3 sync --size-only": 10.0}
    for layout, slow_runs in (("flat", sizes.slow_runs), ("tree", 0)):
        clients = bench.clients()
        trials = [
            clients.verify("listing", layout, sizes.pairs),
            *clients.compare(layout, sizes.pairs, slow_runs=slow_runs),
        ]
        # Warmed up with a small bucket: the slow ones would take minutes for nothing.
        trials = _warmed_up_small(trials, clients)
        ours, *theirs = bench.measure(f"listing, {layout}", trials, sizes.runs, sizes.pairs, "listing").values()
        what = f"compare {sizes.pairs:,} pairs, {layout}"
        limits = wanted if layout == "flat" else {}
        rows += [faster(what, ours, peer, limits.get(peer.client)) for peer in theirs]
    return rows


def compare_many(bench: Bench) -> list[Row]:
    """The same with ten times as many objects: time and memory."""
    sizes, rows = bench.sizes, []
    for layout in ("flat", "tree"):
        clients = bench.clients()
        trials = [clients.verify("listing", layout, sizes.many_pairs)]
        trials += clients.compare(layout, sizes.many_pairs, slow_runs=0)[:1]
        found = bench.measure(f"million, {layout}", _warmed_up_small(trials, clients), 1, sizes.many_pairs, "listing")
        ours, *theirs = found.values()
        what = f"compare {sizes.many_pairs:,} pairs, {layout}"
        for peer in theirs:
            rows.append(faster(what, ours, peer, 1.0))
            rows.append(smaller(f"{what}: peak memory", ours, peer, 10.0 if layout == "flat" else None))
    return rows


def _warmed_up_small(trials: Sequence[Trial], clients: Clients) -> list[Trial]:
    """Trials that warm up with a small bucket instead of their own."""
    small = {trial.client: trial for trial in (clients.verify("listing", "flat", 1_000),)}
    small.update({trial.client: trial for trial in clients.compare("flat", 1_000, slow_runs=1)})

    def with_small(trial: Trial) -> Trial:
        warm_up = small[trial.client]
        choose: Callable[[int], Sequence[str]] = lambda number: (warm_up if number < 0 else trial).command(number)  # noqa: E731
        return Trial(trial.client, choose, trial.environ, trial.runs, trial.check)

    return [with_small(trial) for trial in trials]


def compare_heads(bench: Bench) -> list[Row]:
    """The default level of verify: HEAD for both sides of every pair."""
    sizes, clients = bench.sizes, bench.clients()
    found = bench.measure(
        "heads", [clients.verify("metadata", "flat", sizes.head_pairs)], sizes.runs, sizes.head_pairs, "metadata"
    )
    theirs = bench.measure(
        "heads, boto3", [clients.boto3_heads(sizes.boto3_pairs, HEAD_THREADS)], sizes.slow_runs, sizes.boto3_pairs
    )
    (ours,), (peer,) = found.values(), theirs.values()
    ours_rate, their_rate = 2 * sizes.head_pairs / ours.wall, 2 * sizes.boto3_pairs / peer.wall
    what = f"verify {sizes.head_pairs:,} pairs: HEAD/s"
    return [at_least(what, "/s", ours_rate, 3_000), rate(what, ours_rate, peer.client, their_rate, 8.0)]


def curve(bench: Bench) -> list[Row]:
    """Time and memory over the number of objects; what other groups have measured is not measured again."""
    sizes, clients, rows = bench.sizes, bench.clients(), []
    flat = {"listing, flat", "million, flat", "heads"}
    for level, counts in (("listing", sizes.curve), ("metadata", sizes.head_curve)):
        peaks = []
        for count in counts:
            known = [
                one.measured for one in bench.log if (one.objects, one.level) == (count, level) and one.group in flat
            ]
            if not known:
                trials = [clients.verify(level, "flat", count)]
                if level == "listing":
                    trials += clients.compare("flat", count, slow_runs=0)[:1]
                runs = 1 if count >= (1_000_000 if level == "listing" else 100_000) else sizes.slow_runs
                known = list(bench.measure("curve", _warmed_up_small(trials, clients), runs, count, level).values())
            peaks += [measured.peak_mb for measured in known if measured.client == "s3copy"]
        what = f"memory of verify --level {level}"
        rows.append(at_most(f"{what}, {counts[-1]:,} pairs", "MB", peaks[-1], 200))
        rows.append(at_most(f"{what}, growth from {counts[0]:,}", "MB", peaks[-1] - peaks[0], 64))
    return rows


def slow_network(bench: Bench) -> list[Row]:
    """Each answer takes 80 ms, as from far away: what counts then is how much is asked for at the same time."""
    sizes = bench.sizes
    with running_server(LATENCY) as url:
        clients = bench.clients(url)
        trials = [
            clients.verify("listing", "flat", sizes.pairs),
            *clients.compare("flat", sizes.pairs, slow_runs=1, with_python=False),
        ]
        found = bench.measure("latency", _warmed_up_small(trials, clients), sizes.slow_runs, sizes.pairs, "listing")
    ours, *theirs = found.values()
    what = f"compare {sizes.pairs:,} pairs, 80 ms an answer"
    return [faster(what, ours, peer) for peer in theirs]


def upload_small(bench: Bench) -> list[Row]:
    """Many small files."""
    folder = bench.folder / "small"
    folder.mkdir()
    for number in range(bench.sizes.small_files):
        (folder / f"{number:05}.bin").write_bytes(os.urandom(10 * KIB))
    return _upload(bench, folder, f"upload {bench.sizes.small_files:,} x 10 KiB", "upload-small")


def upload_large(bench: Bench) -> list[Row]:
    """One large file."""
    folder = bench.folder / "large"
    folder.mkdir()
    with (folder / "large.bin").open("wb") as file:
        for _ in range(bench.sizes.large_mib // 8):
            file.write(os.urandom(8 * MIB))
    return _upload(bench, folder, f"upload 1 x {bench.sizes.large_mib} MiB", "upload-large")


def _upload(bench: Bench, folder: Path, what: str, group: str) -> list[Row]:
    trials = bench.clients().upload(folder, bench.sizes.slow_runs)
    ours, *theirs = bench.measure(group, trials, bench.sizes.runs).values()
    rows = [faster(what, ours, peer, 1.0 if peer.client == "s5cmd cp" else None) for peer in theirs]
    return [*rows, Row(f"{what}: peak memory", "MB", ours.peak_mb)]


def empty(bench: Bench) -> list[Row]:
    """Removing everything from a bucket."""
    trials = bench.clients().empty(bench.sizes.emptied)
    ours, *theirs = bench.measure("empty", trials, bench.sizes.runs, bench.sizes.emptied).values()
    return [faster(f"empty a bucket of {bench.sizes.emptied:,}", ours, peer, 1.0) for peer in theirs]


def cold_start(bench: Bench) -> list[Row]:
    """The function's start."""
    # Loads boto3: see measure.py. The groups that measure memory are over by now.
    from .cold_start import trials

    folder = bench.folder / "functions"
    folder.mkdir()
    found = bench.measure("cold-start", trials(bench.environ, folder), 3 * bench.sizes.runs)
    ours, *theirs = found.values()
    return [faster("cold start of the function", ours, peer, 1.0) for peer in theirs]


def embedded(bench: Bench) -> list[Row]:
    """The main job on the embedded AWS."""
    say("main-job")
    folder = bench.folder / "embedded"
    folder.mkdir()
    return main_job.measure(bench.environ, folder, bench.sizes.burst)


GROUPS: Mapping[str, Callable[[Bench], list[Row]]] = {
    "help": start_up,
    "listing": compare_listings,
    "million": compare_many,
    "heads": compare_heads,
    "latency": slow_network,
    "upload-small": upload_small,
    "upload-large": upload_large,
    "empty": empty,
    "curve": curve,
    "cold-start": cold_start,
    "main-job": embedded,
}


def result(bench: Bench, rows: Sequence[Row], failed: Mapping[str, str], load: float) -> dict[str, object]:
    """What the JSON file holds.

    Args:
        bench: after the measurements.
        rows: the table.
        failed: groups that could not be measured, and why.
        load: processes that wanted to run when it began, on average; near 0 on a machine with nothing else to do.
    """
    ours = {name: metadata.version(name) for name in ("s3copy", "boto3", "awscrt") if _is_installed(name)}
    return {
        "s3copy_bench_version": "1",
        "machine": {"processors": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "load_before": load,
        "versions": {**ours, **bench.versions},
        "missing_peers": [name for name in PEERS if name not in bench.versions],
        "server": asdict(bench.maximum),
        "rows": [asdict(row) for row in rows],
        "failed": dict(failed),
        "measurements": [measurement.to_json() for measurement in bench.log],
    }


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers: does it work, not how fast is it")
    parser.add_argument("--only", action="append", choices=list(GROUPS), help="this group alone; may be repeated")
    parser.add_argument("--runs", type=int, metavar="N", help="how often, at most, for each client of each group")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where to write the figures")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    if load > 1:
        say(f"This machine is busy (load {load:.1f}): the figures will be worse than they should be.")
    rows: list[Row] = []
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        environ = base_environment(folder)
        sizes = QUICK if arguments.quick else Sizes()
        if arguments.runs:
            sizes = replace(sizes, runs=min(sizes.runs, arguments.runs), slow_runs=min(sizes.slow_runs, arguments.runs))
        bench = Bench(sizes, environ, installed(environ), folder, stack)
        for missing in (peer for peer in PEERS if peer not in bench.versions):
            say(f"{missing} is not installed: not compared")
        most = bench.maximum
        say(
            f"The server answers at most {most.heads:,.0f} HEAD/s, lists {most.keys:,.0f} keys/s and takes "
            f"{most.upload_bytes / MIB:,.0f} MiB/s"
        )
        started = time.monotonic()
        for group in arguments.only or GROUPS:
            try:
                rows += GROUPS[group](bench)
            except CommandFailedError as error:
                say(f"{group} could not be measured: {error}")
                failed[group] = str(error)
        found = result(bench, rows, failed, load)
    print(render(rows))  # noqa: T201
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    print(f"\n{time.monotonic() - started:.0f} s; every run is in {arguments.json}")  # noqa: T201


if __name__ == "__main__":
    main()
