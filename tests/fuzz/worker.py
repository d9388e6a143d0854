"""A process that runs mutations of one kind until its time is up, within limits.

    python -m tests.fuzz.worker TARGET FIRST SECONDS FOLDER

Inputs are numbered; the number makes the input. Each is written to FOLDER before it is run, so that
of an input that ends the process there is what it was. The last line on stdout is JSON: how many
ran, the findings by number, and the most memory that was used beyond what it took to start.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
import warnings
from pathlib import Path
from random import Random

from mnist_edge.errors import MnistEdgeError
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import TARGETS, Target

# Of processor time, for one input: other processes do not count.
HANG = 2.0

# Of address space, beyond what it takes to start.
MEMORY = 1 << 30

# After so many inputs the process is replaced, so that a slow leak is told from a large input.
MOST = 50_000


def finding(target: Target, path: Path) -> str | None:
    """Run an input; return what it raised that is no error of the package."""
    try:
        target.run(path)
    except MnistEdgeError:
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, resource.RLIM_INFINITY)
    )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main(name: str, first: int, seconds: float, folder: Path) -> None:
    """Run inputs from `first` on, and print what came of them."""
    target, findings, number = TARGETS[name], [], first
    warnings.simplefilter("ignore")
    seeds, path = target.seeds(), folder / target.file
    path.write_bytes(seeds[0])
    finding(target, path)
    _limit()
    start, end = _peak(), time.monotonic() + seconds
    with (folder / "number").open("wb", buffering=0) as last:
        while time.monotonic() < end and number < first + MOST:
            path.write_bytes(mutate(seeds, Random(f"{name} {number}")))
            last.seek(0)
            last.write(str(number).encode())
            # The default action ends the process, also where it is in a library.
            signal.setitimer(signal.ITIMER_PROF, HANG)
            what = finding(target, path)
            if what:
                findings.append((number, what))
            number += 1
    signal.setitimer(signal.ITIMER_PROF, 0)
    report = {"ran": number - first, "findings": findings, "mib": _peak() - start}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
