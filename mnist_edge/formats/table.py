"""The table of formats: all that tells one from another. Importing it loads no heavy library."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mnist_edge.contract import Contract, Quantization, TensorSpec
from mnist_edge.errors import ModelError, UsageError, did_you_mean
from mnist_edge.extras import require
from mnist_edge.formats import inspection, to_onnx, to_tflite

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from mnist_edge.runtime.engine import Engine


@dataclass(frozen=True)
class Bar:
    """What a file must reach against the Keras model on the test split to be published.

    Attributes:
        agreement: the least share of pictures with the same digit.
        max_abs_diff: the largest difference of any probability, None where any is fine.
        accuracy_drop: the largest loss of accuracy, None where agreement says enough.
    """

    agreement: float
    max_abs_diff: float | None = None
    accuracy_drop: float | None = None


@dataclass(frozen=True)
class Conversion:
    """How a format is made from a Keras model, and what the result must be.

    Attributes:
        convert: from the model and calibration pictures (N, 28, 28) uint8 to the file's bytes.
        selected: whether a bare `export` makes it, `--int8` adds it, or it has to be named.
        input: the file's input.
        output: the file's output.
        bar: what the file must reach.
        quantization: as the contract says it; its calibration is filled in at export.
        calibrated: whether `convert` looks at the calibration pictures.
        inspect: raises GateError when the file is not inside what it is called.
        fast: what `--fast` converts with instead, to a file that fewer runtimes take.
    """

    convert: Callable[[keras.Model, NDArray[np.uint8]], bytes]
    selected: Literal["default", "int8", "named"]
    input: TensorSpec
    output: TensorSpec
    bar: Bar
    quantization: Quantization | None = None
    calibrated: bool = False
    inspect: Callable[[Path], None] | None = None
    fast: Callable[[keras.Model, NDArray[np.uint8]], bytes] | None = None


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Attributes:
        name: what `--formats` takes.
        suffix: what follows the model's name in the file's.
        summary: one line for help texts and tables.
        open: opens a file, for a number of threads, with its contract.
        conversion: how it is made; None for the reference.
    """

    name: str
    suffix: str
    summary: str
    open: Callable[[Path, int], tuple[Engine, Contract]]
    conversion: Conversion | None = None

    def path(self, folder: Path, name: str) -> Path:
        """Return where the file of the model called `name` lies in `folder`."""
        return folder / f"{name}{self.suffix}"


def _open_exported(path: Path, threads: int) -> tuple[Engine, Contract]:
    from mnist_edge.runtime.engine import open_engine

    return open_engine(path, threads)


def _open_keras(path: Path, threads: int) -> tuple[Engine, Contract]:  # noqa: ARG001
    require("tensorflow", extra="train")
    from mnist_edge.training.keras_model import KerasEngine, load

    return KerasEngine(load(path)), Contract.from_sidecar(path)


_UNIT = (0.0, 1.0)
_ONNX_INPUT = TensorSpec("image", "NCHW", (None, 1, 28, 28), "float32", _UNIT)
_ONNX_OUTPUT = TensorSpec("probabilities", "NC", (None, 10), "float32", _UNIT)
_TFLITE_INPUT = TensorSpec("image", "NHWC", (1, 28, 28, 1), "float32", _UNIT)
_TFLITE_OUTPUT = TensorSpec("probabilities", "NC", (1, 10), "float32", _UNIT)
_SAME = Bar(agreement=1.0, max_abs_diff=1e-5)
_INT8 = Bar(agreement=0.997, accuracy_drop=0.001)

FORMATS = {
    row.name: row
    for row in (
        Format("keras", ".keras", "the trained model, the reference of all others", _open_keras),
        Format(
            "onnx",
            ".onnx",
            "float32, any batch",
            _open_exported,
            Conversion(to_onnx.float32, "default", _ONNX_INPUT, _ONNX_OUTPUT, _SAME),
        ),
        Format(
            "onnx-int8",
            ".int8.onnx",
            "int8 weights, uint8 activations (static QDQ), any batch",
            _open_exported,
            Conversion(
                to_onnx.int8,
                "int8",
                _ONNX_INPUT,
                _ONNX_OUTPUT,
                _INT8,
                Quantization("static QDQ", "int8", "uint8", per_channel=True, calibration=None),
                calibrated=True,
                inspect=inspection.check_integer_onnx,
            ),
        ),
        Format(
            "tflite",
            ".tflite",
            "float32, one picture at a time",
            _open_exported,
            Conversion(to_tflite.float32, "default", _TFLITE_INPUT, _TFLITE_OUTPUT, _SAME),
        ),
        Format(
            "tflite-fp16",
            ".fp16.tflite",
            "float16 weights, one picture at a time",
            _open_exported,
            Conversion(
                to_tflite.float16,
                "named",
                _TFLITE_INPUT,
                _TFLITE_OUTPUT,
                Bar(agreement=0.9995, max_abs_diff=5e-3),
                Quantization("float16 weights", "float16", "float32", False, None),
            ),
        ),
        Format(
            "tflite-int8",
            ".int8.tflite",
            "full integer, uint8 in and out, one picture at a time",
            _open_exported,
            Conversion(
                to_tflite.int8,
                "int8",
                TensorSpec("image", "NHWC", (1, 28, 28, 1), "uint8", _UNIT),
                TensorSpec("probabilities", "NC", (1, 10), "uint8", _UNIT),
                _INT8,
                Quantization("full integer", "int8", "int8", per_channel=True, calibration=None),
                calibrated=True,
                inspect=inspection.check_integer_tflite,
                fast=to_tflite.int8_over_blocks,
            ),
        ),
    )
}


def of_path(path: Path) -> Format | None:
    """Return the row a file name belongs to: that of the longest suffix that fits, if any.

    Hidden files belong to none: a killed process may have left half of one.
    """
    if path.name.startswith("."):
        return None
    rows = [row for row in FORMATS.values() if path.name.endswith(row.suffix)]
    return max(rows, key=lambda row: len(row.suffix), default=None)


def format_of(path: Path) -> Format:
    """Return the row a file name belongs to.

    Raises:
        ModelError: it belongs to none.
    """
    row = of_path(path)
    if row is None:
        raise ModelError(
            f"{path} is of no known format.",
            remedy=f"known endings are {', '.join(row.suffix for row in FORMATS.values())}.",
        )
    return row


def named(names: Iterable[str]) -> list[Format]:
    """Return the rows of these names, in the table's order; `all` stands for every row.

    Raises:
        UsageError: there is no such format.
    """
    wanted = set(names)
    if "all" in wanted:
        return list(FORMATS.values())
    for name in sorted(wanted - FORMATS.keys()):
        raise UsageError(
            f"there is no format called {name!r}.",
            remedy=f"{did_you_mean(name, FORMATS)}Formats are {', '.join(FORMATS)}, or all.",
        )
    return [row for row in FORMATS.values() if row.name in wanted]


def faster(rows: Iterable[Format]) -> list[Format]:
    """Return the same rows, with their fast conversions where they have one.

    Raises:
        UsageError: none has one.
    """

    def fast(row: Format) -> Format:
        if row.conversion is None or row.conversion.fast is None:
            return row
        return replace(row, conversion=replace(row.conversion, convert=row.conversion.fast))

    before = list(rows)
    after = [fast(row) for row in before]
    if after == before:
        names = [row.name for row in FORMATS.values() if fast(row) != row]
        raise UsageError(
            "--fast makes no difference to these formats.",
            remedy=f"it is for {', '.join(names)}: add --int8, or name it with --formats.",
        )
    return after
