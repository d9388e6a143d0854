"""Models that this project did not make: what their input is, as somebody says or as guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_edge.contract import METADATA_KEY, SIZE, TensorSpec, sidecar
from mnist_edge.errors import ModelError
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.engines import Engine, open_bare, open_session
from mnist_edge.runtime.engines.onnx import ELEMENTS

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.data.dataset import Split

# The values that full ink usually has, and the training pictures that tell which it is.
SCALES = (1.0, 255.0)
PICTURES = 2_000


@dataclass(frozen=True)
class Told:
    """What somebody says of an input; what is None is guessed.

    Attributes:
        layout: `NCHW` or `NHWC`.
        scale: the value of full ink, paper being 0.
        name: of an ONNX file's input, where it has several.
    """

    layout: str | None = None
    scale: float | None = None
    name: str | None = None


def is_foreign(path: Path) -> bool:
    """Tell whether an `.onnx` or `.tflite` file carries no contract at all.

    Raises:
        ModelError: it is not an ONNX model.
    """
    if path.suffix == ".onnx":
        return METADATA_KEY not in open_session(path).get_modelmeta().custom_metadata_map
    return path.suffix == ".tflite" and not sidecar(path).exists()


def open_foreign(
    path: Path, told: Told, training: Split, threads: int = 1
) -> tuple[Engine, TensorSpec, str]:
    """Open a file without a contract.

    The value of full ink stands nowhere in a file. Where nobody tells it, it is the one of
    `SCALES` with which more training pictures are answered right; of bytes it is 255.

    Args:
        path: the file.
        told: what is known of its input.
        training: pictures to guess by.
        threads: how many threads one answer may use.

    Returns:
        The engine, its input, and what was guessed in words; empty where nothing was.

    Raises:
        ModelError: it is missing, damaged, or not a model of 28×28 pictures to 10 answers.
        MissingExtra: its engine is not installed.
    """
    name, layout, dtype = _input(path, told)
    scales = (255.0,) if dtype == "uint8" else SCALES
    if told.scale is not None:
        scales = (told.scale,)
    engines, right = {}, {}
    for scale in scales:
        spec = TensorSpec(name, layout, (None, SIZE, SIZE), dtype, (0.0, scale))
        engines[scale] = open_bare(path, spec, threads), spec
        if len(scales) > 1:
            answers = engines[scale][0].run(training.images[:PICTURES])
            right[scale] = accuracy(answers, training.labels[:PICTURES])
    scale = max(engines, key=lambda scale: right.get(scale, 0))
    guessed = []
    if told.layout is None and path.suffix == ".onnx":
        guessed.append(f"layout {layout.lower()}")
    if right:
        rates = " and ".join(f"{rate:.1%} with {scale:g}" for scale, rate in right.items())
        guessed.append(f"full ink {scale:g} (right of {PICTURES:,} training pictures: {rates})")
    return *engines[scale], ", ".join(guessed)


def _input(path: Path, told: Told) -> tuple[str, str, str]:
    """Return an input's name, layout and type; a TFLite file has one input, and tells the rest."""
    if path.suffix != ".onnx":
        return "image", told.layout or "NHWC", "float32"
    inputs = {item.name: item for item in open_session(path).get_inputs()}
    name = told.name or next(iter(inputs))
    if name not in inputs:
        raise ModelError(
            f"{path} has no input called {name!r}.",
            remedy=f"choose --input-name from {', '.join(inputs)}.",
        )
    layout = told.layout or ("NHWC" if inputs[name].shape[-1] == 1 else "NCHW")
    return name, layout, "uint8" if inputs[name].type == ELEMENTS["uint8"] else "float32"
