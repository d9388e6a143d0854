"""Distillation: what the teachers are asked, what is kept, and what the student's loss rewards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mnist_edge.data import Split, synthetic
from mnist_edge.runtime.engines import Engine
from mnist_edge.training import distillation
from mnist_edge.training.description import Description
from mnist_edge.training.recipes import RECIPES

RECIPE = replace(RECIPES["edge"], batch=50)


class Brightness:
    """A teacher whose answer tells which picture it saw, and that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def run(self, images: np.ndarray) -> np.ndarray:
        self.calls += 1
        ink = images.mean(axis=(1, 2), dtype=np.float32)[:, None] / 255
        return np.concatenate([ink, np.repeat((1 - ink) / 9, 9, axis=1)], axis=1)


@pytest.fixture(scope="module")
def split() -> Split:
    return synthetic.generate(150, seed=5)


def ask(teachers: dict[str, Engine], split: Split, cache: Path) -> distillation.Lessons:
    description = Description(RECIPE, "digits", "", seed=3, epochs=2, teachers=tuple(teachers))
    return distillation.ask(list(teachers.values()), description, split, cache=cache)


def test_the_targets_are_the_answers_to_the_very_pictures_of_the_batch(
    split: Split, tmp_path: Path
) -> None:
    lessons = ask({"a": Brightness()}, split, tmp_path / "lessons.npz")
    stream = distillation.batches(lessons, first_step=0)
    # Seven batches of six that were answered: the seventh is the first again.
    batches = [(pictures.numpy(), targets.numpy()) for pictures, targets in stream.take(7)]
    for pictures, targets in batches:
        # float16, and the teacher saw 256 grey levels.
        np.testing.assert_allclose(targets[:, 0], pictures.mean(axis=(1, 2, 3)), atol=2e-3)
    np.testing.assert_array_equal(batches[6][0], batches[0][0])
    assert not np.array_equal(batches[3][0], batches[0][0])


def test_what_shows_no_digit_is_not_asked(split: Split, tmp_path: Path) -> None:
    without = Split(split.images, np.full_like(split.labels, 10))
    lessons = ask({"a": Brightness()}, without, tmp_path / "lessons.npz")
    np.testing.assert_allclose(lessons.targets, 0.1, rtol=1e-3)  # float16


def test_several_teachers_are_averaged(split: Split, tmp_path: Path) -> None:
    class Sure:
        def run(self, images: np.ndarray) -> np.ndarray:
            return np.tile(np.eye(10, dtype=np.float32)[9], (len(images), 1))

    alone = ask({"a": Brightness()}, split, tmp_path / "one.npz").targets
    both = ask({"a": Brightness(), "b": Sure()}, split, tmp_path / "two.npz").targets
    np.testing.assert_allclose(both[..., :9], alone[..., :9] / 2, atol=1e-3)  # float16
    np.testing.assert_allclose(both.sum(axis=-1), 1, atol=5e-3)


def test_answers_are_kept_for_the_same_question_only(split: Split, tmp_path: Path) -> None:
    cache = tmp_path / "lessons.npz"
    first, again, other = Brightness(), Brightness(), Brightness()
    asked = ask({"a": first}, split, cache)
    kept = ask({"a": again}, split, cache)
    assert (first.calls, again.calls) == (6, 0)
    np.testing.assert_array_equal(asked.pictures, kept.pictures)
    np.testing.assert_array_equal(asked.targets, kept.targets)
    ask({"b": other}, split, cache)
    assert other.calls == 6
    cache.write_bytes(cache.read_bytes()[:100])
    ask({"b": other}, split, cache)
    assert other.calls == 12


def test_the_loss_is_least_where_student_and_teacher_agree() -> None:
    taught = tf.constant([[0.7, 0.2, 0.1] + [0.0] * 7])
    same = float(distillation.cross_entropy(taught, taught)[0])
    for student in ([0.6, 0.3, 0.1], [0.8, 0.1, 0.1], [0.7, 0.1, 0.2], [1.0, 0.0, 0.0]):
        other = tf.constant([student + [0.0] * 7])
        loss = float(distillation.cross_entropy(taught, other)[0])
        assert np.isfinite(loss)
        assert loss > same
