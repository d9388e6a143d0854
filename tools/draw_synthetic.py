"""Draw real and synthetic digits side by side: python tools/draw_synthetic.py.

Writes docs/synthetic.png: of every digit the first pictures of MNIST's training split, and the
first that the package draws for its own.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from mnist_edge import data
from mnist_edge.contract import SIZE
from mnist_edge.data.grid import draw_grid
from mnist_edge.files import replacing

PICTURE = Path(__file__).parents[1] / "docs" / "synthetic.png"
COLUMNS = 10
HEADING = 40  # pixels
TONES = 16  # enough for edges that look smooth


def main() -> None:
    """Write the picture."""
    sheets = {
        name: draw_grid(data.load(source).train, columns=COLUMNS)
        for name, source in (("MNIST", "mnist"), ("synthetic", "synthetic"))
    }
    width, height = sheets["MNIST"].size
    picture = Image.new("L", (len(sheets) * width, HEADING + height), 255)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(SIZE)
    for number, (name, sheet) in enumerate(sheets.items()):
        left = number * width
        draw.text((left + width // 2, HEADING // 2), name, 0, font, anchor="mm")
        picture.paste(sheet, (left, HEADING))
    with replacing(PICTURE) as temporary:
        picture.quantize(TONES).save(temporary, optimize=True)


if __name__ == "__main__":
    main()
