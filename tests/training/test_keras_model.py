"""A Keras file is loaded where its bytes are those that its contract speaks of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_edge.contract import Contract, sidecar
from mnist_edge.errors import ModelError
from mnist_edge.formats import source
from mnist_edge.formats.keras import KERAS
from mnist_edge.runtime import shipped
from mnist_edge.training import runs

OPENINGS: dict[str, Callable[[Path], object]] = {
    "export": lambda path: source.open_trained(path, Contract.from_sidecar(path)),
    "bench": lambda path: KERAS.open(path, 1),
    "teacher": runs.open_teacher,
}


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS.keys())
def test_a_damaged_file_is_named_as_one(opening: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "nano.keras"
    for file in (path, sidecar(path)):
        shutil.copy(shipped.folder() / file.name, file)
    opening(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # of a weight
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=r"nano\.keras is damaged: its bytes are not those"
    ) as caught:
        opening(path)
    # Keras writes the date: what somebody saved anew has other bytes, and may have other weights.
    assert "if you saved it anew yourself, remove nano.keras.json" in caught.value.remedy


def test_a_missing_teacher_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such model file"):
        runs.open_teacher(tmp_path / "nano.keras")
