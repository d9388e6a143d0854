"""The four commands in order, as a user runs them, and what each leaves behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.formats.inside import read_layers as read
from mnist_edge.runtime.engines import open_engine
from tests.conftest import ALL_FORMATS, EPOCHS, Run, Workspace

FORMATS = ["onnx", "onnx-int8", "tflite", "tflite-fp16", "tflite-int8"]


@pytest.fixture
def picture(workspace: Workspace, tmp_path: Path) -> tuple[Path, int]:
    """A test digit in dark ink on white paper, ten times its size, and what it is."""
    image, label = workspace.dataset.test.images[0], int(workspace.dataset.test.labels[0])
    path = tmp_path / "digit.png"
    Image.fromarray(255 - image).resize((280, 280)).save(path)
    return path, label


def test_train_publishes_a_model_with_its_contract_and_no_checkpoint(workspace: Workspace) -> None:
    document = json.loads((workspace.runs / "edge.keras.json").read_text())
    assert [epoch["epoch"] for epoch in document["history"]] == list(range(1, int(EPOCHS) + 1))
    assert document["metrics"]["accuracy"]["keras"] > 0.95
    assert not (workspace.runs / ".edge.checkpoint.npz").exists()


def test_train_json_ends_with_one_object_and_the_next_command(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    data = workspace.folder / "digits.npz"
    result = run("train", "--data", data, "--epochs", 1, "--json", "--out", "elsewhere")
    assert result.code == 0
    (line,) = result.stdout.splitlines()
    report = json.loads(line)
    assert list(report) == [
        *("recipe", "model", "parameters", "epochs", "seconds", "accuracy", "loss", "dataset")
    ]
    assert report["parameters"] == 27_130
    assert (tmp_path / report["model"]).is_file()
    assert "epoch 1/1" in result.stderr
    assert result.stderr.endswith("next: mnist-edge export --int8 elsewhere/edge.keras\n")


def test_bare_export_makes_the_float_formats_and_int8_adds_two(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    shutil.copytree(
        workspace.runs, tmp_path / "runs", ignore=shutil.ignore_patterns("*.on*", "*fl*")
    )
    result = run("export", "--json")
    assert result.code == 0, result.stderr
    assert "model: runs/edge.keras" in result.stderr
    files = json.loads(result.stdout)["files"]
    assert [file["format"] for file in files] == ["onnx", "tflite"]
    assert result.stderr.endswith("next: mnist-edge predict digit.png\n")
    result = run("export", "--int8")
    assert result.code == 0, result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [
        *("onnx", "onnx-int8", "tflite", "tflite-int8")
    ]


def test_fast_adds_one_operation_and_changes_no_digit(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    source = workspace.runs / "edge.keras"
    result = run("export", source, "--formats", "tflite-int8", "--fast", "--out", tmp_path)
    assert result.code == 0, result.stderr
    paths = [folder / "edge.int8.tflite" for folder in (workspace.runs, tmp_path)]
    plain, fast = ([layer.kind for layer in read(path)] for path in paths)
    assert fast == ["SPACE_TO_DEPTH", *plain]
    before, after = (open_engine(path)[0].run(workspace.dataset.test.images) for path in paths)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    # On some processors XNNPACK rounds the two differently, by a step of a layer in between.
    np.testing.assert_allclose(after, before, atol=13 / 256)


def test_export_gives_the_same_bytes_again(run: Run, workspace: Workspace, tmp_path: Path) -> None:
    result = run(
        "export", workspace.runs / "edge.keras", "--formats", ALL_FORMATS, "--out", "again"
    )
    assert result.code == 0, result.stderr
    paths = [path for path in (tmp_path / "again").iterdir() if not path.name.startswith(".")]
    for path in paths:
        assert path.read_bytes() == (workspace.runs / path.name).read_bytes(), path.name
    trained = ("edge.keras", "edge.curves", ".")
    made = {path.name for path in workspace.runs.iterdir() if not path.name.startswith(trained)}
    assert {path.name for path in paths} == made


def test_export_refuses_to_replace_what_no_export_made(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "edge.onnx").write_text("my own work")
    arguments = ("export", workspace.runs / "edge.keras", "--formats", "onnx")
    result = run(*arguments)
    assert result.code == 1
    assert "runs/edge.onnx is in the way" in result.stderr
    assert (tmp_path / "runs" / "edge.onnx").read_text() == "my own work"
    assert run(*arguments, "--force").code == 0
    assert run(*arguments).code == 0


def test_predict_reads_the_picture_with_every_format(
    run: Run, workspace: Workspace, picture: tuple[Path, int]
) -> None:
    path, label = picture
    for name in ("edge.onnx", "edge.int8.onnx", "edge.tflite", "edge.int8.tflite"):
        result = run("predict", path, "--model", workspace.runs / name, "--json")
        assert result.code == 0, result.stderr
        answer = json.loads(result.stdout)
        assert list(answer) == [
            *("source", "digit", "confidence", "probabilities", "accepted", "reason", "model"),
            *("box", "frame", "frames"),
        ]
        assert answer["digit"] == label, name
        assert answer["source"] == str(path)
        assert answer["model"] == name
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=0.05)


def test_predict_takes_the_newest_model_in_runs(
    run: Run, workspace: Workspace, picture: tuple[Path, int]
) -> None:
    result = run("predict", picture[0], cwd=workspace.folder)
    assert result.code == 0
    assert result.stdout.startswith(f"{picture[1]} (")
    assert "model: runs/edge.onnx\n" in result.stderr


def test_predict_reads_stdin_and_shows_the_top_answers(
    run: Run, workspace: Workspace, picture: tuple[Path, int]
) -> None:
    model = workspace.runs / "edge.onnx"
    result = run("predict", "-", "--model", model, "--top", 3, stdin=picture[0].read_bytes())
    assert result.code == 0
    assert result.stdout.startswith(f"{picture[1]} (")
    assert result.stdout.count("%") == 3


def test_predict_answers_the_good_files_and_names_the_bad_one(
    run: Run, workspace: Workspace, picture: tuple[Path, int], tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_text("this is no picture")
    result = run(
        "predict", picture[0], "bad.png", picture[0], "--model", workspace.runs / "edge.onnx"
    )
    assert result.code == 1
    assert [line.split()[1] for line in result.stdout.splitlines()] == [str(picture[1])] * 2
    assert "bad.png" in result.stderr
    assert "Traceback" not in result.stderr


def test_predict_says_that_a_blank_picture_has_no_ink(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    Image.new("RGB", (60, 40), "white").save(tmp_path / "blank.png")
    result = run("predict", "blank.png", "--model", workspace.runs / "edge.onnx", "--json")
    assert result.code == 0
    answer = json.loads(result.stdout)
    assert (answer["digit"], answer["accepted"], answer["reason"]) == (None, False, "blank")


def test_predict_explains_how_it_read_the_picture(
    run: Run, workspace: Workspace, picture: tuple[Path, int]
) -> None:
    model = workspace.runs / "edge.onnx"
    result = run("predict", picture[0], "--model", model, "--explain")
    assert result.code == 0
    assert "█" in result.stderr
    assert "dark ink" in result.stderr


def test_info_prints_the_contract(run: Run, workspace: Workspace) -> None:
    result = run("info", workspace.runs / "edge.int8.tflite")
    assert result.code == 0
    assert "full integer: int8 weights" in result.stdout
    document = json.loads(run("info", workspace.runs / "edge.int8.onnx", "--json").stdout)
    assert document["quantization"]["calibration"] == {"count": 1000, "seed": 0, "split": "train"}
    assert (
        document["weights_sha256"]
        == json.loads((workspace.runs / "edge.keras.json").read_text())["weights_sha256"]
    )
    assert len(document["parity"]["flips"]) == round(5000 * (1 - document["parity"]["agreement"]))


def test_data_show_draws_a_grid_and_one_picture(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    data = workspace.folder / "digits.npz"
    assert run("data", "show", "--data", data).stdout == "runs/digits.png\n"
    with Image.open(tmp_path / "runs" / "digits.png") as grid:
        assert grid.width > 10 * 28
        assert grid.height > 10 * 28
    assert run("data", "show", "--data", data, "--index", 3, "--file", "three.png").code == 0
    with Image.open(tmp_path / "three.png") as enlarged:
        drawn = np.asarray(enlarged.resize((28, 28)), float)
    ink = 255 - workspace.dataset.test.images[3].astype(float)
    assert np.corrcoef(drawn.ravel(), ink.ravel())[0, 1] > 0.95
    assert run("data", "show", "--data", data, "--index", 5000).code == 2


def test_data_fetch_leaves_alone_what_the_variable_names(run: Run, tmp_path: Path) -> None:
    from mnist_edge.data.idx import NAMES

    for name in NAMES:
        (tmp_path / name).touch()
    result = run("data", "fetch", env={"MNIST_EDGE_DATA": str(tmp_path)})
    assert (result.code, result.stdout) == (0, f"{tmp_path}\n")
    assert run("data", "path", env={"MNIST_EDGE_DATA": str(tmp_path)}).stdout == f"{tmp_path}\n"


def test_data_path_says_where_mnist_is_or_how_to_get_it(run: Run, tmp_path: Path) -> None:
    env = {"MNIST_EDGE_DATA": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    result = run("data", "path", env=env)
    assert result.code == 1
    assert "mnist-edge data fetch" in result.stderr
