"""Whether headers answer on a Cortex-M and on RISC-V as they do here, where QEMU is installed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.formats.c import gate
from tests.formats.c.conftest import compiler, fields

TOOL = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "firmware.py"))
BOARDS = TOOL["BOARDS_MEASURED"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_board_gives_the_same_scores(board: Any) -> None:
    compiler(f"{board.tools}gcc")
    compiler(board.emulator[0])
    # It has weights of 2, 4 and 8 bits.
    model, images = TOOL["load"]("micro"), fields(3)
    count, scores = TOOL["run_on"](board, model, "-Os", images)
    assert (scores == gate.reference(model.tflite, images)).all()
    # Two instructions for each 16 of its multiply-accumulates, at the very least.
    assert count > 340_288 * 2 / 16


def test_sizes_and_stack_are_those_of_a_small_processor() -> None:
    board = BOARDS[0]
    compiler(f"{board.tools}gcc")
    model = TOOL["load"]("tiny")
    code, constants = TOOL["size"](model, board, "-Os", "accept")
    assert 1000 < code < 4000
    # Its weights, and 9 bytes an output channel for biases and factors.
    assert 8486 < constants < 10_500
    assert 50 < TOOL["stack"](model, board, "-Os") < 400
