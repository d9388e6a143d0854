"""Bad input, a full disk, Ctrl-C: a line of cause, one of remedy, the right code, nothing lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from mnist_edge.contract import Content, Contract, sidecar
from mnist_edge.data import synthetic
from tests.conftest import ALL_FORMATS, PATIENCE, Result, Run, Workspace, run_command, write_digits

# Of trainings that are stopped.
FEW_EPOCHS = "6"

PNG_HEADER = b"\x89PNG\r\n\x1a\n"


def assert_error(result: Result, code: int, *words: str) -> None:
    """Check for exit code, cause and remedy, and that no traceback and no result were printed."""
    assert result.code == code, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    cause, remedy = result.stderr.rstrip().splitlines()[-2:]
    assert cause.startswith("error: ")
    assert remedy
    for word in words:
        assert word in cause, cause


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + checksum


def _bomb() -> bytes:
    """A PNG of 30,000 × 30,000 pixels in about a hundred kilobytes."""
    size = (30_000).to_bytes(4, "big")
    rows = zlib.compress(bytes(30_000 * 3_751))
    header = _chunk(b"IHDR", size + size + b"\x01\x00\x00\x00\x00")
    return PNG_HEADER + header + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _truncated(kind: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        Image.radial_gradient("L").save(path, kind)
        path.write_bytes(path.read_bytes()[:400])

    return make


BAD_PICTURES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("a picture of a seven"),
    "truncated png": _truncated("PNG"),
    "truncated jpeg": _truncated("JPEG"),
    "bomb": lambda path: path.write_bytes(_bomb()),
    "directory": lambda path: path.mkdir(),
    "missing": lambda _path: None,
}


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_predict_names_a_bad_picture(
    kind: str, run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    BAD_PICTURES[kind](tmp_path / "digit.png")
    result = run("predict", "digit.png", "--model", workspace.runs / "edge.onnx")
    assert_error(result, 1, "digit.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_predict_names_a_picture_without_permission(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    Image.new("L", (28, 28)).save(tmp_path / "digit.png")
    (tmp_path / "digit.png").chmod(0)
    result = run("predict", "digit.png", "--model", workspace.runs / "edge.onnx")
    assert_error(result, 1, "digit.png")


def _without_contract(path: Path, workspace: Workspace) -> None:
    model = onnx.load(workspace.runs / "edge.onnx")
    del model.metadata_props[:]
    onnx.save(model, path)


def _future_contract(path: Path, workspace: Workspace) -> None:
    model = onnx.load(workspace.runs / "edge.onnx")
    document = json.loads(model.metadata_props[0].value) | {"schema": 99}
    model.metadata_props[0].value = json.dumps(document)
    onnx.save(model, path)


BAD_MODELS: dict[str, tuple[Callable[[Path, Workspace], object], str]] = {
    "text": (lambda path, _: path.write_text("weights"), "not an ONNX model"),
    "empty": (lambda path, _: path.write_bytes(b""), "not an ONNX model"),
    "missing": (lambda _path, _: None, "there is no such"),
    "no contract": (_without_contract, "carries no contract"),
    "future contract": (_future_contract, "schema 99"),
}


@pytest.mark.parametrize(
    ("verb", "kind"),
    # Of somebody else's model there is still something to say.
    [("predict", kind) for kind in BAD_MODELS]
    + [("info", kind) for kind in BAD_MODELS if kind != "no contract"],
)
def test_predict_and_info_refuse_a_bad_model(
    verb: str, kind: str, run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    make, word = BAD_MODELS[kind]
    make(tmp_path / "model.onnx", workspace)
    Image.new("L", (28, 28)).save(tmp_path / "digit.png")
    arguments = ("predict", "digit.png", "--model") if verb == "predict" else ("info",)
    assert_error(run(*arguments, "model.onnx"), 1, "model.onnx", word)


def _publish(path: Path, workspace: Workspace) -> None:
    """Write the contract of a good model for a file, whatever that is."""
    contract = Contract.from_sidecar(workspace.runs / "edge.keras")
    replace(contract, content=Content.of(path.read_bytes())).write(sidecar(path))


def test_export_refuses_a_keras_file_that_is_not_one(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "bad.keras").write_text("layers")
    _publish(tmp_path / "bad.keras", workspace)
    result = run("export", "bad.keras", "--data", workspace.folder / "digits.npz")
    assert_error(result, 1, "bad.keras", "cannot be loaded")
    assert not (tmp_path / "runs").exists()


def test_export_says_that_a_model_is_not_there(run: Run) -> None:
    assert_error(run("export", "missing.keras"), 1, "missing.keras", "there is no such file")


def test_export_takes_trained_models_only(run: Run, workspace: Workspace) -> None:
    result = run("export", workspace.runs / "edge.onnx", "--data", workspace.folder / "digits.npz")
    assert_error(result, 2, "edge.onnx", "is an exported file, not a trained model")


def test_export_never_runs_code_in_a_keras_file(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    """Its last layer becomes a Lambda with Python bytecode that would leave a file behind."""
    import keras

    evil = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Lambda(lambda x: open("ran", "w") and x[:, :10], output_shape=(10,)),  # noqa: PTH123, SIM115
        ]
    )
    evil.save(tmp_path / "evil.keras")
    with zipfile.ZipFile(tmp_path / "evil.keras") as archive:
        assert "Lambda" in archive.read("config.json").decode()
    _publish(tmp_path / "evil.keras", workspace)
    (tmp_path / "ran").unlink(missing_ok=True)
    result = run("export", "evil.keras", "--data", workspace.folder / "digits.npz")
    assert_error(result, 1, "evil.keras")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "--recipe", "egde"), ("egde",)),
        (("train", "--data", "minst"), ("minst",)),
        (("export", "--formats", "onxx"), ("onxx",)),
        (("export", "--formats", "keras"), ("keras",)),
    ],
)
def test_wrong_names_are_usage_errors_with_a_suggestion(
    run: Run, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    result = run(*arguments)
    assert_error(result, 2, *words)
    if arguments[-1] != "keras":
        assert "did you mean" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seed", "4294967296"), "--seed 4294967296 is outside 0 to 4294967295."),
        (("--seed", "4294967295", "--ensemble", "2"), "outside 0 to 4294967294."),
        (("--epochs", "100001"), "--epochs 100001 is outside 1 to 100000."),
        (("--ensemble", "1000000000"), "--ensemble 1000000000 is outside 1 to 100."),
    ],
)
def test_numbers_that_no_training_can_take_are_wrong_usage(
    run: Run, arguments: tuple[str, ...], words: str
) -> None:
    assert_error(run("train", "--data", "synthetic", *arguments), 2, words)


@pytest.mark.parametrize("arguments", [("train", "--epochs", "0"), ("predict",), ("dance",)])
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.stderr


def test_a_misspelt_verb_is_answered_by_the_one_meant(run: Run) -> None:
    result = run("trian")
    assert result.code == 2
    assert "Did you mean 'train'?" in result.stderr


def test_debug_shows_the_traceback(run: Run) -> None:
    result = run("--debug", "info", "missing.onnx")
    assert result.code == 1
    assert "Traceback" in result.stderr
    assert "missing.onnx" in result.stderr


def test_a_gate_that_fails_publishes_nothing_and_exits_with_3(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    """Calibrated on specks, the integer files cannot answer like the original."""
    specks, labels = np.zeros((100, 28, 28), np.uint8), np.arange(100) % 10
    specks[:, 14, 14] = 255
    test = workspace.dataset.test
    np.savez(
        tmp_path / "specks.npz",
        x_train=specks,
        y_train=labels,
        x_test=test.images,
        y_test=test.labels,
    )
    source = workspace.runs / "edge.keras"
    result = run("export", source, "--int8", "--data", "specks.npz", "--json")
    assert result.code == 3
    files = {file["format"]: file for file in json.loads(result.stdout)["files"]}
    assert files["onnx"]["passed"]
    assert not files["onnx-int8"]["passed"]
    assert files["onnx-int8"]["agreement"] < 0.997
    assert "onnx-int8 is not published: agreement" in result.stderr
    names = {path.name for path in (tmp_path / "runs").glob("[!.]*")}
    assert names == {"edge.onnx", "edge.tflite", "edge.tflite.json"}


def _with_file_limit(arguments: list[str], size: int, cwd: Path) -> Result:
    """Run a command in which every file ends at `size` bytes, as on a disk that is full."""
    finished = subprocess.run(
        [sys.executable, "-m", "mnist_edge", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        # Coverage has files of its own to write.
        env={name: value for name, value in os.environ.items() if "COV" not in name},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    return Result(finished.returncode, finished.stdout, finished.stderr)


def test_a_full_disk_stops_training_with_one_line(straight: Path, tmp_path: Path) -> None:
    data = str(straight / "digits.npz")
    result = _with_file_limit(["train", "--data", data, "--epochs", "1"], 100_000, tmp_path)
    assert_error(result, 1, "cannot write")
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_leaves_the_last_export_as_it_was(workspace: Workspace, tmp_path: Path) -> None:
    runs = shutil.copytree(workspace.runs, tmp_path / "runs")
    before = {path.name: path.read_bytes() for path in runs.iterdir()}
    result = _with_file_limit(["export"], 50_000, tmp_path)
    assert_error(result, 1, "cannot write")
    assert {path.name: path.read_bytes() for path in runs.iterdir()} == before


def _interrupt(arguments: list[str], cwd: Path, after: str, how: signal.Signals) -> tuple[int, str]:
    """Start a command, send it a signal once a line begins with `after`, and wait for its end."""
    # Without coverage, which an interrupt can catch with its lock held: then the process hangs.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", *arguments],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that started the tests in the background has Ctrl-C ignored, and they inherit it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith(after):
                process.send_signal(how)
                break
        lines += process.stderr.readlines()
        return process.wait(timeout=PATIENCE), "".join(lines)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing stopped, on few digits, of epochs of a second."""
    folder = tmp_path_factory.mktemp("straight")
    digits = synthetic.generate(4000, seed=1)
    write_digits(folder / "digits.npz", digits, digits)
    result = run_command("train", "--data", "digits.npz", "--epochs", FEW_EPOCHS, cwd=folder)
    assert result.code == 0, result.stderr
    return folder


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_training_resumes_to_the_same_weights(
    how: signal.Signals, straight: Path, tmp_path: Path
) -> None:
    arguments = ["train", "--data", str(straight / "digits.npz"), "--epochs", FEW_EPOCHS]
    code, stderr = _interrupt(arguments, tmp_path, after=f"epoch 2/{FEW_EPOCHS}", how=how)
    if how is signal.SIGINT:
        assert code == 130
        assert "with --resume" in stderr
        assert "Traceback" not in stderr
    assert not (tmp_path / "runs" / "edge.keras").exists()
    assert (tmp_path / "runs" / ".edge.checkpoint.npz").exists()
    result = run_command(*arguments, "--resume", cwd=tmp_path)
    assert result.code == 0, result.stderr
    # Batches, learning rates and optimizer state are what they would have been, and TensorFlow is
    # deterministic: so the weights are equal to the last bit.
    resumed, whole = (
        json.loads((folder / "runs" / "edge.keras.json").read_text())
        for folder in (tmp_path, straight)
    )
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert len(resumed["history"]) == int(FEW_EPOCHS)


def test_resume_does_not_go_on_with_another_training(
    run: Run, straight: Path, tmp_path: Path
) -> None:
    arguments = ["train", "--data", str(straight / "digits.npz"), "--epochs", FEW_EPOCHS]
    _interrupt(arguments, tmp_path, after=f"epoch 1/{FEW_EPOCHS}", how=signal.SIGKILL)
    other = run(*arguments, "--seed", 1, "--resume")
    assert_error(other, 1, "seed 0, now 1")
    checkpoint = tmp_path / "runs" / ".edge.checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert_error(run(*arguments, "--resume"), 1, "damaged")


def test_ctrl_c_during_export_leaves_whole_files_only(workspace: Workspace, tmp_path: Path) -> None:
    arguments = ["export", str(workspace.runs / "edge.keras"), "--formats", ALL_FORMATS]
    code, stderr = _interrupt(arguments, tmp_path, after="onnx-int8: ", how=signal.SIGINT)
    assert code == 130
    assert "finished formats: onnx, onnx-int8" in stderr
    assert "Traceback" not in stderr
    for path in (tmp_path / "runs").iterdir():
        assert path.read_bytes() == (workspace.runs / path.name).read_bytes()


def test_train_refuses_to_replace_what_no_training_made(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "edge.keras").write_text("my own work")
    result = run("train", "--data", workspace.folder / "digits.npz", "--out", ".")
    assert_error(result, 1, "edge.keras is in the way")
    assert (tmp_path / "edge.keras").read_text() == "my own work"
