"""The format `onnx-picture`: an ONNX file with the reading of pictures inside.

`build` shows all of it, `stages` has its stages, `graph` is what they are written in, and `gate` is
how such a file is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mnist_edge.contract import LABELS, SIZE
from mnist_edge.formats.onnx.convert import IR_VERSION, OPSET, to_graph
from mnist_edge.formats.onnx.layers import NETWORK
from mnist_edge.formats.onnx.picture.graph import Graph, Value, joined, op, stage, where
from mnist_edge.formats.onnx.picture.stages import (
    FAINTEST,
    background,
    box_of,
    centred,
    closer,
    drawn,
    grey_of,
    ink_of,
    own_form,
    view_of,
)

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from mnist_edge.contract import Accept

# The constant that holds threshold and margin of what had to be found, and of MNIST's own form.
LIMITS = "limits"

# Some bindings take no tensors without an axis.
_SHAPES = {
    "digit": (1,),
    "probabilities": (len(LABELS),),
    "accepted": (1,),
    "box": (4,),
    "field": (SIZE, SIZE),
}


def convert(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:  # noqa: ARG001
    """Convert to a file that reads pictures, and trusts every answer until `set_limits`."""
    network = to_graph(model, channels_last=False)
    return build(network).SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def build(network: onnx.ModelProto) -> onnx.ModelProto:
    """Put the reading of a picture before a network, and the rule of trust behind it.

    Args:
        network: float32 `image` (batch, 1, 28, 28), 0 to 1, to `probabilities` (batch, 10).

    Returns:
        uint8 `picture` (H, W) or (H, W, 1, 3 or 4) to what `PictureAnswer` has.
    """
    graph = Graph()
    grey = grey_of(graph.value("picture", np.uint8))
    view = view_of(grey, joined(graph, 0, 0, grey.shape))
    ink = ink_of(view.levels - background(view.levels))
    view = view_of(grey, closer(view, box_of(ink.mask), grey))
    ink = ink_of(view.levels - background(view.levels))
    box = box_of(ink.mask)
    own, form = own_form(grey)
    blank = (ink.threshold < FAINTEST) & ~own
    field = where(own, form, where(blank, 0.0, centred(drawn(ink, box))))
    with stage(NETWORK):
        answer = graph.include(network, field.reshaped(1, 1, SIZE, SIZE)).reshaped(len(LABELS))
    found = joined(graph, *view.in_picture(box))[[1, 0, 3, 2]]
    return _model(
        graph,
        digit=where(blank, -1, op("ArgMax", answer, axis=0)),
        probabilities=where(blank, 0.0, answer),
        accepted=(_trusted(answer, own) & ~blank).reshaped(1),
        box=where(own, graph.constant([0, 0, SIZE, SIZE]), where(blank, 0, found)),
        field=field,
    )


@stage("trust")
def _trusted(answer: Value, own: Value) -> Value:
    """Tell whether an answer is trusted, by its two largest probabilities."""
    graph = answer.graph
    limits = graph.constant(np.zeros((2, 2), np.float32), name=LIMITS)
    limits = op("Gather", limits, own.to(np.int64))
    best = op("TopK", answer, np.array([2]))
    return (best.sum() >= limits[0]) & (best[0] - best[1] >= limits[1])


def _model(graph: Graph, **outputs: Value) -> onnx.ModelProto:
    ends = []
    for name, value in outputs.items():
        graph.nodes.append(helper.make_node("Identity", [value.name], [name], name=name))
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        ends.append(helper.make_tensor_value_info(name, kind, _SHAPES[name]))
    sides = ["height", "width", "channels"]
    picture = helper.make_tensor_value_info("picture", onnx.TensorProto.UINT8, sides)
    constants = list(graph.constants.values())
    model = helper.make_model(
        helper.make_graph(graph.nodes, "mnist-edge", [picture], ends, constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnist-edge",
    )
    onnx.checker.check_model(model, full_check=True)
    # A grey picture has two axes: a tensor of any rank has no shape, which ONNX allows and its
    # checker does not.
    model.graph.input[0].type.tensor_type.ClearField("shape")
    return model


def set_limits(model: onnx.ModelProto, accept: Accept) -> None:
    """Write the limits of an answer to be trusted into a file that reads pictures, in place."""
    rows = [[limits.threshold, limits.margin] for limits in (accept.found, accept)]
    for tensor in model.graph.initializer:
        if tensor.name == LIMITS:
            tensor.CopyFrom(numpy_helper.from_array(np.array(rows, np.float32), LIMITS))
