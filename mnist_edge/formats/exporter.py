"""From a trained Keras model to files that have proved to answer like it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import Calibration, Contract, Metrics, Parity, sidecar
from mnist_edge.errors import (
    ContractError,
    ConversionError,
    GateError,
    MnistEdgeError,
    ModelError,
    OutputError,
    first_line,
)
from mnist_edge.files import replacing, sha256_of
from mnist_edge.formats import to_onnx
from mnist_edge.formats.parity import compare, shortfalls
from mnist_edge.runtime.accept import fit_accept
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.engine import open_bare, open_engine
from mnist_edge.training.keras_model import KerasEngine, load, weights_sha256
from mnist_edge.training.publish import tool_versions

if TYPE_CHECKING:
    import keras

    from mnist_edge.data.dataset import Dataset
    from mnist_edge.formats.table import Conversion, Format
    from mnist_edge.runtime.engine import Engine

CALIBRATION_COUNT = 1000
CALIBRATION_SEED = 0


@dataclass(frozen=True)
class Exported:
    """What became of one format.

    Attributes:
        format: its name.
        path: where the file is, or would have been.
        failure: why it was not published; None where it was.
        accuracy: on the test split; None where it did not come so far.
        parity: with the Keras model on the test split; None where it did not come so far.
        bytes: the file's size; None where there is no file.
        sha256: of the file's bytes; None where there is no file.
    """

    format: str
    path: Path
    failure: MnistEdgeError | None = None
    accuracy: float | None = None
    parity: Parity | None = None
    bytes: int | None = None
    sha256: str | None = None


class Exporter:
    """A trained model with all that its files are made and judged with.

    Args:
        source: the `.keras` file that `mnist-edge train` wrote, its sidecar beside it.
        dataset: calibrated on its training split, judged on its test split.
        calibration: how many training pictures to calibrate on.

    Attributes:
        contract: what the Keras model says of itself.
        accuracy: the Keras model's on the test split.

    Raises:
        ModelError: the model cannot be loaded.
        ContractError: it carries no contract, or one for other weights.
    """

    def __init__(
        self, source: Path, dataset: Dataset, *, calibration: int = CALIBRATION_COUNT
    ) -> None:
        self.contract = Contract.from_sidecar(source)
        self._model: keras.Model = load(source)
        if weights_sha256(self._model) != self.contract.weights_sha256:
            raise ContractError(
                f"{source} does not hold the weights that {sidecar(source).name} speaks of.",
                remedy="train it again: mnist-edge train",
            )
        self._dataset = dataset
        self._reference = KerasEngine(self._model).run(dataset.test.images)
        self.accuracy = accuracy(self._reference, dataset.test.labels)
        available = len(dataset.train.labels)
        count = min(calibration, available)
        chosen = np.random.default_rng(CALIBRATION_SEED).choice(available, count, replace=False)
        self._pictures: NDArray[np.uint8] = dataset.train.images[chosen]
        self._calibration = Calibration(count, CALIBRATION_SEED, split="train")

    def export(
        self, formats: Iterable[Format], out: Path, *, force: bool = False
    ) -> Iterator[Exported]:
        """Make each format that has a conversion, and publish it in `out` if it passes the gate.

        A format that fails is reported, and the next one is made all the same.

        Args:
            formats: rows of the table.
            out: the folder to write to.
            force: replace files that no export made.

        Raises:
            OutputError: a file cannot be written, or one that no export made is in the way.
        """
        jobs = [
            (row, row.conversion, row.path(out, self.contract.name))
            for row in formats
            if row.conversion
        ]
        if not force:
            for _, _, path in jobs:
                _check_replaceable(path)
        for row, conversion, path in jobs:
            yield self._export(row, conversion, path)

    def _export(self, row: Format, conversion: Conversion, path: Path) -> Exported:
        result = Exported(row.name, path)
        test = self._dataset.test
        try:
            with ExitStack() as files:
                if path.suffix != ".onnx":
                    document = files.enter_context(replacing(sidecar(path)))
                temporary = files.enter_context(replacing(path))
                temporary.write_bytes(self._convert(row, conversion))
                if conversion.inspect:
                    conversion.inspect(temporary)
                engine = open_bare(temporary, conversion.input)
                answers = engine.run(test.images)
                if not np.isfinite(answers).all():
                    raise GateError(
                        f"{row.name} is not published: its answers are not numbers.",
                        remedy="leave it out with --formats, and report it.",
                    )
                parity = compare(self._reference, answers, test.labels)
                own_accuracy = accuracy(answers, test.labels)
                result = replace(result, accuracy=own_accuracy, parity=parity)
                if missed := shortfalls(conversion.bar, parity, self.accuracy - own_accuracy):
                    raise GateError(
                        f"{row.name} is not published: {', '.join(missed)}.",
                        remedy="train longer, or calibrate on more pictures with --calibration.",
                    )
                contract = self._contract_of(row, conversion, engine, own_accuracy, parity)
                if path.suffix == ".onnx":
                    to_onnx.embed(temporary, contract)
                else:
                    contract.write(document)
                    # A file without its contract is refused; one with another's is believed.
                    sidecar(path).unlink(missing_ok=True)
        except (ConversionError, GateError) as failure:
            return replace(result, failure=failure)
        return replace(result, bytes=path.stat().st_size, sha256=sha256_of(path))

    def _contract_of(
        self,
        row: Format,
        conversion: Conversion,
        engine: Engine,
        own_accuracy: float,
        parity: Parity,
    ) -> Contract:
        quantization = conversion.quantization
        if quantization and conversion.calibrated:
            quantization = replace(quantization, calibration=self._calibration)
        accuracies = {"keras": self.accuracy, row.name: own_accuracy}
        return replace(
            self.contract,
            input=conversion.input,
            output=conversion.output,
            quantization=quantization,
            accept=fit_accept(engine.run(self._dataset.validation.images)),
            metrics=Metrics(self._dataset.name, accuracies),
            parity=parity,
            tools={
                **self.contract.tools,
                **tool_versions("tensorflow", "tf2onnx", "onnxruntime"),
                "onnx-opset": str(to_onnx.OPSET),
                "onnx-ir": str(to_onnx.IR_VERSION),
            },
            history=None,
        )

    def _convert(self, row: Format, conversion: Conversion) -> bytes:
        try:
            return conversion.convert(self._model, self._pictures)
        except OSError:
            raise
        except Exception as error:
            # Converters raise whatever their graph passes do.
            raise ConversionError(
                f"{row.name}: the converter failed: {first_line(error)}",
                remedy="leave it out with --formats, and report it with --debug's output.",
            ) from error


def _check_replaceable(path: Path) -> None:
    if path.exists():
        try:
            open_engine(path)
        except ModelError as error:
            raise OutputError(
                f"{path} is in the way, and no export made it.",
                remedy="move it, export to another folder with --out, or replace it with --force.",
            ) from error
