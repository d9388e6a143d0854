"""Time the shipped models against other people's: python tools/bench_peers.py [--quick].

The peers are the `.onnx` and `.tflite` files in the folder that MNIST_EDGE_PEERS names. All files
answer MNIST's test split by turns in one interleaved run, with one thread. A ratio is that of two
files' medians within the same round, so that what slows the machine down cancels out; given is the
median of the rounds with its 95 % confidence interval. Prints Markdown: every file against the
peers of its own engine, and the default model against its targets.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from mnist_edge import data
from mnist_edge.benchmark import machine
from mnist_edge.benchmark.bootstrap import interval
from mnist_edge.benchmark.judge import judge
from mnist_edge.benchmark.latency import FULL, QUICK, Timings, time_engines
from mnist_edge.formats.table import is_runnable
from mnist_edge.runtime import shipped
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.engines import open_engine
from mnist_edge.tables import markdown

SUFFIXES = (".onnx", ".tflite")

# A file of the default model, another one, and the largest ratio of their latencies to be reached.
TARGETS = (
    ("edge.onnx", "zoo-mnist-8.onnx", 0.5),
    ("edge.int8.onnx", "zoo-mnist-8.onnx", 0.5),
    ("edge.tflite", "tflite-codelab.tflite", 0.2),
    ("edge.int8.tflite", "tflite-codelab.tflite", 0.2),
    ("edge.int8.onnx", "edge.onnx", 1),
    ("edge.int8.tflite", "edge.tflite", 1),
)


def main() -> None:
    """Print the tables."""
    print(measure(quick="--quick" in sys.argv[1:]))


def measure(*, quick: bool) -> str:
    """Return the tables, as Markdown."""
    if "MNIST_EDGE_PEERS" not in os.environ:
        sys.exit("MNIST_EDGE_PEERS is not set: name the folder of the peers with it.")
    peers = sorted(
        path for path in Path(os.environ["MNIST_EDGE_PEERS"]).iterdir() if path.suffix in SUFFIXES
    )
    names = (name for name in shipped.manifest() if is_runnable(Path(name)))
    own = [shipped.path(name) for name in names if name.endswith(SUFFIXES)]
    described, dataset = machine.describe(), data.load("mnist")
    engines = {path: open_engine(path)[0] for path in own}
    for file in judge(peers, dataset):
        if file.engine is None:
            sys.exit(f"{file.path} cannot run: {file.error}")
        engines[file.path] = file.engine
        print(file.fed, file=sys.stderr)
    images, labels = dataset.test
    timings = time_engines(
        {path.name: engine for path, engine in engines.items()},
        images,
        QUICK if quick else FULL,
    )
    rows = []
    for path, engine in engines.items():
        timing = timings[path.name]
        low, high = timing.interval(50)
        rows.append(
            (
                f"`{path.name}`",
                f"{path.stat().st_size:,}",
                f"{accuracy(engine.run(images), labels):.2%}",
                f"{timing.percentile(50):.1f} ({low:.1f}–{high:.1f})",
                *(
                    _ratio(timing, timings[peer.name]) if peer.suffix == path.suffix else ""
                    for peer in peers
                ),
            )
        )
    headers = ("file", "bytes", "accuracy", "p50 µs", *(f"× `{peer.name}`" for peer in peers))
    where = f"{described.cpu}, {described.cores} cores, load {described.load:.2f}, one thread."
    goals = []
    for ours, theirs, most in TARGETS:
        ratio = np.median(timings[ours].percentiles(50) / timings[theirs].percentiles(50))
        measured = _ratio(timings[ours], timings[theirs])
        met = "yes" if ratio <= most else "no"
        goals.append((f"`{ours}`", f"`{theirs}`", f"≤ {most}", measured, met))
    targets = markdown(("p50 of", "over that of", "target", "measured", "met"), goals, left=2)
    return f"{markdown(headers, rows)}\n\n{where}\n\n{targets}"


def _ratio(ours: Timings, theirs: Timings) -> str:
    ratios = ours.percentiles(50) / theirs.percentiles(50)
    low, high = interval(ratios)
    return f"{np.median(ratios):.2f} ({low:.2f}–{high:.2f})"


if __name__ == "__main__":
    main()
