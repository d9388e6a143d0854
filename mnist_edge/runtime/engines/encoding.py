"""How a model that is fed in its own way takes a 28×28 digit, and what its answers stand for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE, TensorSpec
from mnist_edge.errors import ContractError, ModelError
from mnist_edge.runtime.engines.engine import (
    ROUNDED,
    TOLERANCE,
    Images,
    Probabilities,
    Reopened,
    check_answers,
)

Floats = NDArray[np.float32]

# Probabilities that were rounded to 0 count as this much in a logarithm, and 1 as so much less.
SMALLEST = 1e-7

# Numbers in an input: a colour picture of 1024×1024, which networks of other purposes take.
LARGEST = 3 << 20


class Runner(Protocol):
    """Something that runs a file as it is.

    Attributes:
        shape: of its input, batch first; None for a size that it leaves open.
        dtype: NumPy's name of the type of its input.
        rounded: whether answers come in steps of an integer type.
    """

    shape: tuple[int | None, ...]
    dtype: str
    rounded: bool

    def run(self, batch: Floats) -> Floats:
        """Answer real values (N, …) in the shape of the input, with real values (N, M); any N."""
        ...


class EncodedEngine(Reopened):
    """An engine made of a file as it is and the way in which it is fed.

    Args:
        runner: runs the file.
        spec: its input.
        answers: what its answers stand for, a key of `PROBABILITIES_OF`.
        source: what errors call it.

    Raises:
        ContractError: it is fed in a way that this version does not know.
        ModelError: it takes pictures of another size.
    """

    def __init__(
        self, runner: Runner, spec: TensorSpec, answers: str, source: object = "the model"
    ) -> None:
        if answers not in PROBABILITIES_OF:
            raise ContractError(
                f"a model's answers are called {answers!r}, which this version does not know.",
                remedy="upgrade with pip install -U mnist-edge.",
            )
        self._runner, self._encode, self._source = runner, encoder(spec), source
        blank = self._encode(np.zeros((1, SIZE, SIZE), np.uint8))
        sizes = [size for size in runner.shape[1:] if size is not None]
        if len(sizes) == len(runner.shape) - 1 and math.prod(sizes) != blank.size:
            raise ModelError(
                f"{source} takes {runner.shape}, not a picture as {blank.shape}.",
                remedy="choose a model of MNIST's kind.",
            )
        self._probabilities = PROBABILITIES_OF[answers]

    def run(self, images: Images) -> Probabilities:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10); any N."""
        answers = self._runner.run(self._encode(images))
        if answers.shape != (len(images), len(LABELS)):
            raise ModelError(
                f"{self._source} answers {len(images)} pictures with {answers.shape}, not with "
                f"{len(LABELS)} numbers each.",
                remedy="choose a classifier of the ten digits.",
            )
        with np.errstate(invalid="ignore"):
            probabilities = self._probabilities(answers)
        check_answers(probabilities, self._source, ROUNDED if self._runner.rounded else TOLERANCE)
        return probabilities


def encoder(spec: TensorSpec) -> Callable[[Images], Floats]:
    """Return what turns uint8 (N, 28, 28), ink 255 on 0, into real values of an input's shape.

    Raises:
        ContractError: the input is described in a way that this version does not know.
    """
    if spec.layout not in _ARRANGED or spec.values not in VALUES or spec.fit not in FITS:
        raise ContractError(
            f"cannot feed an input of layout {spec.layout}, values {spec.values} and fit "
            f"{spec.fit}.",
            remedy="upgrade with pip install -U mnist-edge.",
        )
    if math.prod(size or 1 for size in spec.shape[1:]) > LARGEST:
        raise ContractError(
            f"an input of {spec.shape} is larger than any of digits.",
            remedy="choose a model of MNIST's kind.",
        )
    low, high = (np.float32(value) for value in spec.range)
    values, arrange = VALUES[spec.values], _ARRANGED[spec.layout]
    resampling = None if spec.fit == "exact" else FITS[spec.fit](side_of(spec))
    if resampling is None and spec.values != "unit-columns":
        # What becomes of a grey level depends on no other: looked up, it costs a tenth.
        grey = np.arange(256, dtype=np.float32) / np.float32(255)
        table = low + values(grey) * (high - low)

        def look_up(images: Images) -> Floats:
            looked_up = table.take(images)
            if spec.transposed:
                looked_up = looked_up.swapaxes(1, 2)
            return arrange(looked_up, spec.shape)

        return look_up

    def encode(images: Images) -> Floats:
        ink = images.astype(np.float32) / np.float32(255)
        if spec.transposed:
            ink = ink.swapaxes(1, 2)
        if resampling is not None:
            ink = resampling @ ink @ resampling.T
        return arrange(low + values(ink) * (high - low), spec.shape)

    return encode


def side_of(spec: TensorSpec) -> int:
    """Return how many pixels wide and high the picture is that an input takes."""
    sizes = spec.shape[1:]
    if spec.layout == "NC":
        return math.isqrt(sizes[0] or SIZE * SIZE)
    return sizes[1 if spec.layout == "NCHW" else 0] or SIZE


def _binary(ink: Floats) -> Floats:
    return (ink > 0.5).astype(np.float32)


def _unit_columns(ink: Floats) -> Floats:
    """Scale as `keras.utils.normalize(x, axis=1)` does, by the norm over the rows of a column."""
    norm = np.sqrt((ink * ink).sum(axis=1, keepdims=True))
    norm[norm == 0] = 1
    scaled: Floats = ink / norm
    return scaled


def _padded(side: int) -> Floats:
    matrix = np.zeros((side, SIZE), np.float32)
    before = (side - SIZE) // 2
    matrix[before : before + SIZE] = np.eye(SIZE)
    return matrix


def _resized(side: int) -> Floats:
    """Return linear interpolation between the centres of pixels; the mean where it halves."""
    place = (np.arange(side) + 0.5) * SIZE / side - 0.5
    distance = np.abs(place.clip(0, SIZE - 1)[:, None] - np.arange(SIZE))
    weights: Floats = np.maximum(1 - distance, 0).astype(np.float32)
    return weights


def _channels(ink: Floats, count: int | None, axis: int) -> Floats:
    one: Floats = np.expand_dims(ink, axis)
    return one if count in (None, 1) else np.repeat(one, count, axis)


# What ink, 0 to 1, becomes before it is brought into the input's range.
VALUES: dict[str, Callable[[Floats], Floats]] = {
    "linear": lambda ink: ink,
    "binary": _binary,
    "unit-columns": _unit_columns,
}

# How 28×28 becomes another size: as a matrix (side, 28) that is applied to rows and to columns.
FITS: dict[str, Callable[[int], Floats]] = {
    "exact": lambda _side: np.eye(SIZE, dtype=np.float32),
    "padded": _padded,
    "resized": _resized,
}

_ARRANGED: dict[str, Callable[[Floats, tuple[int | None, ...]], Floats]] = {
    "NHWC": lambda ink, shape: _channels(ink, shape[3], 3),
    "NCHW": lambda ink, shape: _channels(ink, shape[1], 1),
    "NHW": lambda ink, _shape: ink,
    "NC": lambda ink, _shape: ink.reshape(len(ink), -1),
}


def _softmax(scores: Floats) -> Probabilities:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Probabilities = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _softmax_of_logits(answers: Floats) -> Probabilities:
    """Return the softmax of what went into sigmoids: ten that are sure of two digits share them."""
    inside = answers.clip(SMALLEST, 1 - SMALLEST)
    return _softmax(np.log(inside / (1 - inside)))


# How answers of each kind become probabilities.
PROBABILITIES_OF: dict[str, Callable[[Floats], Probabilities]] = {
    "probabilities": lambda answers: answers,
    "scores": _softmax,
    "log-probabilities": _softmax,
    "sigmoids": _softmax_of_logits,
}


def kind_of(answers: NDArray[Any], *, rounded: bool = False) -> str:
    """Tell what answers (N, M) stand for, a key of `PROBABILITIES_OF`, by their values.

    Args:
        answers: of many different pictures.
        rounded: whether they come in steps of an integer type, whose sums are not quite 1.
    """
    tolerance = 0.05 if rounded else 1e-3
    if answers.min() >= 0 and answers.max() <= 1 + tolerance:
        whole = np.abs(answers.sum(axis=1) - 1).max() < tolerance
        return "probabilities" if whole else "sigmoids"
    if answers.max() <= 0 and np.abs(np.exp(answers).sum(axis=1) - 1).max() < tolerance:
        return "log-probabilities"
    return "scores"
