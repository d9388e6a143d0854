"""`mnist-edge predict`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli import workspace
from mnist_edge.cli.output import next_command, note, result, result_json

if TYPE_CHECKING:
    from mnist_edge.runtime.classifier import Prediction
    from mnist_edge.runtime.preprocess import Reading


def predict(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE…", help="Picture files; - reads one from stdin.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An exported .onnx or .tflite file; the newest in ./runs by default, else the "
            "shipped model.",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(metavar="N", min=1, max=10, help="Show the N most probable digits.")
    ] = 1,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how the picture was read.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per picture.")
    ] = False,
) -> None:
    """Read the digit in each picture."""
    from mnist_edge.errors import MnistEdgeError, UnreadableImage
    from mnist_edge.runtime.classifier import Classifier
    from mnist_edge.runtime.reading import read

    classifier = Classifier.load(model or workspace.latest("onnx", "onnx-int8"))
    unreadable = False
    for image in images:
        try:
            reading = read(sys.stdin.buffer.read() if image == "-" else image)
        except UnreadableImage as error:
            unreadable = True
            note(f"error: {error.cause}\n{error.remedy}")
            continue
        prediction = classifier.predict_readings([reading], [image])[0]
        if json:
            result_json(dataclasses.asdict(prediction))
        else:
            result(_line(prediction, top, named=len(images) > 1))
        if explain:
            note(_explanation(reading))
    if unreadable:
        raise typer.Exit(MnistEdgeError.exit_code)
    next_command("mnist-edge bench")


def _line(prediction: Prediction, top: int, *, named: bool) -> str:
    if prediction.digit is None:
        answer = "no ink"
    else:
        ranked = sorted(enumerate(prediction.probabilities), key=lambda pair: -pair[1])
        answer = "  ".join(f"{digit} ({probability:.1%})" for digit, probability in ranked[:top])
        if not prediction.accepted:
            answer += f"  not to be trusted: {prediction.reason}"
    return f"{prediction.source}: {answer}" if named else answer


def _explanation(reading: Reading) -> str:
    """Say how a picture was read, and draw what the network saw, two rows of pixels a line."""
    if not reading.ink:
        return "no ink was found"
    if reading.box is None:
        how = "in MNIST's own form: left as it is"
    else:
        left, top, right, bottom = reading.box
        how = (
            f"{reading.polarity} ink in the box {left}, {top} to {right}, {bottom}; "
            f"strokes {reading.stroke_width:.1f} pixels wide in 28x28"
        )
    inked = reading.image >= 96
    lines = (
        "".join(" ▀▄█"[upper + 2 * lower] for upper, lower in zip(*pair, strict=True))
        for pair in zip(inked[::2], inked[1::2], strict=True)
    )
    return "\n".join((how, *lines))
