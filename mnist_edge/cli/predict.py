"""`mnist-edge predict`."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli.options import chosen
from mnist_edge.cli.output import next_command, note, progress_bar, result, result_json
from mnist_edge.formats.latest import READABLE

if TYPE_CHECKING:
    from mnist_edge.errors import UnreadableImage
    from mnist_edge.runtime.classifier import Classifier, Line, Prediction

    Answer = Prediction | Line | UnreadableImage


def predict(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE…",
            help="Picture files, folders of them, patterns such as 'scans/*.png'; - reads one "
            "from stdin.",
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            metavar="FILE",
            help="An exported .onnx or .tflite file; the newest in ./runs by default, else the "
            "shipped model.",
        ),
    ] = None,
    digits: Annotated[
        str | None,
        typer.Option(metavar="N|auto", help="Read a line of N digits, or of as many as there are."),
    ] = None,
    top: Annotated[
        int, typer.Option(metavar="N", min=1, max=10, help="Show the N most probable digits.")
    ] = 1,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how each picture was read.")
    ] = False,
    explain_to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            dir_okay=False,
            help="Draw there how one picture was read: picture, ink, and what the network saw.",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", "-j", help="Print one JSON object per picture.")
    ] = False,
) -> None:
    """Read the digit in each picture, or the line of digits."""
    from mnist_edge.errors import MnistEdgeError, UnreadableImage, UsageError, printable
    from mnist_edge.runtime.classifier import Classifier, Line

    if digits is not None and digits != "auto" and not re.fullmatch("0*[1-9][0-9]{0,2}", digits):
        raise UsageError(
            f"--digits {printable(digits)} is no number of digits.",
            remedy="give 1 to 999, or auto.",
        )
    if digits is not None and explain_to is not None:
        raise UsageError(
            "--explain-to draws how one digit is read, --digits reads a line of them.",
            remedy="leave out one of the two.",
        )
    pictures = _expand(images)
    if explain_to is not None and len(pictures) != 1:
        raise UsageError(
            f"--explain-to draws one picture, these are {len(pictures)}.", remedy="name one."
        )
    classifier = Classifier.load(chosen(model, *READABLE))
    if digits is not None:
        answers = _lines(classifier, pictures, None if digits == "auto" else int(digits))
    elif explain or explain_to:
        answers = _explained(classifier, pictures, explain_to, in_words=explain)
    else:
        answers = _digits(classifier, pictures)
    width = max(map(len, pictures)) if len(pictures) > 1 else 0
    unreadable = False
    with progress_bar("reading") as bar:
        for number, answer in enumerate(answers, start=1):
            if number % 100 == 0:
                bar.update(number, len(pictures))
            if isinstance(answer, UnreadableImage):
                unreadable = True
                note(f"error: {answer.cause}\n{answer.remedy}")
                continue
            if json:
                result_json(answer)
            else:
                text = _text_of_line(answer) if isinstance(answer, Line) else _text(answer, top)
                result(f"{answer.source or '':{width}}  {text}" if width else text)
            if isinstance(answer, Line) and explain:
                for digit in answer.digits:
                    note(f"{_ranked(digit.probabilities, 3)}  in the box {digit.box}")
    if unreadable:
        raise typer.Exit(MnistEdgeError.exit_code)
    next_command("mnist-edge bench")


def _expand(arguments: list[str]) -> list[str]:
    """Turn folders and patterns into the pictures in them; what has none is left to fail by name.

    An existing file is one even where its name reads like a pattern.
    """
    names: list[str] = []
    for argument in arguments:
        matches = [argument]
        if argument != "-" and not Path(argument).exists():
            matches = sorted(glob.glob(argument, recursive=True)) or [argument]  # noqa: PTH207
        for match in matches:
            names += _pictures_in(match) or [match]
    return names


def _pictures_in(folder: str) -> list[str]:
    """Return the picture files in a folder and those within it, in order; hidden ones left out."""
    from mnist_edge.runtime.reading.decoding import SUFFIXES

    # Joining strings: with thousands of small pictures, pathlib takes as long as decoding them.
    names = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [
            os.path.join(parent, name)  # noqa: PTH118
            for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(filter(os.path.isfile, names))


def _source(name: str) -> str | bytes:
    return sys.stdin.buffer.read() if name == "-" else name


def _digits(classifier: Classifier, names: list[str]) -> Iterator[Answer]:
    """Answer pictures in their order, a few at a time."""
    from mnist_edge.errors import UnreadableImage
    from mnist_edge.runtime.classifier import PICTURES_AT_ONCE
    from mnist_edge.runtime.reading import read
    from mnist_edge.runtime.reading.normalization import Reading

    for start in range(0, len(names), PICTURES_AT_ONCE):
        read_names: list[str | None] = []
        items: list[Reading | UnreadableImage] = []
        for name in names[start : start + PICTURES_AT_ONCE]:
            try:
                items.append(read(_source(name)))
                read_names.append(name)
            except UnreadableImage as error:
                items.append(error)
        readings = [item for item in items if isinstance(item, Reading)]
        answers = iter(classifier.predict_readings(readings, read_names) if readings else ())
        for item in items:
            yield next(answers) if isinstance(item, Reading) else item


def _lines(classifier: Classifier, names: list[str], digits: int | None) -> Iterator[Answer]:
    """Answer pictures of lines of digits."""
    from mnist_edge.errors import UnreadableImage

    for name in names:
        try:
            line = classifier.read_line(_source(name), digits)
            yield dataclasses.replace(line, source=name)
        except UnreadableImage as error:
            yield error


def _explained(
    classifier: Classifier, names: list[str], target: Path | None, *, in_words: bool
) -> Iterator[Answer]:
    """Answer pictures one by one, and show after each answer how it came about."""
    from mnist_edge.errors import UnreadableImage
    from mnist_edge.files import replacing
    from mnist_edge.runtime.explain import drawing, explain, half_blocks
    from mnist_edge.runtime.reading.decoding import decode
    from mnist_edge.runtime.reading.normalization import preprocess

    for name in names:
        try:
            picture = decode(_source(name))
        except UnreadableImage as error:
            yield error
            continue
        reading = classifier.settle(preprocess(picture))
        prediction = classifier.predict_readings([reading], [name])[0]
        yield prediction
        if in_words:
            note("\n".join((*explain(picture, reading, prediction), half_blocks(reading.image))))
        if target is not None:
            with replacing(target) as temporary:
                drawing(picture, reading).save(temporary, "PNG")
            note(f"drawn: {target}")


def _text(prediction: Prediction, top: int) -> str:
    if prediction.digit is None:
        return "no ink"
    return _ranked(prediction.probabilities, top) + _doubt(prediction)


def _text_of_line(line: Line) -> str:
    return (line.text or "no digits") + _doubt(line)


def _ranked(probabilities: Sequence[float], top: int) -> str:
    ranked = sorted(enumerate(probabilities), key=lambda pair: -pair[1])
    return "  ".join(f"{digit} ({probability:.1%})" for digit, probability in ranked[:top])


def _doubt(answer: Prediction | Line) -> str:
    return "" if answer.accepted else f"  not to be trusted: {answer.reason}"
