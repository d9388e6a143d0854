"""What `load` accepts as a dataset, and what importing it costs."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import data
from mnist_edge.data import mnist
from mnist_edge.errors import DataError, UsageError

Arrays = dict[str, NDArray[np.uint8]]


def test_a_directory_of_idx_files(idx_folder: Path, arrays: Arrays) -> None:
    np.testing.assert_array_equal(data.load(str(idx_folder)).test.images, arrays["x_test"])


def test_an_incomplete_directory_of_idx_files_is_not_taken_for_class_folders(
    idx_folder: Path,
) -> None:
    (idx_folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="lacks t10k-labels-idx1-ubyte"):
        data.load(str(idx_folder))


def test_an_npz_file(tmp_path: Path, arrays: Arrays) -> None:
    np.savez(tmp_path / "digits.npz", **arrays)  # type: ignore[arg-type]
    dataset = data.load(str(tmp_path / "digits.npz"))
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])


def test_a_directory_of_class_folders(tmp_path: Path) -> None:
    for number in range(18):
        path = tmp_path / str(number % 2) / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        image = np.zeros((28, 28), np.uint8)
        image[4:24, 10 : 12 + number % 5] = 255
        Image.fromarray(image).save(path)
    dataset = data.load(str(tmp_path))
    assert len(dataset.test.labels) == 3
    assert set(dataset.train.labels) == {0, 1}


def test_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def progress(_name: str, _done: int, _total: int) -> None: ...

    made: dict[str, Any] = {name: object() for name in ("mnist", "synthetic")}

    def load_mnist(given: Any) -> Any:
        assert given is progress
        return made["mnist"]

    monkeypatch.setattr(mnist, "load", load_mnist)
    monkeypatch.setattr("mnist_edge.data.synthetic.load", lambda: made["synthetic"])
    assert data.load(progress=progress) is made["mnist"]
    assert data.load("mnist", progress=progress) is made["mnist"]
    assert data.load("synthetic") is made["synthetic"]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("mnits", "did you mean mnist? "),
        ("MNIST", "did you mean mnist? "),
        ("sinthetic", "did you mean synthetic? "),
        ("/no/such/place", ""),
    ],
)
def test_anything_else_is_wrong_usage(source: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        data.load(source)
    assert repr(source) in caught.value.cause
    assert caught.value.remedy.startswith(f"{hint}accepted are mnist, synthetic, ")
    assert "x_train, y_train, x_test, y_test" in caught.value.remedy


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "digits.mat"
    path.write_bytes(b"MATLAB 5.0")
    with pytest.raises(DataError, match=r"digits\.mat: not a dataset by itself") as caught:
        data.load(str(path))
    assert data.ACCEPTED in caught.value.remedy


def test_a_folder_of_two_kinds_is_not_guessed(idx_folder: Path) -> None:
    (idx_folder / "3").mkdir()
    with pytest.raises(DataError) as caught:
        data.load(str(idx_folder))
    assert "a directory of IDX files and a directory with one folder" in caught.value.cause


@pytest.mark.parametrize("names", [[], ["notes.txt", "digit.png", "cats"]])
def test_a_folder_of_no_kind_says_what_it_holds(names: list[str], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DataError) as caught:
        data.load(str(tmp_path))
    assert ("cats, digit.png, notes.txt" if names else "is empty") in caught.value.cause
    assert data.ACCEPTED in caught.value.remedy


def test_one_idx_file_names_its_folder(idx_folder: Path) -> None:
    with pytest.raises(DataError, match="not a dataset by itself") as caught:
        data.load(str(idx_folder / "train-images-idx3-ubyte.gz"))
    assert f"name the directory, {idx_folder}" in caught.value.remedy


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Nobody may ever write to it."""
    pipe = tmp_path / "digits.npz"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="neither a regular file nor a directory"):
        data.load(str(pipe))
    with pytest.raises(DataError, match="neither a regular file nor a directory"):
        data.load("/dev/zero")


def test_every_kind_is_listed_for_help_and_errors() -> None:
    assert data.ACCEPTED.startswith("mnist, synthetic, or the path of ")
    assert all(kind.what in data.ACCEPTED for kind in data.KINDS)


def test_a_path_that_the_system_refuses_is_a_data_error() -> None:
    with pytest.raises(DataError, match="File name too long"):
        data.load("x" * 300)


def test_importing_is_light() -> None:
    script = """
import sys
before = set(sys.modules)
import mnist_edge.data
after = {name.partition(".")[0] for name in set(sys.modules) - before}
heavy = {"PIL", "http", "keras", "numpy", "onnxruntime", "platformdirs", "pyarrow", "tensorflow"}
print(*sorted(after & heavy))
"""
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    assert loaded.split() == []


def test_the_page_has_the_table_of_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.syspath_prepend(root / "tools")
    rendered = runpy.run_path(str(root / "tools" / "render_data.py"))["rendered"]
    text = (root / "docs" / "data.md").read_text(encoding="utf-8")
    assert rendered(text) == text
    assert rendered(text.replace("`mnist`", "`nmist`", 1)) == text
