"""Whether headers answer like TFLite's reference kernels, operator by operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.formats.c import C, draft, gate
from tests.formats.c.conftest import CONTRACT, fields, header, needs_cc
from tests.formats.c.networks import after, int8, layer, residual
from tests.formats.c.test_parse import changed

BODIES = {
    "dense": layer("Flatten"),
    "convolution": after(
        layer("Conv2D", 6, 3, padding="same"),
        layer("Conv2D", 5, (3, 2), activation="relu"),
        layer("Conv2D", 4, 1, strides=2, activation="relu6"),
    ),
    "convolution, normalized": after(
        layer("Conv2D", 6, 3), layer("BatchNormalization"), layer("ReLU")
    ),
    "convolution, strided": after(layer("Conv2D", 6, 4, strides=(3, 2), padding="same")),
    "convolution, large": layer("Conv2D", 3, 20, padding="same"),
    "convolution, dilated and grouped": after(
        layer("Conv2D", 6, 3, dilation_rate=2, padding="same"), layer("Conv2D", 4, 3, groups=2)
    ),
    "depthwise": after(
        layer("DepthwiseConv2D", 3, padding="same"),
        layer("DepthwiseConv2D", 3, strides=2, depth_multiplier=3, activation="relu6"),
    ),
    "max-pool": after(layer("MaxPooling2D", 3, strides=2, padding="same")),
    "average-pool": after(layer("AveragePooling2D", 3, strides=2, padding="same")),
    "relu, reshape, pad": after(
        layer("Reshape", (28, 7, 4)),
        layer("ReLU"),
        layer("ZeroPadding2D", ((1, 2), (3, 0))),
        layer("ReLU", 6.0),
        layer("Conv2D", 3, 3),
    ),
    "residual": residual,
}


@needs_cc
@pytest.mark.parametrize("name", BODIES)
def test_each_operator_is_exact(name: str) -> None:
    tflite = int8(BODIES[name])
    gate.check(header(tflite, CONTRACT), tflite, CONTRACT.name, fields(200, seed=1))


@needs_cc
def test_the_last_step_is_judged_as_one(tmp_path: Path) -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].operators[-2].builtinOptions.beta = 50.0

    tflite, images = changed(change), fields(50)
    path = tmp_path / "sure.h"
    path.write_text(draft(tflite), encoding="utf-8")
    answers = C.bare(path, CONTRACT.input, "probabilities", 1).run(images)
    scores = gate.reference(tflite, images)
    assert (scores == 255).any()
    assert (answers == np.where(scores == 255, 1, scores / 256)).all()
