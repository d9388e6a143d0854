"""The built wheel, alone in an empty environment: what `pip install mnist-edge` gives."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.conftest import Workspace

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `mnist-edge` of an environment that has the wheel and what it requires only."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    return environment / "bin" / "mnist-edge"


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(command), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_the_models_the_types_and_the_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "mnist_edge/py.typed" in names
    assert "mnist_edge/models/manifest.json" in names
    assert "mnist_edge/models/edge.onnx" in names
    assert "mnist_edge/web/index.html" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "tools/", "models/")) for name in names)


def test_the_installation_brings_these_distributions_and_stays_small(command: Path) -> None:
    (packages,) = command.parents[1].glob("lib/python*/site-packages")
    # What a new environment has before.
    brought = [
        distribution
        for distribution in distributions(path=[str(packages)])
        if distribution.name not in ("pip", "setuptools")
    ]
    assert sorted(distribution.name.lower() for distribution in brought) == [
        "annotated-doc",
        "flatbuffers",
        "markdown-it-py",
        "mdurl",
        "mnist-edge",
        "numpy",
        "onnxruntime",
        "packaging",
        "pillow",
        "platformdirs",
        "protobuf",
        "pygments",
        "rich",
        "shellingham",
        "typer",
    ]
    files = [Path(file.locate()) for item in brought for file in item.files or ()]
    assert sum(file.stat().st_blocks * 512 for file in files if file.is_file()) < 220e6


def test_predict_works_straight_after_the_installation(
    command: Path, workspace: Workspace, tmp_path: Path
) -> None:
    from PIL import Image

    image, label = workspace.dataset.test.images[0], int(workspace.dataset.test.labels[0])
    Image.fromarray(255 - image).resize((280, 280)).save(tmp_path / "digit.png")
    finished = run(command, "predict", "digit.png", "--json", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["digit"] == label
    assert "edge.onnx, the shipped one" in finished.stderr


def test_info_and_bench_of_onnx_files_need_no_tensorflow(
    command: Path, workspace: Workspace, tmp_path: Path
) -> None:
    assert "recipe edge" in run(command, "info", cwd=tmp_path).stdout
    arguments = ("bench", "--quick", "--json", "--data", str(workspace.folder / "digits.npz"))
    finished = run(command, *arguments, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    rows = {row["format"]: row for row in report["rows"]}
    assert report["reference"].endswith("edge.onnx")
    assert rows["onnx"]["p50_us"] > 0
    assert rows["onnx-int8"]["agreement"] > 0.95
    assert "pip install 'mnist-edge[train]'" in rows["keras"]["error"]
    assert "pip install 'mnist-edge[tflite]'" in rows["tflite"]["error"]


@pytest.mark.parametrize(("verb", "extra"), [("train", "train"), ("export", "export")])
def test_a_verb_whose_extra_is_missing_says_how_to_get_it(
    command: Path, verb: str, extra: str, tmp_path: Path
) -> None:
    finished = run(command, verb, cwd=tmp_path)
    assert finished.returncode == 1
    cause, remedy = finished.stderr.splitlines()
    assert "tensorflow is not installed" in cause
    assert remedy == f"pip install 'mnist-edge[{extra}]'"
