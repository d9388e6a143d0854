"""Time fresh processes against the least there could be: python tools/bench_startup.py [ROUNDS].

`mnist-edge predict digit.png` against a bare script that imports numpy, PIL and onnxruntime, opens
the picture, loads the shipped model and runs it; `--help` and `--version` against `python -c pass`.
All take turns in every round. A ratio is that of two in the same round, so that what slows the
machine down cancels out; given are medians of the rounds, of ratios and differences with their 95 %
confidence intervals. Every process finds its modules compiled, as pip leaves them. Prints Markdown,
and which targets are met.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mnist_edge.benchmark.bootstrap import interval
from mnist_edge.data import synthetic
from mnist_edge.runtime import shipped
from mnist_edge.tables import markdown

BARE = """
import sys
import numpy as np
import onnxruntime
from PIL import Image
pixels = np.asarray(Image.open(sys.argv[1]).convert("L").resize((28, 28)), np.float32)
session = onnxruntime.InferenceSession(sys.argv[2])
answer, = session.run(None, {"image": 1 - pixels.reshape(1, 1, 28, 28) / 255})
print(answer.argmax())
"""


class Cost(NamedTuple):
    """What one process took: seconds of wall clock and of processor, and MiB at its peak."""

    wall: float
    processor: float
    memory: float


HEADERS = (
    *("process", "wall s", "processor s", "peak MiB", "against"),
    *("× wall", "× processor", "× peak", "more wall s"),
)

# A process, the column of what it takes beside the other, and the most that it shall.
TARGETS = (
    ("`mnist-edge predict`", "× wall", 1.2),
    ("`mnist-edge predict`", "× peak", 1.15),
    ("`mnist-edge --help`", "more wall s", 0.12),
    ("`mnist-edge --version`", "more wall s", 0.12),
)


def main() -> None:
    """Print the tables."""
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20))


def measure(rounds: int) -> str:
    """Return the tables, as Markdown."""
    command = str(Path(sysconfig.get_path("scripts"), "mnist-edge"))
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "digit.png")
        digit = Image.fromarray(255 - synthetic.generate(1, seed=0).images[0])
        digit.resize((280, 280)).save(picture)
        processes = {
            "bare script": (sys.executable, "-c", BARE, str(picture), str(shipped.path())),
            "`mnist-edge predict`": (command, "predict", str(picture)),
            "`python -c pass`": (sys.executable, "-c", "pass"),
            "`mnist-edge --help`": (command, "--help"),
            "`mnist-edge --version`": (command, "--version"),
        }
        for arguments in processes.values():
            _run(arguments, folder)  # into the page cache, and compiled
        costs: dict[str, list[Cost]] = {name: [] for name in processes}
        shuffle = np.random.default_rng(0).shuffle
        order = list(processes)
        for _ in range(rounds):
            shuffle(order)
            for name in order:
                costs[name].append(_run(processes[name], folder))
    figures = {name: np.array(measured) for name, measured in costs.items()}
    floors = dict.fromkeys(processes, "`python -c pass`") | {"`mnist-edge predict`": "bare script"}
    rows = []
    for name, measured in figures.items():
        wall, processor, memory = np.median(measured, axis=0)
        # A process starts with the peak of the one that started it: small ones cannot be told.
        has_peak = "bare script" in (name, floors[name])
        row = [name, f"{wall:.3f}", f"{processor:.3f}", f"{memory:.0f}" if has_peak else ""]
        if name not in ("bare script", "`python -c pass`"):
            floor = figures[floors[name]]
            ratios = [_spread(ratio) for ratio in (measured / floor).T]
            row += [floors[name], *ratios[:2], ratios[2] if has_peak else ""]
            row.append(_spread(measured[:, 0] - floor[:, 0]))
        rows.append(row + [""] * (len(HEADERS) - len(row)))
    goals = []
    for name, column, most in TARGETS:
        figure = next(row for row in rows if row[0] == name)[HEADERS.index(column)]
        met = "yes" if float(figure.split()[0]) <= most else "no"
        goals.append((name, column, f"≤ {most}", figure, met))
    targets = markdown(("process", "", "target", "measured", "met"), goals, left=2)
    return f"{markdown(HEADERS, rows)}\n\n{targets}"


def _run(arguments: tuple[str, ...], folder: str) -> Cost:
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
    start = time.perf_counter()
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{arguments} ended with {process.returncode}.")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _spread(figures: np.ndarray) -> str:
    low, high = interval(figures)
    return f"{np.median(figures):.2f} ({low:.2f}–{high:.2f})"


if __name__ == "__main__":
    main()
