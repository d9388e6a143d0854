"""Whether pictures are what MNIST's are, light ink on dark and upright, and making them so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mnist_edge.data.dataset import Split
from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mnist_edge.data.dataset import Dataset

    Images = NDArray[np.uint8]

# Pictures of a split that are looked at.
SAMPLE = 1000
# Share of them with ink all around above which a split is dark on light, and above which it is
# said that some pictures are.
DARK_ON_LIGHT, SOME_DARK_ON_LIGHT = 0.5, 0.02
# A split is transposed where the shipped model reads so many standard deviations more of it turned
# than as it is, and at least such a share of it then.
DEVIATIONS, WELL_READ = 3.0, 0.7
# Share of correct answers, turned or not, below which it is said that these may be no digits.
BADLY_READ = 0.5


def of_emnist(dataset: Dataset) -> Dataset:
    """Turn EMNIST's pictures, which its files hold transposed, upright."""
    turned = dataset.redrawn(transposed)
    note = "EMNIST's files hold their pictures transposed; they were turned upright"
    return replace(turned, notes=(*dataset.notes, note))


def oriented(dataset: Dataset, *, invert: bool | None, transpose: bool | None) -> Dataset:
    """Return a dataset inverted and transposed as asked for, once its pictures look right.

    Args:
        dataset: as its files are.
        invert: True swaps ink and paper; None and True refuse what is then dark on light.
        transpose: True swaps rows and columns; None and True refuse what is then transposed.

    Raises:
        DataError: most pictures of a split have ink all around, or the shipped model reads them
            badly as they are and well turned.
    """
    if invert:
        dataset = dataset.redrawn(inverted)
    if transpose:
        dataset = dataset.redrawn(transposed)
    notes: list[str] = []
    splits = [
        (f"{dataset.name} ({name} split)", _sample(split))
        for name, split in (("training", dataset.train), ("test", dataset.test))
    ]
    if invert is not False:
        for name, sample in splits:
            notes += _check_polarity(name, sample, "with --invert " if invert else "")
    if transpose is not False:
        for name, sample in splits:
            notes += _check_turn(name, sample, "with --transpose " if transpose else "")
    return replace(dataset, notes=(*dataset.notes, *notes))


def _sample(split: Split) -> Split:
    """Take pictures from all of a split, evenly spaced."""
    count = len(split.labels)
    places = np.linspace(0, count - 1, min(count, SAMPLE)).astype(int)
    return Split(split.images[places], split.labels[places])


def dark_on_light(images: Images) -> NDArray[np.bool_]:
    """Tell of pictures (N, 28, 28) which have ink on most of their border, blank ones never.

    Ink is what is nearer to the lightest pixel than to the darkest.
    """
    pixels = images.reshape(len(images), -1)
    low, high = pixels.min(axis=1).astype(int), pixels.max(axis=1).astype(int)
    border = np.concatenate(
        [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1
    )
    dark: NDArray[np.bool_] = np.median(border, axis=1) > (low + high) / 2
    return dark


def _check_polarity(name: str, sample: Split, asked: str) -> list[str]:
    share = float(dark_on_light(sample.images).mean())
    if share > DARK_ON_LIGHT:
        raise DataError(
            f"{name}: {asked}{share:.0%} of the pictures are dark on light.",
            remedy="leave --invert out, or bring both splits to one form."
            if asked
            else "--invert swaps ink and paper; --no-invert takes them as they are.",
        )
    if share > SOME_DARK_ON_LIGHT:
        return [f"{name}: {share:.0%} of the pictures are dark on light"]
    return []


def _check_turn(name: str, sample: Split, asked: str) -> list[str]:
    from mnist_edge.runtime.classifier import Classifier

    engine = Classifier.load().engine
    upright, turned = (
        engine.run(images).argmax(axis=1) == sample.labels
        for images in (sample.images, np.ascontiguousarray(transposed(sample.images)))
    )
    if looks_transposed(upright, turned):
        raise DataError(
            f"{name}: {asked}the pictures are transposed: the shipped model reads "
            f"{upright.mean():.0%} of them, and {turned.mean():.0%} with rows and columns swapped.",
            remedy="leave --transpose out, or bring both splits to one form."
            if asked
            else "--transpose swaps rows and columns; --no-transpose takes them as they are.",
        )
    if max(upright.mean(), turned.mean()) < BADLY_READ:
        return [
            f"{name}: the shipped model reads {upright.mean():.0%} of the pictures, and "
            f"{turned.mean():.0%} with rows and columns swapped: see that they are upright digits"
        ]
    return []


def looks_transposed(upright: NDArray[np.bool_], turned: NDArray[np.bool_]) -> bool:
    """Decide by which pictures (N,) are read rightly as they are and which turned.

    Were one way as good as the other, each picture that is read in one of them only would be a
    toss of a coin: McNemar's test.
    """
    only_turned, only_upright = int((turned & ~upright).sum()), int((upright & ~turned).sum())
    deviation = (only_turned + only_upright) ** 0.5
    return bool(only_turned - only_upright > DEVIATIONS * deviation and turned.mean() >= WELL_READ)


def inverted(images: Images) -> Images:
    """Swap ink and paper."""
    return 255 - images


def transposed(images: Images) -> Images:
    """Swap rows and columns of pictures (N, 28, 28)."""
    return images.swapaxes(1, 2)
