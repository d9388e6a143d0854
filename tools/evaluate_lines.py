"""Measure how many lines of digits are read without a fault.

    python tools/evaluate_lines.py [--lines N] [--split test|train] [--model FILE] [--sheet FILE]

Each line has 3 to 8 MNIST digits at random distances and heights, dark on light or light on dark;
seeded. Lines in which digits touch, by as little as a corner of grey, are told apart. Constants
are chosen on the training split.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from mnist_edge import Classifier, data
from mnist_edge.tables import table

SEED = 0
DIGITS = (3, 8)
GAPS = (-3, 14)  # pixels between two digits' boxes; digits are up to 20 pixels high
JITTER = 3  # pixels up or down
MARGIN = 8


class Line(NamedTuple):
    """A composed line: uint8 pixels, the digits in it, and whether any two touch."""

    pixels: NDArray[np.uint8]
    text: str
    touching: bool


def main() -> None:
    """Print the table, and write the sheet of faults where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1000, metavar="N")
    parser.add_argument("--split", choices=("test", "train"), default="test")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw the faults here")
    arguments = parser.parse_args()
    classifier = Classifier.load(arguments.model)
    split = getattr(data.load("mnist"), arguments.split)
    rng = np.random.default_rng(SEED)
    marks, faults = [], []
    for _ in range(arguments.lines):
        line = compose(split.images, split.labels, rng)
        free = classifier.read_line(line.pixels)
        counted = classifier.read_line(line.pixels, digits=len(line.text))
        right = free.text == line.text
        marks.append((line.touching, right, free.accepted, counted.text == line.text))
        if not right:
            faults.append(line)
            print(f"{line.text} read as {free.text}{' (touching)' if line.touching else ''}")
    touching, right, accepted, counted_right = np.array(marks).T
    rows = [
        (
            name,
            f"{group.sum()}",
            f"{right[group].mean():.2%}",
            f"{counted_right[group].mean():.2%}",
            f"{accepted[group].mean():.2%}",
            f"{right[group & accepted].mean():.2%}",
        )
        for name, group in (("apart", ~touching), ("touching", touching))
        if group.any()
    ]
    headers = ("digits", "lines", "right", "number given", "accepted", "right of accepted")
    print(table(headers, rows))
    if arguments.sheet and faults:
        sheet(faults).save(arguments.sheet)
        print(f"{arguments.sheet}: {len(faults)} lines read wrong")


def compose(images: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator) -> Line:
    """Compose one line of digits that are drawn at random."""
    chosen = rng.integers(len(labels), size=rng.integers(DIGITS[0], DIGITS[1] + 1))
    height = 28 + 2 * (MARGIN + JITTER)
    canvas = Image.new("L", (2 * MARGIN + len(chosen) * (20 + GAPS[1]), height))
    x, touching = MARGIN, False
    for index in chosen:
        digit = Image.new("L", canvas.size)
        ink = images[index][:, images[index].any(axis=0)]
        digit.paste(Image.fromarray(ink), (x, MARGIN + int(rng.integers(2 * JITTER + 1))))
        around = digit.filter(ImageFilter.MaxFilter(3))
        touching |= ImageChops.darker(around, canvas).getbbox() is not None
        canvas = ImageChops.lighter(canvas, digit)
        x += ink.shape[1] + int(rng.integers(*GAPS))
    pixels = np.asarray(canvas)[:, : x + MARGIN]
    text = "".join(str(label) for label in labels[chosen])
    return Line(255 - pixels if rng.random() < 0.5 else pixels, text, touching)


def sheet(lines: list[Line]) -> Image.Image:
    """Stack lines on top of each other, enlarged."""
    width = max(line.pixels.shape[1] for line in lines)
    height = lines[0].pixels.shape[0]
    canvas = Image.new("L", (width, len(lines) * height), 128)
    for number, line in enumerate(lines):
        canvas.paste(Image.fromarray(line.pixels), (0, number * height))
    return canvas.resize((2 * width, 2 * canvas.height))


if __name__ == "__main__":
    main()
