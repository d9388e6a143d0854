"""What a file is read as, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from mnist_edge.errors import ConversionError
from mnist_edge.formats.c.graph import Convolution, Dense, Softmax
from mnist_edge.formats.c.parse import parse
from tests.formats.c.conftest import MODELS
from tests.formats.c.networks import Body, after, int8, layer

TINY = (MODELS / "tiny.int8.tflite").read_bytes()


def changed(change: Callable[[Any], None]) -> bytes:
    """The file of `tiny` with something changed in it."""
    model = schema.ModelT.InitFromPackedBuf(TINY, 0)
    change(model)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def code_of(model: Any, name: str) -> Any:
    number = getattr(schema.BuiltinOperator, name)
    return next(code for code in model.operatorCodes if code.builtinCode == number)


def test_only_what_computes_is_a_layer() -> None:
    network = parse(TINY)
    assert [type(layer) for layer in network.layers] == [
        *(Convolution, Convolution, Convolution, Convolution, Dense, Softmax)
    ]
    assert network.input.shape == (28, 28, 1)
    assert network.output.shape.size == 10


def test_another_operator_is_refused_by_name() -> None:
    def change(model: Any) -> None:
        code = code_of(model, "SOFTMAX")
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.LOGISTIC

    with pytest.raises(ConversionError, match="no operator LOGISTIC"):
        parse(changed(change))


@pytest.mark.parametrize(
    ("body", "operator", "remedy"),
    [
        (after(layer("ReLU"), layer("BatchNormalization")), "MUL", "BatchNormalization directly"),
        (after(layer("GlobalAveragePooling2D")), "MEAN", "AveragePooling2D over the whole"),
        (after(layer("ELU")), "ELU", "ReLU in place of ELU"),
        (after(layer("ReLU", 1.0)), "MINIMUM", "ReLU with another maximum"),
    ],
    ids=["normalization", "pooling", "activation", "maximum"],
)
def test_what_to_build_instead_is_told_in_words_of_keras(
    body: Body, operator: str, remedy: str
) -> None:
    with pytest.raises(ConversionError, match=f"no operator {operator}[.]") as refused:
        parse(int8(body))
    assert remedy in str(refused.value.remedy)


def test_an_activation_that_is_not_there_is_refused() -> None:
    def change(model: Any) -> None:
        options = model.subgraphs[0].operators[-3].builtinOptions
        options.fusedActivationFunction = schema.ActivationFunctionType.TANH

    with pytest.raises(ConversionError, match="no activation TANH"):
        parse(changed(change))


def test_floats_are_refused() -> None:
    def change(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            tensor.type = schema.TensorType.FLOAT32

    with pytest.raises(ConversionError, match="FLOAT32"):
        parse(changed(change))


def test_weights_with_a_zero_point_are_refused() -> None:
    def change(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.name.endswith(b".weight"):
                tensor.quantization.zeroPoint = tensor.quantization.zeroPoint + 1

    with pytest.raises(ConversionError, match="zero point"):
        parse(changed(change))


def test_sums_beyond_32_bits_are_refused() -> None:
    def change(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.name.endswith(b".bias"):
                buffer = model.buffers[tensor.buffer]
                buffer.data = np.resize(np.array([255, 255, 255, 127], np.uint8), len(buffer.data))

    with pytest.raises(ConversionError, match="32 bits"):
        parse(changed(change))


def test_answers_that_are_nearly_alike_are_refused() -> None:
    """TFLite's own kernel ends the process there."""

    def change(model: Any) -> None:
        for operator in model.subgraphs[0].operators:
            if hasattr(operator.builtinOptions, "beta"):
                operator.builtinOptions.beta = 1e-9

    with pytest.raises(ConversionError, match="all answers are nearly alike") as refused:
        parse(changed(change))
    assert refused.value.remedy.endswith("train the network again.")


def test_another_number_of_scores_is_refused() -> None:
    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.outputs = [graph.operators[-4].outputs[0]]

    with pytest.raises(ConversionError, match="takes 784 numbers and gives 144, not 784 and 10"):
        parse(changed(change))


@pytest.mark.parametrize("content", [b"", b"no model", TINY[:1000]], ids=["", "text", "cut"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ConversionError, match="TFLite"):
        parse(content)
