"""Where boxes and lines lie: branches side by side, and nothing drawn through a box."""

from __future__ import annotations

import numpy as np

from mnist_edge.formats.activations import Node
from mnist_edge.report.graph import BOX_WIDTH, COLUMN, draw


def node(name: str, *inputs: str) -> Node:
    return Node(name, "kind", inputs, np.zeros(1, np.float32))


def test_branches_lie_side_by_side_below_what_they_take() -> None:
    drawing = draw(
        [node("in"), node("left", "in"), node("right", "in"), node("sum", "left", "right")]
    )
    places = {box.node.name: box for box in drawing.boxes}
    assert places["left"].y == places["right"].y > places["in"].y
    assert places["right"].x - places["left"].x == COLUMN
    assert places["sum"].x == places["in"].x == drawing.width / 2
    assert places["sum"].y > places["left"].y
    assert len(drawing.lines) == 4
    for box in drawing.boxes:
        assert BOX_WIDTH / 2 <= box.x <= drawing.width - BOX_WIDTH / 2
        assert 0 < box.y < drawing.height


def test_a_connection_past_a_layer_goes_around_it() -> None:
    straight, _, around = draw([node("in"), node("conv", "in"), node("sum", "conv", "in")]).lines
    middle = COLUMN / 2 + 20
    assert straight.startswith(f"M{middle}")
    assert around.startswith(f"M{middle + BOX_WIDTH / 2}")
