"""The command lines that are measured: ours and the peers', all against the same server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .measure import Trial

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
PEERS = ("rclone", "s5cmd", "aws")


def base_environment(home: Path) -> dict[str, str]:
    """What every client sees: no configuration of the person who measures."""
    environ = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "RCLONE_CONFIG": str(home / "no-rclone.conf"),
        "RCLONE_CONFIG_BENCH_TYPE": "s3",
        "RCLONE_CONFIG_BENCH_PROVIDER": "Other",
        "RCLONE_CONFIG_BENCH_LIST_VERSION": "2",
        "RCLONE_CONFIG_BENCH_ENV_AUTH": "true",
        "RCLONE_CONFIG_BENCH_REGION": "us-east-1",
        "RCLONE_CONFIG_BENCH_FORCE_PATH_STYLE": "true",
        "RCLONE_CONFIG_BENCH_NO_CHECK_BUCKET": "true",
    }
    # Where the package is run from a checkout without being installed.
    return {**environ, **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}}


def installed(environ: Mapping[str, str]) -> dict[str, str]:
    """The peers that are there, and their versions in one line each."""
    asked = {"rclone": ["rclone", "version"], "s5cmd": ["s5cmd", "version"], "aws": [*aws(environ), "--version"]}
    found = {}
    for name in PEERS:
        if shutil.which(name, path=environ["PATH"]):
            answer = subprocess.run(asked[name], env=dict(environ), capture_output=True, text=True, check=True)
            found[name] = (answer.stdout or answer.stderr).splitlines()[0]
    return found


def aws(environ: Mapping[str, str]) -> list[str]:
    """awscli; where it is a Python script, through our interpreter: its first line may name one that is gone."""
    found = shutil.which("aws", path=environ["PATH"]) or "aws"
    if Path(found).is_file() and Path(found).read_bytes()[:2] == b"#!":
        return [sys.executable, found]
    return [found]


@dataclass(frozen=True)
class Clients:
    """Trials of each client at one server.

    Attributes:
        url: the server.
        environ: see base_environment.
        peers: those that are installed.
    """

    url: str
    environ: Mapping[str, str]
    peers: tuple[str, ...]

    def _environ(self) -> dict[str, str]:
        return {**self.environ, "RCLONE_CONFIG_BENCH_ENDPOINT": self.url, "S3COPY_ENDPOINT_URL": self.url}

    def _trial(self, client: str, *words: str, runs: int = 1_000) -> Trial:
        """A command line in which {run} stands for a number that no other run has."""

        def command(number: int) -> list[str]:
            return [word.replace("{run}", f"{number + 1}") for word in words]

        return Trial(client, command, self._environ(), runs)

    def _present(self, *trials: Trial) -> list[Trial]:
        return [trial for trial in trials if trial.client.split(" ")[0] not in PEERS or self._has(trial)]

    def _has(self, trial: Trial) -> bool:
        return trial.client.split(" ")[0] in self.peers

    def verify(self, level: str, layout: str, count: int) -> Trial:
        """Our comparison of two equal buckets; exit code 0 means that all is proved."""
        words = ("verify", "--json", "--level", level, "--name", f"bench-{layout}-{count}")
        return self._trial("s3copy", str(BIN / "s3copy"), *words)

    def compare(self, layout: str, count: int, *, slow_runs: int, with_python: bool = True) -> list[Trial]:
        """The peers' comparisons of the same buckets.

        Args:
            layout: "flat" or "tree".
            count: objects in each bucket.
            slow_runs: how often at most the slow ones run; 0 leaves them out.
            with_python: also awscli, and boto3 with a merge.
        """
        source, destination = (f"bench-{side}-{layout}-{count}" for side in ("source", "destination"))
        # From a million entries on, rclone sorts a folder on disk, which takes it minutes; in memory it is at its best.
        rclone = ("rclone", "check", f"bench:{source}", f"bench:{destination}", "--list-cutoff", "100000000")
        trials = [self._trial("rclone check", *rclone), self._trial("rclone check --size-only", *rclone, "--size-only")]
        if slow_runs:
            words = ["--endpoint-url", self.url, "--dry-run", "sync", "--size-only"]
            words += [f"s3://{source}/*", f"s3://{destination}/"]
            trials.append(self._trial("s5cmd sync --size-only", "s5cmd", *words, runs=slow_runs))
        if slow_runs and with_python:
            words = ["--endpoint-url", self.url, "s3", "sync", "--dryrun", "--size-only"]
            words += [f"s3://{source}", f"s3://{destination}"]
            trials.append(self._trial("aws s3 sync --size-only", *aws(self.environ), *words, runs=1))
            trials.append(self._boto3("boto3 paginators", "compare", source, destination, runs=1))
        return self._present(*trials)

    def boto3_heads(self, count: int, threads: int) -> Trial:
        """HEAD for each object of both buckets with boto3 and threads."""
        buckets = (f"bench-{side}-flat-{count}" for side in ("source", "destination"))
        return self._boto3(f"boto3, {threads} threads", "heads", *buckets, str(threads))

    def _boto3(self, client: str, *words: str, runs: int = 1_000) -> Trial:
        trial = self._trial(client, sys.executable, "-m", "tests.bench.boto3_peer", self.url, *words, runs=runs)
        return Trial(trial.client, trial.command, {**trial.environ, "PYTHONPATH": self._python_path()}, runs)

    def _python_path(self) -> str:
        return os.pathsep.join(filter(None, (str(ROOT), self.environ.get("PYTHONPATH"))))

    def upload(self, folder: Path, slow_runs: int) -> list[Trial]:
        """Everything in a folder into an empty bucket; ours first."""
        at = ("--endpoint-url", self.url)
        places = (str(folder), "s3://bench-aws-{run}")
        return self._present(
            self._trial("s3copy", str(BIN / "s3copy"), "upload", "-r", str(folder), "--name", "bench-{run}"),
            self._trial("s5cmd cp", "s5cmd", *at, "cp", f"{folder}/*", "s3://bench-s5cmd-{run}/"),
            self._trial("rclone copy", "rclone", "copy", str(folder), "bench:bench-rclone-{run}"),
            self._trial("aws s3 cp", *aws(self.environ), *at, "s3", "cp", "--recursive", *places, runs=slow_runs),
        )

    def empty(self, count: int) -> list[Trial]:
        """Removing all objects of a bucket; ours first (what teardown does with each bucket)."""
        bucket = f"bench-{{client}}-flat-{count}-run{{run}}"
        ours = bucket.replace("{client}", "ours")
        words = ("-m", "tests.bench.empty_ours", self.url, ours)
        trial = self._trial("s3copy", sys.executable, *words)
        theirs = f"s3://{bucket.replace('{client}', 's5cmd')}/*"
        return self._present(
            Trial(trial.client, trial.command, {**trial.environ, "PYTHONPATH": self._python_path()}),
            self._trial("s5cmd rm", "s5cmd", "--endpoint-url", self.url, "rm", theirs),
        )
