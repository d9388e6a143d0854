"""Measure what reading a picture costs: python tools/measure_reading.py.

Prints milliseconds of processor time beside Pillow's plain decode of the same bytes in memory:
for files of 28x28, the median and the largest over many digits, each the least of some rounds;
for one megapixel and for twelve, the least of some interleaved rounds. The digits are synthetic.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from mnist_edge.cli.output import table
from mnist_edge.data import synthetic
from mnist_edge.runtime.reading import read

DIGITS = 300
ROUNDS = 7
PEN = [(140, 50), (75, 50), (70, 100), (110, 95), (135, 120), (125, 150), (90, 160), (65, 150)]
LARGE = (
    *(("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "L"), ("PNG", "RGBA"), ("TIFF", "L")),
    *(("TIFF", "RGB"), ("BMP", "L"), ("WEBP", "RGB")),
)


def main() -> None:
    """Print the table."""
    rows = []
    fields = synthetic.generate(DIGITS, seed=0).images
    off_centre = np.roll(fields, 3, axis=(1, 2))
    for name, pixels in (
        ("light on dark", fields),
        ("dark on light", 255 - fields),
        ("light on dark, off centre", off_centre),
        ("dark on light, off centre", 255 - off_centre),
    ):
        costs = [cost(encoded(Image.fromarray(digit), "PNG")) for digit in pixels]
        beyond = [reading - plain for plain, reading in costs]
        plain = statistics.median(plain for plain, _ in costs)
        middle = statistics.median(beyond)
        rows.append((f"28x28, {name}, median", *cells(plain, plain + middle)))
        plain, reading = max(costs, key=lambda pair: pair[1] - pair[0])
        rows.append((f"28x28, {name}, largest", *cells(plain, reading)))
    for size in ((1200, 900), (4000, 3000)):
        picture = photograph(size)
        for kind, mode in LARGE:
            data = encoded(picture.convert(mode), kind)
            name = f"{size[0]}x{size[1]} {kind} {mode}"
            rows.append((name, *cells(*cost(data))))
    print(table(("picture", "decode ms", "reading ms", "beyond ms", "ratio"), rows))


def cost(data: bytes) -> tuple[float, float]:
    """Return the milliseconds of a plain decode, and of reading."""
    rounds = [(timed(lambda: plain_decode(data)), timed(lambda: read(data))) for _ in range(ROUNDS)]
    plain, reading = zip(*rounds, strict=True)
    return min(plain), min(reading)


def plain_decode(data: bytes) -> None:
    """Decode as Pillow does; from memory, as it would only map an uncompressed file."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds of processor time that some work takes."""
    start = time.thread_time()
    work()
    return 1000 * (time.thread_time() - start)


def encoded(picture: Image.Image, kind: str) -> bytes:
    """Return the bytes of a picture's file."""
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


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
