"""Running commands and measuring them: wall time, processor time, peak memory.

The system counts a child's peak memory from what its parent had when it was forked. So the process that measures stays
small: nothing here, or in what `run.py` imports, loads boto3.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_RUSAGE_UNIT = 1 if sys.platform == "darwin" else 1024


class CommandFailedError(Exception):
    """A command did not do what it was measured for, so its time means nothing."""


@dataclass(frozen=True)
class Sample:
    """One run of one command.

    Attributes:
        wall: seconds from start to end.
        cpu: seconds of processor time, user and system, of the process and its children.
        peak_mb: the most memory (MB) that the process, or a child of it, had resident.
    """

    wall: float
    cpu: float
    peak_mb: float


@dataclass(frozen=True)
class Trial:
    """A command to measure.

    Attributes:
        client: whose it is.
        command: the number of the run (from 0; -1 to warm up) -> the command line.
        environ: its environment.
        runs: how often at most; slow clients run less often.
        check: looks at the output (standard output and error) and says whether the work was done.
    """

    client: str
    command: Callable[[int], Sequence[str]]
    environ: Mapping[str, str]
    runs: int = 1_000
    check: Callable[[str], bool] = lambda _: True


@dataclass(frozen=True)
class Measured:
    """All runs of one trial."""

    client: str
    samples: tuple[Sample, ...]

    @property
    def wall(self) -> float:
        """Median seconds."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        """Median seconds of processor time."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def peak_mb(self) -> float:
        """Median of the peaks (MB)."""
        return statistics.median(sample.peak_mb for sample in self.samples)


def run_once(trial: Trial, number: int) -> Sample:
    """Run a trial's command once.

    Raises:
        CommandFailedError: it ended with a status other than 0, or its output is not what was expected.
    """
    command = list(trial.command(number))
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=dict(trial.environ), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != 0 or not trial.check(text):
        raise CommandFailedError(f"{' '.join(command)} ended with {process.returncode}:\n{text[-2000:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RUSAGE_UNIT / 1_000_000)


def alternate(trials: Sequence[Trial], runs: int, say: Callable[[str], None]) -> dict[str, Measured]:
    """Run the trials in turn, so that a machine that slows down slows all of them; each is warmed up once.

    Args:
        trials: whom to measure; of each client one.
        runs: how often.
        say: is told of each run.

    Returns:
        By client, in the order of the trials.
    """
    samples: dict[str, list[Sample]] = {trial.client: [] for trial in trials}
    for trial in trials:
        run_once(trial, -1)
    for number in range(runs):
        for trial in trials:
            if number < trial.runs:
                sample = run_once(trial, number)
                samples[trial.client].append(sample)
                say(f"  {trial.client}: {sample.wall:.2f} s, {sample.peak_mb:.0f} MB")
    return {client: Measured(client, tuple(found)) for client, found in samples.items()}
