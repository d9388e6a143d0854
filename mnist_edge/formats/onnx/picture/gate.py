"""How files that read pictures are judged: beside Python's reading, on digits to be found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import SIZE
from mnist_edge.formats.onnx import convert
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.engines import Images, PictureEngine, Probabilities, open_bare

if TYPE_CHECKING:
    from mnist_edge.contract import Contract, TensorSpec

SEED = 0
SIDES = (SIZE, 400)  # pixels


def laid_out(images: Images) -> Iterator[NDArray[np.uint8]]:
    """Put each of uint8 (N, 28, 28) somewhere on a canvas, light on dark or dark on light."""
    rng = np.random.default_rng(SEED)
    for image in images:
        side = int(rng.integers(SIDES[0], SIDES[1] + 1))
        left, top = rng.integers(0, side - SIZE + 1, 2)
        canvas = np.zeros((side, side), np.uint8)
        canvas[top : top + SIZE, left : left + SIZE] = image
        yield 255 - canvas if rng.integers(2) else canvas


def compare(
    model: Any, spec: TensorSpec, contract: Contract, engine: PictureEngine, images: Images
) -> tuple[Probabilities, Probabilities]:
    """Let Python's reading and a file answer the same pictures, laid out.

    Args:
        model: the Keras model that the file was made from.
        spec: the input of its float32 ONNX file, with which Python reads.
        contract: of the model.
        engine: the file.
        images: uint8 (N, 28, 28).

    Returns:
        Python's answers and the file's, each float32 (N, 10).
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        path.write_bytes(convert.float32(model, images[:0]))
        python = Classifier(open_bare(path, spec), contract, contract.name)
    answers = [engine.read(picture).probabilities for picture in laid_out(images)]
    return python.predict_batch(laid_out(images)).probabilities, np.stack(answers)
