"""The network as a drawing: where each layer's box lies, and how lines join them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_edge.formats.activations import Node

BOX_WIDTH, BOX_HEIGHT = 320, 30
COLUMN, ROW = 360, 46
MARGIN = 20


@dataclass(frozen=True, eq=False)
class Box:
    """A node and the middle of its box, in units of the drawing."""

    node: Node
    x: float
    y: float


@dataclass(frozen=True)
class Drawing:
    """Boxes, lines between them as SVG paths, and the size of it all."""

    boxes: list[Box]
    lines: list[str]
    width: float
    height: float


def draw(nodes: Iterable[Node]) -> Drawing:
    """Place every node one row below the lowest of its inputs, and rows in the middle."""
    ranks: dict[str, int] = {}
    rows: dict[int, list[Node]] = {}
    for node in nodes:
        ranks[node.name] = rank = 1 + max((ranks[name] for name in node.inputs), default=-1)
        rows.setdefault(rank, []).append(node)
    width = max(map(len, rows.values())) * COLUMN + 2 * MARGIN
    boxes = {
        node.name: Box(
            node,
            width / 2 + (place - (len(row) - 1) / 2) * COLUMN,
            MARGIN + rank * ROW + BOX_HEIGHT / 2,
        )
        for rank, row in rows.items()
        for place, node in enumerate(row)
    }
    lines = [
        _line(boxes[name], box, ranks[box.node.name] - ranks[name] > 1)
        for box in boxes.values()
        for name in box.node.inputs
    ]
    return Drawing([*boxes.values()], lines, width, len(rows) * ROW + 2 * MARGIN)


def _line(start: Box, end: Box, around: bool) -> str:
    """Return a line from box to box; `around` the boxes between them, on their right."""
    if around:
        x, reach = max(start.x, end.x) + BOX_WIDTH / 2, MARGIN * 1.5
        return (
            f"M{start.x + BOX_WIDTH / 2} {start.y}"
            f"C{x + reach} {start.y} {x + reach} {end.y} {end.x + BOX_WIDTH / 2} {end.y}"
        )
    top, bottom = start.y + BOX_HEIGHT / 2, end.y - BOX_HEIGHT / 2
    middle = (top + bottom) / 2
    return f"M{start.x} {top}C{start.x} {middle} {end.x} {middle} {end.x} {bottom}"
