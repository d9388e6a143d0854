"""Measure how many pictures onnxruntime should get in one call.

    python tools/measure_chunk.py [--quick]

Prints microseconds per picture for each size of chunk, the median of interleaved rounds over
10,000 synthetic digits, for the shipped float32 and int8 files, with one thread and with two; and
what int8 takes over what float32 takes with one thread, with its 95 % confidence interval. Prints
Markdown.
"""

from __future__ import annotations

import sys

import numpy as np

from mnist_edge.benchmark.bootstrap import interval
from mnist_edge.benchmark.latency import Effort, time_engines
from mnist_edge.data import synthetic
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import OnnxEngine, open_session, read_contract
from mnist_edge.tables import markdown

CHUNKS = (1, 8, 16, 32, 64, 128, 256, 1024, 10_000)
FLOAT, INTEGER = "edge.onnx", "edge.int8.onnx"


def main() -> None:
    """Print the table."""
    print(measure(quick="--quick" in sys.argv[1:]))


def measure(*, quick: bool) -> str:
    """Return the table, as Markdown."""
    effort = Effort(rounds=3 if quick else 7, turn=0, calls=1, batch=10_000)
    images = synthetic.generate(effort.batch, seed=0).images
    columns = {}
    for threads in (1, 2):
        engines = {
            f"{name} {chunk}": OnnxEngine(
                open_session(shipped.path(name), threads),
                read_contract(shipped.path(name)).input,
                chunk,
            )
            for name in (FLOAT, INTEGER)
            for chunk in CHUNKS
        }
        timings = time_engines(engines, images, effort)
        for name in (FLOAT, INTEGER):
            columns[f"`{name}`, {threads} thread{'s' * (threads > 1)}"] = [
                f"{1e6 / timings[f'{name} {chunk}'].images_per_s:.2f}" for chunk in CHUNKS
            ]
        if threads == 1:
            columns["int8 / float32"] = [
                _spread(
                    np.array(timings[f"{INTEGER} {chunk}"].batched)
                    / np.array(timings[f"{FLOAT} {chunk}"].batched)
                )
                for chunk in CHUNKS
            ]
    rows = zip(map(str, CHUNKS), *columns.values(), strict=True)
    return markdown(("chunk", *columns), list(rows))


def _spread(ratios: np.ndarray) -> str:
    low, high = interval(ratios)
    return f"{np.median(ratios):.2f} ({low:.2f}–{high:.2f})"


if __name__ == "__main__":
    main()
