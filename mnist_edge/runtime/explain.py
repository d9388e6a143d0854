"""How a picture was read: in words, in the characters of a terminal, and as a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from mnist_edge.contract import SIZE
from mnist_edge.runtime.reading.normalization import MAX_STROKE, MIN_STROKE, drawn_width

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_edge.runtime.classifier import Prediction
    from mnist_edge.runtime.reading.normalization import Reading

# Of the drawing, in pixels.
PANEL = 10 * SIZE
MARGIN = 10
GROUND, BOX_COLOUR = (128, 128, 128), (255, 60, 60)

INKED = 96  # of 255: what a terminal shows as ink

# What is worth a warning.
LOW_CONTRAST = 40  # grey levels of 255
FEW_PIXELS = 12  # of the longer side
CLEARLY = 4  # times better supported than ink of the other polarity


def explain(picture: Image.Image, reading: Reading, prediction: Prediction) -> list[str]:
    """Say how a picture was read: polarity and why, box, strokes, top three, warnings.

    Args:
        picture: as `decode` returned it.
        reading: what `preprocess` made of it.
        prediction: what the network answered.
    """
    if not reading.ink:
        return ["no ink was found"]
    ranked = sorted(enumerate(prediction.probabilities), key=lambda pair: -pair[1])
    top = "top three: " + "  ".join(f"{digit} ({share:.1%})" for digit, share in ranked[:3])
    found = reading.found
    if found is None:
        return [f"in MNIST's own form: {'inverted' if reading.inverted else 'left as it is'}", top]
    ink, (left, top_side, right, bottom) = found.ink, found.in_picture(found.ink.box)
    side = max(right - left, bottom - top_side)
    ground, other = ("lighter", "light") if ink.polarity == "dark" else ("darker", "dark")
    stroke = drawn_width(ink)
    if ink.filled:
        why = "its outline is drawn; filled, the network takes it for a digit"
    elif ink.chosen:
        why = "other ink was found first, but the network takes this for a digit"
    elif not ink.rival:
        why = f"no {other} ink was found beside it"
    else:
        times = ink.support / ink.rival
        why = f"its outline follows edges {times:,.1f} times better than {other} ink's"
    warnings = {
        f"{other} ink is nearly as likely": ink.support < CLEARLY * ink.rival,
        "there is little contrast": ink.contrast < LOW_CONTRAST,
        f"the digit is only {side} pixels large": side < FEW_PIXELS,
        "the digit touches the picture's edge and may be cut": left == 0
        or top_side == 0
        or right == picture.width
        or bottom == picture.height,
        "there is other ink, or too much for one digit; --digits auto reads a line": ink.crowded,
        f"the answer is not to be trusted: {prediction.reason}": not prediction.accepted,
    }
    return [
        f"{ink.polarity} ink on a {ground} ground: {why}",
        f"box: {left}, {top_side} to {right}, {bottom} of {picture.width} x {picture.height} "
        f"pixels; {ink.contrast:.0f} grey levels from the ground",
        f"strokes: {stroke:.1f} of 28 pixels wide"
        + (f", thickened to {MIN_STROKE}" if stroke < MIN_STROKE else "")
        + (f", thinned to {MAX_STROKE}" if stroke > MAX_STROKE else ""),
        top,
        *(f"warning: {text}" for text, holds in warnings.items() if holds),
    ]


def half_blocks(image: NDArray[np.uint8]) -> str:
    """Draw the field in a frame, two rows of pixels a line, in the terminal's own two colours.

    Args:
        image: uint8 (28, 28), ink 255 on paper 0.
    """
    inked = image >= INKED
    rows = (
        "".join(" ▀▄█"[upper + 2 * lower] for upper, lower in zip(*pair, strict=True))
        for pair in zip(inked[::2], inked[1::2], strict=True)
    )
    edge = "─" * SIZE
    return "\n".join((f"┌{edge}┐", *(f"│{row}│" for row in rows), f"└{edge}┘"))


def drawing(picture: Image.Image, reading: Reading) -> Image.Image:
    """Draw side by side the picture with its box, the ink that was found, and the field.

    Args:
        picture: as `decode` returned it.
        reading: what `preprocess` made of it.
    """
    mask = Image.new("L", picture.size)
    if reading.found is not None:
        factor, (left, top, _, _) = reading.found.factor, reading.found.window
        inked = Image.fromarray(reading.found.ink.mask).convert("L")
        size = factor * inked.width, factor * inked.height
        mask.paste(inked.resize(size, Image.Resampling.NEAREST), (left, top))
    elif reading.ink:
        mask = Image.fromarray(reading.image >= INKED).convert("L")
    scale = PANEL / max(picture.size)
    size = max(1, round(scale * picture.width)), max(1, round(scale * picture.height))
    panels = [
        picture.convert("RGB").resize(size, Image.Resampling.BOX),
        mask.resize(size, Image.Resampling.BOX),
        Image.fromarray(reading.image).resize((PANEL, PANEL), Image.Resampling.BOX),
    ]
    if reading.box is not None:
        box = [round(scale * side) for side in reading.box]
        ImageDraw.Draw(panels[0]).rectangle(box, outline=BOX_COLOUR, width=2)
    sheet = Image.new("RGB", (3 * PANEL + 4 * MARGIN, PANEL + 2 * MARGIN), GROUND)
    for number, panel in enumerate(panels):
        x = MARGIN + number * (PANEL + MARGIN) + (PANEL - panel.width) // 2
        sheet.paste(panel, (x, MARGIN + (PANEL - panel.height) // 2))
    return sheet
