"""From model files and a dataset to the page: what is measured, and which sections can be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
import numpy as np
from numpy.typing import NDArray

import mnist_edge
from mnist_edge.benchmark.judge import Judged, judge
from mnist_edge.benchmark.latency import Effort, time_engines
from mnist_edge.contract import TensorSpec
from mnist_edge.data.grid import draw_grid
from mnist_edge.errors import MnistEdgeError, ModelError, UsageError
from mnist_edge.formats import layers
from mnist_edge.formats.inside import read_activations, read_layers
from mnist_edge.report import figures, graph, pictures, quality

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Dataset
    from mnist_edge.formats.feeding import FeedingOptions

# The sections in their order; the name is the element's `id`, too.
SECTIONS = {
    "card": "Model card",
    "training": "Training",
    "formats": "Size, speed, accuracy",
    "parity": "Parity",
    "confusion": "Confusion",
    "errors": "Most confident errors",
    "reliability": "Reliability",
    "network": "Network",
    "filters": "First-layer filters",
    "features": "Feature maps",
    "data": "Data",
}

# Pictures in the gallery of errors, and of one file's flips.
GALLERY = 24

# How wide sheets of filters and of feature maps may become, in their own pixels.
FILTERS_WIDTH, FEATURES_WIDTH = 48, 132


@dataclass(frozen=True)
class Page:
    """The finished page.

    Attributes:
        html: the whole file.
        missing: why a section could not be drawn, by its name in `SECTIONS`.
    """

    html: str
    missing: dict[str, str]


class Captioned(NamedTuple):
    """A test picture in a gallery, with what is said under it."""

    picture: pictures.Picture
    title: str
    text: str


def build(
    paths: Sequence[Path],
    model: Path,
    dataset: Dataset,
    effort: Effort,
    *,
    digit: int,
    feeding: FeedingOptions | None = None,
    note: Callable[[str], None] = lambda _text: None,
    on_round: Callable[[int], None] = lambda _number: None,
) -> Page:
    """Measure model files and draw the page about one of them.

    Args:
        paths: the files to compare, the reference first, `model` among them.
        model: the file that the page is about.
        dataset: whose test split everything is measured on.
        effort: how long to measure latency.
        digit: 0 to 9; its first test picture is followed through the network.
        feeding: what is known of the input of files that carry no contract.
        note: called with how each of these is fed.
        on_round: called with the number of each finished round of timing.

    Raises:
        ModelError: `model` cannot run here.
        UsageError: the test split has no picture of `digit`.
    """
    images, labels = dataset.test
    places = np.flatnonzero(labels == digit)
    if not len(places):
        raise UsageError(
            f"{dataset.name} has no test picture of a {digit}.", remedy="choose another --digit."
        )
    files = judge(paths, dataset, feeding=feeding, note=note)
    subject = next(file for file in files if file.path == model)
    if subject.answers is None or subject.input is None:
        raise ModelError(
            f"{model} cannot run here: {subject.error}", remedy="report on another of its formats."
        )
    engines = {str(file.path): file.engine for file in files if file.engine}
    timings = time_engines(engines, images, effort, on_round=on_round)
    p50_us = {file.path: timings[str(file.path)].percentile(50) for file in files if file.engine}
    missing: dict[str, str] = {}
    content: dict[str, Any] = {
        "subject": subject,
        "files": files,
        "images": len(labels),
        **_training(subject, files, missing),
        "p50_us": p50_us,
        **_formats(files, p50_us),
        **_parity(files, images, missing),
        **_answers(subject.answers, images, labels, missing),
        **_network(model, subject.input, images[places[0]], missing),
        "digit": digit,
        # Dark ink on white paper: what is not paper is ink.
        "grid": pictures.inked(255 - np.asarray(draw_grid(dataset.train))),
    }
    if subject.contract is None:
        missing["card"] = f"{model.name} carries no contract."
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mnist_edge.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page.html").render(
        sections=SECTIONS,
        missing=missing,
        dataset=dataset,
        version=mnist_edge.__version__,
        **content,
    )
    return Page(html, missing)


def _training(subject: Judged, files: Iterable[Judged], missing: dict[str, str]) -> dict[str, Any]:
    weights = subject.contract and subject.contract.weights_sha256
    for contract in (file.contract for file in files):
        if contract and contract.history and contract.weights_sha256 == weights:
            past = {key: [epoch[key] for epoch in contract.history] for key in contract.history[0]}
            break
    else:
        missing["training"] = "No file of this model records how it was trained."
        return {}
    epochs = past["epoch"]
    errors = {
        name: [100 * (1 - value) for value in past[key]]
        for name, key in (("training", "accuracy"), ("validation", "validation_accuracy"))
    }
    return {
        "epochs": len(epochs),
        "seconds": sum(past["seconds"]),
        "curves": [
            figures.curves("Wrong answers, %", epochs, errors, log=True),
            figures.curves("Loss", epochs, {"training": past["loss"]}),
            figures.curves("Learning rate", epochs, {"rate": past["learning_rate"]}),
        ],
    }


def _formats(files: Iterable[Judged], p50_us: Mapping[Path, float]) -> dict[str, Any]:
    able = [file for file in files if file.accuracy is not None and file.path in p50_us]
    names = [file.path.name for file in able]
    errors = [100 * (1 - (file.accuracy or 0)) for file in able]
    sizes = [file.bytes / 1000 for file in able]
    times = [p50_us[file.path] for file in able]
    return {
        "dots": [
            figures.dots("Wrong answers, %", names, errors, ".2f"),
            figures.dots("Size, kB, logarithmic", names, sizes, ",.0f", log=True),
            figures.dots("One picture, µs, logarithmic", names, times, ",.0f", log=True),
        ]
    }


def _parity(
    files: Sequence[Judged], images: NDArray[np.uint8], missing: dict[str, str]
) -> dict[str, Any]:
    able = [file for file in files if file.parity]
    reference, *others = able
    if not others:
        missing["parity"] = "There is no second file to compare with."
    return {
        "reference": reference,
        "others": others,
        "flips": {
            file.path: [
                Captioned(
                    pictures.inked(images[flip.index]),
                    f"{flip.reference} → {flip.answer}",
                    f"is {flip.label}",
                )
                for flip in file.parity.flips[:GALLERY]
            ]
            for file in others
            if file.parity
        },
    }


def _answers(
    answers: NDArray[np.float32],
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    missing: dict[str, str],
) -> dict[str, Any]:
    errors = quality.confident_errors(answers, labels, GALLERY)
    if not errors:
        missing["errors"] = "Every test picture is answered right."
    confusion = quality.confusion(answers, labels)
    bins = quality.reliability(answers, labels)
    return {
        "confusion": confusion.tolist(),
        "most_confused": int((confusion - np.diag(confusion.diagonal())).max()),
        "errors": [
            Captioned(
                pictures.inked(images[error.index]),
                f"{error.label} read as {error.answer}",
                f"margin {error.margin:.2f}",
            )
            for error in errors
        ],
        "reliability": figures.reliability(bins),
        "calibration_error": quality.calibration_error(bins),
    }


def _network(
    path: Path, spec: TensorSpec, image: NDArray[np.uint8], missing: dict[str, str]
) -> dict[str, Any]:
    try:
        table = read_layers(path)
        inside = read_activations(path, spec, image)
    except MnistEdgeError as error:
        missing |= dict.fromkeys(
            ("network", "filters", "features"), f"{error.cause} {error.remedy}"
        )
        return {"parameters": None}
    parameters, cost = layers.totals(table)
    filters = None
    if inside.filters is None:
        missing["filters"] = "The network has no convolution."
    else:
        filters = pictures.sheet(inside.filters, FILTERS_WIDTH)
    return {
        "parameters": parameters,
        "cost": cost,
        "drawing": graph.draw(inside.nodes),
        "held": {layer.name: layer.parameters for layer in table},
        "filters": filters,
        "features": [(node, pictures.sheet(node.output, FEATURES_WIDTH)) for node in inside.nodes],
        "answer": int(inside.nodes[-1].output.argmax()),
    }
