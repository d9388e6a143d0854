"""What is fuzzed: for each kind of input, where mutations start and what is done with them."""

from __future__ import annotations

import gzip
import io
import json
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.contract import CHECKSUM, Content, Contract, TensorSpec
from mnist_edge.data import idx, npz, synthetic
from mnist_edge.errors import MnistEdgeError
from mnist_edge.formats.card import card
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.engines import open_bare

# What mutations of models start from; tests/fuzz/make_models.py makes it.
MODELS = Path(__file__).parent / "models"
SHIPPED = Path(__file__).parents[2] / "models"

# As few as make a dataset: more would be more of the same bytes.
DIGITS = synthetic.generate(3, seed=0)

# What larger pictures would add is time.
MAX_PIXELS = 1_000_000


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
    paper = Image.fromarray(255 - DIGITS.images[0]).resize((24, 20))
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


def _in_idx(values: NDArray[np.uint8]) -> bytes:
    sizes = np.array(values.shape, ">i4")
    return bytes((0, 0, 8, values.ndim)) + sizes.tobytes() + values.tobytes()


@cache
def _idx() -> list[bytes]:
    content = _in_idx(DIGITS.images)
    return [content, gzip.compress(content, mtime=0)]


def _read_idx(path: Path) -> None:
    labels = _in_idx(DIGITS.labels)
    for name in idx.NAMES[1:]:
        whole = path.with_name(name)
        if not whole.exists():
            whole.write_bytes(_idx()[0] if "images" in name else labels)
    # Where files lie is found out by their names, in more time than it takes to read them.
    idx.decode(path.parent, idx.read(path.parent))


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
    content = Content.of(_seeds_of("tflite")[0])
    seeds = []
    for name in ("edge.tflite", "edge.int8.tflite"):
        contract = replace(Contract.from_sidecar(SHIPPED / name), content=content)
        document = json.loads(contract.to_json(indent=1))
        # By its checksums alone nearly every mutation is refused: older documents have none.
        for checksum in (None, CHECKSUM, "content"):
            document.pop(checksum, None)
            seeds.append(json.dumps(document, indent=1).encode())
    return seeds


def _answer_by_contract(path: Path) -> None:
    model = path.with_suffix("")
    if not model.exists():
        model.write_bytes(_seeds_of("tflite")[0])
    classifier = Classifier.load(model)
    card(classifier.contract)
    classifier.predict(DIGITS.images[0])


@cache
def _reader() -> Classifier:
    return Classifier.load(SHIPPED / "tiny.onnx", max_pixels=MAX_PIXELS)


def _read(path: Path) -> None:
    reader = _reader()
    for read in (reader.predict, reader.read_line, reader.predict_frames):
        with suppress(MnistEdgeError):  # what one refuses, another may take
            read(path)


@cache
def _seeds_of(ending: str) -> list[bytes]:
    return [(MODELS / f"{kind}.{ending}").read_bytes() for kind in ("float32", "int8")]


def _answer(path: Path, layout: str, shape: tuple[int | None, ...]) -> None:
    # What has a contract of its own is known to be damaged by its checksum alone.
    open_bare(path, TensorSpec("image", layout, shape, "float32", (0.0, 1.0))).run(DIGITS.images)


TARGETS = {
    "picture": Target("x.png", _pictures, _read),
    "idx": Target(idx.NAMES[0], _idx, _read_idx),
    "npz": Target("x.npz", _archives, npz.load),
    "contract": Target("x.tflite.json", _contracts, _answer_by_contract),
    "onnx": Target(
        "x.onnx",
        lambda: _seeds_of("onnx"),
        lambda path: _answer(path, "NCHW", (None, 1, 28, 28)),
    ),
    "tflite": Target(
        "x.tflite",
        lambda: _seeds_of("tflite"),
        lambda path: _answer(path, "NHWC", (1, 28, 28, 1)),
    ),
}
