"""What is fuzzed: for each kind of input, where mutations start and what is done with them."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mnist_edge.contract import Contract, TensorSpec, sidecar
from mnist_edge.data import idx, npz, synthetic
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.engines import open_bare, read_contract

MODELS = Path(__file__).parents[2] / "models"

DIGITS = synthetic.generate(12, seed=0)


class Target(NamedTuple):
    """A kind of input.

    Attributes:
        file: what the input is called in its folder.
        seeds: what mutations start from.
        run: takes the file, and raises nothing but errors of the package.
    """

    file: str
    seeds: Callable[[], list[bytes]]
    run: Callable[[Path], object]


@cache
def _pictures() -> list[bytes]:
    paper = Image.fromarray(255 - DIGITS.images[0]).resize((56, 40))
    forms = {
        "PNG": ("L", "RGBA", "P", "1", "I;16"),
        "JPEG": ("L", "RGB", "CMYK"),
        "BMP": ("1", "L", "RGB"),
        "GIF": ("P",),
        "WEBP": ("RGB", "RGBA"),
        "TIFF": ("L", "F", "CMYK", "1"),
    }
    seeds = []
    for kind, modes in forms.items():
        for mode in modes:
            file = io.BytesIO()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                paper.convert("I").convert(mode).save(file, kind) if mode == "I;16" else (
                    paper.convert(mode).save(file, kind)
                )
            seeds.append(file.getvalue())
    return seeds


@cache
def _idx() -> list[bytes]:
    content = b"\0\0\x08\x03" + np.array([12, 28, 28], ">i4").tobytes() + DIGITS.images.tobytes()
    return [content, gzip.compress(content, mtime=0)]


def _read_idx(path: Path) -> None:
    labels = b"\0\0\x08\x01" + np.array([12], ">i4").tobytes() + DIGITS.labels.tobytes()
    for name in idx.NAMES[1:]:
        whole = path.with_name(name)
        if not whole.exists():
            whole.write_bytes(_idx()[0] if "images" in name else labels)
    # An input that is compressed is so by its name.
    packed = path.with_name(f"{idx.NAMES[0]}.gz")
    packed.unlink(missing_ok=True)
    if path.read_bytes()[:2] == b"\x1f\x8b":
        path.rename(packed)
    idx.load(path.parent)


@cache
def _archives() -> list[bytes]:
    arrays = {
        "x_train": DIGITS.images,
        "y_train": DIGITS.labels,
        "x_test": DIGITS.images,
        "y_test": DIGITS.labels,
    }
    seeds = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **arrays)  # type: ignore[arg-type]
        seeds.append(file.getvalue())
    return seeds


@cache
def _contracts() -> list[bytes]:
    return [sidecar(MODELS / name).read_bytes() for name in ("edge.tflite", "edge.int8.tflite")]


def _read_contract(path: Path) -> None:
    Contract.from_sidecar(path.with_suffix(""))


@cache
def _reader() -> Classifier:
    return Classifier.load(MODELS / "tiny.onnx")


@cache
def _input(name: str) -> TensorSpec:
    return read_contract(MODELS / name).input


def _answer(path: Path, like: str) -> None:
    # What has a contract of its own is known to be damaged by its checksum alone.
    open_bare(path, _input(like)).run(DIGITS.images[:2])


TARGETS = {
    "picture": Target("x.png", _pictures, lambda path: _reader().predict(path)),
    "idx": Target(idx.NAMES[0], _idx, _read_idx),
    "npz": Target("x.npz", _archives, npz.load),
    "contract": Target("x.tflite.json", _contracts, _read_contract),
    "onnx": Target(
        "x.onnx",
        lambda: [(MODELS / f"tiny{kind}.onnx").read_bytes() for kind in ("", ".int8")],
        lambda path: _answer(path, "tiny.onnx"),
    ),
    "tflite": Target(
        "x.tflite",
        lambda: [(MODELS / f"tiny{kind}.tflite").read_bytes() for kind in ("", ".int8")],
        lambda path: _answer(path, "tiny.tflite"),
    ),
}
