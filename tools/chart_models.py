"""Draw the shipped models among what else could be picked: python tools/chart_models.py.

Writes docs/models.svg, accuracy against bytes and against multiply-accumulates, and the tables of
docs/models.md. Accuracies are those of the manifest; the peers, which `MNIST_EDGE_PEERS` names the
folder of, are measured on MNIST's test split.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
from markers import between

from mnist_edge import data
from mnist_edge.benchmark.judge import judge
from mnist_edge.files import replacing
from mnist_edge.formats import layers
from mnist_edge.formats.inside import read_layers
from mnist_edge.formats.table import is_runnable, of_path
from mnist_edge.runtime import shipped

DOCS = Path(__file__).parents[1] / "docs"
PEERS = {
    "zoo-mnist-8.onnx": "ONNX Model Zoo, MNIST-8",
    "tflite-codelab.tflite": "TensorFlow Lite codelab",
}
MARKERS = {"onnx": "o", "onnx-int8": "s", "tflite": "^", "tflite-fp16": "D", "tflite-int8": "v"}
COLOURS = {
    "edge": "#1f6feb",
    "tiny": "#1a7f37",
    "micro": "#bf8700",
    "nano": "#cf222e",
    "large": "#8250df",
    "peer": "#6e7781",
}
# Where a name stands that would lie on another one.
ALIGNED = {"edge": "left", "micro": "right", "tiny": "right", "nano": "left"}


class Point(NamedTuple):
    """One file: of which model and format, what it is called, and its figures."""

    model: str
    format: str
    name: str
    bytes: int
    accuracy: float
    parameters: int
    multiply_accumulates: int | None


def main() -> None:
    """Write the picture and the tables."""
    points = [*shipped_files(), *peers()]
    _draw(points)
    page = DOCS / "models.md"
    text = page.read_text(encoding="utf-8")
    tables = {"files": _files(points), "trainings": _trainings(), "seeds": _seeds()}
    for name, table in tables.items():
        text = between(text, name, table)
    with replacing(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


def shipped_files() -> list[Point]:
    """Return what the manifest says of ours."""
    points = []
    for name, entry in shipped.manifest().items():
        row = of_path(Path(name))
        if row and row.conversion and is_runnable(Path(name)):
            path = shipped.path(name)
            totals = layers.totals(read_layers(path))
            model = name.removesuffix(row.suffix)
            points.append(Point(model, row.name, name, entry["bytes"], entry["accuracy"], *totals))
    return points


def peers() -> list[Point]:
    """Return what is measured of other people's models."""
    folder, dataset = Path(os.environ["MNIST_EDGE_PEERS"]), data.load("mnist")
    points = []
    for file in judge([folder / name for name in PEERS], dataset):
        if file.accuracy is None:
            sys.exit(f"{file.path} cannot run: {file.error}")
        path, title = file.path, PEERS[file.path.name]
        totals = layers.totals(read_layers(path))
        points.append(Point("peer", path.suffix[1:], title, file.bytes, file.accuracy, *totals))
    return points


def _draw(points: list[Point]) -> None:
    mpl.rcParams |= {"svg.hashsalt": "mnist-edge", "svg.fonttype": "none", "font.size": 9}
    figure, (sizes, costs) = plt.subplots(
        1, 2, figsize=(11, 4.8), sharey=True, layout="constrained"
    )
    for model, colour in COLOURS.items():
        mine = sorted((point for point in points if point.model == model), key=lambda p: p.bytes)
        for point in mine:
            marker, y = MARKERS[point.format], 100 * point.accuracy
            sizes.plot(point.bytes, y, marker, color=colour, alpha=0.8)
            costs.plot(point.multiply_accumulates, y, marker, color=colour, alpha=0.8)
        # One name for all files of a model, which lie close to each other; peers have their own.
        for point in mine if model == "peer" else mine[:1]:
            for panel, x in ((sizes, point.bytes), (costs, point.multiply_accumulates)):
                panel.annotate(
                    point.name if model == "peer" else model,
                    (x, 100 * point.accuracy),
                    (0, 7),
                    textcoords="offset points",
                    color=colour,
                    ha=ALIGNED.get(model, "center"),
                )
    for panel in (sizes, costs):
        panel.set_xscale("log")
        panel.margins(x=0.15, y=0.1)
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    sizes.set(xlabel="bytes", ylabel="right on MNIST's test split, %")
    costs.set(xlabel="multiply-accumulates for one picture")
    for name, marker in MARKERS.items():
        costs.plot([], [], marker, color="black", alpha=0.8, label=name)
    costs.legend(loc="center right", frameon=False)
    with replacing(DOCS / "models.svg") as temporary:
        figure.savefig(temporary, metadata={"Date": None, "Creator": None}, facecolor="white")


def _files(points: list[Point]) -> str:
    lines = [
        "| file | bytes | accuracy | parameters | multiply-accumulates |",
        "|---|---:|---:|---:|---:|",
    ]
    for point in sorted(points, key=lambda point: point.accuracy, reverse=True):
        cost = "" if point.multiply_accumulates is None else f"{point.multiply_accumulates:,}"
        name = point.name if point.model == "peer" else f"`{point.name}`"
        lines.append(
            f"| {name} | {point.bytes:,} | {point.accuracy:.2%} | {point.parameters:,} | {cost} |"
        )
    return "\n".join(lines)


def _trainings() -> str:
    lines = [
        "| model | trained on | networks | epochs | seconds | accuracy |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, training in _manifest().items():
        origin = training["provenance"]
        taught = "the teacher's answers" if origin["teachers"] else "labels"
        lines.append(
            f"| `{name}` | {taught} | {origin['members']} | {origin['epochs']} | "
            f"{training['seconds']:,} | {training['accuracy']:.2%} |"
        )
    return "\n".join(lines)


def _seeds() -> str:
    """Return what each seed came to of those models that were trained with several."""
    lines = [
        "| model | seed | cross-entropy on the validation split | float32 | int8 | shipped |",
        "|---|---:|---:|---:|---:|:---:|",
    ]
    for name, training in _manifest().items():
        seeds = training.get("seeds", [])
        for seed, came_to in enumerate(seeds):
            accuracies = [came_to["accuracy"][row] for row in ("keras", "tflite-int8")]
            figures = " | ".join(f"{accuracy:.2%}" for accuracy in accuracies)
            shipped = "yes" if seed == training["provenance"]["seed"] else ""
            loss = f"{came_to['validation_loss']:.4f}"
            lines.append(f"| `{name}` | {seed} | {loss} | {figures} | {shipped} |")
        if seeds:
            means = " | ".join(
                f"{fmean(came_to['accuracy'][row] for came_to in seeds):.3%}"
                for row in ("keras", "tflite-int8")
            )
            lines.append(f"| `{name}` | mean | | {means} | |")
    return "\n".join(lines)


def _manifest() -> dict[str, dict[str, Any]]:
    """Return what the manifest says of the trainings."""
    document = json.loads((shipped.folder() / "manifest.json").read_text(encoding="utf-8"))
    trainings: dict[str, dict[str, Any]] = document["trainings"]
    return trainings


if __name__ == "__main__":
    main()
