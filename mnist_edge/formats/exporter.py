"""From a trained Keras model to files that have proved to answer like it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import Calibration, Content, Contract, Metrics, Parity, sidecar
from mnist_edge.errors import (
    ConversionError,
    GateError,
    MnistEdgeError,
    ModelError,
    first_line,
)
from mnist_edge.files import replacing, replacing_pair, sha256_of
from mnist_edge.formats.exported import ACCURATE, Exported, in_the_way
from mnist_edge.formats.identify import contract_of
from mnist_edge.formats.onnx.convert import IR_VERSION, OPSET
from mnist_edge.formats.parity import compare, shortfalls
from mnist_edge.formats.table import FORMATS, family_of
from mnist_edge.runtime.accept import fit_accept
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.training.publish import tool_versions

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Dataset
    from mnist_edge.formats.family import Conversion, Format
    from mnist_edge.formats.source import Exportable
    from mnist_edge.runtime.engines import Engine

CALIBRATION_SEED = 0


class Exporter:
    """A model with all that its files are made and judged with.

    Args:
        source: the model.
        dataset: calibrated on its training split, judged on its test split.
        calibration: how many training pictures to calibrate on.
        allow_inaccurate: make files of a model too that reads less than `ACCURATE`.

    Attributes:
        accuracy: the model's on the test split.

    Raises:
        GateError: the model is not accurate enough to be a reference.
    """

    def __init__(
        self,
        source: Exportable,
        dataset: Dataset,
        *,
        calibration: int,
        allow_inaccurate: bool = False,
    ) -> None:
        self._source, self._dataset = source, dataset
        self._answers = source.reference.run(dataset.test.images)
        self.accuracy = accuracy(self._answers, dataset.test.labels)
        if self.accuracy < ACCURATE and not allow_inaccurate:
            raise GateError(
                f"{source.contract.name} reads {self.accuracy:.2%} of the test pictures of "
                f"{dataset.name}, less than {ACCURATE:.0%}: to answer like it would be worth "
                "nothing.",
                remedy="train it longer, or publish it all the same with --allow-inaccurate.",
            )
        available = len(dataset.train.labels)
        count = min(calibration, available)
        chosen = np.random.default_rng(CALIBRATION_SEED).choice(available, count, replace=False)
        self._pictures: NDArray[np.uint8] = dataset.train.images[chosen]
        self._calibration = Calibration(count, CALIBRATION_SEED, split="train")

    def export(
        self, formats: Iterable[Format], out: Path, *, force: bool, named: bool
    ) -> Iterator[Exported]:
        """Make each format that there is a conversion to, and publish it if it passes the gate.

        A format that fails is reported, and the next one is made all the same.

        Args:
            formats: rows of the table.
            out: the folder to write to.
            force: replace files that no export made.
            named: whether somebody asked for just these, and not for a Keras file as well.

        Raises:
            OutputError: a file cannot be written, or one that no export made is in the way.
        """
        able, name = self._source.conversions, self._source.contract.name
        rows = [*([] if named else [FORMATS["keras"]]), *formats]
        jobs = [(row, able[row.name], row.path(out, name)) for row in rows if row.name in able]
        if not force:
            for _, _, path in jobs:
                _check_replaceable(path)
        for row, conversion, path in jobs:
            yield self._export(row, conversion, path)

    def _export(self, row: Format, conversion: Conversion, path: Path) -> Exported:
        result = Exported(row.name, path)
        test, embed = self._dataset.test, family_of(path).embed
        try:
            with ExitStack() as files:
                if embed:
                    temporary = files.enter_context(replacing(path))
                else:
                    both = files.enter_context(replacing_pair(path, sidecar(path)))
                    temporary, document = both
                temporary.write_bytes(self._convert(row, conversion))
                if conversion.inspect:
                    conversion.inspect(temporary)
                engine = family_of(path).bare(temporary, conversion.input, conversion.answers, 1)
                expected, answers = self._answers, _probabilities(row, engine, test.images)
                if conversion.compare:
                    expected, answers = conversion.compare(
                        self._source.model, self._source.contract, engine, test.images
                    )
                parity = compare(expected, answers, test.labels)
                own_accuracy = accuracy(answers, test.labels)
                result = replace(result, accuracy=own_accuracy, parity=parity)
                right = accuracy(expected, test.labels)
                if missed := shortfalls(conversion.bar, parity, right, right - own_accuracy):
                    raise GateError(
                        f"{row.name} is not published: {', '.join(missed)}.",
                        remedy="calibrate on more pictures with --calibration, or train longer."
                        if conversion.calibrated
                        else "the converter computes otherwise: leave it out with --formats.",
                    )
                contract = self._contract_of(row, conversion, engine, own_accuracy, parity)
                if embed:
                    embed(temporary, contract)
                else:
                    content = Content.of(temporary.read_bytes())
                    replace(contract, content=content).write(document)
        except (ConversionError, GateError, ModelError) as failure:
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
        # That of the model itself is there, whatever it was measured on.
        reference = "original" if self._source.contract.source else "keras"
        accuracies = {reference: self.accuracy, row.name: own_accuracy}
        return replace(
            self._source.contract,
            input=conversion.input,
            output=conversion.output,
            quantization=quantization,
            accept=fit_accept(engine.run(self._dataset.validation.images)),
            metrics=Metrics(self._dataset.name, accuracies),
            parity=parity,
            tools={
                **self._source.contract.tools,
                **tool_versions("tensorflow", "tf2onnx", "onnxruntime"),
                "onnx-opset": str(OPSET),
                "onnx-ir": str(IR_VERSION),
            },
            history=None,
            answers=conversion.answers,
            content=None,
        )

    def _convert(self, row: Format, conversion: Conversion) -> bytes:
        try:
            return conversion.convert(self._source.model, self._pictures)
        except (OSError, MnistEdgeError):
            raise
        except Exception as error:
            # Converters raise whatever their graph passes do.
            raise ConversionError(
                f"{row.name}: the converter failed: {first_line(error)}",
                remedy="leave it out with --formats, and report it with --debug's output.",
            ) from error


def _probabilities(row: Format, engine: Engine, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a file's answers.

    Raises:
        GateError: they are not probabilities, in the steps of a quantized softmax at least.
    """
    try:
        answers = engine.run(images)
        # Ten numbers that are each rounded to 1/256 miss a sum of 1 by no more.
        whole = np.abs(answers.sum(axis=1) - 1).max() < 0.05
        sound = np.isfinite(answers).all() and answers.min() >= 0 and whole
    except ModelError:
        sound = False  # as some engines see for themselves
    if not sound:
        raise GateError(
            f"{row.name} is not published: its answers are not probabilities.",
            remedy="leave it out with --formats, and report it.",
        )
    return answers


def _check_replaceable(path: Path) -> None:
    """Check that no file is there, or one that an export made: a training's takes hours."""
    if not path.exists():
        return
    try:
        contract = contract_of(path)
    except ModelError:
        contract = None
    if contract is None or (path.suffix == ".keras" and contract.source is None):
        raise in_the_way(path)
