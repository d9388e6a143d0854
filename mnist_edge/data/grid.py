"""Drawing digits to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_edge.contract import SIZE
from mnist_edge.data.dataset import CLASSES

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Split

COLUMNS = 16
SCALE = 2
MARGIN = 4


def draw_grid(split: Split, *, columns: int = COLUMNS) -> Image.Image:
    """Draw the first pictures of every digit, a labelled row each, dark ink on white paper."""
    cell = SIZE * SCALE + MARGIN
    label_width = cell
    sheet = Image.new("L", (label_width + columns * cell, CLASSES * cell), 255)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(SIZE)
    for digit in range(CLASSES):
        top = digit * cell
        draw.text((label_width // 2, top + cell // 2), str(digit), 0, font, anchor="mm")
        for column, index in enumerate(np.flatnonzero(split.labels == digit)[:columns]):
            sheet.paste(draw_digit(split.images[index], SCALE), (label_width + column * cell, top))
    return sheet


def draw_digit(image: np.ndarray, scale: int) -> Image.Image:
    """Draw one picture `scale` times its size, dark ink on white paper, as a scanner sees it."""
    return Image.fromarray(255 - image).resize(
        (SIZE * scale, SIZE * scale), Image.Resampling.BICUBIC
    )
