"""Measure what reading a picture costs: python tools/measure_reading.py.

Prints milliseconds of processor time beside Pillow's plain decode of the same file, until pixels
are at hand: for files of 28x28, the median and the largest over many digits; for one megapixel and
for twelve, one picture in several formats. Each is the least of some rounds over all of them, as
machines have slow moments that outlast a picture. The digits are synthetic.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mnist_edge.data import synthetic
from mnist_edge.runtime.reading import read
from mnist_edge.tables import table

DIGITS = 300
ROUNDS = 15
PEN = [(140, 50), (75, 50), (70, 100), (110, 95), (135, 120), (125, 150), (90, 160), (65, 150)]
LARGE = {
    "JPEG": ("RGB", "CMYK", "L"),
    "PNG": ("RGB", "L", "RGBA", "P"),
    "WEBP": ("RGB",),
    "TIFF": ("RGB", "L", "CMYK"),
    "BMP": ("RGB", "L", "P"),
}


def main() -> None:
    """Print the table."""
    rows = []
    fields = synthetic.generate(DIGITS, seed=0).images
    off_centre = np.roll(fields, 3, axis=(1, 2))
    forms = {
        "light on dark": fields,
        "dark on light": 255 - fields,
        "light on dark, off centre": off_centre,
        "dark on light, off centre": 255 - off_centre,
    }
    digits = [Image.fromarray(field) for form in forms.values() for field in form]
    small = iter(costs([(digit, "PNG") for digit in digits]))
    for name in forms:
        measured = list(islice(small, DIGITS))
        beyond = [reading - plain for plain, reading in measured]
        plain = statistics.median(plain for plain, _ in measured)
        rows.append((f"28x28, {name}, median", *cells(plain, plain + statistics.median(beyond))))
        largest = max(measured, key=lambda pair: pair[1] - pair[0])
        rows.append((f"28x28, {name}, largest", *cells(*largest)))
    for size in ((1200, 900), (4000, 3000)):
        picture = photograph(size)
        pictures = [(picture.convert(mode), kind) for kind in LARGE for mode in LARGE[kind]]
        for (converted, kind), large in zip(pictures, costs(pictures), strict=True):
            name = f"{size[0]}x{size[1]} {kind} {converted.mode}"
            rows.append((name, *cells(*large)))
    print(table(("picture", "decode ms", "reading ms", "beyond ms", "ratio"), rows))


def costs(pictures: list[tuple[Image.Image, str]]) -> list[tuple[float, float]]:
    """Return the milliseconds of a plain decode, and of reading, for pictures in file formats."""
    least = [(math.inf, math.inf)] * len(pictures)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, str(number)) for number in range(len(pictures))]
        for path, (picture, kind) in zip(paths, pictures, strict=True):
            picture.save(path, kind)
        for _ in range(ROUNDS):
            for number, path in enumerate(paths):
                plain, reading = timed(plain_decode, path), timed(read, path)
                least[number] = min(plain, least[number][0]), min(reading, least[number][1])
    return least


def plain_decode(path: Path) -> None:
    """Decode as Pillow does; it would only map a file that is not compressed."""
    with Image.open(path) as picture:
        np.asarray(picture)


def timed(work: Callable[[Path], object], path: Path) -> float:
    """Return the milliseconds of processor time that some work takes."""
    start = time.thread_time()
    work(path)
    return 1000 * (time.thread_time() - start)


def photograph(size: tuple[int, int]) -> Image.Image:
    """Draw a five on grainy paper."""
    picture = Image.new("RGB", size, (235, 230, 220))
    scale = min(size) / 210
    points = [(x * scale, y * scale) for x, y in PEN]
    ImageDraw.Draw(picture).line(points, (30, 30, 60), round(12 * scale), joint="curve")
    grain = np.random.default_rng(0).normal(0, 4, (size[1], size[0], 1))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def cells(plain: float, reading: float) -> tuple[str, ...]:
    """Return the columns of the table."""
    return f"{plain:.2f}", f"{reading:.2f}", f"{reading - plain:.2f}", f"{reading / plain:.2f}"


if __name__ == "__main__":
    main()
