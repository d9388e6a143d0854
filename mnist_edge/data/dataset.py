"""What a dataset is: three splits of 28×28 pictures with their labels."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS
from mnist_edge.data import arrays
from mnist_edge.data.names import NAMES
from mnist_edge.errors import DataError, printable

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = len(LABELS)

# The last twelfth of the training pictures validates: 5,000 of MNIST's 60,000.
VALIDATION_SHARE = 12
# Without a test file, a sixth of the pictures tests.
TEST_SHARE = 6
SEED = 0


class Split(NamedTuple):
    """Pictures and their labels.

    Attributes:
        images: uint8 of shape (N, 28, 28), 0 paper and 255 ink, as MNIST is.
        labels: uint8 of shape (N,), 0 to 9; `CLASSES` where a training adds a picture without a
            digit.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named dataset.

    Attributes:
        name: what reports and contracts call it: `mnist`, `synthetic`, or the last part of the
            path it was read from.
        train: what weights and calibration are fitted on.
        validation: what epochs and thresholds are chosen on; the tail of the training file.
        test: what the final figure is measured on, and nothing else.
        source: the path it was read from, absolute; None of `mnist` and `synthetic`.
        notes: what was done or is missing that its files do not say, a sentence each.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    source: Path | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_arrays(
        cls,
        source: str | Path,
        training: tuple[arrays.Array, arrays.Array],
        test: tuple[arrays.Array, arrays.Array] | None,
        notes: tuple[str, ...] = (),
    ) -> Dataset:
        """Check pictures and labels, bring them to one form, and cut the splits.

        Training pictures that come sorted by digit are shuffled, always alike, so that those
        which validate are a fair sample.

        Args:
            source: the dataset's name, or the path that it was read from.
            training: pictures and labels in a form that `mnist_edge.data.arrays` accepts.
            test: the same; None takes one in six training pictures, always the same.
            notes: what there is to be said of how they were read.

        Raises:
            DataError: shapes, types, values, counts or labels are not those of a digit dataset.
        """
        # Links are not followed: what they lead to often has no name that says anything.
        path = Path(os.path.abspath(source)) if isinstance(source, Path) else None  # noqa: PTH100
        name = _name_of(path) if path else str(source)
        scale = arrays.full_scale(f"{name} (training split)", training[0])
        fit = _checked(f"{name} (training split)", training, scale)
        # Where most neighbours are alike, the last ones would be of few digits.
        changes = np.count_nonzero(fit.labels[1:] != fit.labels[:-1])
        if test is None or 2 * changes < len(fit.labels) - 1:
            order = np.random.default_rng(SEED).permutation(len(fit.labels))
            fit = Split(fit.images[order], fit.labels[order])
        if test is None:
            fit, held_out = _cut(fit, len(fit.labels) // TEST_SHARE)
            notes += (f"without a test file, one in {TEST_SHARE} pictures tests, always the same",)
        else:
            held_out = _checked(f"{name} (test split)", test, scale)
        if not len(held_out.labels) or len(fit.labels) < 2:
            raise DataError(
                f"{name}: {len(fit.labels) + len(held_out.labels)} pictures cannot be split into "
                "those that train, validate and test.",
                remedy="choose a dataset with more pictures.",
            )
        train, validation = _cut(fit, max(1, len(fit.labels) // VALIDATION_SHARE))
        return cls(name, train, validation, held_out, path, notes)

    def redrawn(self, draw: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Dataset:
        """Return it with the pictures (N, 28, 28) of every split as `draw` returns them."""
        train, validation, test = (
            Split(np.ascontiguousarray(draw(split.images)), split.labels)
            for split in (self.train, self.validation, self.test)
        )
        return replace(self, train=train, validation=validation, test=test)


def _name_of(path: Path) -> str:
    """Return the last part of a path, unlike the names that stand for something else."""
    name = printable(path.name)
    return f"./{name}" if name in NAMES else name


def _cut(split: Split, tail: int) -> tuple[Split, Split]:
    at = len(split.labels) - tail
    return Split(split.images[:at], split.labels[:at]), Split(split.images[at:], split.labels[at:])


def _checked(name: str, given: tuple[arrays.Array, arrays.Array], scale: int) -> Split:
    split = Split(arrays.pixels(name, given[0], scale), arrays.digits(name, given[1]))
    if len(split.images) != len(split.labels):
        raise DataError(
            f"{name}: {len(split.images)} images but {len(split.labels)} labels.",
            remedy="the two files belong to different datasets, or one is incomplete.",
        )
    if not len(split.labels):
        raise DataError(f"{name}: no images at all.", remedy="choose a dataset with pictures.")
    return split
