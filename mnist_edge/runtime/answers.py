"""What is answered: a prediction, many of them, or a line of digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import UnreadableImage
from mnist_edge.runtime import accept
from mnist_edge.runtime.accept import Probabilities
from mnist_edge.runtime.reading.views import Box


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
            is more than one; `ambiguous`, with two digits that are close; `unreadable`, without a
            picture, where errors are kept. None where it is.
        model: the model that answered.
        box: left, top, right and bottom of what was read, in pixels of the picture, upright,
            the latter two past the end; None where there is no ink.
        frame: the number, from 0, of the frame of an animation, or of the page.
        frames: how many there are in the file.
    """

    source: str | None
    digit: int | None
    confidence: float
    probabilities: tuple[float, ...]
    accepted: bool
    reason: str | None
    model: str
    box: Box | None = None
    frame: int = 0
    frames: int = 1


@dataclass(frozen=True, slots=True)
class LineDigit:
    """One digit of a line.

    Attributes:
        digit, confidence, probabilities, accepted, reason, box: as of a `Prediction`.
    """

    digit: int
    confidence: float
    probabilities: tuple[float, ...]
    accepted: bool
    reason: str | None
    box: Box


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


class Place(NamedTuple):
    """Where an answer comes from: fields of a `Prediction`."""

    source: str | None = None
    box: Box | None = None
    frame: int = 0
    frames: int = 1


class Predictions(Sequence[Prediction]):
    """The answers to many pictures, as arrays; a `Prediction` is made when one is asked for.

    Args:
        probabilities: float32 (N, 10); all 0 without ink.
        reasons: N, why an answer is not to be trusted; None where it is.
        places: N, where each comes from.
        model: the model that answered.
        errors: of the pictures that cannot be read, by their number; of frames the first one,
            after which there are no answers.

    Attributes:
        digits: intp (N,), the most probable digit; -1 where there is none.
        accepted: bool (N,).
        errors: as given.
    """

    def __init__(
        self,
        probabilities: Probabilities,
        reasons: Sequence[str | None],
        places: Sequence[Place],
        model: str,
        errors: Mapping[int, UnreadableImage] = MappingProxyType({}),
    ) -> None:
        self.probabilities = probabilities
        self.reasons = reasons
        self.errors = errors
        self.accepted: NDArray[np.bool_] = np.array([not reason for reason in reasons], np.bool_)
        inked = np.array([reason not in accept.WITHOUT_INK for reason in reasons], np.bool_)
        self.digits: NDArray[np.intp] = np.where(inked, probabilities.argmax(axis=1), -1)
        self._places = places
        self._model = model

    def __len__(self) -> int:
        return len(self.probabilities)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> list[Prediction]: ...
    def __getitem__(self, index: int | slice) -> Prediction | list[Prediction]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        answer = self.probabilities[index]
        return prediction(answer, self.reasons[index], self._places[index], self._model)


def prediction(answer: Probabilities, reason: str | None, place: Place, model: str) -> Prediction:
    """Return what an answer (10,) says, and whether it is to be trusted."""
    source, box, frame, frames = place
    probabilities = tuple(answer.tolist())
    confidence = max(probabilities)
    digit = None if reason in accept.WITHOUT_INK else probabilities.index(confidence)
    return Prediction(
        *(source, digit, confidence, probabilities, reason is None, reason, model),
        *(box, frame, frames),
    )
