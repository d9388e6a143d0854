"""A training as one watches it: on a terminal a line that moves, and curves when it is done."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

from mnist_edge.data import synthetic
from tests.conftest import write_digits

WIPE = "\r\x1b[K"


def test_the_line_of_an_epoch_moves_and_stays_when_it_is_done(tmp_path: Path) -> None:
    digits = synthetic.generate(4800, seed=1)
    write_digits(tmp_path / "digits.npz", digits, digits)
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", "train", "--data", "digits.npz", "--epochs", "1"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=end,
    ) as process:
        os.close(end)
        shown = b""
        # Linux reports the end of a terminal as an error.
        with contextlib.suppress(OSError):
            while part := os.read(terminal, 1 << 16):
                shown += part
        os.close(terminal)
    assert process.returncode == 0, shown.decode()
    drawn = shown.decode().replace("\r\n", "\n").split(WIPE)
    moving = [line for line in drawn if "% done" in line]
    # 34 batches, two at a time. TensorFlow builds its graph in the first ones, so that they outlast
    # the pause between lines.
    assert moving[0].startswith("epoch 1/1  loss ")
    assert all(line.endswith(" left") for line in moving)
    # What is wiped is what moved, and nothing else.
    lines = "".join(line for line in drawn if line not in moving).splitlines()
    assert [line[:9] for line in lines if line.startswith("epoch")] == ["epoch 1/1"]
    assert all(len(line) <= 80 for line in [*moving, *lines[1:3]])
    assert (tmp_path / "runs" / "edge.curves.svg").read_text().startswith("<?xml")
