"""The family of ONNX files, which onnxruntime runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.contract import Contract, Quantization, TensorSpec
from mnist_edge.formats.family import INT8, READING, SAME, Adopted, Conversion, Family, Format
from mnist_edge.formats.onnx import convert, embedding, inspection

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from mnist_edge.formats.activations import Array, Network
    from mnist_edge.formats.foreign import Feeding
    from mnist_edge.formats.layers import Layer
    from mnist_edge.runtime.engines import Engine, PictureEngine
    from mnist_edge.runtime.engines.encoding import Runner


def _contract(path: Path) -> Contract:
    from mnist_edge.runtime.engines import read_contract

    return read_contract(path)


def _open(path: Path, threads: int) -> tuple[Engine, Contract]:
    from mnist_edge.runtime.engines import open_engine

    return open_engine(path, threads)


def _bare(path: Path, spec: TensorSpec, answers: str, threads: int) -> Engine:
    from mnist_edge.runtime.engines import open_bare

    return open_bare(path, spec, answers, threads)


def _runner(path: Path, threads: int) -> Runner:
    from mnist_edge.runtime.engines.onnx import OnnxRunner

    return OnnxRunner(path, threads)


def _adopt(_runner: Runner, path: Path, feeding: Feeding) -> Adopted:
    from mnist_edge.formats.onnx import canonical

    return canonical.adopt(path, feeding, {row.name: row for row in ONNX.formats})


def _layers(path: Path) -> Iterable[Layer]:
    from mnist_edge.formats.onnx import layers

    return layers.read(path)


def _activations(path: Path, batch: Array) -> Network:
    from mnist_edge.formats.onnx import activations

    return activations.read(path, batch)


def _picture(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    from mnist_edge.formats.onnx import picture

    return picture.convert(model, calibration)


def _beside_python(
    model: keras.Model, contract: Contract, engine: PictureEngine, images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from mnist_edge.formats.onnx.picture import gate

    return gate.compare(model, _INPUT, contract, engine, images)


_INPUT = TensorSpec("image", "NCHW", (None, 1, 28, 28), "float32", (0.0, 1.0))
_OUTPUT = TensorSpec("probabilities", "NC", (None, 10), "float32", (0.0, 1.0))

ONNX = Family(
    (".onnx",),
    (
        Format(
            "onnx",
            ".onnx",
            "float32, any batch",
            Conversion(convert.float32, "default", _INPUT, _OUTPUT, SAME),
        ),
        Format(
            "onnx-int8",
            ".int8.onnx",
            "int8 weights, uint8 activations (static QDQ), any batch",
            Conversion(
                convert.int8,
                "int8",
                _INPUT,
                _OUTPUT,
                INT8,
                Quantization("static QDQ", "int8", "uint8", per_channel=True, calibration=None),
                calibrated=True,
                inspect=inspection.check_integer,
            ),
        ),
        Format(
            "onnx-picture",
            ".picture.onnx",
            "pixels of any size in, the digit out: the reading of pictures is inside",
            Conversion(
                _picture,
                "named",
                TensorSpec("picture", "HWC", (None, None, None), "uint8", (0.0, 255.0)),
                TensorSpec("probabilities", "C", (10,), "float32", (0.0, 1.0)),
                READING,
                compare=_beside_python,
            ),
        ),
    ),
    library="onnxruntime",
    reader=("onnx", "export"),
    contract=_contract,
    open=_open,
    bare=_bare,
    runner=_runner,
    adopt=_adopt,
    embed=embedding.embed,
    layers=_layers,
    activations=_activations,
)
