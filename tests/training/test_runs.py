"""Whole trainings: ensembles, teachers and unlabelled pictures, and what their contracts say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mnist_edge
from mnist_edge.contract import Content, Contract
from mnist_edge.data import npz, synthetic
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.training import keras_model
from mnist_edge.training.observer import Epoch, Observer
from mnist_edge.workspace import load_dataset
from tests.conftest import Result, Run, write_digits


@pytest.fixture(autouse=True)
def digits(tmp_path: Path) -> Path:
    """A dataset small enough to train on in a second."""
    train, test = synthetic.generate(600, seed=1), synthetic.generate(200, seed=2)
    write_digits(tmp_path / "digits.npz", train, test)
    return tmp_path / "digits.npz"


def provenance(path: Path) -> dict[str, object]:
    document = json.loads(path.with_name(f"{path.name}.json").read_text())
    return dict(document["provenance"], weights=document["weights_sha256"])


def train(run: Run, *arguments: str | Path | int) -> Result:
    result = run("train", "--data", "digits.npz", "--epochs", 1, *arguments)
    assert result.code == 0, result.stderr
    return result


def test_an_ensemble_averages_its_members_and_goes_where_they_go(
    run: Run, digits: Path, tmp_path: Path
) -> None:
    train(run, "--ensemble", "2")
    runs = tmp_path / "runs"
    first, second, both = (
        keras_model.KerasEngine(keras_model.load(runs / f"{name}.keras"))
        for name in ("edge-1", "edge-2", "edge")
    )
    images = npz.load(digits).test.images
    mean = (first.run(images) + second.run(images)) / 2
    np.testing.assert_allclose(both.run(images), mean, atol=1e-6)  # one float32 sum
    assert not np.allclose(first.run(images), second.run(images), atol=1e-2)
    assert [provenance(runs / f"edge-{n}.keras")["seed"] for n in (1, 2)] == [0, 1]
    assert provenance(runs / "edge.keras")["members"] == 2

    # One graph, and the gate's proof that it answers like the Keras model.
    exported = run("export", "--formats", "onnx,tflite", "--json", "--allow-inaccurate")
    assert exported.code == 0, exported.stderr
    assert [file["passed"] for file in json.loads(exported.stdout)["files"]] == [True, True]

    # With --resume finished members are taken as they are, and a missing one is trained again.
    weights = provenance(runs / "edge.keras")["weights"]
    (runs / "edge-2.keras").unlink()
    again = train(run, "--ensemble", "2", "--resume")
    assert again.stderr.count("epoch 1/1") == 1
    assert provenance(runs / "edge.keras")["weights"] == weights


def test_resuming_what_was_not_begun_starts_anew_and_what_is_finished_stays(
    run: Run, tmp_path: Path
) -> None:
    first = train(run, "--recipe", "tiny", "--resume")
    assert "nothing of this training is in runs yet: tiny.keras starts anew." in first.stderr
    assert first.stderr.count("epoch 1/1") == 1
    again = train(run, "--recipe", "tiny", "--resume")
    assert "runs/tiny.keras is finished already." in again.stderr
    assert "epoch 1/1" not in again.stderr
    assert again.stdout == first.stdout
    other = train(run, "--recipe", "tiny", "--resume", "--seed", 1)
    assert "starts anew" in other.stderr
    assert provenance(tmp_path / "runs" / "tiny.keras")["seed"] == 1


# Keras' own, when it saves.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_training_from_python_gives_what_was_published(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told: list[object] = []

    class Listening(Observer):
        def on_epoch(self, epoch: Epoch) -> None:
            told.append(epoch)

    run = mnist_edge.train("tiny", data="digits.npz", epochs=2, observer=Listening())
    assert run.model == Path("runs", "tiny.keras")
    assert Contract.from_sidecar(run.model) == run.contract
    assert run.contract.content == Content.of(run.model.read_bytes())
    assert run.history == tuple(told)
    assert [epoch.epoch for epoch in run.history] == [1, 2]
    answers = keras_model.KerasEngine(keras_model.load(run.model)).run(npz.load(digits).test.images)
    assert run.accuracy == accuracy(answers, npz.load(digits).test.labels)
    again = mnist_edge.train("tiny", data=str(digits), epochs=2, out="again")
    assert again.contract.weights_sha256 == run.contract.weights_sha256
    # The contract names the dataset, and no path of this machine; the folder knows where it lies.
    assert again.contract.metrics.dataset == "digits.npz"
    assert str(tmp_path) not in again.contract.to_json()
    assert load_dataset(None, again.contract, Path("again")).source == digits


def test_the_library_refuses_what_makes_no_sense_before_it_loads_tensorflow() -> None:
    code = """
import sys, mnist_edge
for arguments in ({"recipe": "egde"}, {"seed": -1}, {"epochs": 0}, {"unlabelled": "pictures"}):
    try:
        mnist_edge.train(**arguments)
    except mnist_edge.UsageError:
        continue
    sys.exit(f"{arguments} was taken")
sys.exit("tensorflow" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_student_learns_its_teachers_answers_also_to_unlabelled_pictures(
    run: Run, digits: Path, tmp_path: Path
) -> None:
    train(run, "--out", "teacher")
    arguments = ("--formats", "onnx", "--out", "teacher", "--allow-inaccurate")
    assert run("export", "teacher/edge.keras", *arguments).code == 0
    teacher = provenance(tmp_path / "teacher" / "edge.keras")
    (tmp_path / "pictures").mkdir()
    for number, image in enumerate(npz.load(digits).test.images[:60]):
        Image.fromarray(255 - image).save(tmp_path / "pictures" / f"{number}.png")
    teaching = ("--teacher", "teacher/edge.onnx", "--unlabelled", "pictures")
    result = train(run, "--recipe", "tiny", *teaching)
    assert "the teachers answer" in result.stderr
    assert "550 pictures, 60 unlabelled ones" in result.stderr
    student = provenance(tmp_path / "runs" / "tiny.keras")
    assert student["teachers"] == [teacher["weights"]]
    assert student["unlabelled"] == 60
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        *(".origins.json", "tiny.curves.svg", "tiny.keras", "tiny.keras.json")
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--unlabelled", "."), 2, "--teacher"),
        (("--teacher", "digits.npz"), 2, "of no format"),
        (("--teacher", "missing.onnx"), 1, "no such model file"),
        (("--teacher", "missing.onnx", "--unlabelled", "nowhere"), 1, "no such folder"),
    ],
)
def test_what_cannot_teach_is_refused(
    run: Run, digits: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = run("train", "--data", digits, *arguments)
    assert result.code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
