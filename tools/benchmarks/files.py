"""Measure `predict` over many small files: python tools/benchmarks/files.py [--files N].

Writes N digits of 28x28 as PNG files to a temporary folder, light on dark as MNIST has them, dark
on light, and off the centre, where they have to be looked for, and lets two processes take turns
over them: Pillow's plain decode loop, and `mnist-edge predict --json`. Prints files per second of
processor time, the ratio, and how much memory the command took at its peak, for the first tenth
of the files and for all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mnist_edge.data import synthetic
from mnist_edge.tables import table

ROUNDS = 2
DECODE = """
import pathlib, sys
from PIL import Image
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    with Image.open(path) as picture:
        picture.load()
"""


class Cost(NamedTuple):
    """Seconds of processor time, and bytes at the peak, of a finished process."""

    seconds: float
    peak: int


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000, metavar="N")
    parser.add_argument("--model", type=Path, help="default: the newest in ./runs, or the shipped")
    arguments = parser.parse_args()
    predict = [sys.executable, "-m", "mnist_edge", "predict", "--json"]
    if arguments.model:
        predict += ["--model", str(arguments.model)]
    decode = [sys.executable, "-c", DECODE]
    digits = synthetic.generate(arguments.files, seed=0).images
    rows = []
    for name, images in (
        ("light on dark", digits),
        ("dark on light", 255 - digits),
        ("off centre", np.roll(255 - digits, 3, axis=(1, 2))),
    ):
        with tempfile.TemporaryDirectory() as folder:
            few, many = Path(folder, "few"), Path(folder, "many")
            for target, count in ((few, len(images) // 10), (many, len(images))):
                target.mkdir()
                for number, image in enumerate(images[:count]):
                    Image.fromarray(image).save(target / f"{number:05}.png")
            # What starting costs, the few files show too: it is not counted.
            costs = [
                [
                    run([*command, str(target)])
                    for command in (decode, predict)
                    for target in (few, many)
                ]
                for _ in range(ROUNDS)
            ]
        best = [min(column) for column in zip(*costs, strict=True)]
        files = len(images) - len(images) // 10
        plain, read = best[1].seconds - best[0].seconds, best[3].seconds - best[2].seconds
        rows.append(
            (
                name,
                f"{files / plain:,.0f}",
                f"{files / read:,.0f}",
                f"{read / plain:.2f}",
                f"{best[2].peak / 2**20:.0f}",
                f"{best[3].peak / 2**20:.0f}",
            )
        )
    headers = ("digits", "decoded/s", "predicted/s", "ratio", "peak MiB, a tenth", "peak MiB, all")
    print(table(headers, rows))


def run(command: list[str]) -> Cost:
    """Run a command to its end and return what it cost."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed")
    # Linux counts in kilobytes.
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


if __name__ == "__main__":
    main()
