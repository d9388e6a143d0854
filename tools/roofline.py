"""Hold the shipped model against what the processor can do: python tools/roofline.py.

The peaks are measured, not looked up: the fastest product of two 512 x 512 matrices that
onnxruntime does with one thread, in float32 and with uint8 and int8 factors. The model runs with
one thread too, in the batch that gives the most pictures per second; onnxruntime's own profile
tells how long each layer takes. A multiply-accumulate counts as two operations. Prints Markdown.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mnist_edge.benchmark.latency import Effort, time_engines
from mnist_edge.benchmark.profile import record
from mnist_edge.data import synthetic
from mnist_edge.formats import layers
from mnist_edge.formats.inside import read_layers
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import OnnxEngine, open_session, read_contract
from mnist_edge.tables import markdown

SIDE = 512
BATCHES = (8, 16, 32, 64, 128, 256)
FILES = {"float32": "edge.onnx", "int8": "edge.int8.onnx"}


def main() -> None:
    """Print the tables."""
    print(measure(quick="--quick" in sys.argv[1:]))


def measure(*, quick: bool) -> str:
    """Return the tables, as Markdown."""
    peaks = _peaks(rounds=40 if quick else 200)
    images = synthetic.generate(2_048, seed=0).images
    summary, tables = [], []
    for kind, name in FILES.items():
        path = shipped.path(name)
        table = read_layers(path)
        cost = layers.totals(table)[1] or 0
        batch, images_per_s = _best_batch(path, images, rounds=3 if quick else 20)
        achieved = 2 * cost * images_per_s / 1e9
        row = (f"`{name}`", f"{batch}", f"{images_per_s:,.0f}", f"{achieved:.1f}")
        summary.append((*row, f"{peaks[kind]:.1f}", f"{achieved / peaks[kind]:.0%}"))
        tables.append(_layer_table(path, table, batch, peaks[kind], images, 20 if quick else 200))
    headers = ("file", "batch", "images/s", "Gop/s", "peak Gop/s", "of the peak")
    return "\n\n".join((markdown(headers, summary), *tables))


def _peaks(rounds: int) -> dict[str, float]:
    """Return the most giga-operations per second of a large product, by type of the factors."""
    left, right = np.random.default_rng(0).integers(0, 64, (2, SIDE, SIDE), np.uint8)
    floats = left.astype(np.float32), right.astype(np.float32)
    products = {
        "float32": _product("MatMul", *floats, TensorProto.FLOAT),
        "int8": _product("MatMulInteger", left, right.astype(np.int8), TensorProto.INT32),
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in products}
    for _ in range(rounds):
        for kind, product in products.items():
            start = time.perf_counter()
            product()
            seconds[kind].append(time.perf_counter() - start)
    return {kind: 2 * SIDE**3 / min(taken) / 1e9 for kind, taken in seconds.items()}


def _product(
    operation: str, left: np.ndarray, right: np.ndarray, answer: int
) -> Callable[[], object]:
    """Return what multiplies two matrices, the second of which is a constant as weights are."""
    kind = helper.np_dtype_to_tensor_dtype(left.dtype)
    graph = helper.make_graph(
        [helper.make_node(operation, ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", kind, left.shape)],
        [helper.make_tensor_value_info("product", answer, left.shape)],
        [numpy_helper.from_array(right, "right")],
    )
    opset = helper.make_opsetid("", 13)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "product.onnx")
        onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=7), path)
        return partial(open_session(path).run, None, {"left": left})


def _best_batch(path: Path, images: np.ndarray, rounds: int) -> tuple[int, float]:
    """Return the batch that gives the most pictures per second, and how many."""
    spec = read_contract(path).input
    engines = {str(batch): OnnxEngine(open_session(path), spec, batch) for batch in BATCHES}
    timings = time_engines(engines, images, Effort(rounds, turn=0, calls=1, batch=len(images)))
    best = max(engines, key=lambda batch: timings[batch].images_per_s)
    return int(best), timings[best].images_per_s


# What multiplies in a graph that onnxruntime has optimized.
PRODUCTS = {"Conv", "FusedConv", "QLinearConv", "Gemm", "QGemm", "MatMul", "QLinearMatMul"}


def _layer_table(
    path: Path, table: list[layers.Layer], batch: int, peak: float, images: np.ndarray, calls: int
) -> str:
    pictures = images[:batch, np.newaxis]
    if read_contract(path).input.dtype == "float32":
        pictures = pictures / np.float32(255)
    ones = {k.name: k for k in record(path, {"image": pictures[:1]}, calls * 5)}
    costs = iter([layer for layer in table if layer.multiply_accumulates])
    rows = []
    for kernel in record(path, {"image": pictures}, calls):
        each = kernel.microseconds / batch
        row = [
            f"{kernel.name}",
            kernel.kind,
            f"{ones[kernel.name].microseconds:.1f}",
            f"{each:.2f}",
        ]
        if kernel.kind in PRODUCTS:
            layer = next(costs)
            speed = 2 * (layer.multiply_accumulates or 0) / each / 1e3
            row += [f"{layer.multiply_accumulates:,}", f"{speed:.1f}", f"{speed / peak:.0%}"]
        rows.append(row + [""] * (7 - len(row)))
    headers = ("kernel", "operation", "µs, batch 1", f"µs a picture, batch {batch}")
    costs_headers = ("multiply-accumulates", "Gop/s", "of the peak")
    return f"`{path.name}`\n\n{markdown((*headers, *costs_headers), rows, left=2)}"


if __name__ == "__main__":
    main()
