"""Fuzzing in processes of their own, whatever these come to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.mutations import mutate
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]

# Where files are written without a disk.
MEMORY = Path("/dev/shm")  # noqa: S108

# A stretch of work, in seconds; starting a process takes two, and many more where others work.
STRETCH = 240.0


@dataclass
class Outcome:
    """What came of the inputs of one kind.

    Attributes:
        ran: how many inputs.
        mib: the most memory that they took, beyond what it takes to start.
        findings: what is wrong, by the number of the input.
        ended: the numbers of inputs that ended their process by a signal of the system.
    """

    ran: int = 0
    mib: int = 0
    findings: dict[int, str] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)


def fuzz(name: str, seconds: float, first: int = 0) -> Outcome:
    """Run mutations of one kind for a while, from a number on."""
    total, end = Outcome(), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        outcome = run(name, min(left, STRETCH), first + total.ran)
        total.ran += outcome.ran
        total.mib = max(total.mib, outcome.mib)
        total.findings |= outcome.findings
        total.ended += outcome.ended
    return total


def run(name: str, seconds: float, first: int) -> Outcome:
    """Run mutations of one kind in one process, until its time is up or an input ends it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.worker", name, str(first), str(seconds), folder],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            result = json.loads(done.stdout.splitlines()[-1])
            findings = {int(number): what for number, what in result["findings"]}
            return Outcome(result["ran"], result["mib"], findings)
        number = Path(folder, "number")
        if not number.exists() or done.returncode > 0:
            raise RuntimeError(done.stderr.decode(errors="replace"))
        last = int(number.read_text(encoding="ascii"))
        outcome = Outcome(last + 1 - first)
        if -done.returncode == signal.SIGPROF:
            outcome.findings[last] = "it takes longer than any may"
        else:
            outcome.ended.append(last)
        return outcome


def content(name: str, number: int) -> bytes:
    """Return the input of that number."""
    return mutate(TARGETS[name].seeds(), Random(f"{name} {number}"))
