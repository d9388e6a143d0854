"""Make pictures as people make them, of MNIST's validation digits.

    python tools/benchmarks/simulated.py DIR [--pictures N] [--seed N]
    mnist-edge evaluate DIR

Half of them are photographs of a page that fills the picture or lies on a table, askew, in uneven
light; half are drawings of any colours, sizes and pens. DIR gets a folder for each digit, and a CSV
that tells what is what. They are harder than what people make, and show where reading fails.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from mnist_edge import data

Pixels = NDArray[np.float64]

PHOTOGRAPHS = ((400, 400), (600, 450), (450, 600), (300, 300), (160, 120), (120, 160))
DRAWINGS = (28, 32, 48, 64, 100, 128, 200, 280, 400, 600)
WHITE, BLACK = np.full(3, 255), np.zeros(3, int)


class Simulated(NamedTuple):
    """A picture, the options to save it with, and what the CSV says of it."""

    picture: Image.Image
    options: dict[str, object]
    background: str
    style: str


def main() -> None:
    """Write the pictures and the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--pictures", type=int, default=4000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.pictures, arguments.seed)


def write(folder: Path, pictures: int, seed: int) -> None:
    """Write pictures and the CSV into a folder."""
    split = data.load("mnist").validation
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(pictures):
        index = rng.integers(len(split.labels))
        made = (photograph, drawing)[number % 2](split.images[index], rng)
        path = Path(str(split.labels[index]), f"{number:05}.{made.options['format']}".lower())
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        made.picture.save(target, **made.options)  # type: ignore[arg-type]
        rows.append((path.as_posix(), made.background, made.style))
    with (folder / "pictures.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "background", "style"), *rows])


def photograph(digit: NDArray[np.uint8], rng: np.random.Generator) -> Simulated:
    """Write a digit on a page, lay it on a table perhaps, and photograph it."""
    width, height = PHOTOGRAPHS[rng.integers(len(PHOTOGRAPHS))]
    drawn = 2 * width, 2 * height  # halved in the end, as a lens would
    page, table = rng.uniform(110, 250), rng.uniform(5, 235)
    while abs(table - page) < 25:
        table = rng.uniform(5, 235)
    on_table = rng.random() < 0.6
    size = rng.uniform(0.15, 0.45 if on_table else 0.6) * min(drawn)
    ink = written(digit, size, drawn, rng, within=0.6 if on_table else 0.9, soft=0.12)
    paper = np.full_like(ink, page)
    ruled = not on_table and rng.random() < 0.4
    if ruled:
        step = int(rng.uniform(40, 100))
        for row in range(int(rng.integers(step)), len(paper), step):
            paper[row : row + 2] *= rng.uniform(0.6, 0.9)
    pixels = np.minimum(paper, page * (1 - ink * rng.uniform(0.25, 0.85)))
    if on_table:
        turn = rng.uniform(-12, 12)
        sheet = Image.new("L", drawn)
        left, top = (side * (1 - rng.uniform(0.65, 1)) / 2 for side in drawn)
        ImageDraw.Draw(sheet).rectangle([left, top, drawn[0] - left, drawn[1] - top], fill=255)
        share = np.asarray(sheet.rotate(turn, Image.Resampling.BICUBIC)) / 255
        turned = Image.fromarray(pixels.astype(np.uint8)).rotate(turn, Image.Resampling.BICUBIC)
        grain = rng.normal(0, rng.uniform(0, 8), share.shape)
        pixels = np.asarray(turned) * share + (table + grain) * (1 - share)
    pixels, shadow = lit(pixels, rng)
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).reduce(2)
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.003) * max(picture.size)))
    tint = np.ones(3) - rng.uniform(0, [0.15, 0.1, 0.3])
    noise = rng.normal(0, rng.uniform(0, 6), (height, width, 1))
    coloured = (np.asarray(picture)[..., np.newaxis] + noise) * tint
    return Simulated(
        Image.fromarray(coloured.clip(0, 255).astype(np.uint8)),
        {"format": "JPEG", "quality": int(rng.integers(40, 95))},
        f"{'dark' if table < page else 'light'} table" if on_table else "page",
        "photograph" + ", shadow" * shadow + ", ruled" * ruled,
    )


def drawing(digit: NDArray[np.uint8], rng: np.random.Generator) -> Simulated:
    """Draw a digit as with a painting program."""
    side = DRAWINGS[rng.integers(len(DRAWINGS))]
    shape = side, round(side * rng.choice([0.75, 1, 1, 1, 1.3]))
    size = rng.uniform(0.5 if side <= 64 else 0.15, 0.9) * min(shape)
    ink = written(digit, size, shape, rng, within=1, soft=0.3 if size < 40 else 0.08)
    if rng.random() < 0.35:
        ink = np.rint(ink)  # not anti-aliased
    ground = any_colour(rng, WHITE if rng.random() < 0.6 else BLACK)
    colour = any_colour(rng, BLACK)
    while abs(ground - colour).max() < 60:
        colour = rng.integers(0, 256, 3)
    style, under = "drawing", np.full((*ink.shape, 3), ground, float)
    if side >= 100 and rng.random() < 0.1:
        style += ", squared"
        step = int(rng.integers(8, 30))
        under[::step] = under[:, ::step] = 0.8 * ground + 0.2 * rng.integers(0, 256, 3)
    pixels = under + ink[..., np.newaxis] * (colour - under)
    if rng.random() < 0.1:
        style += ", noise"
        pixels += rng.normal(0, rng.uniform(2, 12), pixels.shape)
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if side >= 64 and rng.random() < 0.1:
        style += ", frame"
        corners = [0, 0, picture.width - 1, picture.height - 1]
        edge = tuple(rng.integers(0, 256, 3).tolist())
        ImageDraw.Draw(picture).rectangle(corners, outline=edge, width=int(rng.integers(1, 4)))
    options: dict[str, object] = {"format": "PNG"}
    if rng.random() < 0.4:
        options = {"format": "JPEG", "quality": int(rng.integers(30, 95))}
    return Simulated(picture, options, "any colour", style)


def written(
    digit: NDArray[np.uint8],
    size: float,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    within: float,
    soft: float,
) -> Pixels:
    """Return how much ink is where, 0 to 1, with the digit somewhere in the middle of the picture.

    Args:
        digit: uint8 (28, 28).
        size: of the digit, in pixels.
        shape: width and height of the picture.
        rng: what chooses the place, and how thick the strokes are.
        within: share of the picture that it keeps to.
        soft: levels of the digit, as a share, over which its outline is soft.
    """
    rows, columns = (np.flatnonzero(digit.any(axis=axis)) for axis in (1, 0))
    cut = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = size / max(cut.shape)
    large = Image.fromarray(cut).resize(
        [max(1, round(scale * side)) for side in cut.shape[::-1]], Image.Resampling.BICUBIC
    )
    level = np.asarray(large) / 255 - rng.uniform(0.3, 0.65)
    ink = np.zeros(shape[::-1])
    left, top = (
        round((side - part) / 2 + rng.uniform(-0.5, 0.5) * max(0, within * side - part))
        for side, part in zip(shape, large.size, strict=True)
    )
    ink[top : top + large.height, left : left + large.width] = (level / soft + 0.5).clip(0, 1)
    return ink


def lit(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, bool]:
    """Let the light fall off, and a shadow fall in; return whether one does."""
    x, y = np.meshgrid(*(np.linspace(-1, 1, side) for side in pixels.shape[::-1]))
    turn, shadow = rng.uniform(0, 2 * np.pi), bool(rng.random() < 0.25)
    pixels = pixels * (1 + rng.uniform(0, 0.3) * (np.cos(turn) * x + np.sin(turn) * y))
    if shadow:
        across = np.cos(turn + 2) * x + np.sin(turn + 2) * y - rng.uniform(-0.5, 0.5)
        pixels = pixels * (1 - rng.uniform(0.1, 0.4) / (1 + np.exp(-across * rng.uniform(5, 40))))
    return pixels, shadow


def any_colour(rng: np.random.Generator, usual: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return any colour or, half of the time, the usual one."""
    return rng.integers(0, 256, 3) if rng.random() < 0.5 else usual


if __name__ == "__main__":
    main()
