"""Train the default recipe on synthetic digits alone, and measure how it reads MNIST.

    python tools/evaluate_synthetic.py [--split test|train] [--epochs N] [--out DIR]

Prints the figures of docs/synthetic.md. Strokes are chosen on the training split: `--split train`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from mnist_edge import data, train
from mnist_edge.cli.watching import watching
from mnist_edge.data import synthetic
from mnist_edge.data.dataset import CLASSES
from mnist_edge.tables import markdown


def main() -> None:
    """Draw, train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=("test", "train"), default="test")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: the recipe's own number")
    parser.add_argument("--out", type=Path, default=Path("runs", "synthetic"), metavar="DIR")
    arguments = parser.parse_args()
    with watching() as observer:
        run = train(
            "edge",
            data="synthetic",
            epochs=arguments.epochs,
            out=arguments.out,
            observer=observer,
        )

    from mnist_edge.training.keras_model import KerasEngine

    images, labels = getattr(data.load("mnist"), arguments.split)
    answers = KerasEngine(run.network).run(images).argmax(1)
    read_as = np.zeros((CLASSES, CLASSES), np.intp)
    np.add.at(read_as, (labels, answers), 1)
    rows = [
        (str(digit), f"{count[digit] / count.sum():.2%}", *map(str, count))
        for digit, count in enumerate(read_as)
    ]
    print(markdown(("digit", "right", *(f"as {digit}" for digit in range(CLASSES))), rows))
    print(f"{(answers == labels).mean():.2%} of MNIST's {arguments.split} split are right")
    start = time.perf_counter()
    synthetic.generate(synthetic.TRAINING_COUNT, synthetic.TRAINING_SEED)
    print(f"{synthetic.TRAINING_COUNT:,} drawn in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
