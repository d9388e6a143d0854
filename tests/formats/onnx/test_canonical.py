"""Wrapped for export, other people's ONNX files answer what they answer as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mnist_edge.contract import TensorSpec
from mnist_edge.data import Dataset
from mnist_edge.errors import ConversionError, ModelError
from mnist_edge.formats.foreign import Feeding
from mnist_edge.formats.onnx import ONNX
from mnist_edge.formats.onnx.canonical import adopt
from mnist_edge.runtime.engines.encoding import EncodedEngine
from mnist_edge.runtime.engines.onnx import OnnxRunner
from tests.formats import theirs
from tests.formats.keras.test_canonical import FEEDINGS
from tests.formats.theirs import spec, to_onnx

PLAIN = spec("NCHW", 1, 28, 28)


def same(
    path: Path, fed: TensorSpec, digits: Dataset, *, answers: str = "probabilities"
) -> onnx.ModelProto:
    """Check that a file answers wrapped what it answers as it is, and return it wrapped."""
    images = digits.test.images[:50]
    expected = EncodedEngine(OnnxRunner(path), fed, answers).run(images)
    assert np.ptp(expected, axis=0).max() > 0.5
    rows = {row.name: row for row in ONNX.formats}
    wrapped: onnx.ModelProto = adopt(path, Feeding(fed, answers), rows).model
    onnx.checker.check_model(wrapped, full_check=True)
    size = wrapped.graph.input[0].type.tensor_type.shape.dim[0].dim_value or len(images)
    session = onnxruntime.InferenceSession(wrapped.SerializeToString())
    pictures = images[:, np.newaxis] / np.float32(255)
    given = np.concatenate(
        [
            session.run(["probabilities"], {"image": pictures[start : start + size]})[0]
            for start in range(0, len(images), size)
        ]
    )
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)
    return wrapped


def dressed(path: Path, weights: theirs.Weights, fed: TensorSpec, **others: Any) -> Path:
    own = theirs.fed_as(weights, fed)
    if fed.shape[1:] == (196,):
        raise AssertionError("it looks at other pixels")
    return to_onnx(path, own, ("batch", *fed.shape[1:]), **others)


@pytest.mark.parametrize(
    "name", [name for name, fed in FEEDINGS.items() if fed.shape[1:] != (196,)]
)
def test_a_file_answers_the_same_however_it_is_fed(
    name: str, digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    fed = FEEDINGS[name]
    same(dressed(tmp_path / "a.onnx", weights, fed), fed, digits)


@pytest.mark.parametrize("answers", theirs.ENDS)
def test_a_file_answers_the_same_whatever_it_answers_with(
    answers: str, digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    same(to_onnx(tmp_path / "a.onnx", weights, answers=answers), PLAIN, digits, answers=answers)


@pytest.mark.parametrize("opset", [7, 8, 9, 11, 13, 17, 21, 23])
def test_opsets_old_and_new_become_one_that_our_runtimes_read(
    opset: int, digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    path = to_onnx(tmp_path / "a.onnx", weights, opset=opset, listed=opset < 9)
    if opset < 9:
        assert len(onnx.load(path).graph.input) == 5  # the weights, too
    wrapped = same(path, PLAIN, digits)
    (version,) = (entry.version for entry in wrapped.opset_import if not entry.domain)
    assert version == max(opset, 13)
    assert [value.name for value in wrapped.graph.input] == ["image"]


def test_what_cannot_become_newer_says_so(weights: theirs.Weights, tmp_path: Path) -> None:
    """`Upsample` has no counterpart with this mode of scales in the converter."""
    path = to_onnx(tmp_path / "a.onnx", weights, opset=6, listed=True)
    model = onnx.load(path)
    model.graph.node[-1].op_type = "Scan"
    onnx.save(model, path)
    with pytest.raises(ConversionError, match="is of opset 6 and cannot be converted to 13"):
        adopt(path, Feeding(PLAIN, "probabilities"), {row.name: row for row in ONNX.formats})


def test_weights_in_a_file_beside_are_taken_in(
    digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    model = onnx.load(to_onnx(tmp_path / "whole.onnx", weights))
    onnx.save_model(
        *(model, tmp_path / "a.onnx"),
        save_as_external_data=True,
        location="a.onnx.data",
        size_threshold=0,
    )
    assert (tmp_path / "a.onnx").stat().st_size < 2000
    wrapped = same(tmp_path / "a.onnx", PLAIN, digits)
    assert all(tensor.raw_data for tensor in wrapped.graph.initializer)
    (tmp_path / "a.onnx.data").unlink()
    with pytest.raises(ModelError, match=r"a\.onnx"):
        OnnxRunner(tmp_path / "a.onnx")


@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("reshaped", [False, True])
def test_a_fixed_batch_becomes_free(
    reshaped: bool, batch: int, digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    path = to_onnx(tmp_path / "a.onnx", weights, (batch, 1, 28, 28), reshaped=reshaped)
    fed = TensorSpec("image", "NCHW", (batch, 1, 28, 28), "float32", (0.0, 1.0))
    wrapped = same(path, fed, digits)
    assert wrapped.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize(
    ("dtype", "name", "full"),
    [
        (TensorProto.DOUBLE, "float64", 1.0),
        (TensorProto.FLOAT16, "float16", 1.0),
        (TensorProto.UINT8, "uint8", 255.0),
        (TensorProto.INT64, "int64", 255.0),
    ],
)
def test_inputs_of_other_types_are_fed(
    dtype: int, name: str, full: float, digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    fed = TensorSpec("image", "NCHW", (None, 1, 28, 28), name, (0.0, full))
    path = to_onnx(tmp_path / "a.onnx", theirs.fed_as(weights, fed), dtype=dtype)
    assert OnnxRunner(path).dtype == name
    wrapped = same(path, fed, digits)
    assert wrapped.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


@pytest.mark.parametrize(
    "names",
    [("image", "probabilities"), ("probabilities", "image"), ("feed1", "answer1"), ("a/b c", "é")],
)
def test_names_may_be_our_own_or_odd(
    names: tuple[str, str], digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    fed = spec("NCHW", 1, 28, 28, range=(-1.0, 1.0))
    own = theirs.fed_as(weights, fed)
    same(
        to_onnx(tmp_path / "a.onnx", own, names=names, answers="scores"),
        fed,
        digits,
        answers="scores",
    )


def test_a_second_input_is_refused(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 784]) for name in "abc"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["c"])], "sum", ends[:2], ends[2:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(model, tmp_path / "two.onnx")
    with pytest.raises(ModelError, match=r"two\.onnx takes 2 inputs \(a, b\), not one picture"):
        OnnxRunner(tmp_path / "two.onnx")
