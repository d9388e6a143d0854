"""The format `onnx-picture`: an ONNX file with the reading of pictures inside, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mnist_edge.formats.onnx.convert import IR_VERSION, OPSET, to_graph
from mnist_edge.formats.onnx.picture.graph import Graph, op
from mnist_edge.formats.onnx.picture.stages import *

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from mnist_edge.contract import Accept

LIMITS = "limits"


def convert(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:  # noqa: ARG001
    """Convert to a file that reads pictures: `picture` to `digit`, `probabilities` and more."""
    return build(to_graph(model, channels_last=False)).SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def build(network: onnx.ModelProto) -> onnx.ModelProto:
    """Put reading before a network, and the rule of trust behind it."""
    graph = Graph()
    picture = graph.input("picture", np.uint8)
    grey = along_contrast(opaque(colours_of(picture)))
    h, w = size_of(grey, 0), size_of(grey, 1)
    window = op("Concat", np.array([0, 0]), vec(w), vec(h), axis=0)
    view, factor = view_of(grey, window)
    ink = foreground(view - background(view))
    window = closer(box_of(ink.mask), factor, window, grey)
    view, factor = view_of(grey, window)
    ink = foreground(view - background(view))
    box = box_of(ink.mask)
    canvas, stroke, radius = draw(ink, box)
    own, form = own_form(grey)
    blank = (ink.threshold < 3.0) & ~own
    field = where(own, form, where(blank, 0.0, centre(canvas)))
    answer = graph.include(network, op("Unsqueeze", field, np.array([0, 1])), "network/")
    probabilities = where(blank, 0.0, op("Squeeze", answer, np.array([0])))
    digit = where(blank, -1, op("ArgMax", probabilities, axis=0, keepdims=0))
    left, top = window[0], window[1]
    x0, y0, x1, y1 = box
    found = vec(left + x0 * factor, top + y0 * factor, op("Min", left + x1 * factor, window[2]), op("Min", top + y1 * factor, window[3]))
    box = where(own, np.array([0, 0, 28, 28]), where(blank, 0, found))
    graph.constants[LIMITS] = numpy_helper.from_array(np.zeros((2, 2), np.float32), LIMITS)
    limits = op("Gather", graph.input(LIMITS, np.float32), own.to(np.int64))
    best = op("TopK", probabilities, np.array([2]))
    first, second = best[0], best[1]
    accepted = ~blank & (first + second >= limits[0]) & (first - second >= limits[1])
    ends = {"digit": (digit, ()), "probabilities": (probabilities, (10,)), "accepted": (accepted, ()), "box": (box, (4,)), "field": (field, (28, 28))}
    for name, (value, _) in ends.items():
        graph.nodes.append(helper.make_node("Identity", [value.name], [name], name=name))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, "mnist-edge",
            [helper.make_tensor_value_info("picture", onnx.TensorProto.UINT8, None)],
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), shape) for name, (value, shape) in ends.items()],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="mnist-edge",
    )
    return model


def set_limits(model: onnx.ModelProto, accept: Accept) -> None:
    """Write the limits of an answer to be trusted into a file that reads pictures, in place."""
    for tensor in model.graph.initializer:
        if tensor.name == LIMITS:
            values = [[a.threshold, a.margin] for a in (accept.found, accept)]
            tensor.CopyFrom(numpy_helper.from_array(np.array(values, np.float32), LIMITS))
