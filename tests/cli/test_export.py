"""The three lines: somebody's model in a folder, exported, read with, and measured."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data import Dataset
from tests.cli.test_errors import assert_error
from tests.conftest import Run, data_folder, write_digits
from tests.formats import theirs

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:You are saving")


def test_somebodys_model_is_exported_reads_a_picture_and_is_measured(
    run: Run,
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
) -> None:
    write_digits(tmp_path / "digits.npz", digits.train, digits.test)
    fed = theirs.spec("NHW", 28, 28, range=(0.0, 255.0))
    theirs.to_keras(theirs.fed_as(weights, fed), (28, 28), "scores").save(tmp_path / "mnist.h5")
    result = run("export", "mnist.h5", "--data", "digits.npz")
    assert result.code == 0, result.stderr
    assert "mnist.h5: 28x28, ink 255 on paper 0 (loss " in result.stderr
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        *(["keras", "runs/mnist.keras"], ["onnx", "runs/mnist.onnx"]),
        ["tflite", "runs/mnist.tflite"],
    ]
    assert result.stderr.endswith("next: mnist-edge predict digit.png\n")

    image = digits.test.images[0]
    Image.fromarray(255 - image).resize((280, 280)).save(tmp_path / "digit.png")
    result = run("predict", "digit.png", "--json")
    assert result.code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["digit"] == digits.test.labels[0]
    assert answer["model"] == "mnist.onnx"

    result = run("bench", "--quick", "--json")
    assert result.code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["reference"] == str(tmp_path / "mnist.h5")
    assert [row["format"] for row in report["rows"]] == ["mnist.h5", "keras", "onnx", "tflite"]
    for row in report["rows"]:
        assert row["error"] is None
        assert row["agreement"] == 1
        assert row["max_abs_diff"] < 1e-4
    assert report["rows"][0]["input"] == "mnist.h5: fed as when it was exported"


def test_what_cannot_be_decided_is_an_error_with_the_flags_that_decide(
    run: Run,
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
) -> None:
    write_digits(tmp_path / "digits.npz", digits.train, digits.test)
    odd = theirs.fed_as(weights, theirs.spec("NCHW", 1, 28, 28, range=(7.0, 3.0)))
    theirs.to_onnx(tmp_path / "odd.onnx", odd)
    result = run("export", "odd.onnx", "--data", "digits.npz", "--out", "made")
    assert result.code == 1
    assert "odd.onnx reads " in result.stderr
    assert "\n      loss  accuracy  fed with\n" in result.stderr
    assert "--input-range LOW,HIGH" in result.stderr
    assert not list((tmp_path / "made").glob("[!.]*"))
    flags = ("--input-range", "3,7", "--ink", "dark")
    result = run("export", "odd.onnx", "--data", "digits.npz", "--out", "made", *flags)
    assert result.code == 0, result.stderr
    assert "ink 3 on paper 7" in result.stderr
    contradiction = ("--input-range", "0,1", "--input-mean", "0.5", "--input-std", "0.5")
    assert_error(run("export", "odd.onnx", *contradiction), 2, "--input-mean and --input-std")
    assert_error(run("export", "odd.onnx", "--input-shape", "a,b"), 2, "--input-shape is 'a,b'")
    assert_error(run("export", "odd.onnx", "--input-range", "0"), 2, "--input-range is '0'")


# Of each kind one, and some that are no digit classifiers.
FEW = ["o01.onnx", "o20.onnx", "h01.h5", "o02.onnx", "o44.onnx"]


@pytest.mark.parametrize("name", FEW)
def test_models_that_people_published_are_fed_as_their_authors_do_or_refused(name: str) -> None:
    from mnist_edge import data
    from mnist_edge.benchmark.judge import judge

    folder = data_folder("MNIST_EDGE_MODELS")
    if "MNIST_EDGE_DATA" not in os.environ:
        pytest.skip("MNIST_EDGE_DATA is not set: these models read MNIST")
    with (folder / "models.csv").open(newline="", encoding="utf-8") as file:
        (entry,) = (row for row in csv.DictReader(file) if row["file"] == name)
    mnist = data.load("mnist")
    few = data.Split(mnist.test.images[:1000], mnist.test.labels[:1000])
    (judged,) = judge([folder / name], Dataset(mnist.name, mnist.train, mnist.validation, few))
    if entry["use"] == "yes":
        assert judged.error is None
        assert (judged.accuracy or 0) >= float(entry["accuracy"]) - 0.005
        low, high = (judged.input or pytest.fail("it was not fed")).range
        assert (low < high) is ("white-on-black" in entry["preprocessing"])
    else:
        assert judged.error
        assert "\n" not in judged.error
        assert np.isnan(judged.accuracy or np.nan)
