"""`Classifier`: picture, reading, engine, answer; the same way for one and for many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.contract import LABELS, SIZE, Contract, Limits
from mnist_edge.errors import ContractError, ModelError, UnreadableImage, UsageError, printable
from mnist_edge.runtime import accept
from mnist_edge.runtime.accept import two_best
from mnist_edge.runtime.answers import (
    Line,
    LineDigit,
    Place,
    Prediction,
    Predictions,
    prediction,
)
from mnist_edge.runtime.engines import (
    Engine,
    Images,
    OnnxEngine,
    Probabilities,
    contract_of,
    open_engine,
)
from mnist_edge.runtime.reading import Reading, read
from mnist_edge.runtime.reading.decoding import decode_frames, in_one_range, path_of, source_name
from mnist_edge.runtime.reading.lines import read_line
from mnist_edge.runtime.reading.normalization import VERSION
from mnist_edge.runtime.reading.parameters import DECODING

if TYPE_CHECKING:
    import onnxruntime

    from mnist_edge.runtime.reading.decoding import Source

__all__ = ["Classifier", "Line", "LineDigit", "Prediction", "Predictions", "accuracy", "two_best"]

# Pictures that are decoded before the network runs: memory stays flat, and the first answers to
# many photographs come soon; more at once are no faster by tools/measure_chunk.py.
PICTURES_AT_ONCE = 32

Errors = Literal["raise", "keep"]  # what becomes of a picture that cannot be read

NOTHING = np.zeros(len(LABELS), np.float32)
UNREADABLE = Reading(np.zeros((SIZE, SIZE), np.uint8), reason=accept.UNREADABLE)


def accuracy(probabilities: Probabilities, labels: NDArray[np.uint8]) -> float:
    """Return the share of rows (N, 10) whose most probable digit is the label (N,)."""
    return float((probabilities.argmax(axis=1) == labels).mean())


class Classifier:
    """A model file, ready to answer.

    Args:
        engine: what runs it.
        contract: what the file says of itself.
        model: what its answers call it.
        max_pixels: what a picture may have, as `decode` takes it; None for `DECODING.max_pixels`.

    Raises:
        UsageError: `max_pixels` is less than 1.
        ContractError: the contract asks for preprocessing, labels or an abstention rule that
            this version does not have.
        ModelError: the file reads pictures itself.
    """

    def __init__(
        self,
        engine: Engine,
        contract: Contract,
        model: str,
        *,
        max_pixels: int | None = None,
    ) -> None:
        if max_pixels is not None and max_pixels < 1:
            raise UsageError(f"max_pixels is {max_pixels}.", remedy="give 1 or more, or None.")
        if contract.input.is_picture:
            raise ModelError(
                f"{model} reads pictures itself, for programs that have no mnist-edge.",
                remedy="take the .onnx file of the same model here: more pictures are read right.",
            )
        for what, asked, known in (
            ("preprocessing version", contract.preprocess.version, VERSION),
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
        self.max_pixels = max_pixels or DECODING.max_pixels
        # Of a picture in MNIST's own form; one in which the digit had to be found has others.
        self._own_limits = Limits(contract.accept.threshold, contract.accept.margin)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        threads: int = 1,
        max_pixels: int | None = None,
    ) -> Classifier:
        """Load an `.onnx` or `.tflite` file that mnist-edge exported.

        Args:
            path: the file; None for the shipped model.
            threads: how many threads one answer may use.
            max_pixels: what a picture may have; None for 50 million.

        Raises:
            UsageError: `max_pixels` is less than 1.
            ModelError: the file is missing or damaged, or a shipped one is not what was shipped.
            ContractError: it carries no contract, or one that this version cannot honour.
            MissingExtra: it is a TFLite file and ai-edge-litert is not installed.
        """
        if path is None:
            from mnist_edge.runtime import shipped

            path = shipped.path()
        engine, contract = open_engine(Path(path), threads)
        return cls(engine, contract, Path(path).name, max_pixels=max_pixels)

    @classmethod
    def from_session(cls, session: onnxruntime.InferenceSession) -> Classifier:
        """Wrap a session of your own: its providers, threads and memory are yours to choose.

        Raises:
            ContractError: its model carries no contract, or one that cannot be honoured.
        """
        contract = contract_of(session, "the session's model")
        return cls(OnnxEngine(session, contract.input), contract, contract.name)

    def read(self, picture: Source) -> Reading:
        """Find the digit in a picture, with every candidate that was considered, to explain it.

        Raises:
            UnreadableImage: it cannot be opened or decoded.
        """
        return read(picture, self.engine.run, self.contract.accept.found, self.max_pixels)

    def predict(self, picture: Source) -> Prediction:
        """Answer one picture.

        Args:
            picture: a path, the bytes of a file or a file that is open, a data URL or its base64,
                a PIL image, or an array or nested list of pixels.

        Raises:
            UnreadableImage: it cannot be opened or decoded.
        """
        return self.answer(self.read(picture), path_of(picture))

    def answer(self, reading: Reading, source: str | None = None) -> Prediction:
        """Answer a picture that was read before."""
        own = self.engine.run(reading.image[np.newaxis]) if reading.own_form else ()
        answer, reason = self._judged(reading, iter(own))
        return prediction(answer, reason, _place(reading, source), self.model)

    def predict_batch(
        self, pictures: Images | Iterable[Source], *, errors: Errors = "raise"
    ) -> Predictions:
        """Answer many pictures, decoding a few of them at a time.

        Args:
            pictures: any iterable of what `predict` takes; or one array, (N, H, W) or (N, H, W, C).
            errors: whether a picture that cannot be read raises, or is kept as an answer with the
                reason `unreadable`, and as one of `Predictions.errors`.

        Raises:
            UnreadableImage: one cannot be opened or decoded, or this is no batch of pictures.
            UsageError: `errors` is neither.
        """
        _check(errors)
        chunks: list[Probabilities] = [np.empty((0, len(LABELS)), np.float32)]
        reasons: list[str | None] = []
        places: list[Place] = []
        unreadable: dict[int, UnreadableImage] = {}
        rest = iter(_pictures_of(pictures, self.max_pixels))
        while chunk := list(islice(rest, PICTURES_AT_ONCE)):
            readings = []
            for picture in chunk:
                try:
                    readings.append(self.read(picture))
                except UnreadableImage as error:
                    if errors == "raise":
                        raise
                    unreadable[len(reasons) + len(readings)] = error
                    readings.append(UNREADABLE)
            own = [reading.image for reading in readings if reading.own_form]
            seen = iter(self.engine.run(np.stack(own)) if own else ())
            answers, why = zip(*(self._judged(reading, seen) for reading in readings), strict=True)
            chunks.append(np.stack(answers))
            reasons += why
            places += map(_place, readings, map(path_of, chunk))
        return Predictions(np.concatenate(chunks), reasons, places, self.model, unreadable)

    def predict_frames(self, picture: Source, *, errors: Errors = "raise") -> Predictions:
        """Answer each frame of an animation, or each page of a TIFF file.

        Args:
            picture: as for `predict`.
            errors: whether a frame that cannot be read raises, or those before it are answered,
                and it is kept as one of `Predictions.errors`.

        Raises:
            UnreadableImage: it cannot be opened or decoded.
            UsageError: `errors` is neither.
        """
        _check(errors)
        damaged: list[UnreadableImage] = []

        def readable() -> Iterator[Source]:
            try:
                yield from decode_frames(picture, self.max_pixels)
            except UnreadableImage as error:
                if errors == "raise":
                    raise
                damaged.append(error)

        frames, source = self.predict_batch(readable()), path_of(picture)
        places = [Place(source, item.box, n, item.frames) for n, item in enumerate(frames)]
        unreadable = dict(enumerate(damaged, start=len(frames)))
        return Predictions(frames.probabilities, frames.reasons, places, self.model, unreadable)

    def read_line(self, picture: Source, digits: int | None = None) -> Line:
        """Read a line of digits, such as a postcode or a meter.

        Digits that touch are cut apart, broken ones put together, and marks between them left
        out, as the network supports it best; it sees all candidates in one batch. A slash is
        taken for a one.

        Args:
            picture: as for `predict`.
            digits: how many there are; None where that is not known.

        Raises:
            UnreadableImage: it cannot be opened or decoded.
            UsageError: `digits` is less than 1.
        """
        if digits is not None and digits < 1:
            raise UsageError(f"digits is {digits}.", remedy="give 1 or more, or None.")
        found = self.contract.accept.found
        row = read_line(picture, self.engine.run, found, digits, self.max_pixels)
        items = []
        for box, answer, reason in zip(row.boxes, row.probabilities, row.reasons, strict=True):
            shares = tuple(answer.tolist())
            digit = shares.index(max(shares))
            items.append(LineDigit(digit, max(shares), shares, reason is None, reason, box))
        accepted = row.reason is None
        return Line(path_of(picture), row.text, accepted, row.reason, tuple(items), self.model)

    def _judged(
        self, reading: Reading, own: Iterator[Probabilities]
    ) -> tuple[Probabilities, str | None]:
        """Return an answer (10,) and why it is not to be trusted; None where it is.

        The network has seen what had to be found; what is in MNIST's own form has the next of its
        `own` answers.
        """
        if reading.own_form:
            answer = next(own)
            return answer, accept.doubt(answer, self._own_limits)
        return NOTHING if reading.answer is None else reading.answer, reading.reason


def _check(errors: str) -> None:
    if errors not in get_args(Errors):
        raise UsageError(
            f"errors is {printable(repr(errors))}.", remedy=f"give {' or '.join(get_args(Errors))}."
        )


def _place(reading: Reading, source: str | None) -> Place:
    return Place(source, reading.box, frames=reading.frames)


def _pictures_of(
    batch: NDArray[np.generic] | Iterable[Source], max_pixels: int
) -> Iterable[Source]:
    """Return the pictures of a batch: of an array (N, H, W) or (N, H, W, C), or of an iterable.

    Raises:
        UnreadableImage: it is one picture, and no batch.
    """
    if isinstance(batch, np.ndarray):
        single = batch.ndim == 3 and batch.shape[2] in (1, 3, 4)
        if batch.ndim not in (3, 4) or single:
            raise UnreadableImage(
                f"{source_name(batch)} is no batch of pictures.",
                remedy="give an array of shape (N, H, W) or (N, H, W, C), such as array[None] or "
                "array.reshape(-1, 28, 28).",
            )
        return in_one_range(batch, max_pixels)
    one = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image)
    if isinstance(batch, one) or hasattr(batch, "read"):
        name = source_name(batch)  # type: ignore[arg-type]
        raise UnreadableImage(f"{name} is one picture, and no batch.", remedy="put it in a list.")
    return batch
