"""`mnist-edge evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from mnist_edge.data import synthetic
from mnist_edge.runtime import shipped
from tests.conftest import Run

MODEL = shipped.folder() / "edge.onnx"


def test_pictures_in_folders_are_counted_and_errors_drawn(run: Run, tmp_path: Path) -> None:
    digits = synthetic.generate(6, seed=3)
    for number, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        folder = tmp_path / "mine" / str((label + (number == 0)) % 10)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    result = run("evaluate", "mine", "--model", MODEL, "--sheet", "errors.png")
    assert result.code == 0, result.stderr
    assert result.stdout.splitlines()[1].split()[:2] == ["all", "6"]
    assert "0.png: shows" in result.stderr
    with Image.open(tmp_path / "errors.png") as sheet:
        assert sheet.format == "PNG"
    right = tmp_path / "right" / str(digits.labels[1])
    right.mkdir(parents=True)
    Image.fromarray(digits.images[1]).save(right / "1.png")
    again = run("evaluate", "right", "--model", MODEL, "--sheet", "errors.png")
    assert "nothing was read wrong: an older sheet is left" in again.stderr
    document = json.loads(run("evaluate", "mine", "--model", MODEL, "--json").stdout)
    assert document["total"]["digits"] == 6
    assert document["errors"][0]["label"] != str(document["errors"][0]["answer"]["digit"])


def test_what_cannot_be_read_is_told_once_and_is_no_success(run: Run, tmp_path: Path) -> None:
    Image.fromarray(synthetic.generate(1, seed=3).images[0]).save(tmp_path / "a\nb.png")
    (tmp_path / "manifest.csv").write_text('path,label\n"a\nb.png",\nnowhere.png,7\n')
    result = run("evaluate", "manifest.csv", "--model", MODEL)
    assert result.code == 1
    assert result.stdout.splitlines()[1].split()[:2] == ["all", "0"]
    assert result.stderr.count("nowhere.png") == 1
    assert r"a\nb.png: shows no digit" in result.stderr


def test_what_is_read_is_never_overwritten(run: Run, tmp_path: Path) -> None:
    Image.fromarray(synthetic.generate(1, seed=3).images[0]).save(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text("path,label\na.png,\n")
    (tmp_path / "own.onnx").write_bytes(Path(MODEL).read_bytes())
    (tmp_path / "own.onnx.json").write_text("{}")
    (tmp_path / "digits.npz").write_bytes(b"PK")
    (tmp_path / "idx").mkdir()
    (tmp_path / "idx" / "t10k-images-idx3-ubyte").write_bytes(b"\0")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for arguments in (
        ("evaluate", "manifest.csv", "--sheet", "manifest.csv"),
        ("evaluate", "manifest.csv", "--sheet", "a.png"),
        ("predict", "a.png", "--explain-to", "a.png"),
        ("report", "a.png", "--file", "a.png"),
        ("evaluate", "manifest.csv", "--model", "own.onnx", "--sheet", "own.onnx"),
        ("predict", "a.png", "--model", "own.onnx", "--explain-to", "own.onnx"),
        ("report", "own.onnx", "--data", "digits.npz", "--file", "digits.npz"),
        ("report", "own.onnx", "--data", "idx", "--file", "idx/t10k-images-idx3-ubyte"),
        ("predict", "a.png", "--model", "own.onnx", "--explain-to", "own.onnx.json"),
    ):
        result = run(*arguments)
        assert (result.code, result.stdout) == (2, "")
        assert "is read, and would be overwritten" in result.stderr
    assert {path: path.read_bytes() for path in before} == before


def test_nothing_to_evaluate_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("evaluate", "empty", "--model", MODEL)
    assert result.code == 1
    assert "no pictures" in result.stderr
