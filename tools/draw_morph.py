"""Draw digits that morph into each other, and what the network says of each frame.

    python tools/draw_morph.py [--model FILE]

From 0 to 9 and back, of the package's own strokes, at 512 pixels. Writes docs/morph.webp, the
animation; docs/morph.png, some of its frames above the ten probabilities of all; and into
docs/reading.md, between its markers, how many frames are accepted.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markers import between
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge import Classifier, Predictions
from mnist_edge.data import synthetic

DOCS = Path(__file__).parents[1] / "docs"
SIDE = 512  # pixels
HEIGHT, PEN = 0.62, 0.07  # of the side: of a digit, and of its strokes
BETWEEN = 11  # frames between two digits
POINTS = 160  # of a line
MILLISECONDS = 80  # that a frame is shown

# Of the chart, in pixels.
CELL, SHOWN, LEFT = 8, 96, 24
PAPER, INK, ACCEPTED = (255, 255, 255), (30, 60, 120), (40, 150, 70)


class Frame(NamedTuple):
    """A picture, and whether it shows a digit or what lies between two."""

    picture: Image.Image
    is_digit: bool


def main() -> None:
    """Write the animation, the chart and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    classifier = Classifier.load(parser.parse_args().model)
    frames = morph()
    pictures = [frame.picture for frame in frames]
    target = DOCS / "morph.webp"
    pictures[0].save(
        target,
        save_all=True,
        append_images=pictures[1:],
        duration=MILLISECONDS,
        loop=0,
        lossless=True,
    )
    answers = classifier.predict_frames(target)
    chart(pictures, answers).save(DOCS / "morph.png")
    digit = np.array([frame.is_digit for frame in frames])
    text = (
        f"Of {(~digit).sum()} frames between two digits {answers.accepted[~digit].sum()} are "
        f"accepted, of {digit.sum()} that show one {answers.accepted[digit].sum()}."
    )
    page = DOCS / "reading.md"
    page.write_text(between(page.read_text(encoding="utf-8"), "morph", text), encoding="utf-8")
    print(text)


def morph() -> list[Frame]:
    """Draw from 0 to 9 and back."""
    lines = [line(digit) for digit in range(10)]
    way = [*range(10), *range(8, -1, -1)]
    frames = []
    for start, end in itertools.pairwise(way):
        for step in range(BETWEEN + 1):
            share = step / (BETWEEN + 1)
            points = (1 - share) * lines[start] + share * lines[end]
            frames.append(Frame(drawn(points), step == 0))
    return [*frames, Frame(drawn(lines[0]), True)]


def line(digit: int) -> NDArray[np.float64]:
    """Return points (POINTS, 2) at even distances along a digit of one stroke, in heights."""
    ways = [(weight, way) for weight, way in synthetic.ALLOGRAPHS[digit] if "|" not in way]
    way = max(ways)[1]
    skeleton = synthetic._skeleton(way)
    smooth = skeleton.basis @ skeleton.control
    path = np.cumsum([0, *np.linalg.norm(np.diff(smooth, axis=0), axis=1)])
    even = np.linspace(0, path[-1], POINTS)
    centre: NDArray[np.float64] = (smooth.min(axis=0) + smooth.max(axis=0)) / 2
    return np.stack([np.interp(even, path, axis) for axis in smooth.T], axis=1) - centre


def drawn(points: NDArray[np.float64]) -> Image.Image:
    """Draw a line, dark on light, at twice the size and halved."""
    picture = Image.new("L", (2 * SIDE, 2 * SIDE), 255)
    pen, width = ImageDraw.Draw(picture), round(2 * SIDE * PEN)
    places = [tuple(place) for place in (SIDE + points * 2 * SIDE * HEIGHT).tolist()]
    pen.line(places, fill=0, width=width, joint="curve")
    for x, y in places:
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=0)
    return picture.reduce(2)


def chart(pictures: list[Image.Image], answers: Predictions) -> Image.Image:
    """Draw some frames, and beneath them the probabilities of all and which are accepted."""
    width, every = len(pictures) * CELL, SHOWN // CELL
    sheet = Image.new("RGB", (LEFT + width, SHOWN + 12 * CELL + 4), PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pictures[::every]):
        small = picture.resize((SHOWN - 4, SHOWN - 4), Image.Resampling.BOX)
        sheet.paste(small, (LEFT + number * SHOWN, 0))
    for number, (row, accepted) in enumerate(
        zip(answers.probabilities, answers.accepted, strict=True)
    ):
        x = LEFT + number * CELL
        for digit, probability in enumerate(row.tolist()):
            shade = tuple(round(255 + probability * (level - 255)) for level in INK)
            y = SHOWN + digit * CELL
            pen.rectangle((x, y, x + CELL - 1, y + CELL - 1), fill=shade)
        if accepted:
            y = SHOWN + 10 * CELL + 4
            pen.rectangle((x, y, x + CELL - 1, y + CELL - 1), fill=ACCEPTED)
    for digit in range(10):
        pen.text((8, SHOWN + digit * CELL - 1), str(digit), fill=INK, font_size=9)
    return sheet


if __name__ == "__main__":
    main()
