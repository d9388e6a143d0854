"""What an engine is, and what all of them share: the feeding of their input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE, TensorSpec
from mnist_edge.errors import ContractError, ModelError, UsageError

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]

# The types of an input that can be fed.
DTYPES = ("float32", "uint8")

# How far the sum of an answer's probabilities may be from 1: of floating-point numbers, and of ten
# that were rounded to steps of 1/256 each.
TOLERANCE = 1e-3
ROUNDED = 5 / 256

# More than any machine has; every one of them is started.
MOST_THREADS = 1024


class Engine(Protocol):
    """Something that answers pictures."""

    def run(self, images: Images) -> Probabilities:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10); any N."""
        ...


class Reopened:
    """An engine that is pickled and copied as the file that it was opened from.

    Attributes:
        opened: what opens it again, and its arguments; None of somebody's own session.
    """

    opened: tuple[Callable[..., Engine], tuple[object, ...]] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        if self.opened is None:
            raise UsageError(
                "a session of your own can be neither pickled nor copied.",
                remedy="pass the path of its file on, and load that where it is needed.",
            )
        return self.opened


def check_answers(answers: Probabilities, source: object, tolerance: float = TOLERANCE) -> None:
    """Check that answers (N, 10) are probabilities: not negative, of a sum of 1, and so finite.

    Raises:
        ModelError: they are not.
    """
    if len(answers) == 1:
        # Python's numbers: for one picture that takes a tenth of NumPy's time.
        (row,) = answers.tolist()
        if abs(sum(row) - 1) < tolerance and min(row) > -tolerance:
            return
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            sums = answers.sum(axis=1)
        if (np.abs(sums - 1) < tolerance).all() and (answers > -tolerance).all():
            return
    raise ModelError(
        f"{source} answers with numbers that are no probabilities: not finite, below 0, or not "
        "adding up to 1.",
        remedy="it is damaged, or ends without a softmax: export it again.",
    )


def conversion(spec: TensorSpec) -> Callable[[NDArray[np.uint8], NDArray[np.float32]], None]:
    """Return what writes grey levels as the values of a float32 input, into memory of its shape."""
    low, high = spec.range
    greys_per_unit, offset = (np.array(value, np.float32) for value in (255 / (high - low), low))

    def convert(images: NDArray[np.uint8], values: NDArray[np.float32]) -> None:
        # Dividing while it converts would take numpy half as long again.
        values[:] = images
        values /= greys_per_unit
        if low:
            values += offset

    return convert


def check_input(spec: TensorSpec, source: object) -> None:
    """Check that an input is of a layout and a type that can be fed.

    Raises:
        ContractError: it is not.
    """
    if spec.layout not in ("NHWC", "NCHW") or spec.dtype not in DTYPES:
        raise ContractError(
            f"{source}: cannot feed an input of layout {spec.layout} and type {spec.dtype}.",
            remedy="upgrade with pip install -U mnist-edge.",
        )


def check_threads(threads: int) -> None:
    """Check that this is a number of threads.

    Raises:
        UsageError: it is not.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise UsageError(f"threads is {threads}.", remedy=f"give 1 to {MOST_THREADS}.")


def check_shapes(image: Sequence[object], answer: Sequence[object], source: object) -> None:
    """Check that one picture has 28x28 numbers, and its answer ten; symbolic sizes pass.

    Raises:
        ModelError: they have not.
    """
    for shape, size in ((image, SIZE * SIZE), (answer, len(LABELS))):
        known = [int(part) for part in shape[1:] if isinstance(part, int | np.integer)]
        if len(known) == len(shape) - 1 and math.prod(known) != size:
            raise ModelError(
                f"{source} maps {tuple(image)} to {tuple(answer)}, not 28x28 to 10 digits.",
                remedy="choose a model of MNIST's kind.",
            )


def several_inputs(source: object, names: Sequence[str]) -> ModelError:
    """Return what is said of a model that wants more than a picture."""
    return ModelError(
        f"{source} takes {len(names)} inputs ({', '.join(names)}), not one picture.",
        remedy="choose a model that takes a picture alone.",
    )
