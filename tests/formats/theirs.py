"""Models as other people make them: one small network, trained here, in every dress."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnist_edge.contract import TensorSpec
from mnist_edge.data.dataset import Split
from mnist_edge.runtime.engines.encoding import FITS, encoder, side_of

if TYPE_CHECKING:
    import keras

Floats = NDArray[np.float32]

HIDDEN, EPOCHS = 64, 30


class Weights(NamedTuple):
    """A network of two dense layers with a ReLU between them, from pictures to scores."""

    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats


def spec(layout: str = "NHWC", *shape: int | None, **others: Any) -> TensorSpec:
    """An input, of ink 1 on paper 0 by default."""
    sizes = shape or (28, 28, 1)
    return TensorSpec(
        "image", layout, (None, *sizes), "float32", others.pop("range", (0.0, 1.0)), **others
    )


def train(digits: Split, **fed: Any) -> Weights:
    """Train a network on 28×28 pictures that are fed to it in some way, in a second.

    It looks at the means of 2×2 pixels: products with so few numbers wait for no other thread.
    """
    rng = np.random.default_rng(0)
    pictures = encoder(spec("NHW", 28, 28, **fed))(digits.images)
    inputs = pictures.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    wanted = np.eye(10, dtype=np.float32)[digits.labels]
    shapes = (196, HIDDEN), (1, HIDDEN), (HIDDEN, 10), (1, 10)
    weights = [rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes]
    means, squares = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    for epoch in range(EPOCHS):
        for places in np.array_split(rng.permutation(len(inputs)), len(inputs) // 50):
            batch = inputs[places]
            hidden = np.maximum(batch @ weights[0] + weights[1], 0)
            powers = np.exp(hidden @ weights[2] + weights[3])
            wrong = (powers / powers.sum(axis=1, keepdims=True) - wanted[places]) / len(places)
            inner = (wrong @ weights[2].T) * (hidden > 0)
            gradients = batch.T @ inner, inner.sum(axis=0), hidden.T @ wrong, wrong.sum(axis=0)
            for place, gradient in enumerate(gradients):
                means[place] += 0.1 * (gradient - means[place])
                squares[place] += 0.01 * (gradient**2 - squares[place])
                change = means[place] / (np.sqrt(squares[place]) + 1e-6)
                weights[place] -= 0.003 * (1 - epoch / EPOCHS) * change
    first = weights[0].reshape(14, 1, 14, 1, HIDDEN) / np.float32(4)
    first = np.broadcast_to(first, (14, 2, 14, 2, HIDDEN)).reshape(784, HIDDEN)
    return Weights(first.astype(np.float32), weights[1][0], weights[2], weights[3][0])


def fed_as(weights: Weights, fed: TensorSpec) -> Weights:
    """The same network for pictures that come in another way, as far as that can be undone."""
    kernel, (low, high), side = weights.first.reshape(28, 28, -1), fed.range, side_of(fed)
    if fed.transposed:
        kernel = kernel.swapaxes(0, 1)
    if fed.fit != "exact":
        back = np.linalg.pinv(FITS[fed.fit](side))
        kernel = np.einsum("ra,rcn,cb->abn", back, kernel, back)
    bias = weights.first_bias - low / (high - low) * kernel.sum(axis=(0, 1))
    kernel = kernel / (high - low)
    if fed.layout == "NHWC" and fed.shape[3] == 3:
        kernel = np.repeat(kernel[:, :, None] / 3, 3, axis=2)
    elif fed.layout == "NCHW" and fed.shape[1] == 3:
        kernel = np.repeat(kernel[None] / 3, 3, axis=0)
    first = kernel.reshape(-1, kernel.shape[-1]).astype(np.float32)
    return weights._replace(first=first, first_bias=bias.astype(np.float32))


# What ends a network of scores, in Keras and in ONNX.
ENDS = {
    "scores": ("linear", "Identity"),
    "probabilities": ("softmax", "Softmax"),
    "log-probabilities": ("log_softmax", "LogSoftmax"),
    "sigmoids": ("sigmoid", "Sigmoid"),
}


def to_keras(
    weights: Weights,
    shape: tuple[int | None, ...] = (28, 28, 1),
    answers: str = "probabilities",
    batch: int | None = None,
) -> keras.Model:
    """A Keras model of a network."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input(shape, batch_size=batch),
            layers.Flatten(),
            layers.Dense(HIDDEN, "relu"),
            layers.Dense(10, ENDS[answers][0]),
        ]
    )
    model.set_weights(list(weights))
    return model


def to_onnx(
    path: Path,
    weights: Weights,
    shape: tuple[int | str | None, ...] = ("batch", 1, 28, 28),
    answers: str = "probabilities",
    *,
    opset: int = 13,
    dtype: int = TensorProto.FLOAT,
    names: tuple[str, str] = ("picture", "answer"),
    listed: bool = False,
    reshaped: bool = False,
) -> Path:
    """Write an ONNX file of a network.

    Args:
        path: where to.
        weights: of the network.
        shape: of its input.
        answers: what it answers with.
        opset: its version.
        dtype: of its input.
        names: of its input and its output.
        listed: whether weights are inputs too, as up to IR 3 they had to be.
        reshaped: whether the batch is written into a Reshape, as PyTorch 1 does.
    """
    image, answer = names
    nodes = [helper.make_node("Cast", [image], ["floats"], to=TensorProto.FLOAT)]
    constants = [
        numpy_helper.from_array(array, name)
        for name, array in zip(Weights._fields, weights, strict=True)
    ]
    if reshaped:
        constants.append(numpy_helper.from_array(np.array([shape[0], -1]), "flat shape"))
        nodes.append(helper.make_node("Reshape", ["floats", "flat shape"], ["flat"]))
    else:
        nodes.append(helper.make_node("Flatten", ["floats"], ["flat"], axis=1))
    _, end = ENDS[answers]
    nodes += [
        helper.make_node("Gemm", ["flat", "first", "first_bias"], ["inner"]),
        helper.make_node("Relu", ["inner"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "second", "second_bias"], ["scores"]),
        helper.make_node(end, ["scores"], [answer], **({"axis": 1} if "oftmax" in end else {})),
    ]
    inputs = [helper.make_tensor_value_info(image, dtype, shape)]
    if listed:
        inputs += [
            helper.make_tensor_value_info(each.name, each.data_type, each.dims)
            for each in constants
        ]
    graph = helper.make_graph(
        nodes,
        "theirs",
        inputs,
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, [shape[0], 10])],
        constants,
    )
    opsets = [helper.make_opsetid("", opset)]
    # The oldest IR in which weights need not be inputs, or the one before that.
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=3 if listed else 8), path)
    return path
