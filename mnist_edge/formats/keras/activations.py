"""What each layer of a Keras model gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mnist_edge.formats.activations import Array, Network, filters, node


def read(path: Path, batch: Array) -> Network:
    """Run a file on one picture, float32 as its input takes it."""
    from mnist_edge.formats.keras.runner import load_layers

    model = load_layers(path)
    layers = {layer.name: layer for layer in model.layers}
    values: dict[str, Any] = {}
    nodes = []
    for entry in model.get_config()["layers"]:
        name = entry["config"]["name"]
        # A sequential model does not write down what is clear.
        calls = entry.get("inbound_nodes")
        inputs = tuple(values)[-1:] if calls is None else tuple(_sources(calls))
        taken = [values[source] for source in inputs]
        values[name] = layers[name](taken[0] if len(taken) == 1 else taken) if taken else batch
        nodes.append(node(name, entry["class_name"], inputs, np.asarray(values[name])))
    kernels = (np.asarray(weight) for weight in model.weights if len(weight.shape) == 4)
    kernel = next(kernels, None)
    return Network(nodes, None if kernel is None else filters(kernel))


def _sources(arguments: Any) -> Iterator[str]:
    """Yield the names of the layers whose output is among the arguments of a saved call."""
    if isinstance(arguments, dict):
        if "keras_history" in arguments:
            yield arguments["keras_history"][0]
        arguments = list(arguments.values())
    if isinstance(arguments, list | tuple):
        for argument in arguments:
            yield from _sources(argument)
