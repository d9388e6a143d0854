"""What the tests of the C header share: a contract, fields, and compilers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.contract import (
    LABELS,
    SCHEMA,
    Accept,
    Contract,
    Limits,
    Metrics,
    Preprocess,
    Source,
    TensorSpec,
)
from mnist_edge.formats.c import draft
from mnist_edge.formats.c.emit import embed

MODELS = Path(__file__).parents[3] / "models"

CONTRACT = Contract(
    schema=SCHEMA,
    name="net-1",
    recipe="*/ edge /*",
    labels=LABELS,
    input=TensorSpec("image", "NHWC", (1, 28, 28, 1), "uint8", (0.0, 1.0)),
    output=TensorSpec("probabilities", "NC", (1, 10), "uint8", (0.0, 1.0)),
    preprocess=Preprocess(1, {}),
    quantization=None,
    accept=Accept("two-best", 0.75, 0.1, Limits(0.875, 0.25)),
    metrics=Metrics("synthetic", {}),
    parity=None,
    weights_sha256="0" * 64,
    tools={},
    source=Source(
        "net-1.h5", "0" * 64, TensorSpec("x", "NHWC", (1, 28, 28, 1), "uint8", (0.0, 1.0)), "scores"
    ),
)


def header(tflite: bytes, contract: Contract) -> str:
    """The header of an int8 file, of which a contract is true."""
    return embed(draft(tflite), contract)


def fields(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise from none to full: uint8 (N, 28, 28)."""
    rng = np.random.default_rng(seed)
    dense = rng.random((count, 28, 28)) < rng.random((count, 1, 1))
    return (rng.integers(0, 256, (count, 28, 28)) * dense).astype(np.uint8)


# Of tests in which the gate compiles.
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")


def compiler(*names: str) -> str:
    """Return the first of these programs that is here, or skip the test."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{' or '.join(names)} is not installed")
    return found


def built(folder: Path, header: str, main: str, *command: str) -> Path:
    """Compile `net_1.h` and a program that includes it."""
    (folder / "net_1.h").write_text(header, encoding="utf-8")
    (folder / "main.c").write_text(main, encoding="utf-8")
    program = folder / "program"
    finished = subprocess.run(
        [*command, str(folder / "main.c"), "-o", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return program
