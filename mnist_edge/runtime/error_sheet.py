"""The pictures that were misread, drawn on one sheet."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageOps

from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.evaluate import Evaluation
from mnist_edge.runtime.reading.decoding import decode

# In pixels.
TILE, CAPTION, COLUMNS = 112, 28, 6
BACKGROUND = (40, 40, 60)

# Errors on a sheet: one of very many would be larger than memory.
MOST = 600


def draw(classifier: Classifier, evaluation: Evaluation) -> Image.Image:
    """Draw each error, of `MOST` the first: the picture, what the network saw, and what it said.

    Of a line of digits only the picture, as the network saw each digit by itself.
    """
    errors = evaluation.errors[:MOST]
    rows = max(1, -(-len(errors) // COLUMNS))
    drawn = Image.new("RGB", (COLUMNS * 2 * TILE, rows * (TILE + CAPTION)), BACKGROUND)
    pen = ImageDraw.Draw(drawn)
    for number, (item, answer, line) in enumerate(errors):
        x, y = number % COLUMNS * 2 * TILE, number // COLUMNS * (TILE + CAPTION)
        picture = decode(item.path, classifier.max_pixels)
        if line is None:
            seen = Image.fromarray(classifier.read(picture).image)
            drawn.paste(seen.resize((TILE, TILE), Image.Resampling.NEAREST), (x + TILE, y))
            trusted = "trusted" if answer.accepted else "not trusted"
            read, width = f"{answer.digit} ({answer.confidence:.2f}), {trusted}", TILE
        else:
            read, width = line or "nothing", 2 * TILE
        drawn.paste(ImageOps.contain(picture.convert("RGB"), (width, TILE)), (x, y))
        caption = item.path.name[:34], f"is {item.label or 'none'}, read as {read}"
        for row, text in enumerate(caption):
            pen.text((x + 2, y + TILE + 1 + 12 * row), text, fill="white")
    return drawn
