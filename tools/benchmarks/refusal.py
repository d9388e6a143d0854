"""Measure whether a model knows when not to answer: python tools/benchmarks/refusal.py [NAME].

For every shipped format of NAME, `edge` by default: the share of MNIST's test split that is
accepted, the expected calibration error there, and how well the sum of the two best answers, by
which pictures without a digit are refused, tells them from that split: the area under the ROC
curve, and the share that is refused. None of these pictures was trained on: letters
of fonts that training has none of, garments drawn here in the manner of Fashion-MNIST, and the
kinds that training does have, by another seed. Prints Markdown.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge import data
from mnist_edge.contract import SIZE
from mnist_edge.data import negatives
from mnist_edge.formats.table import is_runnable
from mnist_edge.report.quality import calibration_error, reliability
from mnist_edge.runtime import shipped
from mnist_edge.runtime.accept import two_best
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.tables import markdown

COUNT = 5_000
SEED = 10**6

# Serif and black letters, each stroke drawn by its two or three outlines.
UNSEEN_FONTS = ("timesr", "timesib", "gothgrt", "gothitt")

# Outlines of one half, top to bottom; the other half mirrors it: "x,y" in percent.
GARMENTS = (
    "10,0 50,10 28,38 28,100 0,100",  # T-shirt
    "12,0 30,8 48,90 34,94 26,36 28,100 0,100",  # pullover
    "30,0 36,100 12,100 0,22",  # trousers
    "16,0 14,22 20,40 36,100 0,100",  # dress
    "22,0 40,30 48,34 48,100 0,100",  # bag
    "14,0 20,6 22,60 50,80 50,100 0,100",  # boots, as a pair
)


KINDS = ("letters", "garments", "drawn")
HEADERS = [
    *("file", "MNIST accepted", "calibration error"),
    *(f"{kind}{it}" for kind in KINDS for it in (": area", " refused")),
]


def main() -> None:
    """Print the table."""
    print(markdown(HEADERS, rows(sys.argv[1] if len(sys.argv) > 1 else "edge")))


def rows(name: str) -> list[list[str]]:
    """Measure every shipped format of a model."""
    images, labels = data.load("mnist").test
    sets = letters(), garments(), negatives.generate(COUNT, SEED)
    measured = []
    for file in shipped.manifest():
        own = file.startswith(f"{name}.") and is_runnable(Path(file))
        if own and file.endswith((".onnx", ".tflite")):
            classifier = Classifier.load(shipped.path(file))
            answers = classifier.predict_batch(images)
            digits = two_best(answers.probabilities)[0]
            row = [
                f"`{file}`",
                f"{answers.accepted.mean():.2%}",
                f"{calibration_error(reliability(answers.probabilities, labels)):.2%}",
            ]
            for pictures in sets:
                others = classifier.predict_batch(pictures)
                row.append(f"{area(digits, two_best(others.probabilities)[0]):.4f}")
                row.append(f"{1 - others.accepted.mean():.1%}")
            measured.append(row)
    return measured


def letters() -> NDArray[np.uint8]:
    """Draw letters of the unseen fonts."""
    rng = np.random.default_rng(SEED)
    glyphs = negatives.glyphs(dict.fromkeys(UNSEEN_FONTS, negatives.LATIN))
    return negatives.written(COUNT, lambda: glyphs[rng.integers(len(glyphs))], rng)


def garments() -> NDArray[np.uint8]:
    """Fill garments with cloth."""
    rng = np.random.default_rng(SEED)
    pictures = np.empty((COUNT, SIZE, SIZE), np.uint8)
    for picture in pictures:
        half = np.array([point.split(",") for point in rng.choice(GARMENTS).split()], float)
        half *= np.array([rng.uniform(0.7, 1.3), 1]) * 0.8
        half += rng.normal(0, 2, half.shape)
        outline = np.concatenate([half, half[::-1] * [-1, 1]]) + np.array([56, 16])
        canvas = Image.new("L", (112, 112))
        ImageDraw.Draw(canvas).polygon([*map(tuple, outline)], fill=255)
        picture[:] = np.asarray(canvas.reduce(4)) * rng.uniform(
            rng.uniform(0.3, 1), 1, (SIZE, SIZE)
        )
    return pictures


def area(digits: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Return the chance that a digit's sum is the larger one; ties count half."""
    others = np.sort(others)
    below, up_to = (np.searchsorted(others, digits, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(others))


if __name__ == "__main__":
    main()
