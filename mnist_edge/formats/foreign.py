"""How somebody else's model wants to be fed: measured on training pictures, by cross-entropy.

Accuracy does not tell the range of an input: a network that was trained on 0 to 1 often reads 0 to
255 as well, or better by a few pictures. The likelihood of the labels does, since a network that is
fed as in its training is as sure as it learned to be.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE, TensorSpec
from mnist_edge.errors import DataError, ModelError, UsageError
from mnist_edge.runtime.engines.encoding import (
    PROBABILITIES_OF,
    SMALLEST,
    Runner,
    encoder,
    kind_of,
    side_of,
)

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Split
    from mnist_edge.formats.feeding import FeedingOptions

# What black and white are in the inputs that people train on; the last is torchvision's
# Normalize((0.1307,), (0.3081,)), the mean and the deviation of MNIST's training pictures.
MEAN, DEVIATION = 0.1307, 0.3081
RANGES = (
    *((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0), (-0.5, 0.5)),
    (-MEAN / DEVIATION, (1 - MEAN) / DEVIATION),
)

# Sides of an input that a 28×28 digit can be brought to.
SMALLEST_SIDE, LARGEST_SIDE = 14, 128

# Training pictures per digit that all ways are tried on, and the best few.
FIRST_SAMPLE, SECOND_SAMPLE, FINALISTS = 40, 400, 4

# What the best way has to reach: the share of right answers, and how many times its loss the next
# best has to lose.
ENOUGH, APART = 0.85, 1.02

# Times the range of the best way, that a model is tried on too; and by how much more it may not
# read then, as a share: its range would be another than those that are known.
STRETCHED, BETTER = (0.25, 0.5, 2.0, 4.0), 0.01

# Ways whose probabilities differ by no more are the same way to this model.
SAME = 1e-3


@dataclass(frozen=True)
class Feeding:
    """One way to feed a model, and how well it answers so.

    Attributes:
        input: the tensor that it takes.
        answers: what its answers stand for.
        loss: the mean cross-entropy of the labels, in nats; NaN where it was not measured.
        accuracy: the share of right answers; likewise.
    """

    input: TensorSpec
    answers: str
    loss: float = math.nan
    accuracy: float = math.nan


@dataclass(frozen=True)
class Measured:
    """What was found: the best way to feed a model, and the next best that is another."""

    best: Feeding
    next: Feeding | None

    def describe(self) -> str:
        """Return it in words: shape, values, losses, and what is done to the answers."""
        rival = (
            f"; next best {describe(self.next.input)}: {self.next.loss:.2g}" if self.next else ""
        )
        return (
            f"{_sizes(self.best.input)}, {describe(self.best.input)} "
            f"(loss {self.best.loss:.2g}{rival}); {_DONE[self.best.answers]}"
        )


_DONE = {
    "probabilities": "answers are probabilities",
    "scores": "answers are scores, a softmax is added",
    "log-probabilities": "answers are log-probabilities, a softmax is added",
    "sigmoids": "answers are sigmoids, a softmax takes their place",
}


def describe(spec: TensorSpec) -> str:
    """Return in words what an input's values are."""
    low, high = (f"{value:.4g}" for value in spec.range)
    words = {
        "linear": f"ink {high} on paper {low}",
        "binary": f"ink {high} on paper {low} and nothing between",
        "unit-columns": "columns of norm 1",
    }[spec.values]
    if spec.fit != "exact":
        words += f", {spec.fit} to {side_of(spec)}x{side_of(spec)}"
    return words + (", transposed" if spec.transposed else "")


def _sizes(spec: TensorSpec) -> str:
    return "x".join(str(size or "N") for size in spec.shape[1:])


def measure(runner: Runner, training: Split, options: FeedingOptions, source: object) -> Measured:
    """Find how a model wants to be fed, by running it on training pictures.

    Args:
        runner: runs the file as it is.
        training: pictures of the training split; a balanced sample is taken.
        options: what is known, and not to be measured.
        source: the file's name, for errors.

    Raises:
        ModelError: the model is no classifier of the ten digits, none of the ways is good enough,
            two are about as good, or its range is none of the usual ones; the remedy names the
            flags that decide.
        DataError: there are no pictures of a digit.
    """
    specs = list(_ways(runner, options, source))
    first = _try(runner, specs, _balanced(training, FIRST_SAMPLE), options, source)
    first.sort(key=lambda way: way[0].loss)
    finalists = [way.input for way, _ in first[:FINALISTS]]
    sample = _balanced(training, SECOND_SAMPLE)
    ways = _try(runner, finalists, sample, options, source)
    ways.sort(key=lambda way: way[0].loss)
    (best, probabilities), *others = ways
    rivals = [way for way, given in others if np.abs(given - probabilities).max() > SAME]
    rival = rivals[0] if rivals else None
    tried = [best, *rivals]
    if best.accuracy < ENOUGH and not options.range:
        raise ModelError(
            f"{source} reads {best.accuracy:.1%} of a balanced sample of training pictures at "
            f"best, however it is fed: it was trained on something else, or not enough.",
            remedy=f"if you know how it is fed, say so: {_FLAGS}.",
            details=_table(tried),
        )
    if rival and rival.loss < APART * best.loss:
        raise ModelError(
            f"{source} can be fed in two ways that are about as good.",
            remedy=f"say which it is: {_FLAGS}.",
            details=_table(tried),
        )
    if best.input.values != "unit-columns" and not options.range:
        low, high = best.input.range
        ends = ((low, low + times * (high - low)) for times in STRETCHED)
        stretched = [replace(best.input, values="linear", range=limits) for limits in ends]
        answered = _try(runner, stretched, sample, options, source)
        better = [way for way, _ in answered if way.accuracy > best.accuracy + BETTER]
        if better:
            raise ModelError(
                f"{source} was trained on a range of values that is none of the usual ones.",
                remedy=f"say which it is: {_FLAGS}.",
                details=_table([best, *better]),
            )
    return Measured(best, rival)


_FLAGS = (
    "--input-shape 28,28,1, --input-range LOW,HIGH or --input-mean with --input-std, "
    "--ink dark|light, --transposed, --answers probabilities|scores|sigmoids|log"
)


def _table(ways: list[Feeding]) -> list[str]:
    lines = (f"  {way.loss:8.3g}  {way.accuracy:8.1%}  {describe(way.input)}" for way in ways)
    return ["      loss  accuracy  fed with", *lines]


def _balanced(split: Split, count: int) -> Split:
    """Return the first `count` pictures of each digit, or as many as there are of the rarest."""
    places = [np.flatnonzero(split.labels == digit) for digit in range(len(LABELS))]
    least = min(count, *map(len, places))
    if not least:
        missing = next(digit for digit, place in enumerate(places) if not len(place))
        raise DataError(
            f"no picture to train on shows a {missing}: how a model is fed cannot be measured.",
            remedy="name a dataset of all ten digits with --data.",
        )
    chosen = np.sort(np.concatenate([place[:least] for place in places]))
    return type(split)(split.images[chosen], split.labels[chosen])


def _try(
    runner: Runner, specs: list[TensorSpec], sample: Split, options: FeedingOptions, source: object
) -> list[tuple[Feeding, NDArray[np.float32]]]:
    """Return how well each way does, and the probabilities that come of it."""
    ways = []
    for spec in specs:
        answers = runner.run(encoder(spec)(sample.images))
        if answers.shape != (len(sample.labels), len(LABELS)):
            raise ModelError(
                f"{source} tells {answers.shape[-1]} classes apart, not the ten digits.",
                remedy="choose a classifier of digits.",
            )
        if not np.isfinite(answers).all():
            continue
        kind = options.answers or kind_of(answers, rounded=runner.rounded)
        probabilities = PROBABILITIES_OF[kind](answers)
        right = probabilities[np.arange(len(sample.labels)), sample.labels]
        loss = float(-np.log(np.maximum(right, SMALLEST)).mean())
        accuracy = float((probabilities.argmax(axis=1) == sample.labels).mean())
        ways.append((Feeding(spec, kind, loss, accuracy), probabilities))
    if not ways:
        raise ModelError(
            f"{source} answers with infinities or with what is no number, however it is fed.",
            remedy="train it again, or choose another model.",
        )
    return ways


def _ways(runner: Runner, options: FeedingOptions, source: object) -> Iterator[TensorSpec]:
    """Yield the ways that fit the shape of the input and what is known."""
    layout, shape = _layout(runner.shape, options, source)
    spec = TensorSpec("image", layout, shape, runner.dtype, (0.0, 1.0))
    side = side_of(spec)
    fits = ["exact"] if side == SIZE else ["resized", *(["padded"] if side > SIZE else [])]
    ranges = [options.range] if options.range else list(RANGES)
    values = [("linear", limits) for limits in ranges]
    if not options.range:
        values += [("binary", (0.0, 1.0)), ("binary", (0.0, 255.0)), ("unit-columns", (0.0, 1.0))]
    inks = [options.ink] if options.ink else ["light", "dark"]
    turns = [False, True] if options.transposed is None else [options.transposed]
    for turned, fit, (name, (low, high)), ink in itertools.product(turns, fits, values, inks):
        if name == "unit-columns" and ink == "dark" and not options.ink:
            continue
        limits = (low, high) if ink == "light" else (high, low)
        yield replace(spec, values=name, fit=fit, transposed=turned, range=limits)


def _layout(
    known: tuple[int | None, ...], options: FeedingOptions, source: object
) -> tuple[str, tuple[int | None, ...]]:
    """Return the layout of an input and its shape, sizes that are open filled in."""
    shape = known
    if options.shape:
        fits = len(options.shape) == len(known) - 1 and all(
            given in (None, size) for given, size in zip(known[1:], options.shape, strict=True)
        )
        if known and not fits:
            raise UsageError(
                f"{source} takes pictures of {_open(known[1:])}, not of {_open(options.shape)}.",
                remedy="leave --input-shape out, or name that.",
            )
        shape = (known[0] if known else None, *options.shape)
    sizes = shape[1:]
    layout, sides = None, (0, 0)
    if len(sizes) == 1 and sizes[0]:
        layout, sides = "NC", (math.isqrt(sizes[0]),) * 2
        if sides[0] ** 2 != sizes[0]:
            layout = None
    elif len(sizes) == 2:
        layout, sides = "NHW", (sizes[0] or SIZE, sizes[1] or SIZE)
    elif len(sizes) == 3 and sizes[2] in (1, 3):
        layout, sides = "NHWC", (sizes[0] or SIZE, sizes[1] or SIZE)
    elif len(sizes) == 3 and sizes[0] in (1, 3):
        layout, sides = "NCHW", (sizes[1] or SIZE, sizes[2] or SIZE)
    if layout is None or sides[0] != sides[1] or not SMALLEST_SIDE <= sides[0] <= LARGEST_SIDE:
        raise ModelError(
            f"{source} takes {_open(sizes)} numbers, which is no square picture of "
            f"{SMALLEST_SIDE} to {LARGEST_SIDE} pixels a side.",
            remedy="choose a model of MNIST's kind; an input of open sizes needs --input-shape.",
        )
    filled = {
        "NC": sizes,
        "NHW": sides,
        "NHWC": (*sides, sizes[-1]),
        "NCHW": (sizes[0], *sides),
    }[layout]
    return layout, (shape[0], *filled)


def _open(sizes: tuple[int | None, ...]) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes) or "?"
