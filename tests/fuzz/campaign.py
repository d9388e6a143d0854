"""Fuzzing in processes of their own, whatever these come to."""

from __future__ import annotations

import json
import os
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

# A stretch of work, in seconds; starting a process takes two.
STRETCH = 30.0


@dataclass
class Outcome:
    """What came of the inputs of one kind.

    Attributes:
        ran: how many inputs.
        mib: the most memory that they took, beyond what it takes to start.
        findings: what is wrong, by the number of the input.
    """

    ran: int = 0
    mib: int = 0
    findings: dict[int, str] = field(default_factory=dict)


def fuzz(name: str, seconds: float, first: int = 0) -> Outcome:
    """Run mutations of one kind for a while, from a number on."""
    outcome, end = Outcome(), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory() as folder:
            start = first + outcome.ran
            stretch = min(left, STRETCH)
            command = [sys.executable, "-m", "tests.fuzz.worker", name, str(start), str(stretch)]
            done = subprocess.run(
                [*command, folder],
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                result = json.loads(done.stdout.splitlines()[-1])
                outcome.ran += result["ran"]
                outcome.mib = max(outcome.mib, result["mib"])
                outcome.findings |= {int(number): what for number, what in result["findings"]}
            else:
                number = Path(folder, "number")
                if not number.exists():
                    raise RuntimeError(done.stderr.decode(errors="replace"))
                last = int(number.read_text(encoding="ascii"))
                outcome.ran = last + 1 - first
                outcome.findings[last] = f"the process ended with {done.returncode}"
    return outcome


def content(name: str, number: int) -> bytes:
    """Return the input of that number."""
    return mutate(TARGETS[name].seeds(), Random(f"{name} {number}"))
