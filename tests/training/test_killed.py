"""A training that is killed anywhere leaves nothing that the next one cannot go on from."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import mnist_edge
from mnist_edge import files
from mnist_edge.contract import Contract
from mnist_edge.data import synthetic
from mnist_edge.training import curves, runs
from mnist_edge.training.keras_model import KerasEngine, load, weights_sha256
from mnist_edge.training.observer import Epoch
from mnist_edge.training.recipes import RECIPES
from mnist_edge.training.trainer import Training
from tests.conftest import randomize, write_digits

# Keras' own, when it saves.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DEADLY = ("replace", "unlink", "fsync", "mkdir", "write")
LEFT = {".origins.json", "tiny.curves.svg", "tiny.keras", "tiny.keras.json"}


class Killed(BaseException):
    """What SIGKILL is to a process: nothing catches it, and nothing is cleaned up after it."""


@pytest.fixture(scope="module")
def network() -> keras.Model:
    model = RECIPES["tiny"].network()
    randomize(model)
    return model


@pytest.fixture(autouse=True)
def _trains_at_once(network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out all that takes time, and write what would be written."""

    def fit(*_: object, checkpoint_path: Path, **__: object) -> Training:
        draw(checkpoint_path)
        return Training(network, (Epoch(1, 0.5, 0.9, 0.9, 1e-3, 1.0),))

    def draw(path: Path, *_: object, **__: object) -> None:
        with files.replacing(path) as temporary:
            temporary.touch()

    def answer(_: KerasEngine, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((len(images), 10), 0.1, np.float32)

    monkeypatch.setattr(runs, "fit", fit)
    monkeypatch.setattr(runs, "calibrate", lambda *_: None)
    monkeypatch.setattr(curves, "write", draw)
    monkeypatch.setattr(KerasEngine, "run", answer)
    monkeypatch.chdir(tmp_path)
    write_digits(Path("digits.npz"), synthetic.generate(60, 1), synthetic.generate(20, 2))


@contextmanager
def killed_at(count: int) -> Iterator[None]:
    """Kill what is within at the n-th call that changes the disk: none has an effect any more."""
    numbers = itertools.count(1)

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **options: Any) -> Any:
            if next(numbers) >= count:
                raise Killed
            return function(*values, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in DEADLY:
            patch.setattr(os, name, deadly(getattr(os, name)))
        # Whoever comes next is another process.
        with suppress(Killed):
            yield
            return
    files._TOKEN = os.urandom(4).hex()


def train(**options: Any) -> mnist_edge.training.result.Run:
    return mnist_edge.train("tiny", data="digits.npz", epochs=1, **options)


def assert_whole(network: keras.Model) -> None:
    assert {path.name for path in Path("runs").iterdir()} == LEFT
    contract = Contract.from_sidecar(Path("runs", "tiny.keras"))
    assert contract.weights_sha256 == weights_sha256(load(Path("runs", "tiny.keras")))
    assert contract.weights_sha256 == weights_sha256(network)


@pytest.mark.parametrize(("before", "resume"), [("nothing", False), ("another model", True)])
def test_the_same_command_again_finishes_what_was_killed(
    before: str, resume: bool, network: keras.Model
) -> None:
    for count in range(1, 100):
        if Path("runs").exists():
            for path in Path("runs").iterdir():
                path.unlink()
        if before == "another model":
            train(seed=1)
        alive = False
        with killed_at(count):
            train()
            alive = True
        train(resume=resume)
        assert_whole(network)
        if alive:
            break
    assert alive
    assert count > 15
