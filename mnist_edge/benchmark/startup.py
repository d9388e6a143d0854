"""How a file starts in a process of its own: import, load, first answer, and peak memory.

`measure` runs this module as a program, since a process that has imported and answered before
can tell neither the time nor the memory that the first time takes.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import ModelError
from mnist_edge.formats.table import family_of

if TYPE_CHECKING:
    from mnist_edge.formats.foreign import Feeding
    from mnist_edge.runtime.engines import Engine


@dataclass(frozen=True)
class Startup:
    """One start.

    Attributes:
        import_ms: from nothing imported to the engine's library imported.
        load_ms: from the file to an engine.
        first_ms: the first answer.
        peak_mib: the most memory that was resident until then; None where the system does not
            tell it.
    """

    import_ms: float
    load_ms: float
    first_ms: float
    peak_mib: float | None


def measure(path: Path, threads: int = 1, feeding: Feeding | None = None) -> Startup:
    """Start a file in a fresh process.

    Args:
        path: the file.
        threads: how many threads one answer may use.
        feeding: how it is fed, where it carries no contract.

    Raises:
        ModelError: it does not run there; the cause is the process's last line.
    """
    arguments = [str(path), str(threads), json.dumps(feeding and dataclasses.asdict(feeding))]
    finished = subprocess.run(
        [sys.executable, "-m", "mnist_edge.benchmark.startup", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        said = finished.stderr.split("\n")
        raise ModelError(
            f"{path} does not run in a process of its own: {next(filter(None, said[::-1]), '')}",
            remedy="run it again with mnist-edge --debug bench.",
        )
    return Startup(**json.loads(finished.stdout.splitlines()[-1]))


def _start(path: Path, threads: int, document: dict[str, Any] | None) -> Startup:
    family = family_of(path)
    start = time.perf_counter_ns()
    if family.library:
        importlib.import_module(family.library)
    import numpy as np

    from mnist_edge.contract import TensorSpec
    from mnist_edge.runtime.engines.encoding import EncodedEngine

    imported = time.perf_counter_ns()
    engine: Engine
    if document:
        runner = family.runner(path, threads)
        engine = EncodedEngine(runner, TensorSpec(**document["input"]), document["answers"])
    else:
        engine, _ = family.open(path, threads)
    loaded = time.perf_counter_ns()
    engine.run(np.zeros((1, 28, 28), np.uint8))
    answered = time.perf_counter_ns()
    return Startup(
        import_ms=(imported - start) / 1e6,
        load_ms=(loaded - imported) / 1e6,
        first_ms=(answered - loaded) / 1e6,
        peak_mib=_peak_mib(),
    )


def _peak_mib() -> float | None:
    """Return this process's peak memory; getrusage's would be the parent's, where that is more."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    started = _start(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
    sys.stdout.write(json.dumps(dataclasses.asdict(started)) + "\n")
