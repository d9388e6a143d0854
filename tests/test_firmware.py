"""Whether headers answer on a Cortex-M and on RISC-V as they do here, where QEMU is installed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.formats.c import gate
from tests.formats.c.conftest import CONTRACT, MODELS, compiler, fields, header

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[1] / "tools")
    tool = importlib.import_module("firmware")


def model(name: str) -> Any:
    """A shipped model as the tool has it, without the export that takes it so long."""
    tflite = (MODELS / f"{name}.int8.tflite").read_bytes()
    return tool.Model(CONTRACT.name, tflite, header(tflite, CONTRACT))


@pytest.mark.parametrize("board", tool.BOARDS_MEASURED, ids=lambda board: board.name)
def test_every_board_gives_the_same_scores(board: Any) -> None:
    compiler(f"{board.tools}gcc")
    compiler(board.emulator[0])
    # It has weights of 2, 4 and 8 bits.
    micro, images = model("micro"), fields(3)
    count, scores, reading = tool.run_on(board, micro, "-Os", images)
    assert (scores == gate.reference(micro.tflite, images)).all()
    # Two instructions for each 16 of its multiply-accumulates, at the very least.
    assert count > 340_288 * 2 / 16
    # On AVR nothing is read.
    assert (reading is None) == (board.emulator == tool.AVR)
    assert reading is None or reading > 320 * 240


def test_sizes_and_stack_are_those_of_a_small_processor() -> None:
    board = tool.BOARDS_MEASURED[0]
    compiler(f"{board.tools}gcc")
    tiny = model("tiny")
    code, constants = tool.size(tiny, board, "-Os", "accept")
    assert 1000 < code < 4000
    # Its weights, and 9 bytes an output channel for biases and factors.
    assert 8486 < constants < 10_500
    assert 50 < tool.stack(tiny, board, "-Os") < 400


def test_a_table_that_cannot_be_made_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MNIST_EDGE_PICTURES", raising=False)
    for table in ("nonsense", "reading", "exact"):
        monkeypatch.setattr("sys.argv", ["firmware.py", "--only", "sizes", table])
        with pytest.raises(SystemExit):
            tool.main()
        assert f"error: {table}: can be made are sizes, wasm, " in capsys.readouterr().err
