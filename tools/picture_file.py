"""Measure `edge.picture.onnx` beside Python's reading: python tools/picture_file.py [--write].

Pictures that people made, from the folder that MNIST_EDGE_PICTURES names, are decoded as a program
in another language would, and given to the file as they are; MNIST's test digits are laid out as
for the file's gate. Times are medians of a picture with a digit on it, in turns, on one thread; of
Python's reading from pixels in memory. `--write` puts the tables between the markers of
docs/other-languages.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from markers import between
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist_edge import Classifier, data
from mnist_edge.benchmark import machine
from mnist_edge.contract import SIZE
from mnist_edge.formats.onnx.picture.gate import laid_out
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import PictureEngine, open_session
from mnist_edge.runtime.labelled import items_of
from mnist_edge.tables import markdown

PAGE = Path(__file__).parents[1] / "docs" / "other-languages.md"
FOLDERS = ("photos", "negatives", "pictures2")
ROUNDS = 200

Pixels = NDArray[np.uint8]


@dataclass
class Counts:
    """Of pictures of one kind, those that each of two readers reads right, and accepts.

    Attributes:
        pictures: how many there are.
        right: read right, by the file and by Python.
        accepted: accepted, likewise.
        wrong: accepted though they are misread, or show no single digit, likewise.
    """

    pictures: int
    right: tuple[int, int]
    accepted: tuple[int, int]
    wrong: tuple[int, int]


def main() -> None:
    """Measure, print the tables, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/other-languages.md")
    write = parser.parse_args().write
    path = shipped.path(f"{shipped.DEFAULT}.picture.onnx")
    file, python = PictureEngine(open_session(path), path), Classifier.load()
    results = {"accuracy": accuracy(file, python), "time": times(file, python)}
    text = PAGE.read_text(encoding="utf-8")
    for name, table in results.items():
        print(table, end="\n\n")
        text = between(text, name, table)
    if write:
        PAGE.write_text(text, encoding="utf-8")


def accuracy(file: PictureEngine, python: Classifier) -> str:
    """Return the table of how many pictures are read right, and accepted."""
    root = os.environ.get("MNIST_EDGE_PICTURES")
    if not root:
        sys.exit("MNIST_EDGE_PICTURES is not set: it names the folder of pictures.")
    kinds: dict[str, list[tuple[Path, str]]] = {}
    for folder in FOLDERS:
        for item in items_of(Path(root, folder)):
            kind = ", ".join(filter(None, (folder, item.kinds.get("kind"))))
            kinds.setdefault(kind, []).append((item.path, item.label))
    counts = {
        kind: count(file, python, ((pixels_of(path), label) for path, label in shown))
        for kind, shown in kinds.items()
    }
    images, labels = data.load("mnist").test
    digits = zip(laid_out(images), map(str, labels), strict=True)
    counts["MNIST's test digits, laid out"] = count(file, python, digits)
    headers = ["", "pictures"]
    for what in ("right", "accepted", "accepted and wrong"):
        headers += [f"{what}: the file", "Python"]
    rows = []
    for kind, each in counts.items():
        right = [str(number) for number in each.right] if sum(each.right) else ["", ""]
        others = [str(number) for number in (*each.accepted, *each.wrong)]
        rows.append([kind, f"{each.pictures:,}", *right, *others])
    return markdown(headers, rows)


def count(file: PictureEngine, python: Classifier, shown: Iterable[tuple[Pixels, str]]) -> Counts:
    """Let both read pictures, of which a label says which digit they show, if they show one."""
    answers = []
    for pixels, label in shown:
        one, other = file.read(pixels), python.predict(pixels)
        for digit, accepted in ((one.digit, one.accepted), (other.digit, other.accepted)):
            right = str(digit) == label
            answers.append((right, accepted, accepted and not right))
    totals = np.array(answers, np.int64).reshape(-1, 2, 3).sum(axis=0).T.tolist()
    return Counts(len(answers) // 2, *map(tuple, totals))


def pixels_of(path: Path) -> Pixels:
    """Decode a picture as another program would: upright, grey, RGB or RGBA, in 8 bits."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I"):  # 16 bits
        return (np.asarray(picture) // 257).astype(np.uint8)
    if picture.mode not in ("L", "RGB", "RGBA"):
        plain = "L" if picture.mode == "1" else "RGB"
        picture = picture.convert("RGBA" if picture.has_transparency_data else plain)
    return np.asarray(picture)


def times(file: PictureEngine, python: Classifier) -> str:
    """Return the table of how long a picture takes."""
    digit = 255 - data.load("mnist").test.images[0].repeat(8, axis=0).repeat(8, axis=1)
    grey = np.full((400, 400), 255, np.uint8)
    grey[88 : 88 + 8 * SIZE, 88 : 88 + 8 * SIZE] = digit
    colour = np.dstack([grey] * 3)
    pictures = {
        "28×28, grey": grey[4::14, 4::14].copy(),
        "400×400, grey": grey,
        "400×400, RGB": colour,
        "400×400, RGBA": np.dstack([colour, np.full_like(grey, 255)]),
        "1200×1200, RGB": colour.repeat(3, axis=0).repeat(3, axis=1),
    }
    rows = []
    for name, pixels in pictures.items():
        taken: dict[Callable[[Pixels], object], list[float]] = {file.read: [], python.predict: []}
        for _ in range(ROUNDS):
            for read, seconds in taken.items():
                start = time.perf_counter()
                read(pixels)
                seconds.append(time.perf_counter() - start)
        rows.append([name, *(f"{median(seconds) * 1e3:.2f}" for seconds in taken.values())])
    described = machine.describe()
    conditions = f"{described.cpu}, one thread, load {described.load:.2f}."
    return f"{conditions}\n\n{markdown(['picture', 'the file, ms', 'Python, ms'], rows)}"


if __name__ == "__main__":
    main()
