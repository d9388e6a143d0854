"""Draw accuracy against bytes of weights, ours and others': python tools/chart_bytes.py.

Writes docs/firmware.svg and the table beside it in docs/firmware.md. Ours are counted in the C
headers of the shipped models, with all biases and factors; BitNetMCU's figures are those that its
author publishes; the models that `MNIST_EDGE_PEERS` names the folder of are measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
from chart_models import DOCS, peers, shipped_files
from firmware import ram
from markers import between
from matplotlib.ticker import LogLocator, NullLocator

from mnist_edge import data
from mnist_edge.files import replacing
from mnist_edge.formats.c import gate
from mnist_edge.formats.c.emit import trained_bytes
from mnist_edge.formats.c.parse import parse
from mnist_edge.runtime import shipped


class Point(NamedTuple):
    """A model: bytes of weights, and accuracy on MNIST's test split.

    RAM is in bytes, the field and the scores among them; it and the multiply-accumulates of a
    picture are known of ours.
    """

    bytes: int
    accuracy: float
    name: str
    ram: int | None = None
    multiply_accumulates: int | None = None


# Of documentation_cnn.md and, the last four, documentation_2026.md in github.com/cpldcpu/BitNetMCU.
# Where the author gives bits, an eighth of them; else 1,024 bytes for a kB.
BITNETMCU = (
    Point(1_126, 0.9422, "BitNetMCU, dense, 2 bits"),
    Point(3_277, 0.9892, "BitNetMCU, 16 channels, small dense layers"),
    Point(5_360, 0.9906, "BitNetMCU, 16 channels"),
    Point(7_328, 0.9928, "BitNetMCU, 32 channels"),
    Point(9_296, 0.9944, "BitNetMCU, 48 channels"),
    Point(11_264, 0.9953, "BitNetMCU, 64 channels"),
    Point(11_264, 0.9955, "BitNetMCU, 64 channels, 90 epochs"),
    Point(11_696, 0.9952, "BitNetMCU, 80 channels, ternary"),
    Point(12_595, 0.9902, "BitNetMCU, dense, 4 bits"),
    Point(12_608, 0.9944, "BitNetMCU, 64 channels, 4 bits"),
    Point(13_232, 0.9942, "BitNetMCU, 80 channels, 90 epochs"),
    Point(13_357, 0.9958, "BitNetMCU, 96 channels, ternary"),
    Point(16_678, 0.9950, "BitNetMCU, 128 channels, ternary"),
    Point(7_987, 0.9900, "BitNetMCU, dense in quadrants, NF4"),
    Point(7_975, 0.9925, "BitNetMCU, dense in windows, stride 4, 2 bits"),
    Point(8_294, 0.9925, "BitNetMCU, dense in windows, stride 4, NF4"),
    Point(9_933, 0.9937, "BitNetMCU, dense in windows, stride 2, NF4"),
)


def main() -> None:
    """Write the picture and the table."""
    groups = {
        "mnist-edge, biases and factors included": ("#1f6feb", "o", _headers()),
        "BitNetMCU": ("#bf8700", "s", BITNETMCU),
        "others, the whole file": (
            *("#6e7781", "^"),
            [Point(peer.bytes, peer.accuracy, peer.name) for peer in peers()],
        ),
    }
    _draw(groups)
    page = DOCS / "firmware.md"
    text = between(page.read_text(encoding="utf-8"), "accuracy", _table(groups))
    with replacing(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _headers() -> list[Point]:
    """Return ours, as their headers have them, which answer as TFLite's reference kernels do."""
    points, (images, labels) = [], data.load("mnist").test
    for file in shipped_files():
        if file.format == "tflite-int8":
            content = shipped.path(file.name).read_bytes()
            right = float((gate.reference(content, images).argmax(axis=1) == labels).mean())
            network, cost = parse(content), file.multiply_accumulates
            name = f"`{file.model}`"
            points.append(Point(trained_bytes(network), right, name, ram(network), cost))
    return points


def _draw(groups: Mapping[str, tuple[str, str, Sequence[Point]]]) -> None:
    mpl.rcParams |= {"svg.hashsalt": "mnist-edge", "svg.fonttype": "none", "font.size": 9}
    figure, axes = plt.subplots(figsize=(8, 4.8), layout="constrained")
    for label, (colour, marker, points) in groups.items():
        sizes, accuracies = zip(
            *((each.bytes, 100 * each.accuracy) for each in points), strict=True
        )
        axes.plot(sizes, accuracies, marker, color=colour, markersize=5, label=label)
        for each in points if label != "BitNetMCU" else ():
            axes.annotate(
                each.name.strip("`"),
                (each.bytes, 100 * each.accuracy),
                (0, 6),
                textcoords="offset points",
                color=colour,
                ha="center",
            )
    axes.set(xscale="log", ylim=(98.6, 99.75), xlabel="bytes of weights")
    axes.set_ylabel("right on MNIST's test split, %")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda size, _position: f"{size:,.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.1)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center right", frameon=False)
    with replacing(DOCS / "firmware.svg") as temporary:
        figure.savefig(temporary, metadata={"Date": None, "Creator": None}, facecolor="white")


def _table(groups: Mapping[str, tuple[str, str, Sequence[Point]]]) -> str:
    lines = [
        "| | bytes of weights | accuracy | RAM | multiply-accumulates |",
        "|---|---:|---:|---:|---:|",
    ]
    for each in sorted(point for _, _, points in groups.values() for point in points):
        cost = ("" if n is None else f"{n:,}" for n in (each.ram, each.multiply_accumulates))
        lines.append(f"| {each.name} | {each.bytes:,} | {each.accuracy:.2%} | {' | '.join(cost)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
