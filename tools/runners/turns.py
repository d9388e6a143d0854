"""What all runners do: answer every picture once, and then some of them again, by the clock.

    python with_RUNTIME.py MODEL INPUTS DTYPE SHAPE ANSWERS

INPUTS are raw numbers as the model takes them, SHAPE is that of one picture (`1,1,28,28`), and ten
float32 a picture go to ANSWERS. Then every line on stdin is a turn, which is told on stdout in
seconds a picture. Runs in an environment that holds numpy and one runtime.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

TURN = 100

# From one picture to ten numbers, in whatever shape.
Picture = NDArray[Any]
Answer = Callable[[Picture], Any]


def serve(open_model: Callable[[str], Answer]) -> None:
    """Answer with what `open_model` returns for the model's path; an error is a line on stderr."""
    model, inputs, dtype, shape, answers = sys.argv[1:]
    pictures = np.fromfile(inputs, dtype).reshape(-1, *map(int, shape.split(",")))
    try:
        answer = open_model(model)
        given = [np.array(answer(picture), np.float32).reshape(10) for picture in pictures]
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        sys.exit(f"{type(error).__name__}: {' '.join(lines[:2])}")
    np.array(given).tofile(answers)
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        for picture in pictures[:TURN]:
            answer(picture)
        print("turn", (time.perf_counter() - started) / TURN, flush=True)
