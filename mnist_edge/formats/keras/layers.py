"""The layers of a Keras model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mnist_edge.formats.layers import Layer, cost_of

if TYPE_CHECKING:
    from pathlib import Path

    import keras


def of_keras(model: keras.Model) -> Iterator[Layer]:
    """Yield the layers of a Keras model, and in place of a model among them that one's layers."""
    import keras

    products = (
        *(keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D),
        *(keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D),
    )
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            for inner in of_keras(layer):
                yield replace(inner, name=f"{layer.name}/{inner.name}")
        elif not isinstance(layer, keras.layers.InputLayer):
            output = layer.output.shape
            cost: int | None = 0
            if isinstance(layer, products):
                # The bias alone has one axis.
                kernels = [weight.shape for weight in layer.weights if len(weight.shape) > 1]
                cost = cost_of((sum(map(math.prod, kernels)),), output[1:-1])
            yield Layer(layer.name, type(layer).__name__, output, layer.count_params(), cost)


def read(path: Path) -> Iterator[Layer]:
    """Yield the layers of a file."""
    from mnist_edge.formats.keras.runner import load_layers

    return of_keras(load_layers(path))
