"""Measure how many pictures onnxruntime should get in one call: python tools/measure_chunk.py.

Prints microseconds per picture for each size of chunk, the median of interleaved rounds over
10,000 synthetic digits, for the shipped float32 and int8 files, with one thread and with two.
"""

from __future__ import annotations

from mnist_edge.bench.latency import Effort, time_engines
from mnist_edge.cli.output import table
from mnist_edge.data import synthetic
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engine import OnnxEngine, open_session, read_contract

CHUNKS = (1, 8, 16, 32, 64, 128, 256, 1024, 10_000)
EFFORT = Effort(rounds=10, turn=0, calls=0, batch=10_000)


def main() -> None:
    """Print the table."""
    images = synthetic.generate(EFFORT.batch, seed=0).images
    columns = {}
    for name in ("edge.onnx", "edge.int8.onnx"):
        path = shipped.path(name)
        spec = read_contract(path).input
        for threads in (1, 2):
            engines = {
                str(chunk): OnnxEngine(open_session(path, threads), spec, chunk) for chunk in CHUNKS
            }
            timings = time_engines(engines, images, EFFORT)
            columns[f"{name}, {threads} threads"] = [
                f"{1e6 / timings[str(chunk)].images_per_s:.2f}" for chunk in CHUNKS
            ]
    rows = zip(map(str, CHUNKS), *columns.values(), strict=True)
    print(table(("chunk", *columns), rows))


if __name__ == "__main__":
    main()
