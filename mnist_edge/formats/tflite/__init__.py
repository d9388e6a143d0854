"""The family of TFLite files, which LiteRT runs."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.contract import Contract, Quantization, TensorSpec
from mnist_edge.formats.family import INT8, SAME, Adopted, Bar, Conversion, Family, Format
from mnist_edge.formats.tflite import convert, inspection

if TYPE_CHECKING:
    from mnist_edge.formats.activations import Array, Network
    from mnist_edge.formats.foreign import Feeding
    from mnist_edge.formats.layers import Layer
    from mnist_edge.runtime.engines import Engine
    from mnist_edge.runtime.engines.encoding import Runner


def _contract(path: Path) -> Contract:
    return Contract.from_sidecar(path)


def _open(path: Path, threads: int) -> tuple[Engine, Contract]:
    from mnist_edge.runtime.engines import open_engine

    return open_engine(path, threads)


def _bare(path: Path, spec: TensorSpec, answers: str, threads: int) -> Engine:
    from mnist_edge.runtime.engines import open_bare

    return open_bare(path, spec, answers, threads)


def _runner(path: Path, threads: int) -> Runner:
    from mnist_edge.runtime.engines.tflite import TfliteRunner

    return TfliteRunner(path, threads)


def _adopt(runner: Runner, path: Path, feeding: Feeding) -> Adopted:
    """Keep the file as it is: the contract says how it is fed."""
    name = "tflite-int8" if runner.rounded else "tflite"
    output = TensorSpec("answers", "NC", (None, 10), runner.dtype, (0.0, 1.0))
    kept = Conversion(
        lambda content, _pictures: content,
        *("default", feeding.input, output, SAME),
        answers=feeding.answers,
    )
    content = path.read_bytes()
    return Adopted(content, {name: kept}, sha256(content).hexdigest())


def _layers(path: Path) -> Iterable[Layer]:
    from mnist_edge.formats.tflite import layers

    return layers.read(path)


def _activations(path: Path, batch: Array) -> Network:
    from mnist_edge.formats.tflite import activations

    return activations.read(path, batch)


_INPUT = TensorSpec("image", "NHWC", (1, 28, 28, 1), "float32", (0.0, 1.0))
_OUTPUT = TensorSpec("probabilities", "NC", (1, 10), "float32", (0.0, 1.0))

TFLITE = Family(
    (".tflite",),
    (
        Format(
            "tflite",
            ".tflite",
            "float32, one picture at a time",
            Conversion(convert.float32, "default", _INPUT, _OUTPUT, SAME),
        ),
        Format(
            "tflite-fp16",
            ".fp16.tflite",
            "float16 weights, one picture at a time",
            Conversion(
                convert.float16,
                "named",
                _INPUT,
                _OUTPUT,
                Bar(agreement=0.9995, max_abs_diff=5e-3),
                Quantization("float16 weights", "float16", "float32", False, None),
            ),
        ),
        Format(
            "tflite-int8",
            ".int8.tflite",
            "full integer, uint8 in and out, one picture at a time",
            Conversion(
                convert.int8,
                "int8",
                TensorSpec("image", "NHWC", (1, 28, 28, 1), "uint8", (0.0, 1.0)),
                TensorSpec("probabilities", "NC", (1, 10), "uint8", (0.0, 1.0)),
                INT8,
                Quantization("full integer", "int8", "int8", per_channel=True, calibration=None),
                calibrated=True,
                inspect=inspection.check_integer,
                fast=convert.int8_space_to_depth,
            ),
        ),
    ),
    library="ai_edge_litert.interpreter",
    reader=("ai_edge_litert", "tflite"),
    contract=_contract,
    open=_open,
    bare=_bare,
    runner=_runner,
    adopt=_adopt,
    embed=None,
    layers=_layers,
    activations=_activations,
)
