"""Write digits of other hands than MNIST's as pictures, to see how these are read.

    pip install scikit-learn
    python tools/benchmarks/other_hands.py DIR
    mnist-edge evaluate DIR/optdigits
    mnist-edge evaluate DIR/drawn

`optdigits` are the 1,797 of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998,
UCI Machine Learning Repository) that scikit-learn carries, by 13 people in Turkey: each has 8x8
pixels of 17 levels, and is enlarged to 64x64 with a margin, dark on light. `drawn` are 3,000 of
28x28 that the package draws as other hands write them, by another seed than those that `edge` is
trained on. Each gets a folder for each digit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data import synthetic

LEVELS = 16  # above that of paper
MARGIN = 4  # of the 8x8 pixels' size
SCALE = 8
DRAWN, SEED = 3000, 99


def main() -> None:
    """Write both kinds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    write(parser.parse_args().folder)


def write(folder: Path) -> None:
    """Write both kinds into a folder; the package's own alone where scikit-learn is missing."""
    drawn = synthetic.generate(DRAWN, SEED, synthetic.OTHER_HANDS)
    _write(folder / "drawn", map(Image.fromarray, drawn.images), drawn.labels)
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        print("optdigits are left out: pip install scikit-learn", file=sys.stderr)
        return
    digits = load_digits()
    fields = np.rint(255 - digits.images * (255 / LEVELS)).astype(np.uint8)
    _write(folder / "optdigits", map(enlarged, fields), digits.target)


def enlarged(field: NDArray[np.uint8]) -> Image.Image:
    """Return a picture of (8, 8) pixels with a margin, as a scan of so few would look."""
    small = Image.fromarray(np.pad(field, MARGIN, constant_values=255))
    return small.resize([SCALE * side for side in small.size], Image.Resampling.BICUBIC)


def _write(folder: Path, pictures: Iterable[Image.Image], labels: NDArray[np.integer]) -> None:
    """Write each picture to the folder of its digit."""
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        target = folder / str(label) / f"{number:04}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target)


if __name__ == "__main__":
    main()
