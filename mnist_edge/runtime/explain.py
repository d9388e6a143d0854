"""How a picture was read: in words, in the characters of a terminal, and as a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from mnist_edge.contract import SIZE
from mnist_edge.errors import escaped
from mnist_edge.files import replacing
from mnist_edge.runtime import accept
from mnist_edge.runtime.answers import Line, Prediction
from mnist_edge.runtime.reading.decoding import Source, decode
from mnist_edge.runtime.reading.parameters import NORMALIZING
from mnist_edge.runtime.reading.rules import RULES
from mnist_edge.runtime.reading.views import scaled, side_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mnist_edge.runtime.classifier import Classifier
    from mnist_edge.runtime.reading import Reading

# Of the drawing, in pixels.
PANEL = 10 * SIZE
MARGIN = 10
TILE, CAPTION = 5 * SIZE, 14
BACKGROUND, BOX_COLOUR, TEXT = (128, 128, 128), (255, 60, 60), (255, 255, 255)

INKED = 96  # of 255: what a terminal shows as ink

# What is worth a warning.
LOW_CONTRAST = 40  # grey levels of 255
FEW_PIXELS = 12  # of the longer side

WHY = {rule.name: rule.why for rule in RULES}


def explain(picture: Image.Image, reading: Reading, prediction: Prediction) -> list[str]:
    """Say how a picture was read: what was proposed, dropped and doubted, and what was chosen.

    Args:
        picture: as `decode` returned it.
        reading: what was found in it.
        prediction: what was answered.
    """
    if prediction.digit is None:
        return ["no ink was found"]
    top = f"top three: {ranked(prediction.probabilities, 3)}"
    chosen = reading.candidate
    if chosen is None:
        return ["in MNIST's own form, light on dark or dark on light: no more than moved", top]
    x0, y0, x1, y1 = box = chosen.ink.view.in_picture(chosen.box)
    x, y, x_end, y_end = scaled(box, reading.scale)
    *_, width, height = scaled((0, 0, *picture.size), reading.scale)
    background = "lighter" if chosen.ink.polarity == "dark" else "darker"
    stroke = NORMALIZING.box / side_of(chosen.box) * chosen.stroke_width
    contrast = float(chosen.ink.depth[chosen.mask].mean())
    warnings = {
        "there is little contrast": contrast < LOW_CONTRAST,
        f"the digit is only {max(x1 - x0, y1 - y0)} pixels large": max(x1 - x0, y1 - y0)
        < FEW_PIXELS,
        "the digit touches the picture's edge and may be cut": min(x0, y0) == 0
        or (x1, y1) == picture.size,
        **{f"{name}: {WHY[name]}; --digits auto reads a line": True for name in chosen.doubts},
        f"the answer is not to be trusted: {prediction.reason}": not prediction.accepted,
    }
    return [
        f"{chosen.ink.polarity} ink on a {background} background; "
        f"{len(reading.candidates)} proposed, of which the network chose",
        *_table(reading),
        f"box: {x}, {y} to {x_end}, {y_end} of {width} x {height} pixels; "
        f"{contrast:.0f} grey levels from the background",
        f"strokes: {stroke:.1f} of 28 pixels wide"
        + (f", thickened to {NORMALIZING.min_stroke}" * (stroke < NORMALIZING.min_stroke))
        + (f", thinned to {NORMALIZING.max_stroke}" * (stroke > NORMALIZING.max_stroke)),
        *(f"dropped {count} {name}: {WHY[name]}" for name, count in chosen.dropped),
        top,
        *(f"warning: {text}" for text, holds in warnings.items() if holds),
    ]


def _table(reading: Reading) -> list[str]:
    if reading.probabilities is None or reading.chances is None:
        return []
    scores = zip(reading.candidates, reading.probabilities, reading.chances, strict=True)
    return [
        f"{'>' if number == reading.chosen else ' '} {candidate.ink.polarity:5} "
        f"{', '.join((*candidate.ink.way, candidate.choice)):30} {ranked(answer, 1):10} "
        f"chance {chance:.1%}" + "".join(f", {name}?" for name in candidate.doubts)
        for number, (candidate, answer, chance) in enumerate(scores)
    ]


def ranked(probabilities: NDArray[np.float32] | tuple[float, ...], top: int) -> str:
    """Return the most probable digits with their probabilities."""
    order = sorted(enumerate(probabilities), key=lambda pair: -pair[1])
    return "  ".join(f"{digit} ({probability:.1%})" for digit, probability in order[:top])


def half_blocks(image: NDArray[np.uint8]) -> str:
    """Draw what the network saw in a frame, two rows of pixels a line, in two colours.

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
    """Draw the picture with the box that was read, and the candidates beside it in a row.

    Each candidate is drawn as the network saw it, over its digit and its chance; that which was
    chosen has a frame.

    Args:
        picture: as `decode` returned it.
        reading: what was found in it.
    """
    digits = [reading.image] if reading.digits is None else list(reading.digits)
    scale = PANEL / max(picture.size)
    size = max(1, round(scale * picture.width)), max(1, round(scale * picture.height))
    shown = picture.convert("RGB").resize(size, Image.Resampling.BOX)
    if reading.box is not None:
        across, down = reading.scale
        box = scaled(reading.box, (scale / across, scale / down))
        ImageDraw.Draw(shown).rectangle(box, outline=BOX_COLOUR, width=2)
    width = PANEL + 2 * MARGIN + len(digits) * (TILE + MARGIN)
    sheet = Image.new("RGB", (width, PANEL + 2 * MARGIN), BACKGROUND)
    sheet.paste(shown, (MARGIN + (PANEL - size[0]) // 2, MARGIN + (PANEL - size[1]) // 2))
    pen = ImageDraw.Draw(sheet)
    for number, digit in enumerate(digits):
        x, y = PANEL + 2 * MARGIN + number * (TILE + MARGIN), MARGIN
        tile = Image.fromarray(digit).resize((TILE, TILE), Image.Resampling.BOX)
        sheet.paste(tile, (x, y))
        if number == reading.chosen:
            pen.rectangle((x - 3, y - 3, x + TILE + 2, y + TILE + 2), outline=BOX_COLOUR, width=3)
        if reading.probabilities is None or reading.chances is None:
            continue
        candidate = reading.candidates[number]
        caption = (
            f"{candidate.ink.polarity}, {candidate.choice}",
            *candidate.ink.way,
            f"{ranked(reading.probabilities[number], 1)}",
            f"chance {reading.chances[number]:.1%}",
            *(f"{name}?" for name in candidate.doubts),
        )
        for line, text in enumerate(caption):
            pen.text((x, y + TILE + 6 + line * CAPTION), text, fill=TEXT)
    return sheet


def in_words(answer: Prediction | Line, top: int = 1) -> str:
    """Return one line about an answer: the digits, how probable they are, whether to trust them."""
    if isinstance(answer, Line):
        text = answer.text or "no digits"
    elif answer.digit is None:
        return "unreadable" if answer.reason == accept.UNREADABLE else "no ink"
    else:
        text = ranked(answer.probabilities, top)
    return text if answer.accepted else f"{text}  not to be trusted: {answer.reason}"


def place(answer: Prediction | Line, width: int) -> str:
    """Return where an answer comes from, as a column of that width; nothing where that is 0."""
    if not width:
        return ""
    frame = f" {answer.frame:3}" if isinstance(answer, Prediction) and answer.frames > 1 else ""
    return f"{escaped(answer.source or ''):{width}}{frame}  "


def explanation(classifier: Classifier, source: Source, answer: Prediction | Line) -> str:
    """Return how a picture was read, in words and characters.

    Args:
        classifier: what answered.
        source: the picture.
        answer: what was answered.
    """
    if isinstance(answer, Line):
        lines = [
            f"{ranked(item.probabilities, 3)}  in the box {item.box}" for item in answer.digits
        ]
        return "\n".join(lines)
    picture = decode(source, classifier.max_pixels)
    reading = classifier.read(picture)
    return "\n".join((*explain(picture, reading, answer), half_blocks(reading.image)))


def draw_to(classifier: Classifier, source: Source, target: Path) -> None:
    """Draw how a picture was read into a PNG file, as `drawing` does.

    Raises:
        OutputError: it cannot be written.
    """
    picture = decode(source, classifier.max_pixels)
    with replacing(target) as temporary:
        drawing(picture, classifier.read(picture)).save(temporary, "PNG")
