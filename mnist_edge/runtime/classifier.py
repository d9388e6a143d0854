"""`Classifier`: from a picture to a digit, or to the admission that there is none."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE, Contract
from mnist_edge.errors import ContractError, UnreadableImage
from mnist_edge.runtime.engines import Engine, Images, OnnxEngine, Probabilities, open_engine
from mnist_edge.runtime.reading import normalization as preprocess
from mnist_edge.runtime.reading import read
from mnist_edge.runtime.reading.candidates import look
from mnist_edge.runtime.reading.decoding import decode
from mnist_edge.runtime.reading.lines import best_row, segments

if TYPE_CHECKING:
    import onnxruntime

    from mnist_edge.runtime.reading.decoding import Source
    from mnist_edge.runtime.reading.normalization import Reading

BLANK = "blank"
AMBIGUOUS = "ambiguous"
NO_DIGIT = "no-digit"
COUNT = "count"

# Pictures that are decoded before the network runs: memory stays flat, and the first answers to
# many photographs come soon; more at once are no faster by tools/measure_chunk.py.
PICTURES_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one picture.

    Attributes:
        source: the path it was read from, None where it came as bytes or pixels.
        digit: 0 to 9, None where there is no ink.
        confidence: the probability of `digit`, 0 to 1; 0 where there is no ink.
        probabilities: of the digits 0 to 9; all 0 where there is no ink.
        accepted: whether the answer is to be trusted, by the rule of the model's contract.
        reason: why it is not: `blank`, without ink; `no-digit`, with ink that is not a digit or
            is more than one; `ambiguous`, with two digits that are close. None where it is.
        model: the model that answered.
    """

    source: str | None
    digit: int | None
    confidence: float
    probabilities: tuple[float, ...]
    accepted: bool
    reason: str | None
    model: str


@dataclass(frozen=True, slots=True)
class LineDigit:
    """One digit of a line.

    Attributes:
        digit, confidence, probabilities, accepted, reason: as of a `Prediction`.
        box: left, top, right and bottom in pixels of the decoded picture, the latter two past
            the end.
    """

    digit: int
    confidence: float
    probabilities: tuple[float, ...]
    accepted: bool
    reason: str | None
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """The answer to a picture of a line of digits.

    Attributes:
        source: the path it was read from, None where it came as bytes or pixels.
        text: the digits from the left to the right; empty where there are none.
        accepted: whether all of them are to be trusted, and are as many as were asked for.
        reason: why not: `blank` without ink, `no-digit` where there is far more of it than in a
            line of digits, `count` where the ink does not make as many digits as asked for, else
            the first reason of a digit; None where it is accepted.
        digits: each of them.
        model: the model that answered.
    """

    source: str | None
    text: str
    accepted: bool
    reason: str | None
    digits: tuple[LineDigit, ...]
    model: str


class Predictions(Sequence[Prediction]):
    """The answers to many pictures, as arrays; a `Prediction` is made when one is asked for.

    Args:
        probabilities: float32 (N, 10).
        ink: bool (N,), False where the picture is blank.
        limits: (N, 2), the least sum and the least difference of the two largest probabilities of
            an answer to be trusted; infinite where none is.
        model: the model that answered.
        sources: N paths, None for a picture that has none; None where no picture has.

    Attributes:
        digits: intp (N,), the most probable digit, whether there is ink or not.
        is_digit: bool (N,), whether there is a digit and nothing else.
        accepted: bool (N,).
    """

    def __init__(
        self,
        probabilities: Probabilities,
        ink: NDArray[np.bool_],
        limits: NDArray[np.float64],
        model: str,
        sources: Sequence[str | None] | None = None,
    ) -> None:
        self.probabilities = probabilities
        self.ink = ink
        sums, margins = two_best(probabilities)
        self.is_digit: NDArray[np.bool_] = ink & (sums >= limits[:, 0])
        self.digits: NDArray[np.intp] = probabilities.argmax(axis=1)
        self.accepted: NDArray[np.bool_] = self.is_digit & (margins >= limits[:, 1])
        self._limits = limits
        self._model = model
        self._sources = sources

    def __len__(self) -> int:
        return len(self.probabilities)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> list[Prediction]: ...
    def __getitem__(self, index: int | slice) -> Prediction | list[Prediction]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        source = self._sources[index] if self._sources else None
        ink, limits = bool(self.ink[index]), self._limits[index].tolist()
        return _prediction(self.probabilities[index], ink, limits, self._model, source)


def _prediction(
    answer: Probabilities, ink: bool, limits: Sequence[float], model: str, source: str | None
) -> Prediction:
    """Return what an answer (10,) says; by Python's numbers, which for one picture is faster."""
    if not ink:
        return Prediction(source, None, 0.0, (0.0,) * 10, False, BLANK, model)
    probabilities = tuple(answer.tolist())
    second, first = sorted(probabilities)[-2:]
    threshold, margin = limits
    reason = None
    if first + second < threshold:
        reason = NO_DIGIT
    elif first - second < margin:
        reason = AMBIGUOUS
    digit = probabilities.index(first)
    return Prediction(source, digit, first, probabilities, reason is None, reason, model)


def two_best(probabilities: Probabilities) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sum and difference, each (N,), of the two largest probabilities of rows (N, 10)."""
    second, first = np.partition(probabilities, -2, axis=1).T[-2:].astype(np.float64)
    return first + second, first - second


def accuracy(probabilities: Probabilities, labels: NDArray[np.uint8]) -> float:
    """Return the share of rows (N, 10) whose most probable digit is the label (N,)."""
    return float((probabilities.argmax(axis=1) == labels).mean())


class Classifier:
    """A model file, ready to answer.

    Args:
        engine: what runs it.
        contract: what the file says of itself.
        model: what its answers call it.

    Raises:
        ContractError: the contract asks for preprocessing, labels or an abstention rule that
            this version does not have.
    """

    def __init__(self, engine: Engine, contract: Contract, model: str) -> None:
        for what, asked, known in (
            ("preprocessing version", contract.preprocess.version, preprocess.VERSION),
            ("labels", contract.labels, LABELS),
            ("abstention rule", contract.accept.rule, "two-best"),
        ):
            if asked != known:
                raise ContractError(
                    f"{model} asks for {what} {asked}, this version has {known}.",
                    remedy="upgrade with pip install -U mnist-edge, or export the model again.",
                )
        self.engine = engine
        self.contract = contract
        self.model = model
        accept = contract.accept
        self._as_is = accept.threshold, accept.margin
        self._found = accept.found.threshold, accept.found.margin

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, threads: int = 1) -> Classifier:
        """Load an `.onnx` or `.tflite` file that mnist-edge exported.

        Args:
            path: the file; None for the shipped model.
            threads: how many threads one answer may use.

        Raises:
            ModelError: the file is missing or damaged, or a shipped one is not what was shipped.
            ContractError: it carries no contract, or one that this version cannot honour.
            MissingExtra: it is a TFLite file and ai-edge-litert is not installed.
        """
        if path is None:
            from mnist_edge.runtime import shipped

            path = shipped.path()
        engine, contract = open_engine(Path(path), threads)
        return cls(engine, contract, Path(path).name)

    @classmethod
    def from_session(cls, session: onnxruntime.InferenceSession) -> Classifier:
        """Wrap a session of your own: its providers, threads and memory are yours to choose.

        Raises:
            ContractError: its model carries no contract, or one that cannot be honoured.
        """
        contract = Contract.from_metadata(
            session.get_modelmeta().custom_metadata_map, "the session's model"
        )
        return cls(OnnxEngine(session, contract.input), contract, contract.name)

    def predict(self, picture: Source) -> Prediction:
        """Answer one picture.

        Args:
            picture: a path, the bytes of a file, a PIL image or an array of pixels.

        Raises:
            UnreadableImage: it cannot be opened or decoded.
        """
        reading, source = read(picture), _path_of(picture)
        answer = self.engine.run(reading.image[np.newaxis])[0]
        prediction = _prediction(answer, reading.ink, self._limits(reading), self.model, source)
        if prediction.accepted or reading.found is None:
            return prediction
        return self.predict_readings([reading], [source])[0]

    def predict_batch(self, images: Images | Iterable[Source]) -> Predictions:
        """Answer many pictures, decoding a few of them at a time.

        Args:
            images: uint8 (N, 28, 28) in MNIST's own form, ink 255 on 0; or any iterable of what
                `predict` takes.

        Raises:
            UnreadableImage: one cannot be opened or decoded.
        """
        if isinstance(images, np.ndarray):
            if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIZE, SIZE):
                raise UnreadableImage(
                    f"a batch is uint8 (N, 28, 28), this is {images.dtype} {images.shape}.",
                    remedy="pass a list of pictures instead: each is then read on its own.",
                )
            answers, ink = self.engine.run(images), np.any(images, axis=(1, 2))
            return Predictions(
                answers, ink, np.broadcast_to(self._as_is, (len(ink), 2)), self.model
            )
        chunks: list[Probabilities] = [np.empty((0, len(LABELS)), np.float32)]
        inked: list[bool] = []
        limits: list[tuple[float, float]] = []
        sources: list[str | None] = []
        pictures = iter(images)
        while chunk := list(islice(pictures, PICTURES_AT_ONCE)):
            readings = [read(picture) for picture in chunk]
            chunks.append(self._answers(readings))
            inked += [reading.ink for reading in readings]
            limits += map(self._limits, readings)
            sources += map(_path_of, chunk)
        return Predictions(
            np.concatenate(chunks),
            np.array(inked, bool),
            np.array(limits, float).reshape(-1, 2),
            self.model,
            sources,
        )

    def predict_readings(
        self, readings: Sequence[Reading], sources: Sequence[str | None] | None = None
    ) -> Predictions:
        """Answer pictures that were read before, as `mnist_edge.runtime.reading.read` does."""
        readings = list(readings)
        answers = self._answers(readings)
        ink = np.array([reading.ink for reading in readings])
        limits = np.array([self._limits(reading) for reading in readings])
        return Predictions(answers, ink, limits, self.model, sources)

    def read_line(self, picture: Source, digits: int | None = None) -> Line:
        """Read a line of digits, such as a postcode, a meter or a date.

        Digits that touch are cut apart, broken ones put together, and marks between them left
        out, as the network supports it best; it sees all candidates in one batch.

        Args:
            picture: as for `predict`.
            digits: how many there are; None where that is not known.

        Raises:
            UnreadableImage: it cannot be opened or decoded.
        """
        source = _path_of(picture)
        found = look(decode(picture), line=True)
        if found is None:
            return Line(source, "", False, BLANK, (), self.model)
        candidates = segments(found.ink)
        if not candidates:
            return Line(source, "", False, NO_DIGIT, (), self.model)
        answers = self.engine.run(np.stack([segment.image for segment in candidates]))
        is_digit = np.array([segment.is_digit for segment in candidates])
        doubts = -np.log(answers.max(axis=1)) * is_digit
        costs = [
            segment.cost + doubt for segment, doubt in zip(candidates, doubts.tolist(), strict=True)
        ]
        limits = np.broadcast_to(self._found, (len(candidates), 2))
        predictions = Predictions(answers, is_digit, limits, self.model)
        read = tuple(
            LineDigit(
                int(predictions.digits[number]),
                prediction.confidence,
                prediction.probabilities,
                prediction.accepted,
                prediction.reason,
                found.in_picture(candidates[number].box),
            )
            for number in best_row(candidates, costs, digits)
            if (prediction := predictions[number]).digit is not None
        )
        text = "".join(str(item.digit) for item in read)
        reason = next((item.reason for item in read if item.reason), None)
        if digits is not None and len(read) != digits:
            reason = COUNT
        return Line(source, text, reason is None, reason, read, self.model)

    def settle(self, reading: Reading) -> Reading:
        """Return what the network takes for a digit most, if it does not trust the reading.

        That is the reading or one of its rivals, which are not trusted either.
        """
        candidates = [reading, *reading.rivals()]
        answers = self.engine.run(np.stack([candidate.image for candidate in candidates]))
        if self._trusts(answers[0], reading):
            return reading
        return candidates[int(two_best(answers)[0].argmax())]

    def _answers(self, readings: list[Reading]) -> Probabilities:
        """Answer readings, and settle those that are not trusted, in place."""
        answers = self.engine.run(np.stack([reading.image for reading in readings]))
        for number, reading in enumerate(readings):
            if reading.found and not self._trusts(answers[number], reading):
                readings[number] = self.settle(reading)
                answers[number] = self.engine.run(readings[number].image[np.newaxis])[0]
        return answers

    def _trusts(self, answer: Probabilities, reading: Reading) -> bool:
        limits = self._limits(reading)
        return _prediction(answer, reading.ink, limits, self.model, None).accepted

    def _limits(self, reading: Reading) -> tuple[float, float]:
        """Return what the answer to a picture must reach to be trusted, as `Predictions` takes."""
        if reading.found is None:
            return self._as_is
        return (math.inf, math.inf) if reading.crowded else self._found


def _path_of(picture: Source) -> str | None:
    # An array is told in the least time, which counts beside a small network.
    if isinstance(picture, np.ndarray):
        return None
    return os.fspath(picture) if isinstance(picture, str | os.PathLike) else None
