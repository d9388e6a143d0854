"""Models that are no classifiers of pictures or answer no probabilities; engines that move."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mnist_edge import Classifier
from mnist_edge.contract import CHECKSUM, TensorSpec
from mnist_edge.data import synthetic
from mnist_edge.errors import ContractError, ModelError, UsageError
from mnist_edge.runtime.engines import open_bare
from mnist_edge.runtime.engines.engine import ROUNDED, check_answers

MODELS = Path(__file__).parents[2] / "models"
SPEC = TensorSpec("image", "NCHW", (None, 1, 28, 28), "float32", (0.0, 1.0))
IMAGES = synthetic.generate(3, seed=4).images

Ends = list[onnx.ValueInfoProto]
PICTURE = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 28, 28])
ANSWER = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", 10])


def model(nodes: list[onnx.NodeProto], inputs: Ends, outputs: Ends) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "odd", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def always(*row: float) -> onnx.ModelProto:
    """A model that answers every picture with the same ten numbers."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [784, 10], [0.0] * 7840)
    bias = helper.make_tensor("b", TensorProto.FLOAT, [10], row)
    made = model(
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w", "b"], ["out"]),
        ],
        [PICTURE],
        [ANSWER],
    )
    made.graph.initializer.extend([weights, bias])
    return made


def batched(size: int) -> onnx.ModelProto:
    made = always(*[0.1] * 10)
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = size
    return made


def constant(kind: int, value: float | bytes) -> onnx.NodeProto:
    tensor = helper.make_tensor("v", kind, [1, 10], [value] * 10)
    return helper.make_node("Constant", [], ["out"], value=tensor)


def with_second_input() -> onnx.ModelProto:
    made = always(*[0.1] * 10)
    made.graph.input.append(helper.make_tensor_value_info("two", TensorProto.FLOAT, [1]))
    return made


ODD: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "batch 0": (lambda: batched(0), "no batch"),
    "batch 10⁹": (lambda: batched(10**9), "no batch"),
    "batch 2⁶³-1": (lambda: batched(2**63 - 1), "no batch"),
    "no input": (lambda: model([constant(TensorProto.FLOAT, 0.1)], [], [ANSWER]), "0 inputs"),
    "two inputs": (with_second_input, "2 inputs"),
    "strings": (
        lambda: model(
            [constant(TensorProto.STRING, b"7"), helper.make_node("Identity", ["image"], ["same"])],
            [PICTURE],
            [helper.make_tensor_value_info("out", TensorProto.STRING, [1, 10])],
        ),
        "not numbers",
    ),
    "a sequence": (
        lambda: model(
            [helper.make_node("SequenceConstruct", ["image"], ["out"])],
            [PICTURE],
            [helper.make_tensor_sequence_value_info("out", TensorProto.FLOAT, None)],
        ),
        "not numbers",
    ),
    "a single number": (
        lambda: model(
            [helper.make_node("ReduceSum", ["image"], ["out"], keepdims=0)],
            [PICTURE],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        ),
        "not with 10 numbers",
    ),
    "NaN": (lambda: always(float("nan"), *[0.0] * 9), "no probabilities"),
    "infinity": (lambda: always(float("inf"), *[0.0] * 9), "no probabilities"),
    "a sum of 2": (lambda: always(*[0.2] * 10), "no probabilities"),
    "less than 0": (lambda: always(2.0, -1.0, *[0.0] * 8), "no probabilities"),
}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ODD)
def test_a_model_that_cannot_be_believed_is_an_error_that_names_it(
    kind: str, count: int, tmp_path: Path
) -> None:
    make, cause = ODD[kind]
    path = tmp_path / "odd.onnx"
    path.write_bytes(make().SerializeToString())
    with pytest.raises(ModelError, match=rf"odd\.onnx .*{cause}"):
        open_bare(path, SPEC).run(IMAGES[:count])


def test_a_fixed_batch_of_usual_size_is_fed(tmp_path: Path) -> None:
    path = tmp_path / "two.onnx"
    path.write_bytes(batched(2).SerializeToString())
    np.testing.assert_allclose(open_bare(path, SPEC).run(IMAGES), 0.1)


@pytest.mark.parametrize("answers", ["probabilities", "scores", "sigmoids"])
def test_whatever_answers_stand_for_they_are_finite(answers: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(always(float("nan"), *[0.0] * 9).SerializeToString())
    with pytest.raises(ModelError, match=r"odd\.onnx .*no probabilities"):
        open_bare(path, SPEC, answers).run(IMAGES)


def test_rounded_answers_may_miss_1_by_their_steps() -> None:
    row = np.full((1, 10), 25 / 256, np.float32)  # 250/256 in all: 6 steps short
    with pytest.raises(ModelError):
        check_answers(row, "", ROUNDED)
    row[0, 0] += 2 / 256
    check_answers(row, "", ROUNDED)
    with pytest.raises(ModelError):
        check_answers(row, "")


def test_damaged_weights_are_told_of_a_tflite_file(tmp_path: Path) -> None:
    """Also of a file that has no checksum: of somebody else's, or an older one."""
    content = bytearray((MODELS / "edge.tflite").read_bytes())
    document = json.loads((MODELS / "edge.tflite.json").read_text(encoding="utf-8"))
    for checksum in ("content", CHECKSUM):
        document.pop(checksum, None)
    (tmp_path / "edge.tflite.json").write_text(json.dumps(document), encoding="utf-8")
    middle = len(content) // 2 & ~3
    content[middle : middle + 400] = np.full(100, np.nan, np.float32).tobytes()
    (tmp_path / "edge.tflite").write_bytes(content)
    with pytest.raises(ModelError, match=r"edge\.tflite "):
        Classifier.load(tmp_path / "edge.tflite").predict(255 - IMAGES[0])


def test_a_contract_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    content = (MODELS / "edge.onnx").read_bytes()
    path = tmp_path / "edge.onnx"
    path.write_bytes(content.replace(b'"recipe"', b'"reci\xffe"'))
    with pytest.raises(ContractError, match=r"edge\.onnx .*not UTF-8"):
        Classifier.load(path)


@pytest.mark.parametrize("threads", [0, -1, 10**9])
@pytest.mark.parametrize("name", ["tiny.onnx", "tiny.tflite"])
def test_a_number_of_threads_that_is_none_is_refused(name: str, threads: int) -> None:
    with pytest.raises(UsageError, match="threads"):
        Classifier.load(MODELS / name, threads=threads)


@pytest.mark.parametrize("name", ["tiny.onnx", "tiny.tflite", "tiny.int8.tflite"])
def test_a_classifier_moves_to_another_process(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MODELS)
    classifier = Classifier.load(name)
    answers = classifier.predict_batch(IMAGES).probabilities
    pickled = pickle.dumps(classifier)
    monkeypatch.chdir("/")
    for twin in (pickle.loads(pickled), copy.deepcopy(classifier)):  # noqa: S301
        np.testing.assert_array_equal(twin.predict_batch(IMAGES).probabilities, answers)


def test_a_session_of_ones_own_does_not() -> None:
    session = onnxruntime.InferenceSession(MODELS / "tiny.onnx")
    with pytest.raises(UsageError, match="session of your own"):
        pickle.dumps(Classifier.from_session(session))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ["tiny.onnx", "tiny.tflite"])
def test_a_classifier_works_on_in_a_child(name: str, threads: int) -> None:
    classifier = Classifier.load(MODELS / name, threads=threads)
    images = np.tile(IMAGES, (200, 1, 1))
    answers = classifier.predict_batch(images).probabilities
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # where it waits for a thread that is not there
        same = np.array_equal(classifier.predict_batch(images).probabilities, answers)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_file_that_is_not_utf8_inside_says_nothing_on_stdout(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.onnx"
    content = always(*[0.1] * 10).SerializeToString()
    path.write_bytes(content.replace(b"Gemm", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(ModelError, match=r"odd\.onnx is not an ONNX model"):
        open_bare(path, SPEC)
    assert capfd.readouterr().out == ""
