"""The picture of a training: what it shows, that it does so everywhere, and always alike."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import matplotlib.style
import pytest

from mnist_edge.errors import MissingExtra
from mnist_edge.training import curves

HISTORY = [
    {
        "epoch": number,
        "loss": 1 / number,
        "accuracy": 1 - 0.3 / number,
        # The last epoch is perfect, which a logarithm of what is lacking cannot show.
        "validation_accuracy": 1 - 0.1 / number if number < 5 else 1.0,
        "learning_rate": 1e-3 / number,
        "seconds": 2.0,
    }
    for number in range(1, 6)
]


def test_it_shows_all_four_curves_and_every_epoch(tmp_path: Path) -> None:
    curves.write(tmp_path / "edge.curves.svg", HISTORY, title="edge")
    picture = (tmp_path / "edge.curves.svg").read_text()
    # Matplotlib draws letters as outlines, with the text in a comment before them.
    texts = re.findall("<!-- (.*) -->", picture)
    for text in ("edge", "loss", "accuracy", "training", "validation", "learning rate", "epoch"):
        assert text in texts
    for number in range(1, 6):
        assert str(number) in texts
    assert not re.search(r"\b(nan|inf)\b", picture)


def test_it_has_a_background_so_that_dark_viewers_show_it(tmp_path: Path) -> None:
    curves.write(tmp_path / "edge.curves.svg", HISTORY, title="edge")
    picture = (tmp_path / "edge.curves.svg").read_text()
    # The first of all patches is the figure's own.
    assert re.search('<g id="patch_1">[^"]*"[^"]*" style="fill: #ffffff"', picture)


def test_the_same_history_gives_the_same_bytes_whatever_the_style(tmp_path: Path) -> None:
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    curves.write(one, HISTORY, title="edge")
    with matplotlib.style.context("dark_background"):
        curves.write(other, HISTORY, title="edge")
    assert one.read_bytes() == other.read_bytes()


def test_one_epoch_is_enough(tmp_path: Path) -> None:
    curves.write(tmp_path / "edge.curves.svg", HISTORY[:1], title="edge")
    assert "<!-- 1 -->" in (tmp_path / "edge.curves.svg").read_text()


def test_without_matplotlib_it_says_what_to_install_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'mnist-edge\[plot\]'"):
        curves.write(tmp_path / "edge.curves.svg", HISTORY, title="edge")
    assert not list(tmp_path.iterdir())
