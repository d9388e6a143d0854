"""`mnist-edge predict`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli import options
from mnist_edge.cli.output import next_command, note, progress_bar, result, result_json
from mnist_edge.formats.latest import READABLE

IMAGES = "Picture files, folders, patterns such as 'scans/*.png', data URLs; - reads stdin."
LINE = "Read a line of N digits, or of all there are."
TOP = "Show the N most probable digits."
HOW = "Show how each picture was read."
DRAW = "Draw here how one picture was read: the picture, and every candidate."
FRAMES = "Answer every frame of an animation, or page of a TIFF file."


def predict(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE…", help=IMAGES)],
    model: options.Model = None,
    digits: Annotated[str | None, typer.Option(metavar="N|auto", help=LINE)] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, max=10, help=TOP)] = 1,
    explain: Annotated[bool, typer.Option("--explain", help=HOW)] = False,
    explain_to: Annotated[
        Path | None, typer.Option(metavar="FILE.png", dir_okay=False, help=DRAW)
    ] = None,
    frames: Annotated[bool, typer.Option("--frames", help=FRAMES)] = False,
    max_pixels: options.MaxPixels = None,
    json: options.Json = False,
) -> None:
    """Read the digit in each picture, or the line of digits."""
    from mnist_edge.errors import MnistEdgeError, UnreadableImage, UsageError, escaped, printable
    from mnist_edge.runtime.classifier import Classifier
    from mnist_edge.runtime.explain import draw_to, explanation, in_words, place
    from mnist_edge.runtime.pictures import answer_each, find_pictures, sources_of

    names = find_pictures(images)
    if digits is not None and digits != "auto" and not re.fullmatch("0*[1-9][0-9]{0,2}", digits):
        raise UsageError(
            f"--digits {printable(digits)} is no number of digits.",
            remedy="give 1 to 999, or auto.",
        )
    options.refuse_together("--digits", digits, {"--frames": frames, "--top": top > 1})
    options.refuse_together("--frames", frames, {"--explain": explain})
    options.refuse_together("--explain-to", explain_to, {"--digits": digits, "--frames": frames})
    if explain_to and len(names) != 1:
        raise UsageError(f"--explain-to draws one picture, not {len(names)}.", remedy="name one.")
    path = options.chosen(model, *READABLE)
    options.refuse_overwriting(explain_to, [path, *names])
    sources = sources_of(names, sys.stdin.buffer)
    classifier = Classifier.load(path, max_pixels=max_pixels)
    answers = answer_each(classifier, sources, digits=digits, frames=frames)
    width = max(len(escaped(name)) for name, _ in sources) if len(names) > 1 or frames else 0
    unreadable = False
    with progress_bar("reading") as bar:
        for number, answer in enumerate(answers):
            if number % 100 == 99:
                bar.update(min(number + 1, len(names)), len(names))
            if isinstance(answer, UnreadableImage):
                unreadable = True
                note(f"error: {answer.cause}\n{answer.remedy}")
                continue
            result_json(answer) if json else result(place(answer, width) + in_words(answer, top))
            if getattr(answer, "frames", 1) > 1 and not frames:
                note(f"{answer.source} has more frames than the first; --frames answers each.")
            if explain:
                note(explanation(classifier, sources[number][1], answer))
            if explain_to:
                draw_to(classifier, sources[number][1], explain_to)
                note(f"drawn: {printable(str(explain_to))}")
    if unreadable:
        raise typer.Exit(MnistEdgeError.exit_code)
    next_command("mnist-edge bench")
